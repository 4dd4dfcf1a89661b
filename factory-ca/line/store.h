/*
 * One folder for each phone: its key, certificate, chain, PKCS#12. Files are written beside and
 * renamed; what must survive a power cut does so after store_sync().
 *
 *     OUT/001565AABBCC/key.pem           mode 0600; made once
 *                      certificate.pem   the phone's own
 *                      chain.pem         issuing CA, then root
 *                      fullchain.pem     what the phone presents: its own, then the issuing CA
 *                      phone.p12         on request
 *         001565AABBCC.rework/           a new key until it has its certificate (rework.c)
 *         001565AABBCC.before-1/         what was there before
 */
#ifndef FIRSTRING_FACTORY_CA_LINE_STORE_H
#define FIRSTRING_FACTORY_CA_LINE_STORE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/base/secret.h"
#include "common/pki/key_type.h"
#include "factory-ca/line/phones.h"
#include "factory-ca/signer/csr.h"

enum { STORE_WHY_LEN = 512 };

struct store {
	int fd; /* of the output folder */
	STACK_OF(X509) * chain; /* issuing CAs, then the root; set once it is known */
	const struct secret *pkcs12_password; /* NULL: no PKCS#12 */
};

/* Makes the folder (0700) when it is not there. ERR_IO: `why` tells. */
MUST_CHECK enum err store_open(const char *folder, struct store *store, char why[STORE_WHY_LEN]);
void store_close(struct store *store);

/*
 * The phone's key: the one in its folder, or a new one. A damaged one is ERR_DENIED where the phone
 * is PHONE_PREPARED, and is otherwise made again. ERR_IO with errno: the disk.
 */
MUST_CHECK enum err store_key(const struct store *store, const struct line_phone *phone,
    enum key_type type, EVP_PKEY **key, char why[STORE_WHY_LEN]);

/* The key in the phone's folder; ERR_NOT_FOUND: none, or a damaged one that was never used. */
MUST_CHECK enum err store_find_key(const struct store *store, const struct line_phone *phone,
    EVP_PKEY **key, char why[STORE_WHY_LEN]);
/* Puts a key there that was made elsewhere. ERR_IO with errno. */
MUST_CHECK enum err store_put_key(const struct store *store, const struct line_phone *phone,
    EVP_PKEY *key, char why[STORE_WHY_LEN]);

/* The issuing CA that signed it, of those of the chain: borrowed; NULL: none did. */
X509 *store_issuer_of(const struct store *store, X509 *certificate);
/* Certificate, the chain of its issuing CA, and PKCS#12 when asked for and the key is ours (NULL:
 * it is not). */
MUST_CHECK enum err store_certificate(const struct store *store, const struct line_phone *phone,
    X509 *certificate, EVP_PKEY *key, char why[STORE_WHY_LEN]);

/* Makes the PKCS#12 where there is none that the password opens, of the certificate and the key
 * that is on disk. ERR_NOT_FOUND: no key is; ERR_SIGNATURE: it is another certificate's; ERR_IO. */
MUST_CHECK enum err store_complete_pkcs12(const struct store *store, const struct line_phone *phone,
    X509 *certificate, char why[STORE_WHY_LEN]);
/* Whether the key in the phone's folder is that of the certificate. */
int store_has_key_of(const struct store *store, const struct line_phone *phone, X509 *certificate);
/* Of the key in the phone's folder; KEY_TYPE_COUNT: none of ours. ERR_NOT_FOUND: none that can be
 * read. */
MUST_CHECK enum err store_key_type(
    const struct store *store, const struct line_phone *phone, enum key_type *type);
/* The folder of the rework, durable, takes the place of the phone's, which is kept. ERR_IO. */
MUST_CHECK enum err rework_finish(
    const struct store *store, struct line_phone *phone, char why[STORE_WHY_LEN]);
/* Removes the folder of a rework whose key has no certificate. */
void rework_drop(const struct store *store, struct line_phone *phone);
/* The phone's certificate on disk, to be freed; NULL: none that can be read. */
X509 *store_read_certificate(const struct store *store, const struct line_phone *phone);
/* The device's serial number in a certificate's subject; "" when it has none of ours. */
void store_serial_number_of(X509 *certificate, char serial_number[CSR_SERIAL_NUMBER_MAX + 1]);
/* Makes durable all that was written. ERR_IO with errno. */
MUST_CHECK enum err store_sync(const struct store *store);

/* Path of a file in the phone's folder, or in that of its rework, relative to the output folder. */
enum { STORE_NAME_LEN = 64 };
void store_name(const struct line_phone *phone, const char *file, char name[STORE_NAME_LEN]);

#endif
