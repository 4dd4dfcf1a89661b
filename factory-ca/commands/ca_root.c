/*
 * factory-ca ca sign, ca crl: where the root's key is, on a machine that is never connected. The
 * request comes from a factory, carried by people: nothing of it is taken but its key and, when it
 * is of our organisation, its name; all else is our own profile. Run by the PKI officer.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/text.h"
#include "factory-ca/commands/ca.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/commands/custodians.h"
#include "factory-ca/signer/profile.h"
#include "factory-ca/signer/public_key.h"

enum err ca_read_file(const char *path, struct buf *bytes, char *why)
{
	enum err err = file_read(path, CA_FILE_MAX, bytes);

	if (err)
		keystore_say(err, why, "%s cannot be read: %s", path,
		    err == ERR_TOO_LONG ? "it is too long" : strerror(errno));
	return err;
}

enum err ca_write_new(const char *path, const struct buf *bytes, char *why)
{
	enum err err = file_write_new(path, 0644, bytes->bytes, bytes->len);

	if (err)
		keystore_say(err, why, "%s cannot be written: %s", path,
		    err == ERR_EXISTS ? "it is there already" : strerror(errno));
	return err;
}

X509 *ca_read_root(const struct factory_config *config, char *why)
{
	char path[FACTORY_PATH_MAX];
	X509 *certificate = NULL;
	FILE *file;

	factory_state_path(config, "ca/root.pem", path);
	file = fopen(path, "re");
	if (file) {
		certificate = PEM_read_X509(file, NULL, NULL, NULL);
		fclose(file);
	}
	if (!certificate)
		keystore_say(ERR_NOT_FOUND, why,
		    "%s is no certificate that can be read; has \"factory-ca init\" run here?",
		    path);
	return certificate;
}

void ca_put_der(struct buf *out, X509 *certificate)
{
	unsigned char *der = NULL;
	int len = i2d_X509(certificate, &der);

	CHECK(len > 0);
	buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
}

/* What a request says, checked. */
struct csr_content {
	struct buf der, spki;
	char common_name[65];
};

static void free_csr(struct csr_content *csr)
{
	buf_free(&csr->der);
	buf_free(&csr->spki);
}

static enum err check_csr_key(struct csr_content *csr, char *why)
{
	struct public_key key;
	const char *reason = "";
	enum err err = public_key_parse(csr->spki.bytes, csr->spki.len, &key, &reason);

	if (!err && key.type != KEY_P256) {
		reason = "an issuing CA has a P-256 key";
		err = ERR_WEAK_KEY;
	}
	return err ? keystore_say(err, why, "the request's key: %s", reason) : ERR_OK;
}

/* The subject must be O and CN as a ceremony of ours writes them, and O ours. */
static enum err check_csr_subject(
    struct csr_content *csr, const X509_NAME *subject, const char *organisation, char *why)
{
	char name[65] = "";
	int is_ours = X509_NAME_entry_count(subject) == 2 &&
		      X509_NAME_get_text_by_NID((X509_NAME *)(uintptr_t)subject,
			  NID_organizationName, name, sizeof(name)) > 0 &&
		      strcmp(name, organisation) == 0 &&
		      X509_NAME_get_text_by_NID((X509_NAME *)(uintptr_t)subject, NID_commonName,
			  csr->common_name, sizeof(csr->common_name)) > 0;

	if (!is_ours || !profile_name_is_valid(csr->common_name))
		return keystore_say(ERR_REFUSED, why,
		    "the request is not for an issuing CA of %s: its subject must be O and CN",
		    organisation);
	return ERR_OK;
}

static enum err read_csr(
    const struct factory_config *config, const char *path, struct csr_content *csr, char *why)
{
	unsigned char *der = NULL, *spki = NULL;
	int der_len = 0, spki_len = 0;
	X509_REQ *request = NULL;
	struct buf pem = {0};
	BIO *bio;
	enum err err = ca_read_file(path, &pem, why);

	if (err)
		return err;
	bio = BIO_new_mem_buf(pem.bytes, (int)pem.len);
	request = bio ? PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL) : NULL;
	if (request) {
		der_len = i2d_X509_REQ(request, &der);
		spki_len = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request), &spki);
	}
	if (der_len <= 0 || spki_len <= 0) {
		err = keystore_say(ERR_SYNTAX, why, "%s is no request in PEM", path);
	} else if (X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) != 1) {
		err = keystore_say(ERR_SIGNATURE, why,
		    "%s was altered: its signature is not that of its key", path);
	} else {
		buf_put(&csr->der, der, (size_t)der_len);
		buf_put(&csr->spki, spki, (size_t)spki_len);
		err = check_csr_key(csr, why);
		if (!err)
			err = check_csr_subject(
			    csr, X509_REQ_get_subject_name(request), config->organisation, why);
	}
	OPENSSL_free(der);
	OPENSSL_free(spki);
	X509_REQ_free(request);
	BIO_free(bio);
	buf_free(&pem);
	ERR_clear_error();
	return err;
}

/* A name is given to one key only: ITSPs and CRLs tell issuing CAs by their names. The record of it
 * is the certificate, in a file named after the name. */
static void issued_path(
    const struct factory_config *config, const char *common_name, char path[FACTORY_PATH_MAX])
{
	char name[64], hex[2 * SHA256_LEN + 1];
	uint8_t digest[SHA256_LEN];

	sha256(common_name, strlen(common_name), digest);
	hex_encode_lower(digest, sizeof(digest), hex);
	snprintf(name, sizeof(name), "ca/issued-%.16s.pem", hex);
	factory_state_path(config, name, path);
}

static enum err check_name_is_free(const struct factory_config *config,
    const struct csr_content *csr, struct buf *issuing, char *why)
{
	char path[FACTORY_PATH_MAX];
	X509 *certificate = NULL;
	unsigned char *spki = NULL;
	FILE *file;
	int len = 0;
	enum err err = ERR_OK;

	issued_path(config, csr->common_name, path);
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? ERR_OK
				       : keystore_say(ERR_IO, why, "%s: %s", path, strerror(errno));
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	if (certificate)
		len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);
	if (len > 0 && (size_t)len == csr->spki.len &&
	    memcmp(spki, csr->spki.bytes, csr->spki.len) == 0)
		ca_put_der(issuing, certificate); /* asked again: the same answer */
	else
		err = keystore_say(ERR_EXISTS, why,
		    "there is an issuing CA \"%s\" with another key: choose another "
		    "pki.issuing_name",
		    csr->common_name);
	OPENSSL_free(spki);
	X509_free(certificate);
	return err;
}

enum err ca_open_custody(struct ceremony *ceremony, enum ca_key key, char *why)
{
	struct ca_key_info info = {0};
	struct secret kek = {0};
	enum err err = keystore_describe(ceremony->store, key, &info, why);

	if (err || !info.in_custody)
		return err;
	err = custodians_open(ceremony->config, &kek, why);
	if (!err)
		keystore_file_unlock(ceremony->store, &kek);
	secret_free(&kek);
	return err;
}

/* What a CA's key store is sealed for is told by a key that is never taken away. */
static enum ca_key custody_key(const struct ceremony *ceremony)
{
	char path[FACTORY_PATH_MAX];

	factory_state_path(ceremony->config, "ca/line-access.pem", path);
	return access(path, F_OK) == 0 ? CA_KEY_LINE_ACCESS : CA_KEY_ROOT;
}

enum err ca_open_root(struct ceremony *ceremony, char *why)
{
	X509 *root = NULL;
	enum err err = ERR_OK;

	if (!ceremony->opener.len)
		err = authority_opener(ceremony->config, &ceremony->opener, why);
	if (!err) {
		root = ca_read_root(ceremony->config, why);
		err = root ? ERR_OK : ERR_NOT_FOUND;
	}
	if (!err)
		err = ceremony_open_store(ceremony, why);
	if (!err)
		err = ca_open_custody(ceremony, custody_key(ceremony), why);
	if (!err)
		err = keystore_load(ceremony->store, CA_KEY_ROOT, why);
	if (!err && EVP_PKEY_eq(X509_get0_pubkey(root),
			keystore_public_key(ceremony->store, CA_KEY_ROOT)) != 1)
		err = keystore_say(
		    ERR_SIGNATURE, why, "ca/root.pem is not the certificate of the root key");
	if (!err)
		ca_put_der(&ceremony->root, root);
	X509_free(root);
	return err;
}

static enum err sign_issuing(struct ceremony *ceremony, const struct csr_content *csr, char *why)
{
	struct ceremony_texts texts;
	struct ca_request request = ceremony_issuing_request(ceremony, &ceremony->root, &texts);
	char path[FACTORY_PATH_MAX];
	struct buf pem = {0};
	enum err err = check_name_is_free(ceremony->config, csr, &ceremony->issuing, why);

	if (err || ceremony->issuing.len > 0)
		return err;
	request.common_name = csr->common_name;
	request.spki = csr->spki.bytes;
	request.spki_len = csr->spki.len;
	err = ca_certificate_make(ceremony->store, &request, &ceremony->issuing);
	if (err)
		return keystore_say(
		    err, why, "the certificate cannot be signed (%s)", err_name(err));
	issued_path(ceremony->config, csr->common_name, path);
	command_put_pem(&pem, "CERTIFICATE", &ceremony->issuing);
	err = file_write_new(path, 0600, pem.bytes, pem.len);
	if (err)
		keystore_say(err, why, "%s cannot be written: %s", path, strerror(errno));
	buf_free(&pem);
	return err;
}

/* Replaces the root's CRL on record here: its number is the time, so that it grows. */
static enum err renew_root_crl(struct ceremony *ceremony, char *why)
{
	char path[FACTORY_PATH_MAX];
	enum err err = ceremony_make_root_crl(ceremony, why);

	if (err)
		return err;
	factory_state_path(ceremony->config, "ca/root.crl", path);
	err = file_write(path, 0600, ceremony->root_crl.bytes, ceremony->root_crl.len);
	if (err)
		keystore_say(err, why, "%s cannot be written: %s", path, strerror(errno));
	return err;
}

static enum err sign_as_keeper(struct ceremony *ceremony, const struct csr_content *csr, char *why)
{
	enum err err = authority_become_keeper(ceremony->config, why);

	if (err)
		return err;
	err = ca_open_root(ceremony, why);
	if (!err && csr)
		err = sign_issuing(ceremony, csr, why);
	if (!err)
		err = renew_root_crl(ceremony, why);
	if (!err) {
		ceremony_note_begin(ceremony, csr ? "signing of an issuing CA" : "root CRL");
		if (csr) {
			buf_printf(&ceremony->transcript, "issuing CA \"%s\"\n", csr->common_name);
			ceremony_note_hash(ceremony, "request", &csr->der);
			ceremony_note_hash(ceremony, "issuing certificate", &ceremony->issuing);
		}
		ceremony_note_hash(ceremony, "root certificate", &ceremony->root);
		ceremony_note_hash(ceremony, "root CRL", &ceremony->root_crl);
		err = ceremony_append_transcript(ceremony, why);
	}
	authority_become_ourselves();
	return err;
}

enum err ca_run_sign(struct ceremony *ceremony, const struct ca_arguments *arguments, char *why)
{
	struct csr_content csr = {0};
	struct buf bundle = {0};
	enum err err = ERR_OK;

	if (access(arguments->out, F_OK) == 0)
		err = keystore_say(ERR_EXISTS, why, "%s is there already", arguments->out);
	if (!err && arguments->request)
		err = read_csr(ceremony->config, arguments->request, &csr, why);
	if (!err)
		err = sign_as_keeper(ceremony, arguments->request ? &csr : NULL, why);
	if (!err && arguments->request) {
		command_put_pem(&bundle, "CERTIFICATE", &ceremony->issuing);
		command_put_pem(&bundle, "CERTIFICATE", &ceremony->root);
	}
	if (!err) {
		command_put_pem(&bundle, "X509 CRL", &ceremony->root_crl);
		err = ca_write_new(arguments->out, &bundle, why);
	}
	if (!err)
		printf("%s\n%s is for the factory: \"factory-ca ca import\".\n",
		    (char *)ceremony->transcript.bytes, arguments->out);
	free_csr(&csr);
	buf_free(&bundle);
	return err;
}
