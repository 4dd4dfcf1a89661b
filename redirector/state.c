/* From redirector.yaml to a state that workers run on. Parent only; the files are the
 * administrator's. */
#include "redirector/state.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/pki/tls_policy.h"
#include "redirector/spool.h"

enum { WHY_LEN = 512 };

static enum err bind_sockets(
    const struct redirector_config *config, struct sockets *sockets, char *why, size_t why_len)
{
	const struct listener_config *listeners = config->listeners.items;
	enum err err = ERR_OK;

	if (sockets->are_bound)
		return ERR_OK;
	for (size_t i = 0; err == ERR_OK && i < config->listeners.count; i++)
		err = server_listen(listeners[i].address.host, listeners[i].address.port,
		    &sockets->listeners[i], why, why_len);
	if (err == ERR_OK)
		err = server_listen(
		    config->health.host, config->health.port, &sockets->health, why, why_len);
	sockets->are_bound = err == ERR_OK;
	return err;
}

static enum err make_tls(
    const struct redirector_config *config, SSL_CTX **tls, char *why, size_t why_len)
{
	const struct key_pair_config *configured = config->key_pairs.items;
	struct tls_key_pair pairs[REDIRECTOR_KEY_PAIRS_MAX];

	for (size_t i = 0; i < config->key_pairs.count; i++)
		pairs[i] = (struct tls_key_pair){configured[i].certificate, configured[i].key};
	return tls_server_context(&(struct tls_server_policy){.pairs = pairs,
				      .pair_count = config->key_pairs.count,
				      .client_auth = TLS_CLIENT_REQUIRED,
				      .client_ca_path = config->device_ca,
				      .check_client_purpose = 1},
	    tls, why, why_len);
}

static void make_abuse_policy(const struct redirector_config *config, struct abuse_policy *policy)
{
	char why[WHY_LEN];

	policy->source = (struct bucket_policy){config->source_failures, config->source_refill_ms};
	policy->network =
	    (struct bucket_policy){config->network_failures, config->network_refill_ms};
	policy->certificate =
	    (struct bucket_policy){config->certificate_failures, config->certificate_refill_ms};
	policy->ban_ms = config->ban_ms;
	/* The table has checked it. */
	CHECK(networks_parse((const char *const *)config->exempt.items, config->exempt.count,
		  &policy->exempt, why, sizeof why) == ERR_OK);
}

/* That the folder is there and is one; whether the workers' user can write is theirs to see. */
static enum err check_spool(const struct redirector_config *config, char *why, size_t why_len)
{
	struct spool *spool = NULL;

	if (config->event_spool[0] == '\0')
		return ERR_OK;
	enum err err = spool_new(config->event_spool, 0, 0, &spool, why, why_len);
	if (err == ERR_OK)
		spool_free(spool);
	return err;
}

enum err state_load(
    const char *path, struct sockets *sockets, const struct state *previous, struct state **state)
{
	struct state *made = calloc(1, sizeof *made);
	struct conf_error problem = {""};
	char *why = problem.text;

	CHECK(made != NULL);
	made->sockets = sockets;
	enum err err = conf_load(&redirector_config_table, path, &made->config, &problem);
	if (err == ERR_OK && previous != NULL)
		err = conf_check_reload(
		    &redirector_config_table, &previous->config, &made->config, &problem);
	if (err == ERR_OK)
		err = format_set_load(made->config.formats_dir, &made->formats, why, WHY_LEN);
	if (err == ERR_OK)
		err = seal_ring_load(made->config.seal_ring, &made->ring, why, WHY_LEN);
	if (err == ERR_OK)
		err = check_spool(&made->config, why, WHY_LEN);
	if (err == ERR_OK)
		err = make_tls(&made->config, &made->tls, why, WHY_LEN);
	if (err == ERR_OK)
		err = bind_sockets(&made->config, sockets, why, WHY_LEN);
	if (err != ERR_OK) {
		LOG_ERROR("configuration_refused", log_str("file", path), log_str("reason", why));
		state_free(made);
		return err;
	}
	make_abuse_policy(&made->config, &made->abuse_policy);
	*state = made;
	return ERR_OK;
}

void state_free(struct state *state)
{
	if (state == NULL)
		return;
	SSL_CTX_free(state->tls);
	seal_ring_free(state->ring);
	format_set_free(state->formats);
	conf_free(&redirector_config_table, &state->config);
	free(state);
}
