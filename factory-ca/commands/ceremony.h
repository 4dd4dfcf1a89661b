/*
 * The steps that the ceremonies share: a new state folder is filled beside its place and renamed at
 * the very end, so that what is interrupted left no CA behind. Used by init and ca; run by the PKI
 * officer. Nothing is ever overwritten.
 */
#ifndef FIRSTRING_FACTORY_CA_COMMANDS_CEREMONY_H
#define FIRSTRING_FACTORY_CA_COMMANDS_CEREMONY_H

#include "factory-ca/signer/authority.h"
#include "factory-ca/signer/ca_profile.h"

/* What a ceremony makes, before any of it is at its place. */
struct ceremony {
	const struct factory_config *config;
	struct factory_config staged; /* the same with state_dir at its temporary place */
	char folder[FACTORY_PATH_MAX];
	struct secret opener;
	struct keystore *store;
	unsigned generation; /* of the issuing CA that it is about */
	unsigned made; /* bit 1 << enum ca_key: keys to be taken back when a later step fails */
	int64_t now_unix_s;
	struct buf root, issuing, line_access, root_crl, issuing_crl; /* DER */
	struct buf transcript;
};

/* All take `why` (AUTHORITY_WHY_LEN). */

/* Hardens the process and fills in the struct; `suffix` (".new") stands behind the state folder's
 * name until the end. Empty it with ceremony_free(). */
void ceremony_begin(
    struct ceremony *ceremony, const struct factory_config *config, const char *suffix);
/* It is about a CA that lives: the state folder itself is its folder. */
void ceremony_stay(struct ceremony *ceremony);
void ceremony_free(struct ceremony *ceremony);

/* ERR_EXISTS when there is a state folder. */
MUST_CHECK enum err ceremony_check_absent(const struct ceremony *ceremony, char *why);
/* Reads passphrase or PIN and makes the folder with keys/ and ca/ in it, all of the keeper; from
 * here on ceremony_undo() is needed on failure. */
MUST_CHECK enum err ceremony_make_folder(struct ceremony *ceremony, char *why);
/* Opens the key store of the folder. As the keeper. */
MUST_CHECK enum err ceremony_open_store(struct ceremony *ceremony, char *why);
MUST_CHECK enum err ceremony_make_key(struct ceremony *ceremony, enum ca_key key, char *why);
/* Takes back keys and folder. */
void ceremony_undo(struct ceremony *ceremony);
/* Renames the folder to the state folder. */
MUST_CHECK enum err ceremony_put_in_place(struct ceremony *ceremony, char *why);

/* The root's certificate and its CRL of a year; the line-access CA's; the issuing CA's first CRL.
 * The keys are loaded. The generation is the first one, if nobody says otherwise. */
MUST_CHECK enum err ceremony_make_root(struct ceremony *ceremony, char *why);
MUST_CHECK enum err ceremony_make_root_crl(struct ceremony *ceremony, char *why);
MUST_CHECK enum err ceremony_make_line_access(struct ceremony *ceremony, char *why);
MUST_CHECK enum err ceremony_make_issuing_crl(struct ceremony *ceremony, char *why);
/* What the issuing CA's certificate is to be; borrows from config, `texts` and `root`. Without a
 * root (NULL) its issuer is left out. */
struct ceremony_texts {
	char crl_url[FACTORY_URL_MAX], issuer_url[FACTORY_URL_MAX];
	char name[FACTORY_NAME_MAX + 1];
};
struct ca_request ceremony_issuing_request(
    const struct ceremony *ceremony, const struct buf *root, struct ceremony_texts *texts);

/* The transcript: its head, a key, an object by the hash of its DER. */
void ceremony_note_begin(struct ceremony *ceremony, const char *what);
void ceremony_note_key(struct ceremony *ceremony, enum ca_key key);
void ceremony_note_hash(struct ceremony *ceremony, const char *what, const struct buf *der);

/* Adds to the transcript of a CA that lives. */
MUST_CHECK enum err ceremony_append_transcript(const struct ceremony *ceremony, char *why);
/* New files of the folder: transcript.txt, certificates as PEM. */
MUST_CHECK enum err ceremony_write(
    const struct ceremony *ceremony, const char *name, const struct buf *bytes, char *why);
MUST_CHECK enum err ceremony_write_pem(
    const struct ceremony *ceremony, const char *name, const struct buf *der, char *why);

#endif
