/*
 * Opening the CA: passphrase or PIN, key store, certificates. Files are the administrator's, and
 * their owner and mode are checked where they hold secrets. Runs at the start of the signer and in
 * the ceremony's commands.
 */
#include "factory-ca/signer/authority.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "factory-ca/signer/custody_files.h"
#include "factory-ca/signer/x509_write.h"

enum { CERTIFICATE_MAX = 16 * 1024, OPENER_MAX = 1024, SECURE_HEAP = 64 * 1024 };

enum err authority_lock_memory(void)
{
	/* OpenSSL keeps the private numbers of EC keys there. */
	if (secret_locking_works() && CRYPTO_secure_malloc_init(SECURE_HEAP, 32) == 1)
		return ERR_OK;
	LOG_WARN("memory_not_locked", log_str("detail", "raise RLIMIT_MEMLOCK to 1 MiB or more"));
	return ERR_DENIED;
}

/* *user is NULL when there is nobody to become. */
static enum err find_keeper(
    const struct factory_config *config, const struct passwd **user, char *why)
{
	*user = NULL;
	if (geteuid() != 0 || !*config->signer_user)
		return ERR_OK;
	*user = getpwnam(config->signer_user);
	if (*user)
		return ERR_OK;
	snprintf(why, AUTHORITY_WHY_LEN, "signer.user: there is no user %s", config->signer_user);
	return ERR_NOT_FOUND;
}

enum err authority_become_keeper(const struct factory_config *config, char why[AUTHORITY_WHY_LEN])
{
	const struct passwd *user = NULL;
	enum err err = find_keeper(config, &user, why);

	if (user)
		CHECK(setegid(user->pw_gid) == 0 && seteuid(user->pw_uid) == 0);
	return err;
}

enum err authority_give_to_keeper(
    const struct factory_config *config, const char *path, char why[AUTHORITY_WHY_LEN])
{
	const struct passwd *user = NULL;
	enum err err = find_keeper(config, &user, why);

	if (user && chown(path, user->pw_uid, user->pw_gid) != 0) {
		snprintf(why, AUTHORITY_WHY_LEN, "%s cannot be given to %s: %s", path,
		    config->signer_user, strerror(errno));
		err = ERR_IO;
	}
	return err;
}

void authority_become_ourselves(void)
{
	if (getuid() == 0 && geteuid() != 0)
		CHECK(seteuid(0) == 0 && setegid(getgid()) == 0);
}

static int has_token(const struct factory_config *config)
{
	return *config->pkcs11_uri != '\0';
}

enum err authority_opener(
    const struct factory_config *config, struct secret *opener, char why[AUTHORITY_WHY_LEN])
{
	const char *what = has_token(config) ? "PIN" : "passphrase";
	const char *path = has_token(config) ? config->pkcs11_pin_file : config->passphrase_file;
	enum err err;

	/* With custodians there is none; a key that needs one says so. */
	if (!*path)
		return ERR_OK;
	err = secret_read_file(path, OPENER_MAX, opener);
	if (!err && opener->len == 0) {
		secret_free(opener);
		err = ERR_SYNTAX;
	}
	if (err == ERR_IO)
		snprintf(why, AUTHORITY_WHY_LEN, "the %s file %s cannot be read: %s", what, path,
		    strerror(errno));
	else if (err == ERR_DENIED)
		snprintf(why, AUTHORITY_WHY_LEN,
		    "the %s file %s must be a regular file that only its owner can read "
		    "(mode 0600)",
		    what, path);
	else if (err)
		snprintf(why, AUTHORITY_WHY_LEN, "the %s file %s is empty or too long", what, path);
	return err;
}

enum err authority_key_store(const struct factory_config *config, const struct secret *opener,
    struct keystore **store, char why[AUTHORITY_WHY_LEN])
{
	char folder[FACTORY_PATH_MAX];

	if (has_token(config))
		return keystore_pkcs11_new(config->pkcs11_uri, opener, store, why);
	factory_state_path(config, "keys", folder);
	*store = keystore_file_new(folder, opener, KEYSTORE_SCRYPT_LOG2_N);
	return ERR_OK;
}

X509 *authority_certificate(const struct buf *der)
{
	const unsigned char *next = der->bytes;
	X509 *certificate = d2i_X509(NULL, &next, (long)der->len);

	CHECK(certificate != NULL);
	return certificate;
}

static enum err read_certificate(const char *path, struct buf *der, char *why)
{
	struct buf pem = {0};
	unsigned char *bytes = NULL;
	X509 *certificate = NULL;
	BIO *bio = NULL;
	enum err err;
	int len;

	err = file_read(path, CERTIFICATE_MAX, &pem);
	if (err) {
		snprintf(why, AUTHORITY_WHY_LEN,
		    "%s cannot be read: %s; has \"factory-ca init\" run?", path, strerror(errno));
		return ERR_NOT_FOUND;
	}
	bio = BIO_new_mem_buf(pem.bytes, (int)pem.len);
	certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	len = certificate ? i2d_X509(certificate, &bytes) : 0;
	if (len > 0) {
		buf_put(der, bytes, (size_t)len);
	} else {
		snprintf(why, AUTHORITY_WHY_LEN, "%s is no certificate in PEM", path);
		err = ERR_SYNTAX;
	}
	OPENSSL_free(bytes);
	X509_free(certificate);
	BIO_free(bio);
	buf_free(&pem);
	ERR_clear_error();
	return err;
}

const struct authority_issuing *authority_issuing(
    const struct authority *authority, unsigned generation)
{
	CHECK(generation >= GENERATION_FIRST && generation <= GENERATION_MAX);
	return &authority->issuing[generation - 1];
}

int authority_uses(const struct authority *authority, unsigned generation)
{
	const struct authority_issuing *issuing = authority_issuing(authority, generation);

	return issuing->certificate.len > 0 && !issuing->is_retired;
}

/* The keys that are meant: CA_KEY_ISSUING by its generations. */
static size_t spell_out(const struct authority *authority, const enum ca_key *keys, size_t count,
    enum ca_key meant[CA_KEY_COUNT])
{
	size_t found = 0, i;
	unsigned g;

	for (i = 0; i < count; i++) {
		if (keys[i] != CA_KEY_ISSUING)
			meant[found++] = keys[i];
		for (g = GENERATION_FIRST; keys[i] == CA_KEY_ISSUING && g <= GENERATION_MAX; g++)
			if (authority_uses(authority, g))
				meant[found++] = generation_key(g);
	}
	return found;
}

static int certificate_is_of(struct authority *authority, enum ca_key key)
{
	unsigned generation = generation_of_key(key);
	const struct buf *der = key == CA_KEY_ROOT ? &authority->root
				: generation
				    ? &authority_issuing(authority, generation)->certificate
				    : &authority->line_access;
	X509 *certificate = authority_certificate(der);
	int fits = EVP_PKEY_eq(X509_get0_pubkey(certificate),
		       keystore_public_key(authority->store, key)) == 1;

	X509_free(certificate);
	return fits;
}

static enum err load_keys(
    struct authority *authority, const enum ca_key *asked, size_t asked_count, char *why)
{
	enum ca_key keys[CA_KEY_COUNT];
	size_t count = spell_out(authority, asked, asked_count, keys), i;
	enum err err = ERR_OK;

	for (i = 0; i < count && !err; i++) {
		err = keystore_load(authority->store, keys[i], why);
		if (!err && ca_key_algorithm(keys[i]) != CA_ALGORITHM_HMAC_SHA256 &&
		    !certificate_is_of(authority, keys[i])) {
			snprintf(why, AUTHORITY_WHY_LEN,
			    "ca/%s.pem is not the certificate of the %s key", ca_key_name(keys[i]),
			    ca_key_name(keys[i]));
			err = ERR_SIGNATURE;
		}
	}
	return err;
}

enum err authority_unlock(struct authority *authority, const struct secret *kek,
    const enum ca_key *keys, size_t count, char why[AUTHORITY_WHY_LEN])
{
	enum err err;

	keystore_file_unlock(authority->store, kek);
	err = load_keys(authority, keys, count, why);
	if (err)
		keystore_file_lock(authority->store);
	return err;
}

/* Reads the sealed files while they can be opened, and opens them where credentials allow it. */
static enum err open_custody(const struct factory_config *config, const enum ca_key *keys,
    size_t count, struct authority *authority, char *why)
{
	enum ca_key meant[CA_KEY_COUNT];
	size_t meant_count = spell_out(authority, keys, count, meant), i;
	char folder[FACTORY_PATH_MAX];
	struct secret kek = {0};
	enum err err = ERR_OK;

	for (i = 0; i < meant_count && !err; i++)
		err = keystore_file_prepare(authority->store, meant[i], why);
	if (err)
		return err;
	if (!*config->custodians_dir) {
		snprintf(why, AUTHORITY_WHY_LEN,
		    "the key store is sealed for custodians, who have to open it");
		return ERR_MORE;
	}
	factory_state_path(config, "keys", folder);
	err = custody_from_credentials(folder, config->custodians_dir, &kek, why);
	if (!err)
		err = authority_unlock(authority, &kek, keys, count, why);
	secret_free(&kek);
	return err;
}

static int is_there(const struct factory_config *config, unsigned generation, const char *ending)
{
	char path[FACTORY_PATH_MAX];

	factory_issuing_path(config, generation, ending, path);
	return access(path, F_OK) == 0;
}

static enum err read_generations(
    const struct factory_config *config, struct authority *authority, char *why)
{
	char path[FACTORY_PATH_MAX];
	enum err err = ERR_OK;
	unsigned g;

	for (g = GENERATION_FIRST; g <= GENERATION_MAX && !err; g++) {
		struct authority_issuing *issuing = &authority->issuing[g - 1];

		if (g != GENERATION_FIRST && !is_there(config, g, "pem"))
			continue;
		factory_issuing_path(config, g, "pem", path);
		err = read_certificate(path, &issuing->certificate, why);
		issuing->is_retired = is_there(config, g, "retired");
		issuing->is_withdrawn = is_there(config, g, "withdrawn");
		authority->generation = g;
	}
	if (!err && authority_issuing(authority, authority->generation)->is_retired) {
		snprintf(why, AUTHORITY_WHY_LEN,
		    "the newest issuing CA, generation %u, is retired: one has to issue",
		    authority->generation);
		err = ERR_REFUSED;
	}
	return err;
}

static enum err read_certificates(
    const struct factory_config *config, struct authority *authority, char *why)
{
	char path[FACTORY_PATH_MAX];
	enum err err;

	factory_state_path(config, "ca/root.pem", path);
	err = read_certificate(path, &authority->root, why);
	factory_state_path(config, "ca/line-access.pem", path);
	if (!err)
		err = read_certificate(path, &authority->line_access, why);
	return err ? err : read_generations(config, authority, why);
}

static enum err open_as_keeper(const struct factory_config *config, const struct secret *opener,
    const enum ca_key *keys, size_t count, struct authority *authority, char *why)
{
	enum ca_key meant[CA_KEY_COUNT];
	struct ca_key_info info = {0};
	char uses[FACTORY_PATH_MAX];
	enum err err;

	err = read_certificates(config, authority, why);
	if (!err && count > 0)
		err = authority_key_store(config, opener, &authority->store, why);
	if (err || count == 0)
		return err;
	factory_state_path(config, "key-uses", uses);
	err = keystore_count_uses(authority->store, uses, why);
	if (!err && !has_token(config)) {
		CHECK(spell_out(authority, keys, count, meant) > 0);
		err = keystore_describe(authority->store, meant[0], &info, why);
		if (!err && info.in_custody)
			return open_custody(config, keys, count, authority, why);
	}
	return err ? err : load_keys(authority, keys, count, why);
}

enum err authority_open(const struct factory_config *config, const enum ca_key *keys, size_t count,
    struct authority *authority, char why[AUTHORITY_WHY_LEN])
{
	struct secret opener = {0};
	enum err err = count > 0 ? authority_opener(config, &opener, why) : ERR_OK;

	memset(authority, 0, sizeof(*authority));
	if (!err)
		err = authority_become_keeper(config, why);
	if (!err) {
		err = open_as_keeper(config, &opener, keys, count, authority, why);
		authority_become_ourselves();
	}
	secret_free(&opener);
	if (err && err != ERR_MORE)
		authority_close(authority);
	return err;
}

void authority_close(struct authority *authority)
{
	unsigned i;

	keystore_free(authority->store);
	buf_free(&authority->root);
	for (i = 0; i < GENERATION_MAX; i++)
		buf_free(&authority->issuing[i].certificate);
	buf_free(&authority->line_access);
	authority->store = NULL;
}
