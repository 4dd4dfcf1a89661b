/* From portal-api.yaml to a state that workers run on. Parent only; the files are the
 * administrator's. */
#include "portal-api/state.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/net/server.h"
#include "common/pki/tls_policy.h"
#include "portal-api/jobs/bell.h"
#include "portal-api/ocsp/responder.h"

static enum err bind_sockets(
    const struct portal_config *config, struct portal_sockets *sockets, char *why, size_t why_len)
{
	if (sockets->are_bound)
		return ERR_OK;
	sockets->status = -1;
	enum err err =
	    server_listen(config->listen.host, config->listen.port, &sockets->main, why, why_len);
	if (!err)
		err = server_listen(
		    config->health.host, config->health.port, &sockets->health, why, why_len);
	if (!err && config->status_enabled)
		err = server_listen(config->status_listen.host, config->status_listen.port,
		    &sockets->status, why, why_len);
	if (!err)
		sockets->job_bell = bell_new();
	sockets->are_bound = err == ERR_OK;
	return err;
}

static enum err make_tls(
    const struct portal_config *config, SSL_CTX **tls, char *why, size_t why_len)
{
	const struct portal_key_pair *configured = config->key_pairs.items;
	struct tls_key_pair pairs[PORTAL_KEY_PAIRS_MAX];
	for (size_t i = 0; i < config->key_pairs.count; i++)
		pairs[i] = (struct tls_key_pair){configured[i].certificate, configured[i].key};
	return tls_server_context(&(struct tls_server_policy){.pairs = pairs,
				      .pair_count = config->key_pairs.count,
				      .client_auth = TLS_CLIENT_NONE},
	    tls, why, why_len);
}

/* The key is the status worker's to hold; here it is only seen that it can be. */
static enum err check_ocsp_key(const struct portal_config *config, char *why, size_t why_len)
{
	EVP_PKEY *key = NULL;
	enum err err = ERR_OK;
	if (config->status_enabled)
		err = responder_key_read(config->ocsp_key, &key, why, why_len);
	EVP_PKEY_free(key);
	return err;
}

enum err portal_state_load(const char *path, struct portal_sockets *sockets,
    const struct portal_state *previous, struct portal_state **state)
{
	struct portal_state *made = calloc(1, sizeof *made);
	struct conf_error problem = {""};
	char *why = problem.text;
	const size_t why_len = sizeof problem.text;

	CHECK(made);
	made->sockets = sockets;
	enum err err = conf_load(&portal_config_table, path, &made->config, &problem);
	if (!err && previous)
		err = conf_check_reload(
		    &portal_config_table, &previous->config, &made->config, &problem);
	if (!err)
		err = format_set_load(made->config.formats, &made->formats, why, why_len);
	if (!err)
		err = seal_ring_load(made->config.seal_ring, &made->ring, why, why_len);
	if (!err)
		made->webhook_ring = seal_ring_derive(made->ring, "firstring webhook secrets v1");
	if (!err)
		err = make_tls(&made->config, &made->tls, why, why_len);
	if (!err)
		err = check_ocsp_key(&made->config, why, why_len);
	if (!err)
		err = bind_sockets(&made->config, sockets, why, why_len);
	if (err) {
		LOG_ERROR("configuration_refused", log_str("file", path), log_str("reason", why));
		portal_state_free(made);
		return err;
	}
	*state = made;
	return ERR_OK;
}

void portal_state_forget_keys(struct portal_state *state)
{
	SSL_CTX_free(state->tls);
	seal_ring_free(state->ring);
	state->tls = NULL;
	state->ring = NULL;
}

void portal_state_free(struct portal_state *state)
{
	if (!state)
		return;
	portal_state_forget_keys(state);
	seal_ring_free(state->webhook_ring);
	format_set_free(state->formats);
	conf_free(&portal_config_table, &state->config);
	free(state);
}
