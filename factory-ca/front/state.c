/* What the front reads from files. Runs in the parent, which reads nothing from the network; its
 * workers inherit the result and need no file any more. */
#include "factory-ca/front/state.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/pki/device_id.h"
#include "common/pki/tls_policy.h"
#include "factory-ca/front/est.h"

enum { PUBLISHED_MAX = 64 * 1024, WHY_LEN = 512 };

static enum err read_file(const char *path, struct buf *text, char why[WHY_LEN])
{
	uint8_t bytes[4096];
	FILE *file = fopen(path, "re");
	enum err err = ERR_IO;
	size_t len;

	if (file == NULL) {
		snprintf(why, WHY_LEN, "%s: %m; factory-ca init publishes it", path);
		return ERR_IO;
	}
	buf_init(text, PUBLISHED_MAX);
	while ((len = fread(bytes, 1, sizeof(bytes), file)) > 0)
		buf_put(text, bytes, len);
	if (ferror(file))
		snprintf(why, WHY_LEN, "%s: %m", path);
	else if (text->err != ERR_OK)
		snprintf(why, WHY_LEN, "%s: larger than %d bytes", path, PUBLISHED_MAX);
	else
		err = ERR_OK;
	fclose(file);
	return err;
}

static enum err load_chain(struct front_state *state, char why[WHY_LEN])
{
	char path[FACTORY_PATH_MAX];
	struct buf pem = {0};
	enum err err;

	factory_file_path(&state->config, FACTORY_FILE_CHAIN, path);
	err = read_file(path, &pem, why);
	if (err == ERR_OK) {
		err = est_write_pem_chain((const char *)pem.bytes, pem.len, &state->cacerts);
		if (err != ERR_OK)
			snprintf(why, WHY_LEN, "%s: not a chain of PEM certificates", path);
	}
	buf_free(&pem);
	return err;
}

static enum err load_issuing_ca(struct front_state *state, char why[WHY_LEN])
{
	char path[FACTORY_PATH_MAX];
	X509 *certificate = NULL;
	FILE *file;
	enum err err;

	factory_file_path(&state->config, FACTORY_FILE_ISSUING, path);
	file = fopen(path, "re");
	if (file == NULL) {
		snprintf(why, WHY_LEN, "%s: %m; factory-ca init publishes it", path);
		return ERR_IO;
	}
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	ERR_clear_error();
	err =
	    certificate ? fingerprint_of_certificate(certificate, &state->issuing_ca) : ERR_SYNTAX;
	if (err != ERR_OK)
		snprintf(why, WHY_LEN, "%s: not a PEM certificate", path);
	X509_free(certificate);
	return err;
}

static enum err load_tls(struct front_state *state, char why[WHY_LEN])
{
	char line_access[FACTORY_PATH_MAX];
	const struct tls_key_pair pair = {state->config.front_certificate, state->config.front_key};
	struct tls_server_policy policy = {.pairs = &pair,
	    .pair_count = 1,
	    .client_auth = TLS_CLIENT_OPTIONAL,
	    .client_ca_path = line_access,
	    .check_client_purpose = 0};

	if (state->config.front_certificate[0] == '\0' || state->config.front_key[0] == '\0') {
		snprintf(why, WHY_LEN, "front.certificate, front.key: the front needs both (PEM)");
		return ERR_RANGE;
	}
	factory_file_path(&state->config, FACTORY_FILE_LINE_ACCESS, line_access);
	return tls_server_context(&policy, &state->tls, why, WHY_LEN);
}

static void load_roles(struct front_state *state)
{
	char dotted[FACTORY_OID_LEN];

	factory_oid(&state->config, FACTORY_OID_STATION, dotted);
	state->station_eku = OBJ_txt2obj(dotted, 1);
	factory_oid(&state->config, FACTORY_OID_OPERATOR, dotted);
	state->operator_eku = OBJ_txt2obj(dotted, 1);
	CHECK(state->station_eku != NULL && state->operator_eku != NULL);
}

enum err front_state_load(
    const char *config_path, const struct front_state *previous, struct front_state **loaded)
{
	struct front_state *state = calloc(1, sizeof(*state));
	struct conf_error error = {{0}};
	char why[WHY_LEN] = "";
	enum err err;

	CHECK(state != NULL);
	err = conf_load(&factory_config_table, config_path, &state->config, &error);
	if (err == ERR_OK && previous)
		err = conf_check_reload(
		    &factory_config_table, &previous->config, &state->config, &error);
	if (err != ERR_OK) {
		LOG_ERROR("configuration_refused", log_str("detail", error.text));
		goto out;
	}
	err = load_chain(state, why);
	if (err == ERR_OK)
		err = load_issuing_ca(state, why);
	if (err == ERR_OK)
		err = load_tls(state, why);
	if (err != ERR_OK) {
		LOG_ERROR("configuration_refused", log_str("detail", why));
		goto out;
	}
	load_roles(state);
	*loaded = state;
	state = NULL;
out:
	front_state_free(state);
	return err;
}

void front_state_free(struct front_state *state)
{
	if (state == NULL)
		return;
	SSL_CTX_free(state->tls);
	ASN1_OBJECT_free(state->station_eku);
	ASN1_OBJECT_free(state->operator_eku);
	buf_free(&state->cacerts);
	conf_free(&factory_config_table, &state->config);
	free(state);
}
