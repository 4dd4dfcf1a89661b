/*
 * What the commands around an offline root share: the files that people carry between machines, and
 * the words given. Private to ca*.c.
 */
#ifndef FIRSTRING_FACTORY_CA_COMMANDS_CA_H
#define FIRSTRING_FACTORY_CA_COMMANDS_CA_H

#include "factory-ca/commands/ceremony.h"

enum { CA_FILE_MAX = 64 * 1024 };

struct ca_arguments {
	/* NULL when not given */
	const char *out, *request, *bundle, *root_sha256, *crl, *generation;
	int withdraw;
};

/* All take `why` (AUTHORITY_WHY_LEN). */

/* "sign" with a request, "crl" without one: at the root. */
MUST_CHECK enum err ca_run_sign(
    struct ceremony *ceremony, const struct ca_arguments *arguments, char *why);

/* "import" with a bundle, and with a CRL: at a factory. */
MUST_CHECK enum err ca_run_import(
    struct ceremony *ceremony, const struct ca_arguments *arguments, char *why);
MUST_CHECK enum err ca_run_import_crl(
    struct ceremony *ceremony, const struct ca_arguments *arguments, char *why);
/* "renew" and "retire": at a factory. */
MUST_CHECK enum err ca_run_renew(
    struct ceremony *ceremony, const struct ca_arguments *arguments, char *why);
MUST_CHECK enum err ca_run_retire(
    struct ceremony *ceremony, const struct ca_arguments *arguments, char *why);

/* Root's key and certificate of this machine; with them the key store is open. As the keeper. */
MUST_CHECK enum err ca_open_root(struct ceremony *ceremony, char *why);
/* Has custodians open the store when that key is sealed for them. As the keeper. */
MUST_CHECK enum err ca_open_custody(struct ceremony *ceremony, enum ca_key key, char *why);

/* ca_renew.c: the next generation, whose key is there and waits for its certificate. The first two
 * find it (ERR_NOT_FOUND: none waits) and load it; the third writes `issuing` and `root_crl` and
 * all that is new, the certificate last: with it the generation is there. The last three as the
 * keeper, but for telling. */
MUST_CHECK enum err ca_find_waiting(struct ceremony *ceremony, char *why);
MUST_CHECK enum err ca_open_waiting(struct ceremony *ceremony, char *why);
MUST_CHECK enum err ca_begin_generation(struct ceremony *ceremony, const char *what, char *why);
void ca_tell_renewed(const struct ceremony *ceremony);

MUST_CHECK enum err ca_read_file(const char *path, struct buf *bytes, char *why);
/* Mode 0644; ERR_EXISTS. */
MUST_CHECK enum err ca_write_new(const char *path, const struct buf *bytes, char *why);
/* ca/root.pem of this machine, the caller's; NULL with `why`. As the keeper. */
X509 *ca_read_root(const struct factory_config *config, char *why);
void ca_put_der(struct buf *out, X509 *certificate);

#endif
