/* Chooses server certificates by SNI. The name is the client's: it is only compared. See
 * tls_names.h. */
#include "common/pki/tls_names.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct names {
	struct tls_named named[TLS_NAMES_MAX];
	size_t count;
};

static ASN1_OCTET_STRING *alt_names(X509 *certificate)
{
	int at = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);

	return at < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(certificate, at));
}

int tls_names_are_same(X509 *a, X509 *b)
{
	const ASN1_OCTET_STRING *of_a = alt_names(a), *of_b = alt_names(b);

	if (of_a == NULL && of_b == NULL)
		return X509_NAME_cmp(X509_get_subject_name(a), X509_get_subject_name(b)) == 0;
	return of_a != NULL && of_b != NULL && ASN1_OCTET_STRING_cmp(of_a, of_b) == 0;
}

static int covers(const struct tls_named *named, const char *name)
{
	for (size_t i = 0; i < named->leaf_count; i++) {
		if (X509_check_host(named->leaves[i], name, strlen(name), 0, NULL) == 1)
			return 1;
	}
	return 0;
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	const struct names *names = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	for (size_t i = 0; name != NULL && i < names->count; i++) {
		if (!covers(&names->named[i], name))
			continue;
		CHECK(i == 0 || SSL_set_SSL_CTX(ssl, names->named[i].context) != NULL);
		return SSL_TLSEXT_ERR_OK;
	}
	/* Phones ask by address, or by a name of the days before: the first one's certificates. */
	return SSL_TLSEXT_ERR_NOACK;
}

static void free_names(
    void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number, void *arg)
{
	struct names *names = pointer;

	(void)parent, (void)data, (void)index, (void)number, (void)arg;
	for (size_t i = 1; names != NULL && i < names->count; i++)
		SSL_CTX_free(names->named[i].context);
	free(names);
}

void tls_names_install(const struct tls_named *named, size_t count)
{
	static int index = -1;
	struct names *names = calloc(1, sizeof *names);
	SSL_CTX *first = named[0].context;

	CHECK(names != NULL && count >= 1 && count <= TLS_NAMES_MAX);
	if (index < 0)
		index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_names);
	memcpy(names->named, named, count * sizeof *named);
	names->count = count;
	CHECK(index >= 0 && SSL_CTX_set_ex_data(first, index, names) == 1);
	SSL_CTX_set_tlsext_servername_callback(first, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(first, names);
}
