/* Every SSL_CTX is made here, from files that are the administrator's. Runs in parents, before a
 * fork, and in our own clients. */
#include "common/pki/tls_policy.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "common/base/secret.h"
#include "common/pki/tls_library.h"
#include "common/pki/tls_names.h"

enum { KEY_FILE_MAX = 64 * 1024, CHAIN_DEPTH_MAX = 3 };

static const char SUITES_TLS12[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
				   "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
				   "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char SUITES_COMPATIBLE[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:"
    "ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:"
    "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA";
static const char SUITES_TLS13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/* Says what is wrong, with the system's or OpenSSL's reason when there is one, and empties its
 * queue.
 */
static enum err refuse(
    enum err err, char *why, size_t why_len, const char *path, const char *problem)
{
	unsigned long first = ERR_peek_error(), last = ERR_peek_last_error();
	const char *reason = ERR_SYSTEM_ERROR(first) ? strerror(ERR_GET_REASON(first))
			     : last != 0             ? ERR_reason_error_string(last)
						     : NULL;

	snprintf(why, why_len, "%s: %s%s%s", path, problem, reason != NULL ? ": " : "",
	    reason != NULL ? reason : "");
	ERR_clear_error();
	return err;
}

static SSL_CTX *context_new(const SSL_METHOD *method)
{
	/* Not const, because OpenSSL's macros for the two lists cast it away. What certificates and
	 * handshakes may be signed with: no SHA-1, no RSA below what level 2 asks. */
	char groups[] = "X25519:P-256:P-384";
	char signatures[] = "ECDSA+SHA256:ECDSA+SHA384:RSA-PSS+SHA256:RSA-PSS+SHA384:"
			    "RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512";
	SSL_CTX *context = SSL_CTX_new_ex(tls_library(), NULL, method);

	CHECK(context != NULL);
	CHECK(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
	CHECK(SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1);
	CHECK(SSL_CTX_set1_groups_list(context, groups) == 1);
	CHECK(SSL_CTX_set_cipher_list(context, SUITES_TLS12) == 1);
	CHECK(SSL_CTX_set_ciphersuites(context, SUITES_TLS13) == 1);
	CHECK(SSL_CTX_set1_sigalgs_list(context, signatures) == 1);
	SSL_CTX_set_security_level(context, 2);
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_SINGLE_ECDH_USE);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	CHECK(SSL_CTX_set_num_tickets(context, 0) == 1);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	return context;
}

/* An encrypted key must not make a daemon ask at a terminal. */
static int no_passphrase(char *text, int size, int for_writing, void *ctx)
{
	(void)text, (void)size, (void)for_writing, (void)ctx;
	return 0;
}

static enum err context_use_pair(
    SSL_CTX *context, const struct tls_key_pair *pair, char *why, size_t why_len)
{
	struct secret file = {0};
	EVP_PKEY *key = NULL;
	BIO *bio = NULL;

	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(context, pair->certificate_path) != 1)
		return refuse(
		    ERR_SYNTAX, why, why_len, pair->certificate_path, "no PEM certificate chain");
	enum err err = secret_read_file(pair->key_path, KEY_FILE_MAX, &file);
	if (err != ERR_OK) {
		snprintf(why, why_len, "%s: %s", pair->key_path,
		    err == ERR_IO ? strerror(errno) : "not a credential file (see the log)");
		return err;
	}
	bio = BIO_new_mem_buf(file.bytes, (int)file.len);
	CHECK(bio != NULL);
	key = PEM_read_bio_PrivateKey_ex(bio, NULL, no_passphrase, NULL, tls_library(), NULL);
	if (key == NULL)
		err = refuse(ERR_SYNTAX, why, why_len, pair->key_path, "no unencrypted PEM key");
	else if (SSL_CTX_use_PrivateKey(context, key) != 1 ||
		 SSL_CTX_check_private_key(context) != 1)
		err = refuse(ERR_REFUSED, why, why_len, pair->key_path,
		    "the key does not belong to the certificate");
	EVP_PKEY_free(key);
	BIO_free(bio);
	secret_free(&file);
	return err;
}

static enum err context_trust(SSL_CTX *context, const char *path, char *why, size_t why_len)
{
	ERR_clear_error();
	if (SSL_CTX_load_verify_file(context, path) != 1)
		return refuse(ERR_SYNTAX, why, why_len, path, "no PEM CA certificates");
	return ERR_OK;
}

/* Whose client certificates are believed, and how they are looked at. */
static enum err context_ask_clients(
    SSL_CTX *context, const struct tls_server_policy *policy, char *why, size_t why_len)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);
	enum err err = ERR_OK;

	if (policy->client_auth == TLS_CLIENT_NONE)
		return ERR_OK;
	CHECK(policy->client_ca_path != NULL || policy->more_client_ca_count > 0);
	if (policy->client_ca_path != NULL)
		err = context_trust(context, policy->client_ca_path, why, why_len);
	for (size_t i = 0; err == ERR_OK && i < policy->more_client_ca_count; i++)
		err = context_trust(context, policy->more_client_ca_paths[i], why, why_len);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_depth(param, CHAIN_DEPTH_MAX);
	if (policy->check_client_purpose)
		CHECK(X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT) == 1);
	SSL_CTX_set_verify(context,
	    SSL_VERIFY_PEER |
		(policy->client_auth == TLS_CLIENT_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
	    NULL);
	return err;
}

static SSL_CTX *server_context_new(enum tls_floor floor)
{
	SSL_CTX *context = context_new(TLS_server_method());

	if (floor == TLS_FLOOR_COMPATIBLE)
		CHECK(SSL_CTX_set_cipher_list(context, SUITES_COMPATIBLE) == 1);
	return context;
}

static int key_kind(X509 *leaf)
{
	return EVP_PKEY_get_base_id(X509_get0_pubkey(leaf));
}

/* Loads a pair, beside the one of the other kind for the same names when there is one. */
static enum err add_pair(const struct tls_server_policy *policy, const struct tls_key_pair *pair,
    struct tls_named *named, size_t *count, char *why, size_t why_len)
{
	SSL_CTX *made = server_context_new(policy->floor);
	enum err err = context_use_pair(made, pair, why, why_len);
	X509 *leaf = err == ERR_OK ? SSL_CTX_get0_certificate(made) : NULL;
	size_t at = 0;

	while (err == ERR_OK && at < *count && !tls_names_are_same(named[at].leaves[0], leaf))
		at++;
	if (err == ERR_OK && at < *count) {
		struct tls_named *same = &named[at];
		/* OpenSSL would put it in the place of the first without a word. */
		if (same->leaf_count == 2 || key_kind(same->leaves[0]) == key_kind(leaf))
			err = refuse(ERR_REFUSED, why, why_len, pair->certificate_path,
			    "a second key pair of the same kind for the same names; one RSA and "
			    "one ECDSA pair may stand side by side");
		if (err == ERR_OK)
			err = context_use_pair(same->context, pair, why, why_len);
		if (err == ERR_OK)
			same->leaves[same->leaf_count++] = SSL_CTX_get0_certificate(same->context);
	} else if (err == ERR_OK) {
		named[(*count)++] =
		    (struct tls_named){.context = made, .leaves = {leaf}, .leaf_count = 1};
		made = NULL;
	}
	SSL_CTX_free(made);
	return err;
}

enum err tls_server_context(
    const struct tls_server_policy *policy, SSL_CTX **context, char *why, size_t why_len)
{
	struct tls_named named[TLS_NAMES_MAX];
	size_t count = 0;
	enum err err = ERR_OK;

	CHECK(policy->pair_count > 0 && policy->pair_count <= TLS_NAMES_MAX);
	for (size_t i = 0; err == ERR_OK && i < policy->pair_count; i++)
		err = add_pair(policy, &policy->pairs[i], named, &count, why, why_len);
	for (size_t i = 0; err == ERR_OK && i < count; i++)
		err = context_ask_clients(named[i].context, policy, why, why_len);
	if (err != ERR_OK) {
		for (size_t i = 0; i < count; i++)
			SSL_CTX_free(named[i].context);
		return err;
	}
	if (count > 1)
		tls_names_install(named, count);
	*context = named[0].context;
	return ERR_OK;
}

enum err tls_client_context(const char *ca_path, const struct tls_key_pair *pair, SSL_CTX **context,
    char *why, size_t why_len)
{
	SSL_CTX *made = context_new(TLS_client_method());

	enum err err = context_trust(made, ca_path, why, why_len);
	if (err == ERR_OK && pair != NULL)
		err = context_use_pair(made, pair, why, why_len);
	SSL_CTX_set_verify(made, SSL_VERIFY_PEER, NULL);
	if (err != ERR_OK)
		SSL_CTX_free(made);
	else
		*context = made;
	return err;
}
