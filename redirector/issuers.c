/* Reads the CAs of issuing_cas. See issuers.h. */
#include "redirector/issuers.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

struct issuer {
	STACK_OF(X509) * certificates;
	struct device_id_layout layout;
};

struct issuers {
	struct issuer items[REDIRECTOR_ISSUERS_MAX];
	size_t count;
};

static enum err load_certificates(const char *path, STACK_OF(X509) * certificates)
{
	FILE *file = fopen(path, "re");
	X509 *certificate = NULL;

	if (file == NULL)
		return ERR_IO;
	while ((certificate = PEM_read_X509(file, NULL, NULL, NULL)) != NULL)
		CHECK(sk_X509_push(certificates, certificate) > 0);
	fclose(file);
	int at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	return at_end && sk_X509_num(certificates) > 0 ? ERR_OK : ERR_SYNTAX;
}

enum err issuers_load(
    const struct redirector_config *config, struct issuers **issuers, char *why, size_t why_len)
{
	const struct issuer_config *configured = config->issuers.items;
	struct issuers *made = calloc(1, sizeof *made);
	enum err err = ERR_OK;

	CHECK(made != NULL && config->issuers.count <= REDIRECTOR_ISSUERS_MAX);
	for (size_t i = 0; err == ERR_OK && i < config->issuers.count; i++) {
		struct issuer *issuer = &made->items[made->count++];
		issuer->certificates = sk_X509_new_null();
		CHECK(issuer->certificates != NULL);
		issuer->layout.nid = OBJ_txt2nid(issuer_config_attribute(&configured[i]));
		issuer->layout.prefix = configured[i].mac_after;
		CHECK(issuer->layout.nid != NID_undef);
		err = load_certificates(configured[i].certificates, issuer->certificates);
		if (err != ERR_OK)
			snprintf(why, why_len, "issuing_cas[%zu]: %s: no PEM CA certificates", i,
			    configured[i].certificates);
	}
	if (err != ERR_OK)
		issuers_free(made);
	else
		*issuers = made;
	return err;
}

void issuers_free(struct issuers *issuers)
{
	if (issuers == NULL)
		return;
	for (size_t i = 0; i < issuers->count; i++)
		sk_X509_pop_free(issuers->items[i].certificates, X509_free);
	free(issuers);
}

const struct device_id_layout *issuers_layout(const struct issuers *issuers, X509 *issuer)
{
	for (size_t i = 0; i < issuers->count; i++) {
		const STACK_OF(X509) *certificates = issuers->items[i].certificates;
		for (int j = 0; j < sk_X509_num(certificates); j++) {
			if (X509_cmp(sk_X509_value(certificates, j), issuer) == 0)
				return &issuers->items[i].layout;
		}
	}
	return NULL;
}
