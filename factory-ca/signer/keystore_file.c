/*
 * The key store of sealed files: one file per key, AES-256-GCM under a key that scrypt (RFC 7914)
 * derives from the passphrase, or under a random key that custodians put together (custody.h). Runs
 * in the signer and in the ceremony's commands. Files are the
 * administrator's; an altered one must not open. It never writes a key unsealed and never
 * overwrites one.
 *
 * A file is, big-endian: "firstring key 1\n"; u8 key, u8 algorithm; 16 bytes key id; 32 bytes
 * SHA-256 of the SPKI; u8 log2 N, u8 r, u8 p (zeros: for custodians), 16 bytes salt; 12 bytes
 * nonce; u32 length of what is sealed. All of this is the associated data of the ciphertext and 16
 * bytes of tag that follow.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/text.h"
#include "factory-ca/signer/keystore.h"
#include "factory-ca/signer/sealed.h"
#include "factory-ca/signer/sign_contexts.h"

static const char magic[] = "firstring key 1\n";

enum {
	MAGIC_LEN = 16,
	IN_CUSTODY = 0, /* in the place of log2 N: no passphrase opens it */
	HMAC_KEY_LEN = 32,
	HEADER_LEN =
	    MAGIC_LEN + 2 + CA_KEY_ID_LEN + SHA256_LEN + 3 + SEALED_SALT_LEN + SEALED_NONCE_LEN + 4,
	FILE_MAX = 4096,
	PATH_LEN = 4096,
	SIGNATURE_MAX = 256,
};

struct key_header {
	struct ca_key_info info;
	enum ca_key key;
	unsigned log2_n;
	uint8_t salt[SEALED_SALT_LEN];
	uint8_t nonce[SEALED_NONCE_LEN];
	size_t sealed_len; /* without the tag */
};

struct keystore_file {
	struct keystore base;
	char *folder;
	struct secret passphrase, kek; /* either may be empty */
	unsigned log2_n;
	struct buf sealed[CA_KEY_COUNT]; /* files read ahead by keystore_file_prepare() */
	EVP_PKEY *pairs[CA_KEY_COUNT]; /* of loaded asymmetric keys */
	struct sign_contexts contexts[CA_KEY_COUNT]; /* under the store's lock */
	struct secret symmetric[CA_KEY_COUNT]; /* of loaded symmetric ones */
};

static struct keystore_file *file_of(struct keystore *store)
{
	return (struct keystore_file *)store;
}

static enum err key_path(
    const struct keystore_file *store, enum ca_key key, char path[PATH_LEN], char *why)
{
	int n = snprintf(path, PATH_LEN, "%s/%s.key", store->folder, ca_key_name(key));

	if (n < 0 || n >= PATH_LEN)
		return keystore_say(ERR_TOO_LONG, why, "the name of the key folder is too long");
	return ERR_OK;
}

static void put_header(struct buf *out, const struct key_header *header)
{
	buf_put(out, magic, MAGIC_LEN);
	buf_put_u8(out, (uint8_t)header->key);
	buf_put_u8(out, (uint8_t)header->info.algorithm);
	buf_put(out, header->info.id, CA_KEY_ID_LEN);
	buf_put(out, header->info.spki_sha256, SHA256_LEN);
	buf_put_u8(out, (uint8_t)header->log2_n);
	buf_put_u8(out, header->log2_n == IN_CUSTODY ? 0 : SEALED_SCRYPT_R);
	buf_put_u8(out, header->log2_n == IN_CUSTODY ? 0 : SEALED_SCRYPT_P);
	buf_put(out, header->salt, SEALED_SALT_LEN);
	buf_put(out, header->nonce, SEALED_NONCE_LEN);
	buf_put_u32(out, (uint32_t)header->sealed_len);
}

static void get_bytes(struct cursor *in, uint8_t *to, size_t len)
{
	const uint8_t *bytes = cursor_bytes(in, len);

	if (bytes)
		memcpy(to, bytes, len);
}

static int parameters_are_valid(unsigned log2_n, unsigned r, unsigned p)
{
	if (log2_n == IN_CUSTODY)
		return r == 0 && p == 0;
	return r == SEALED_SCRYPT_R && p == SEALED_SCRYPT_P &&
	       log2_n >= KEYSTORE_SCRYPT_LOG2_N_MIN && log2_n <= KEYSTORE_SCRYPT_LOG2_N;
}

static enum err get_header(struct cursor *in, struct key_header *header)
{
	const uint8_t *begin = cursor_bytes(in, MAGIC_LEN);
	uint8_t key = cursor_u8(in), algorithm = cursor_u8(in), r, p;

	get_bytes(in, header->info.id, CA_KEY_ID_LEN);
	get_bytes(in, header->info.spki_sha256, SHA256_LEN);
	header->log2_n = cursor_u8(in);
	r = cursor_u8(in);
	p = cursor_u8(in);
	get_bytes(in, header->salt, SEALED_SALT_LEN);
	get_bytes(in, header->nonce, SEALED_NONCE_LEN);
	header->sealed_len = cursor_u32(in);
	if (in->err || !begin || memcmp(begin, magic, MAGIC_LEN) != 0 || key >= CA_KEY_COUNT ||
	    !parameters_are_valid(header->log2_n, r, p))
		return ERR_SYNTAX;
	header->key = key;
	if (algorithm != ca_key_algorithm(header->key))
		return ERR_SYNTAX;
	header->info.algorithm = algorithm;
	header->info.in_custody = header->log2_n == IN_CUSTODY;
	return ERR_OK;
}

/* Owner and mode first: what others could have read or written is not a key any more. */
static enum err read_key_file(const char *path, struct buf *bytes, char *why)
{
	struct stat st;
	enum err err = ERR_OK;
	ssize_t len;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);

	if (fd < 0 && errno == ENOENT)
		return keystore_say(ERR_NOT_FOUND, why, "%s is not there", path);
	if (fd < 0 || fstat(fd, &st) != 0) {
		err = keystore_say(ERR_IO, why, "%s cannot be read: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		err = keystore_say(ERR_DENIED, why, "%s is not a regular file", path);
	} else if (st.st_uid != geteuid()) {
		err = keystore_say(ERR_DENIED, why,
		    "%s belongs to user %u, and this process is user %u", path, st.st_uid,
		    geteuid());
	} else if (st.st_mode & 077) {
		err = keystore_say(ERR_DENIED, why,
		    "%s has mode %04o: others can reach it; if nobody did, chmod 0600", path,
		    st.st_mode & 07777);
	} else {
		uint8_t content[FILE_MAX + 1];

		len = read(fd, content, sizeof(content));
		if (len < 0)
			err = keystore_say(
			    ERR_IO, why, "%s cannot be read: %s", path, strerror(errno));
		else if (len > FILE_MAX)
			err = keystore_say(ERR_SYNTAX, why, "%s is too long for a key file", path);
		else
			buf_put(bytes, content, (size_t)len);
	}
	if (fd >= 0)
		close(fd);
	return err;
}

/* The key that this file is sealed under: from the passphrase, or what custodians put together.
 * `kek` is the caller's to free. */
static enum err kek_of(const struct keystore_file *store, const struct key_header *header,
    const char *path, struct secret *kek, char *why)
{
	enum err err;

	if (header->log2_n == IN_CUSTODY) {
		if (store->kek.len == 0)
			return keystore_say(ERR_DENIED, why,
			    "%s is sealed for custodians, who have to open it", path);
		secret_set(kek, store->kek.bytes, store->kek.len);
		return ERR_OK;
	}
	if (store->passphrase.len == 0)
		return keystore_say(ERR_DENIED, why,
		    "%s is sealed under a passphrase, and pki.passphrase_file is not set", path);
	err = sealed_derive(&store->passphrase, header->salt, header->log2_n, kek);
	if (err)
		return keystore_say(
		    err, why, "%s: scrypt failed; it needs 128 MiB of memory", path);
	return ERR_OK;
}

/* PKCS#8, so that a key file is what other tools call a private key, once opened. */
static enum err pair_to_plain(EVP_PKEY *pair, struct secret *plain)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pair);
	unsigned char *der = NULL;
	int len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : 0;

	PKCS8_PRIV_KEY_INFO_free(info);
	if (len <= 0)
		return ERR_CRYPTO;
	secret_set(plain, der, (size_t)len);
	OPENSSL_clear_free(der, (size_t)len);
	return ERR_OK;
}

static enum err pair_from_plain(
    const struct secret *plain, const struct key_header *header, EVP_PKEY **pair)
{
	const unsigned char *der = plain->bytes;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &der, (long)plain->len);
	EVP_PKEY *found = info ? EVP_PKCS82PKEY(info) : NULL;
	uint8_t digest[SHA256_LEN];

	PKCS8_PRIV_KEY_INFO_free(info);
	if (!found || keystore_spki_digest(found, digest) ||
	    memcmp(digest, header->info.spki_sha256, SHA256_LEN) != 0) {
		EVP_PKEY_free(found);
		return ERR_SYNTAX;
	}
	*pair = found;
	return ERR_OK;
}

static enum err make_key(
    struct keystore_file *store, struct key_header *header, struct secret *plain)
{
	EVP_PKEY *pair = NULL;
	enum err err;

	if (header->info.algorithm == CA_ALGORITHM_HMAC_SHA256) {
		secret_alloc(plain, HMAC_KEY_LEN);
		random_fill(plain->bytes, HMAC_KEY_LEN);
		secret_set(&store->symmetric[header->key], plain->bytes, plain->len);
		return ERR_OK;
	}
	pair = EVP_EC_gen(header->info.algorithm == CA_ALGORITHM_P384 ? "P-384" : "P-256");
	if (!pair || keystore_spki_digest(pair, header->info.spki_sha256) ||
	    pair_to_plain(pair, plain)) {
		EVP_PKEY_free(pair);
		return ERR_CRYPTO;
	}
	err = ERR_OK;
	store->pairs[header->key] = pair;
	return err;
}

static void forget(struct keystore_file *store, enum ca_key key)
{
	keystore_forget_own(&store->base, key);
	sign_contexts_free(&store->contexts[key]);
	EVP_PKEY_free(store->pairs[key]);
	store->pairs[key] = NULL;
	secret_free(&store->symmetric[key]);
}

static void file_discard(struct keystore *base, enum ca_key key)
{
	char path[PATH_LEN], why[KEYSTORE_WHY_LEN];

	forget(file_of(base), key);
	if (!key_path(file_of(base), key, path, why))
		unlink(path);
}

/* Seals what `header` describes and writes it to its place. */
static enum err write_key(struct keystore_file *store, struct key_header *header,
    const struct secret *plain, const char *path, char *why)
{
	struct secret kek = {0};
	struct buf bytes = {0};
	enum err err;

	header->log2_n = store->kek.len ? IN_CUSTODY : store->log2_n;
	random_fill(header->salt, SEALED_SALT_LEN);
	random_fill(header->nonce, SEALED_NONCE_LEN);
	header->sealed_len = plain->len;
	put_header(&bytes, header);
	err = kek_of(store, header, path, &kek, why);
	if (!err) {
		err = sealed_put(&kek, header->nonce, &bytes, plain, &bytes);
		if (err)
			keystore_say(err, why, "%s cannot be sealed", path);
	}
	if (!err) {
		err = file_write_new(path, 0600, bytes.bytes, bytes.len);
		if (err)
			keystore_say(err, why, "%s cannot be written: %s", path,
			    err == ERR_EXISTS ? "it is there already" : strerror(errno));
	}
	secret_free(&kek);
	buf_free(&bytes);
	return err;
}

static enum err file_generate(struct keystore *base, enum ca_key key, char *why)
{
	struct keystore_file *store = file_of(base);
	struct key_header header = {.key = key};
	struct secret plain = {0};
	char path[PATH_LEN];
	enum err err;

	err = key_path(store, key, path, why);
	if (err)
		return err;
	if (store->pairs[key] || store->symmetric[key].bytes || access(path, F_OK) == 0)
		return keystore_say(
		    ERR_EXISTS, why, "%s is there already and is never overwritten", path);
	header.info.algorithm = ca_key_algorithm(key);
	random_fill(header.info.id, CA_KEY_ID_LEN);
	err = make_key(store, &header, &plain);
	if (err)
		keystore_say(err, why, "the %s key cannot be made", ca_key_name(key));
	else
		err = write_key(store, &header, &plain, path, why);
	if (err)
		forget(store, key);
	secret_free(&plain);
	return err;
}

/* The file of that key with its header understood; `bytes` is the caller's to free. */
static enum err open_key_file(struct keystore_file *store, enum ca_key key, struct buf *bytes,
    struct key_header *header, char path[PATH_LEN], char *why)
{
	struct cursor in;
	enum err err;

	err = key_path(store, key, path, why);
	if (!err && store->sealed[key].len)
		buf_put(bytes, store->sealed[key].bytes, store->sealed[key].len);
	else if (!err)
		err = read_key_file(path, bytes, why);
	if (err)
		return err;
	in = cursor_of(bytes->bytes, bytes->len);
	if (bytes->len < HEADER_LEN + SEALED_TAG_LEN)
		return keystore_say(ERR_SYNTAX, why,
		    "%s is truncated (%zu bytes); put it back from its backup", path, bytes->len);
	if (get_header(&in, header))
		return keystore_say(ERR_SYNTAX, why, "%s is not a key file of this version", path);
	if (header->key != key)
		return keystore_say(
		    ERR_SYNTAX, why, "%s holds the %s key", path, ca_key_name(header->key));
	if (header->sealed_len > FILE_MAX ||
	    cursor_left(&in) != header->sealed_len + SEALED_TAG_LEN)
		return keystore_say(ERR_SYNTAX, why,
		    "%s is truncated, or something follows its end; put it back from its backup",
		    path);
	return ERR_OK;
}

/* Reads and opens the file of that key. */
static enum err open_key(struct keystore_file *store, enum ca_key key, struct key_header *header,
    struct secret *plain, char *why)
{
	struct secret kek = {0};
	struct buf bytes = {0};
	char path[PATH_LEN];
	enum err err = open_key_file(store, key, &bytes, header, path, why);

	if (!err)
		err = kek_of(store, header, path, &kek, why);
	if (!err) {
		err = sealed_open(&kek, header->nonce, bytes.bytes, HEADER_LEN,
		    bytes.bytes + HEADER_LEN, header->sealed_len, plain);
		if (err)
			keystore_say(err, why,
			    header->log2_n == IN_CUSTODY
				? "%s does not open: the file was altered, or its custodians are "
				  "others"
				: "%s does not open: the passphrase is wrong, or the file was "
				  "altered",
			    path);
	}
	secret_free(&kek);
	buf_free(&bytes);
	return err;
}

static enum err file_load(struct keystore *base, enum ca_key key, char *why)
{
	struct keystore_file *store = file_of(base);
	struct key_header header = {0};
	struct secret plain = {0};
	enum err err;

	if (store->pairs[key] || store->symmetric[key].bytes)
		return ERR_OK;
	err = open_key(store, key, &header, &plain, why);
	if (err)
		return err;
	if (header.info.algorithm == CA_ALGORITHM_HMAC_SHA256)
		secret_set(&store->symmetric[key], plain.bytes, plain.len);
	else
		err = pair_from_plain(&plain, &header, &store->pairs[key]);
	if (err)
		keystore_say(err, why,
		    "%s/%s.key: what is sealed in it is not the key of its header", store->folder,
		    ca_key_name(key));
	secret_free(&plain);
	ERR_clear_error();
	return err;
}

enum err keystore_file_reseal(
    struct keystore *from, enum ca_key key, struct keystore *to, char *why)
{
	struct key_header header = {0};
	struct secret plain = {0};
	char path[PATH_LEN];
	enum err err = open_key(file_of(from), key, &header, &plain, why);

	if (!err)
		err = key_path(file_of(to), key, path, why);
	if (!err)
		err = write_key(file_of(to), &header, &plain, path, why);
	secret_free(&plain);
	return err;
}

enum err keystore_file_prepare(struct keystore *base, enum ca_key key, char *why)
{
	struct keystore_file *store = file_of(base);
	struct key_header header = {0};
	struct buf bytes = {0};
	char path[PATH_LEN];
	enum err err = open_key_file(store, key, &bytes, &header, path, why);

	if (err) {
		buf_free(&bytes);
		return err;
	}
	buf_free(&store->sealed[key]);
	store->sealed[key] = bytes;
	return ERR_OK;
}

void keystore_file_unlock(struct keystore *base, const struct secret *kek)
{
	struct keystore_file *store = file_of(base);

	secret_free(&store->kek);
	secret_set(&store->kek, kek->bytes, kek->len);
}

void keystore_file_lock(struct keystore *base)
{
	struct keystore_file *store = file_of(base);
	int i;

	for (i = 0; i < CA_KEY_COUNT; i++)
		forget(store, (enum ca_key)i);
	secret_free(&store->kek);
}

static enum err file_describe(
    struct keystore *base, enum ca_key key, struct ca_key_info *info, char *why)
{
	struct key_header header = {0};
	struct buf bytes = {0};
	char path[PATH_LEN];
	enum err err = open_key_file(file_of(base), key, &bytes, &header, path, why);

	buf_free(&bytes);
	if (!err)
		*info = header.info;
	return err;
}

static enum err file_check(struct keystore *base)
{
	(void)base;
	return ERR_OK;
}

/* Its length. */
static size_t digest_of(
    enum ca_key key, const void *bytes, size_t len, uint8_t digest[EVP_MAX_MD_SIZE])
{
	unsigned digest_len = SHA256_LEN;

	if (ca_key_algorithm(key) == CA_ALGORITHM_P256)
		sha256(bytes, len, digest);
	else
		CHECK(EVP_Digest(bytes, len, digest, &digest_len, EVP_sha384(), NULL) == 1);
	return digest_len;
}

static enum err file_sign(
    struct keystore *base, enum ca_key key, const void *bytes, size_t len, struct buf *signature)
{
	struct keystore_file *store = file_of(base);
	uint8_t digest[EVP_MAX_MD_SIZE], made[SIGNATURE_MAX];
	size_t made_len = sizeof(made), digest_len;
	EVP_PKEY_CTX *context;
	enum err err = ERR_CRYPTO;

	if (!store->pairs[key])
		return ERR_UNAVAILABLE;
	context = sign_contexts_take(&store->contexts[key], &base->lock, store->pairs[key],
	    ca_key_algorithm(key) == CA_ALGORITHM_P384 ? EVP_sha384() : EVP_sha256());
	if (!context) {
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	digest_len = digest_of(key, bytes, len, digest);
	if (EVP_PKEY_sign(context, made, &made_len, digest, digest_len) == 1) {
		buf_put(signature, made, made_len);
		err = signature->err;
	}
	sign_contexts_give_back(&store->contexts[key], &base->lock, context);
	ERR_clear_error();
	return err;
}

static enum err file_hmac(struct keystore *base, enum ca_key key, const void *bytes, size_t len,
    uint8_t digest[SHA256_LEN])
{
	const struct secret *secret = &file_of(base)->symmetric[key];

	if (!secret->bytes)
		return ERR_UNAVAILABLE;
	hmac_sha256(secret->bytes, secret->len, bytes, len, digest);
	return ERR_OK;
}

static EVP_PKEY *file_public_key(struct keystore *base, enum ca_key key)
{
	return file_of(base)->pairs[key];
}

static void file_free(struct keystore *base)
{
	struct keystore_file *store = file_of(base);
	int i;

	keystore_file_lock(base);
	for (i = 0; i < CA_KEY_COUNT; i++)
		buf_free(&store->sealed[i]);
	secret_free(&store->passphrase);
	free(store->folder);
	free(store);
}

static const struct keystore_backend file_backend = {
    .generate = file_generate,
    .discard = file_discard,
    .load = file_load,
    .describe = file_describe,
    .check = file_check,
    .sign = file_sign,
    .hmac = file_hmac,
    .public_key = file_public_key,
    .free = file_free,
};

struct keystore *keystore_file_new(
    const char *folder, const struct secret *passphrase, unsigned scrypt_log2_n)
{
	struct keystore_file *store = calloc(1, sizeof(*store));

	CHECK(store != NULL);
	keystore_begin(&store->base, &file_backend);
	store->folder = strdup(folder);
	CHECK(store->folder != NULL);
	store->log2_n = scrypt_log2_n;
	if (passphrase && passphrase->len)
		secret_set(&store->passphrase, passphrase->bytes, passphrase->len);
	return &store->base;
}
