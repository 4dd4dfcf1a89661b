/*
 * Custodians: the key that opens the key store, split so that k of n people must come together.
 *
 * The key-encrypting key is random; Shamir's scheme splits it (libgfshare), and each share is
 * sealed under one custodian's passphrase in a file of its own. No share and no k-1 of them tell
 * anything about the key. Opened shares are secrets; they are wiped as soon as they were put
 * together.
 *
 * A share's file is, big-endian: "firstring share 1\n"; 16 bytes of the set's id; u8 number,
 * threshold, count; 32 bytes SHA-256 that tells the key when it is put together; u8 log2 N, r, p of
 * scrypt, 16 bytes salt, 12 bytes nonce; all of it associated data of 32 bytes sealed and their
 * tag. Pure but for randomness: who reads files and asks people is told elsewhere.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_CUSTODY_H
#define FIRSTRING_FACTORY_CA_SIGNER_CUSTODY_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/pki/digest.h"
#include "factory-ca/signer/keystore.h"

enum { CUSTODIANS_MAX = 16, CUSTODY_SET_LEN = 16, CUSTODY_SHARE_MAX = 512 };

struct custody_share {
	uint8_t set[CUSTODY_SET_LEN]; /* shares of one split have one */
	uint8_t number; /* of the custodian, from 1 */
	uint8_t threshold, count; /* k of n */
	uint8_t kek_sha256[SHA256_LEN];
	struct secret value; /* empty while sealed */
};
void custody_share_free(struct custody_share *share);

/* Fills `count` shares, of which `threshold` open. ERR_RANGE: not 2 <= threshold <= count <=
 * CUSTODIANS_MAX. */
MUST_CHECK enum err custody_split(
    const struct secret *kek, unsigned threshold, unsigned count, struct custody_share shares[]);

/* Appends the share's file. */
MUST_CHECK enum err custody_share_seal(const struct custody_share *share,
    const struct secret *passphrase, unsigned scrypt_log2_n, struct buf *out);
/* What the file tells without its passphrase: ERR_SYNTAX. */
MUST_CHECK enum err custody_share_describe(
    const void *bytes, size_t len, struct custody_share *share);
/* ERR_SYNTAX; ERR_SIGNATURE: wrong passphrase, or altered. */
MUST_CHECK enum err custody_share_open(
    const void *bytes, size_t len, const struct secret *passphrase, struct custody_share *share);

/* An opened share on its way to the signer. Decoding copies; ERR_SYNTAX. */
void custody_share_encode(struct buf *out, const struct custody_share *share);
MUST_CHECK enum err custody_share_decode(struct cursor in, struct custody_share *share);

/* What has been given so far. */
struct custody {
	struct custody_share given[CUSTODIANS_MAX];
	size_t count;
};
/* Takes the share (it is empty afterwards, whatever comes of it). ERR_EXISTS: this custodian gave
 * already; ERR_REFUSED: of another split. `why` (KEYSTORE_WHY_LEN) says so. */
MUST_CHECK enum err custody_give(struct custody *custody, struct custody_share *share, char *why);
/* 1 when there are enough to put together. */
int custody_is_complete(const struct custody *custody);
/* Puts them together and forgets them. ERR_SIGNATURE: one of them was not what it said. */
MUST_CHECK enum err custody_combine(struct custody *custody, struct secret *kek, char *why);
void custody_forget(struct custody *custody);

#endif
