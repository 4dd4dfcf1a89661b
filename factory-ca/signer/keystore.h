/*
 * The keys of the factory, behind one interface.
 *
 * A key is named by what it is for; it signs or authenticates, and never leaves. Back-ends: sealed
 * files (keystore_file.c) and PKCS#11 tokens (keystore_pkcs11.c). Used by the signer and by the
 * ceremony's commands, in processes that are hardened before a key is unlocked. There is no
 * export, and no way to use a key by anything but its name.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_KEYSTORE_H
#define FIRSTRING_FACTORY_CA_SIGNER_KEYSTORE_H

#include <openssl/evp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/pki/digest.h"
#include "factory-ca/signer/p256.h"

enum ca_key {
	CA_KEY_ROOT, /* signs the issuing CA and the root's CRL; needed at ceremonies only */
	CA_KEY_ISSUING, /* signs devices and their CRL: the first generation; see generation.h */
	CA_KEY_LINE_ACCESS, /* signs stations and operators */
	CA_KEY_CLAIM_CODE, /* derives claim codes */
	/* The later generations of the issuing CA. */
	CA_KEY_ISSUING_2,
	CA_KEY_ISSUING_3,
	CA_KEY_ISSUING_4,
	CA_KEY_ISSUING_5,
	CA_KEY_ISSUING_6,
	CA_KEY_ISSUING_7,
	CA_KEY_ISSUING_8,
	CA_KEY_COUNT
};
/* Those before it are made with the CA. */
enum { CA_KEY_FIRST_COUNT = CA_KEY_CLAIM_CODE + 1 };

enum ca_key_algorithm { CA_ALGORITHM_P256, CA_ALGORITHM_P384, CA_ALGORITHM_HMAC_SHA256 };

/* "root", "issuing", "line-access", "claim-code", "issuing-2". */
const char *ca_key_name(enum ca_key key);
/* Fixed by what the key is for. */
enum ca_key_algorithm ca_key_algorithm(enum ca_key key);
/* "p256", "p384", "hmac-sha256". */
const char *ca_key_algorithm_name(enum ca_key_algorithm algorithm);

enum { KEYSTORE_WHY_LEN = 512, CA_KEY_ID_LEN = 16 };

/* What may be told about a key without unlocking it. */
struct ca_key_info {
	enum ca_key_algorithm algorithm;
	uint8_t id[CA_KEY_ID_LEN]; /* random, made with the key */
	uint8_t spki_sha256[SHA256_LEN]; /* zero for a symmetric key */
	int in_custody; /* a file that only custodians open */
};

struct keystore;

/* What a back-end offers; see the functions below for what each must do. */
struct keystore_backend {
	enum err (*generate)(struct keystore *store, enum ca_key key, char *why);
	void (*discard)(struct keystore *store, enum ca_key key);
	enum err (*load)(struct keystore *store, enum ca_key key, char *why);
	enum err (*describe)(
	    struct keystore *store, enum ca_key key, struct ca_key_info *info, char *why);
	enum err (*check)(struct keystore *store);
	enum err (*sign)(struct keystore *store, enum ca_key key, const void *bytes, size_t len,
	    struct buf *signature);
	enum err (*hmac)(struct keystore *store, enum ca_key key, const void *bytes, size_t len,
	    uint8_t digest[SHA256_LEN]);
	EVP_PKEY *(*public_key)(struct keystore *store, enum ca_key key);
	void (*free)(struct keystore *store);
};

struct key_uses;

/* Each back-end's own struct begins with this. */
struct keystore {
	const struct keystore_backend *backend;
	struct key_uses *uses; /* NULL: not counted */
	pthread_mutex_t lock; /* of `own` */
	struct own_signature *own[CA_KEY_COUNT]; /* NULL: none looked at yet */
};

/* Sealed files. The passphrase is copied. `scrypt_log2_n` seals new keys: KEYSTORE_SCRYPT_LOG2_N
 * but in tests. No file is read yet. */
enum { KEYSTORE_SCRYPT_LOG2_N = 17, KEYSTORE_SCRYPT_LOG2_N_MIN = 14 };
struct keystore *keystore_file_new(
    const char *folder, const struct secret *passphrase, unsigned scrypt_log2_n);
/* For a store that custodians open: the key that they put together is set (and copied), and opens
 * files and seals new ones. Locking forgets it and all loaded keys. */
void keystore_file_unlock(struct keystore *store, const struct secret *kek);
void keystore_file_lock(struct keystore *store);
/* Reads the key's file now, still sealed, so that it can be loaded when files cannot be opened any
 * more. Errors as of keystore_load(). */
MUST_CHECK enum err keystore_file_prepare(struct keystore *store, enum ca_key key, char *why);
/* Seals the key again, for the other store and into its folder. */
MUST_CHECK enum err keystore_file_reseal(
    struct keystore *from, enum ca_key key, struct keystore *to, char *why);

/*
 * A PKCS#11 token, named by an RFC 7512 URI with module-path=. Loads and starts the module: from
 * here on the process must not fork. The PIN is copied; without one keys can be described where the
 * token shows them. ERR_SYNTAX, ERR_RANGE, ERR_DENIED: the URI; ERR_NOT_FOUND: the module.
 */
MUST_CHECK enum err keystore_pkcs11_new(
    const char *uri, const struct secret *pin, struct keystore **store, char *why);
void keystore_free(struct keystore *store);
/* From here on each use of a key is counted in that file: see key_uses.h. */
MUST_CHECK enum err keystore_count_uses(struct keystore *store, const char *path, char *why);
/* Ends the process at once if a module was ever loaded into it; the last thing that main() does. */
void keystore_leave(int status);

/*
 * All take `why` (KEYSTORE_WHY_LEN) for a sentence that says which file or token, what is wrong
 * with it, and what would be right.
 */

/* Makes the key, stores it durably and has it loaded. ERR_EXISTS when there is one. */
MUST_CHECK enum err keystore_generate(struct keystore *store, enum ca_key key, char *why);
/* Takes back a key that keystore_generate() of this process made, when what it was made for failed.
 */
void keystore_discard(struct keystore *store, enum ca_key key);
/* Unlocks the key. ERR_NOT_FOUND; ERR_DENIED: owner, mode or attributes; ERR_SYNTAX: truncated or
 * no key of ours; ERR_SIGNATURE: wrong passphrase or PIN, or altered; ERR_REFUSED: more than one
 * key of that name. Loading twice is fine. */
MUST_CHECK enum err keystore_load(struct keystore *store, enum ca_key key, char *why);
/* Needs no passphrase; a token may want its PIN. */
MUST_CHECK enum err keystore_describe(
    struct keystore *store, enum ca_key key, struct ca_key_info *info, char *why);

/*
 * What follows uses loaded keys. Of sealed files that may be on several threads at once, while
 * nobody loads, locks or frees; of a token on one thread.
 */

/* Whether loaded keys can be used now; a token's session that died is opened again.
 * ERR_UNAVAILABLE. */
MUST_CHECK enum err keystore_check(struct keystore *store);
/* Appends the signature over `bytes`: ECDSA (DER) with SHA-256 on P-256, SHA-384 on P-384. The key
 * is loaded. ERR_UNAVAILABLE: the token is gone, or the key is locked. */
MUST_CHECK enum err keystore_sign(
    struct keystore *store, enum ca_key key, const void *bytes, size_t len, struct buf *signature);
/* Looks at a signature that keystore_sign() made over these bytes. ERR_SIGNATURE: it is not good.
 */
MUST_CHECK enum err keystore_verify(struct keystore *store, enum ca_key key, const void *bytes,
    size_t len, const struct buf *signature);
/* The same for several, of any keys, which costs less. ERR_SIGNATURE: one is not good. */
enum { KEYSTORE_SIGNATURES_MAX = P256_BATCH_MAX };
struct keystore_signature {
	enum ca_key key;
	const void *bytes; /* what was signed */
	size_t len;
	struct buf signature;
};
MUST_CHECK enum err keystore_verify_all(
    struct keystore *store, const struct keystore_signature *signatures, size_t count);
MUST_CHECK enum err keystore_hmac(struct keystore *store, enum ca_key key, const void *bytes,
    size_t len, uint8_t digest[SHA256_LEN]);
/* Borrowed; of a loaded key that is not symmetric. */
EVP_PKEY *keystore_public_key(struct keystore *store, enum ca_key key);

/* For back-ends: begins what every store has. */
void keystore_begin(struct keystore *store, const struct keystore_backend *backend);
/* Writes the sentence; returns `err`. */
enum err keystore_say(enum err err, char *why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* With the key goes what keystore_verify() keeps of it: a reference, which would keep its private
 * half in memory. */
void keystore_forget_own(struct keystore *store, enum ca_key key);
/* SHA-256 of the SubjectPublicKeyInfo. */
MUST_CHECK enum err keystore_spki_digest(EVP_PKEY *pair, uint8_t digest[SHA256_LEN]);

#endif
