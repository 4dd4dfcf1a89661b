/* From redirector.yaml to a state that workers run on. Parent only; the files are the
 * administrator's. */
#include "redirector/state.h"

#include <stdio.h>
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

/* The TLS of one listener. */
static enum err make_tls(const struct redirector_config *config,
    const struct listener_config *listener, SSL_CTX **tls, char *why, size_t why_len)
{
	const struct conf_sections *configured =
	    listener->key_pairs.count > 0 ? &listener->key_pairs : &config->key_pairs;
	const struct key_pair_config *key_pairs = configured->items;
	const struct issuer_config *issuers = config->issuers.items;
	struct tls_key_pair pairs[REDIRECTOR_KEY_PAIRS_MAX];
	const char *ca_paths[REDIRECTOR_ISSUERS_MAX];
	int asks = listener->authentication == LISTENER_CERTIFICATE;

	for (size_t i = 0; i < configured->count; i++)
		pairs[i] = (struct tls_key_pair){key_pairs[i].certificate, key_pairs[i].key};
	for (size_t i = 0; i < config->issuers.count; i++)
		ca_paths[i] = issuers[i].certificates;
	return tls_server_context(
	    &(struct tls_server_policy){.pairs = pairs,
		.pair_count = configured->count,
		.floor = (enum tls_floor)listener->floor,
		.client_auth = asks ? TLS_CLIENT_REQUIRED : TLS_CLIENT_NONE,
		.client_ca_path = config->device_ca[0] != '\0' ? config->device_ca : NULL,
		.more_client_ca_paths = ca_paths,
		.more_client_ca_count = config->issuers.count,
		.check_client_purpose = 1},
	    tls, why, why_len);
}

static enum err make_listeners(struct state *state, char *why, size_t why_len)
{
	const struct listener_config *configured = state->config.listeners.items;
	enum err err = ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < state->config.listeners.count; i++) {
		struct listener *listener = &state->listeners[i];
		listener->config = &configured[i];
		listener->public_url = configured[i].public_url[0] != '\0'
					   ? configured[i].public_url
					   : state->config.public_url;
		err = networks_parse((const char *const *)configured[i].balancers.items,
		    configured[i].balancers.count, &listener->balancers, why, why_len);
		if (err == ERR_OK)
			err =
			    make_tls(&state->config, &configured[i], &listener->tls, why, why_len);
	}
	return err;
}

/* Balancers are exempt: what comes through one counts for whom it names. */
static enum err make_abuse_policy(struct state *state, char *why, size_t why_len)
{
	const struct redirector_config *config = &state->config;
	struct abuse_policy *policy = &state->abuse_policy;
	struct networks *exempt = &policy->exempt;

	policy->source = (struct bucket_policy){config->source_failures, config->source_refill_ms};
	policy->network =
	    (struct bucket_policy){config->network_failures, config->network_refill_ms};
	policy->certificate =
	    (struct bucket_policy){config->certificate_failures, config->certificate_refill_ms};
	policy->ban_ms = config->ban_ms;
	enum err err = networks_parse(
	    (const char *const *)config->exempt.items, config->exempt.count, exempt, why, why_len);
	for (size_t i = 0; err == ERR_OK && i < config->listeners.count; i++) {
		const struct listener *listener = &state->listeners[i];
		if (listener->config->proxy != SERVER_PROXY_REQUIRED)
			continue;
		for (size_t j = 0; err == ERR_OK && j < listener->balancers.count; j++) {
			if (exempt->count == NETWORKS_MAX) {
				snprintf(why, why_len,
				    "abuse.exempt: with the balancers, more than %d networks",
				    NETWORKS_MAX);
				err = ERR_RANGE;
			} else {
				exempt->items[exempt->count++] = listener->balancers.items[j];
			}
		}
	}
	return err;
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
		err = issuers_load(&made->config, &made->issuers, why, WHY_LEN);
	if (err == ERR_OK)
		err = make_listeners(made, why, WHY_LEN);
	if (err == ERR_OK)
		err = make_abuse_policy(made, why, WHY_LEN);
	if (err == ERR_OK)
		err = bind_sockets(&made->config, sockets, why, WHY_LEN);
	if (err != ERR_OK) {
		LOG_ERROR("configuration_refused", log_str("file", path), log_str("reason", why));
		state_free(made);
		return err;
	}
	*state = made;
	return ERR_OK;
}

void state_free(struct state *state)
{
	if (state == NULL)
		return;
	for (size_t i = 0; i < REDIRECTOR_LISTENERS_MAX; i++)
		SSL_CTX_free(state->listeners[i].tls);
	issuers_free(state->issuers);
	seal_ring_free(state->ring);
	format_set_free(state->formats);
	conf_free(&redirector_config_table, &state->config);
	free(state);
}
