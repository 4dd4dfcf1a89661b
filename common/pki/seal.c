/* Sealing with AES-256-GCM under a key ring. Sealed values come from the database: not believed
 * until their tag verifies. Runs in portal-api and redirector workers. */
#include "common/pki/seal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"

enum {
	KEY_LEN = 32,
	NONCE_LEN = 12,
	TAG_LEN = 16,
	ID_LEN = 2,
	RING_MAX = 64,
	RING_FILE_MAX = 16384
};

struct seal_key {
	uint16_t id;
	struct secret key;
};

struct seal_ring {
	struct seal_key keys[RING_MAX];
	size_t count;
};

static const char *const CONTEXTS[] = {
    [SEAL_ADMIN_PASSWORD] = "firstring admin password v1",
    [SEAL_SECOND_FACTOR] = "firstring second factor v1",
};

void seal_ring_free(struct seal_ring *ring)
{
	if (ring == NULL)
		return;
	for (size_t i = 0; i < ring->count; i++)
		secret_free(&ring->keys[i].key);
	free(ring);
}

struct seal_ring *seal_ring_derive(const struct seal_ring *ring, const char *purpose)
{
	struct seal_ring *made = calloc(1, sizeof *made);
	CHECK(made != NULL);
	for (size_t i = 0; i < ring->count; i++) {
		const struct secret *key = &ring->keys[i].key;
		struct seal_key *slot = &made->keys[made->count++];
		unsigned len = KEY_LEN;
		slot->id = ring->keys[i].id;
		secret_alloc(&slot->key, KEY_LEN);
		CHECK(HMAC(EVP_sha256(), key->bytes, (int)key->len, (const uint8_t *)purpose,
			  strlen(purpose), slot->key.bytes, &len) != NULL &&
		      len == KEY_LEN);
	}
	return made;
}

uint16_t seal_ring_current(const struct seal_ring *ring)
{
	return ring->keys[ring->count - 1].id;
}

static const struct seal_key *ring_find(const struct seal_ring *ring, uint64_t id)
{
	for (size_t i = 0; i < ring->count; i++) {
		if (ring->keys[i].id == id)
			return &ring->keys[i];
	}
	return NULL;
}

/* Takes "<id> <64 hex digits>" into the ring; NULL, or what is wrong with the line. */
static const char *ring_take_line(struct seal_ring *ring, const char *line, size_t len)
{
	const char *space = memchr(line, ' ', len);
	uint8_t key[KEY_LEN];
	uint64_t id = 0;

	if (space == NULL)
		return "it is not \"<id> <64 hex digits>\"";
	if (number_parse(line, (size_t)(space - line), UINT16_MAX, &id) != ERR_OK || id == 0)
		return "the id is not a number from 1 to 65535";
	if (ring_find(ring, id) != NULL)
		return "the id is there twice";
	if (ring->count == RING_MAX)
		return "there are more than 64 keys";
	if (hex_decode(space + 1, len - (size_t)(space + 1 - line), key, KEY_LEN) != ERR_OK)
		return "the key is not 64 hex digits";
	struct seal_key *slot = &ring->keys[ring->count++];
	slot->id = (uint16_t)id;
	secret_set(&slot->key, key, KEY_LEN);
	bytes_wipe(key, sizeof key);
	return NULL;
}

static enum err ring_parse(
    struct seal_ring *ring, const struct secret *file, const char *path, char *why, size_t why_len)
{
	const char *next = (const char *)file->bytes, *end = next + file->len;

	for (unsigned number = 1; next < end; number++) {
		const char *line_end = memchr(next, '\n', (size_t)(end - next));
		size_t len = (size_t)((line_end != NULL ? line_end : end) - next);
		const char *problem =
		    len == 0 || *next == '#' ? NULL : ring_take_line(ring, next, len);
		if (problem != NULL) {
			snprintf(why, why_len, "%s:%u: %s", path, number, problem);
			return ERR_SYNTAX;
		}
		next += len + 1;
	}
	if (ring->count > 0)
		return ERR_OK;
	snprintf(why, why_len, "%s: the key ring holds no key", path);
	return ERR_SYNTAX;
}

enum err seal_ring_load(const char *path, struct seal_ring **ring, char *why, size_t why_len)
{
	struct secret file = {0};
	struct seal_ring *loaded = NULL;

	enum err err = secret_read_file(path, RING_FILE_MAX, &file);
	if (err != ERR_OK) {
		snprintf(why, why_len, "%s: %s", path,
		    err == ERR_IO ? strerror(errno) : "not a credential file (see the log)");
		return err;
	}
	loaded = calloc(1, sizeof *loaded);
	CHECK(loaded != NULL);
	err = ring_parse(loaded, &file, path, why, why_len);
	secret_free(&file);
	if (err != ERR_OK)
		seal_ring_free(loaded);
	else
		*ring = loaded;
	return err;
}

/* What the ciphertext is bound to besides its key. */
static void binding_write(const struct seal_binding *binding, struct buf *out)
{
	buf_put_str(out, CONTEXTS[binding->purpose]);
	buf_put(out, binding->mac.octets, MAC_LEN);
	buf_put(out, binding->claim_id, sizeof binding->claim_id);
}

enum err seal(const struct seal_ring *ring, const struct seal_binding *binding,
    const struct secret *plain, struct buf *sealed)
{
	const struct seal_key *key = &ring->keys[ring->count - 1];
	struct buf aad = {0}, made = {0};
	uint8_t nonce[NONCE_LEN], tag[TAG_LEN];
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	int len = 0;
	enum err err = ERR_CRYPTO;

	CHECK(cipher != NULL && plain->len > 0 && plain->len < 4096);
	random_fill(nonce, sizeof nonce);
	binding_write(binding, &aad);
	buf_put_u16(&made, key->id);
	buf_put(&made, nonce, sizeof nonce);
	buf_put(&made, plain->bytes, plain->len);
	uint8_t *text = made.bytes + ID_LEN + NONCE_LEN;
	if (EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->key.bytes, nonce) != 1 ||
	    EVP_EncryptUpdate(cipher, NULL, &len, aad.bytes, (int)aad.len) != 1 ||
	    EVP_EncryptUpdate(cipher, text, &len, text, (int)plain->len) != 1 ||
	    EVP_EncryptFinal_ex(cipher, text + len, &len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, tag) != 1)
		goto out;
	buf_put(&made, tag, sizeof tag);
	buf_put(sealed, made.bytes, made.len);
	err = sealed->err;
out:
	ERR_clear_error();
	EVP_CIPHER_CTX_free(cipher);
	buf_wipe(&made);
	buf_free(&aad);
	return err;
}

enum err seal_open(const struct seal_ring *ring, const struct seal_binding *binding,
    const void *sealed, size_t sealed_len, struct secret *plain)
{
	struct cursor in = cursor_of(sealed, sealed_len);
	struct buf aad = {0};
	struct secret text = {0};
	uint8_t tag[TAG_LEN];
	int len = 0;

	if (sealed_len <= SEAL_OVERHEAD)
		return ERR_SYNTAX;
	const struct seal_key *key = ring_find(ring, cursor_u16(&in));
	const uint8_t *nonce = cursor_bytes(&in, NONCE_LEN);
	size_t text_len = cursor_left(&in) - TAG_LEN;
	const uint8_t *ciphertext = cursor_bytes(&in, text_len);
	memcpy(tag, cursor_bytes(&in, TAG_LEN), TAG_LEN);
	if (key == NULL)
		return ERR_NOT_FOUND;
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	CHECK(cipher != NULL);
	binding_write(binding, &aad);
	secret_alloc(&text, text_len);
	int good =
	    EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->key.bytes, nonce) == 1 &&
	    EVP_DecryptUpdate(cipher, NULL, &len, aad.bytes, (int)aad.len) == 1 &&
	    EVP_DecryptUpdate(cipher, text.bytes, &len, ciphertext, (int)text_len) == 1 &&
	    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1 &&
	    EVP_DecryptFinal_ex(cipher, text.bytes + len, &len) == 1;
	ERR_clear_error();
	EVP_CIPHER_CTX_free(cipher);
	buf_free(&aad);
	if (!good) {
		secret_free(&text);
		return ERR_SIGNATURE;
	}
	*plain = text;
	return ERR_OK;
}
