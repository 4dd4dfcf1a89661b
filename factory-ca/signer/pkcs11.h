/*
 * A token behind PKCS#11 (version 2.40): a hardware module, or SoftHSM. What keystore_pkcs11.c is
 * made of; no other file knows PKCS#11. The module is the administrator's choice and runs in our
 * process; its answers are still checked. Runs in the signer and in the ceremony's commands, on one
 * thread.
 *
 * A token is named by an RFC 7512 URI; "object=" in it is the prefix of our labels ("firstring"
 * when it is absent), so that several factories can share a token: "firstring-issuing". A process
 * that initialised a module must not fork any more (asserted), and should leave by
 * keystore_leave().
 */
#ifndef FIRSTRING_FACTORY_CA_PKCS11_H
#define FIRSTRING_FACTORY_CA_PKCS11_H

#include <openssl/evp.h>
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

#include "factory-ca/signer/keystore.h"

enum { PKCS11_PREFIX_MAX = 32, PKCS11_COORDINATE_MAX = 48 /* of P-384 */ };

struct pkcs11 {
	P11KitUri *uri;
	char prefix[PKCS11_PREFIX_MAX + 1];
	struct secret pin;
	int pin_refused; /* never tried again: tokens lock themselves after a few */
	CK_FUNCTION_LIST *module;
	CK_SESSION_HANDLE session;
	int has_session, may_write;
};

/* Reads the URI and loads the module; no session yet. `pin` may be NULL or empty. pkcs11_close
 * also after a failure. `why` as everywhere in keystore.h. */
enum err pkcs11_open(struct pkcs11 *token, const char *uri, const struct secret *pin, char *why);
void pkcs11_close(struct pkcs11 *token);

/* A session, logged in; read-only but for making keys. `need` keeps one that will do. */
enum err pkcs11_open_session(struct pkcs11 *token, int may_write, char *why);
enum err pkcs11_need_session(struct pkcs11 *token, int may_write, char *why);
void pkcs11_close_session(struct pkcs11 *token);

/* What a return value means to us: ERR_SIGNATURE (a wrong PIN), ERR_DENIED (a locked one),
 * ERR_UNAVAILABLE (no token), else ERR_CRYPTO. */
enum err pkcs11_fail(CK_RV rv, char *why, const char *doing);

/* --- keys, in a session --- */

struct pkcs11_key {
	int loaded;
	CK_OBJECT_HANDLE handle;
	uint8_t id[CA_KEY_ID_LEN];
	EVP_PKEY *public_key; /* NULL for a symmetric key; the caller's to free */
};

/* Finds the key by its label and looks at it: exactly one object, attributes as a CA key must have
 * them (ERR_DENIED), both halves of one pair. Says nothing yet of whether it signs. */
enum err pkcs11_find_key(
    struct pkcs11 *token, enum ca_key key, struct pkcs11_key *found, char *why);
/* Makes the key in the token. ERR_EXISTS when there is any object that it could be taken for. Wants
 * a session that may write. */
enum err pkcs11_make_key(struct pkcs11 *token, enum ca_key key, char *why);
/* Takes it back. */
void pkcs11_destroy_key(struct pkcs11 *token, enum ca_key key);
/* Bytes of one coordinate of the key's curve. */
size_t pkcs11_coordinate_len(enum ca_key key);

#endif
