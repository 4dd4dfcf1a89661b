/*
 * The CA as this program finds it on disk: key store and CA certificates, opened together.
 *
 * Used by the signer and by the ceremony's commands. The state folder belongs to the signer's user;
 * a command that was started as root reads it as that user, so that the owner check holds.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_AUTHORITY_H
#define FIRSTRING_FACTORY_CA_SIGNER_AUTHORITY_H

#include <openssl/x509.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "factory-ca/config.h"
#include "factory-ca/signer/generation.h"
#include "factory-ca/signer/keystore.h"

enum { AUTHORITY_WHY_LEN = KEYSTORE_WHY_LEN };

/* One generation of the issuing CA. */
struct authority_issuing {
	struct buf certificate; /* DER; "" : there is no such generation */
	int is_retired; /* its key is used no more */
	int is_withdrawn; /* it stands in the published chain no more */
};

struct authority {
	struct keystore *store;
	struct buf root, line_access; /* certificates, DER */
	struct authority_issuing issuing[GENERATION_MAX]; /* generation N at N - 1 */
	unsigned generation; /* the newest, which issues: it is never retired */
};
/* By number; a generation that there is not has an empty certificate. */
const struct authority_issuing *authority_issuing(
    const struct authority *authority, unsigned generation);
/* 1 when it is there and not retired. */
int authority_uses(const struct authority *authority, unsigned generation);

/*
 * Opens certificates, and, for a `count` above 0, the key store with these keys loaded;
 * CA_KEY_ISSUING stands for the issuing keys of all generations that are not retired.
 * ERR_NOT_FOUND before init; ERR_MORE: custodians have to open it, and `authority` is all there but
 * for the keys, see authority_unlock(); else see keystore_load(). `why` has a sentence. A
 * certificate that is not that of its loaded key is ERR_SIGNATURE.
 */
MUST_CHECK enum err authority_open(const struct factory_config *config, const enum ca_key *keys,
    size_t count, struct authority *authority, char why[AUTHORITY_WHY_LEN]);
void authority_close(struct authority *authority);
/* With what custodians put together: loads the keys, and opens no file. Errors leave it locked. */
MUST_CHECK enum err authority_unlock(struct authority *authority, const struct secret *kek,
    const enum ca_key *keys, size_t count, char why[AUTHORITY_WHY_LEN]);

/* OpenSSL's private heap, locked in memory: before the first key. A failure is logged; ERR_DENIED.
 */
MUST_CHECK enum err authority_lock_memory(void);

/* For what touches the state folder: becomes signer.user for a while when root was given to us,
 * else does nothing. ERR_NOT_FOUND: no such user. */
MUST_CHECK enum err authority_become_keeper(
    const struct factory_config *config, char why[AUTHORITY_WHY_LEN]);
void authority_become_ourselves(void);
/* Makes signer.user the owner of a file that we made as root; else does nothing. */
MUST_CHECK enum err authority_give_to_keeper(
    const struct factory_config *config, const char *path, char why[AUTHORITY_WHY_LEN]);

/* Reads the credential that opens the key store: the passphrase, or the token's PIN. It stays empty
 * where the configuration names none. */
MUST_CHECK enum err authority_opener(
    const struct factory_config *config, struct secret *opener, char why[AUTHORITY_WHY_LEN]);
/* The key store of the configuration, no key of it loaded; `opener` may be NULL for what needs
 * none. Run as the keeper. */
MUST_CHECK enum err authority_key_store(const struct factory_config *config,
    const struct secret *opener, struct keystore **store, char why[AUTHORITY_WHY_LEN]);

/* Borrowed DER as an X509 of the caller's; ours, so that failing aborts. */
X509 *authority_certificate(const struct buf *der);

#endif
