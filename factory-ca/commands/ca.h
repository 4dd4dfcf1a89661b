/*
 * What the commands around an offline root share: the files that people carry between machines, and
 * the words given. Private to ca.c and ca_root.c.
 */
#ifndef FIRSTRING_FACTORY_CA_COMMANDS_CA_H
#define FIRSTRING_FACTORY_CA_COMMANDS_CA_H

#include "factory-ca/commands/ceremony.h"

enum { CA_FILE_MAX = 64 * 1024 };

struct ca_arguments {
	const char *out, *request, *bundle, *root_sha256, *crl; /* NULL when not given */
};

/* All take `why` (AUTHORITY_WHY_LEN). */

/* "sign" with a request, "crl" without one: at the root. */
MUST_CHECK enum err ca_run_sign(
    struct ceremony *ceremony, const struct ca_arguments *arguments, char *why);

MUST_CHECK enum err ca_read_file(const char *path, struct buf *bytes, char *why);
/* Mode 0644; ERR_EXISTS. */
MUST_CHECK enum err ca_write_new(const char *path, const struct buf *bytes, char *why);
/* ca/root.pem of this machine, the caller's; NULL with `why`. As the keeper. */
X509 *ca_read_root(const struct factory_config *config, char *why);
void ca_put_der(struct buf *out, X509 *certificate);

#endif
