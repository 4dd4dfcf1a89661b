/*
 * factory-ca ca import: what the root's machine answered is verified, and a CA or its next
 * generation comes to life; or the root's CRL of another year is taken. What comes in was carried
 * by people and is believed only by the root's hash, which is told on paper. Run by the PKI
 * officer.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/text.h"
#include "factory-ca/commands/ca.h"
#include "factory-ca/signer/ledger_file.h"

struct bundle {
	X509 *issuing, *root;
	X509_CRL *crl;
};

static void free_bundle(struct bundle *bundle)
{
	X509_free(bundle->issuing);
	X509_free(bundle->root);
	X509_CRL_free(bundle->crl);
}

static enum err read_bundle(
    const char *path, int with_certificates, struct bundle *bundle, char *why)
{
	struct buf pem = {0};
	BIO *bio;
	enum err err = ca_read_file(path, &pem, why);

	if (err)
		return err;
	bio = BIO_new_mem_buf(pem.bytes, (int)pem.len);
	CHECK(bio != NULL);
	if (with_certificates) {
		bundle->issuing = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		bundle->root = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	}
	bundle->crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
	if (!bundle->crl || (with_certificates && (!bundle->issuing || !bundle->root)))
		err = keystore_say(ERR_SYNTAX, why, "%s is not what \"factory-ca ca %s\" writes",
		    path, with_certificates ? "sign" : "crl");
	BIO_free(bio);
	buf_free(&pem);
	ERR_clear_error();
	return err;
}

static enum err check_root(X509 *root, const char *told_hex, char *why)
{
	uint8_t told[SHA256_LEN], digest[SHA256_LEN];
	struct buf der = {0};

	ca_put_der(&der, root);
	sha256(der.bytes, der.len, digest);
	buf_free(&der);
	if (hex_decode(told_hex, strlen(told_hex), told, sizeof(told)))
		return keystore_say(ERR_SYNTAX, why, "--root-sha256: 64 hex digits");
	if (memcmp(told, digest, sizeof(told)) != 0)
		return keystore_say(ERR_SIGNATURE, why,
		    "the root in the bundle is not the one whose hash you gave: stop here and find "
		    "out why");
	if (X509_self_signed(root, 1) != 1 || X509_check_ca(root) != 1)
		return keystore_say(ERR_REFUSED, why, "the root in the bundle is no root");
	return ERR_OK;
}

static enum err check_crl(X509_CRL *crl, X509 *root, char *why)
{
	if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(root)) != 0 ||
	    X509_CRL_verify(crl, X509_get0_pubkey(root)) != 1)
		return keystore_say(ERR_SIGNATURE, why, "the CRL is not the root's");
	if (X509_cmp_current_time(X509_CRL_get0_nextUpdate(crl)) <= 0)
		return keystore_say(ERR_REFUSED, why,
		    "the root's CRL has expired, or the clock of this machine is wrong");
	ERR_clear_error();
	return ERR_OK;
}

static void put_crl_der(struct buf *out, X509_CRL *crl)
{
	unsigned char *der = NULL;
	int len = i2d_X509_CRL(crl, &der);

	CHECK(len > 0);
	buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
}

static enum err check_issuing(struct ceremony *ceremony, const struct bundle *bundle, char *why)
{
	EVP_PKEY *key = keystore_public_key(ceremony->store, generation_key(ceremony->generation));
	struct ceremony_texts texts;
	struct ca_request request = ceremony_issuing_request(ceremony, &ceremony->root, &texts);
	unsigned char *spki = NULL;
	int len = i2d_PUBKEY(key, &spki);
	enum err err;

	CHECK(len > 0);
	request.spki = spki;
	request.spki_len = (size_t)len;
	if (EVP_PKEY_eq(X509_get0_pubkey(bundle->issuing), key) != 1) {
		err = keystore_say(ERR_REFUSED, why,
		    "the certificate is for another request: its key is not the one that waits in "
		    "%s",
		    ceremony->folder);
	} else {
		err = ca_issuing_check(&request, bundle->root, bundle->issuing);
		if (err)
			keystore_say(err, why,
			    err == ERR_SIGNATURE
				? "the certificate is not signed by the root"
				: "the certificate is not as this configuration describes it: "
				  "organisation, issuing_name, oid_arc, crl_base_url and "
				  "aia_base_url must be the same on both machines");
	}
	OPENSSL_free(spki);
	return err;
}

static enum err write_imported(struct ceremony *ceremony, char *why)
{
	enum err err = ceremony_write_pem(ceremony, "ca/root.pem", &ceremony->root, why);

	if (!err)
		err = ceremony_write_pem(ceremony, "ca/issuing.pem", &ceremony->issuing, why);
	if (!err)
		err =
		    ceremony_write_pem(ceremony, "ca/line-access.pem", &ceremony->line_access, why);
	if (!err)
		err = ceremony_write(ceremony, "ca/root.crl", &ceremony->root_crl, why);
	if (!err)
		err = ceremony_write(ceremony, "ca/issuing-0.crl", &ceremony->issuing_crl, why);
	if (!err)
		err = ceremony_write(ceremony, "transcript.txt", &ceremony->transcript, why);
	return err ? err : ledger_files_create(ceremony->folder, why);
}

/* What import wrote and could not finish goes again; the keys that wait stay. */
static void take_back_imported(const struct ceremony *ceremony)
{
	static const char *const names[] = {"ca/root.pem", "ca/issuing.pem", "ca/line-access.pem",
	    "ca/root.crl", "ca/issuing-0.crl", "transcript.txt", "ledger", "journal",
	    "ledger.head"};
	char path[FACTORY_PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		factory_state_path(&ceremony->staged, names[i], path);
		unlink(path);
	}
}

static enum err finish_as_keeper(struct ceremony *ceremony, const struct bundle *bundle, char *why)
{
	static const enum ca_key keys[] = {CA_KEY_ISSUING, CA_KEY_LINE_ACCESS, CA_KEY_CLAIM_CODE};
	enum err err = ceremony_open_store(ceremony, why);
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]) && !err; i++)
		err = keystore_load(ceremony->store, keys[i], why);
	if (!err)
		err = check_issuing(ceremony, bundle, why);
	if (!err)
		err = ceremony_make_line_access(ceremony, why);
	if (!err)
		err = ceremony_make_issuing_crl(ceremony, why);
	if (err)
		return err;
	ceremony_note_begin(ceremony, "import of an issuing CA");
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		ceremony_note_key(ceremony, keys[i]);
	ceremony_note_hash(ceremony, "root certificate", &ceremony->root);
	ceremony_note_hash(ceremony, "issuing certificate", &ceremony->issuing);
	ceremony_note_hash(ceremony, "line-access certificate", &ceremony->line_access);
	ceremony_note_hash(ceremony, "root CRL", &ceremony->root_crl);
	ceremony_note_hash(ceremony, "issuing CRL, the first", &ceremony->issuing_crl);
	err = write_imported(ceremony, why);
	if (err)
		take_back_imported(ceremony);
	return err;
}

/* Read, believed by the root's hash, and kept in the ceremony. */
static enum err take_bundle(struct ceremony *ceremony, const struct ca_arguments *arguments,
    struct bundle *bundle, char *why)
{
	enum err err = read_bundle(arguments->bundle, 1, bundle, why);

	if (!err)
		err = check_root(bundle->root, arguments->root_sha256, why);
	if (!err)
		err = check_crl(bundle->crl, bundle->root, why);
	if (err)
		return err;
	ca_put_der(&ceremony->root, bundle->root);
	ca_put_der(&ceremony->issuing, bundle->issuing);
	put_crl_der(&ceremony->root_crl, bundle->crl);
	return ERR_OK;
}

static enum err import_new(
    struct ceremony *ceremony, const struct ca_arguments *arguments, char *why)
{
	struct bundle bundle = {0};
	enum err err = ceremony_check_absent(ceremony, why);

	if (!err && access(ceremony->folder, F_OK) != 0)
		err = keystore_say(ERR_NOT_FOUND, why,
		    "%s is not there: \"factory-ca ca request\" comes first", ceremony->folder);
	if (!err)
		err = take_bundle(ceremony, arguments, &bundle, why);
	if (!err)
		err = authority_opener(ceremony->config, &ceremony->opener, why);
	if (!err)
		err = authority_become_keeper(ceremony->config, why);
	if (!err) {
		err = finish_as_keeper(ceremony, &bundle, why);
		authority_become_ourselves();
	}
	if (!err)
		err = ceremony_put_in_place(ceremony, why);
	if (!err)
		fwrite(ceremony->transcript.bytes, 1, ceremony->transcript.len, stdout);
	free_bundle(&bundle);
	return err;
}

/* --- a renewal --- */

static enum err renew_as_keeper(struct ceremony *ceremony, const struct bundle *bundle, char *why)
{
	X509 *root = ca_read_root(ceremony->config, why);
	enum err err = root ? ERR_OK : ERR_NOT_FOUND;

	if (!err && X509_cmp(root, bundle->root) != 0)
		err = keystore_say(ERR_REFUSED, why, "the bundle is of another root than this CA");
	X509_free(root);
	if (!err)
		err = ca_open_waiting(ceremony, why);
	if (!err)
		err = check_issuing(ceremony, bundle, why);
	if (!err)
		err = ca_begin_generation(ceremony, "import of a renewed issuing CA", why);
	return err;
}

/* For a CA that lives: the certificate that "ca renew --out" asked for. */
static enum err import_renewed(
    struct ceremony *ceremony, const struct ca_arguments *arguments, char *why)
{
	struct bundle bundle = {0};
	enum err err = ca_find_waiting(ceremony, why);

	if (err == ERR_NOT_FOUND)
		err = ceremony_check_absent(ceremony, why);
	if (!err)
		err = take_bundle(ceremony, arguments, &bundle, why);
	if (!err)
		err = authority_become_keeper(ceremony->config, why);
	if (!err) {
		err = renew_as_keeper(ceremony, &bundle, why);
		authority_become_ourselves();
	}
	if (!err)
		ca_tell_renewed(ceremony);
	free_bundle(&bundle);
	return err;
}

enum err ca_run_import(struct ceremony *ceremony, const struct ca_arguments *arguments, char *why)
{
	if (access(ceremony->config->state_dir, F_OK) != 0)
		return import_new(ceremony, arguments, why);
	ceremony_stay(ceremony);
	return import_renewed(ceremony, arguments, why);
}

/* A year's CRL of the root, for a CA that lives. */
enum err ca_run_import_crl(
    struct ceremony *ceremony, const struct ca_arguments *arguments, char *why)
{
	char path[FACTORY_PATH_MAX];
	struct bundle bundle = {0};
	struct buf der = {0};
	enum err err = read_bundle(arguments->crl, 0, &bundle, why);

	if (!err)
		err = authority_become_keeper(ceremony->config, why);
	if (!err) {
		bundle.root = ca_read_root(ceremony->config, why);
		err = bundle.root ? check_crl(bundle.crl, bundle.root, why) : ERR_NOT_FOUND;
		if (!err) {
			put_crl_der(&der, bundle.crl);
			factory_state_path(ceremony->config, "ca/root.crl", path);
			err = file_write(path, 0600, der.bytes, der.len);
			if (err)
				keystore_say(
				    err, why, "%s cannot be written: %s", path, strerror(errno));
		}
		authority_become_ourselves();
	}
	if (!err)
		printf(
		    "the root's CRL is in place; \"factory-ca publish\" gives it to everybody\n");
	free_bundle(&bundle);
	buf_free(&der);
	return err;
}
