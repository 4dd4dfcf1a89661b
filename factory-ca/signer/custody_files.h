/*
 * Custodians' shares as files, and their passphrases as credentials.
 *
 * A share's file lies in the key folder as custodian-N.share, or on its custodian's own stick. Used
 * at the start of the signer and by the commands around keys, before files are out of reach.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_CUSTODY_FILES_H
#define FIRSTRING_FACTORY_CA_SIGNER_CUSTODY_FILES_H

#include "factory-ca/signer/custody.h"

/* All take `why` (KEYSTORE_WHY_LEN). */

/* The name that the share of that custodian has in the key folder. ERR_TOO_LONG. */
enum { CUSTODY_PATH_MAX = 4096 };
MUST_CHECK enum err custody_share_path(
    const char *folder, unsigned number, char path[CUSTODY_PATH_MAX], char *why);
/* Reads and opens one share. ERR_NOT_FOUND, ERR_IO, ERR_SYNTAX, ERR_SIGNATURE. */
MUST_CHECK enum err custody_open_file(
    const char *path, const struct secret *passphrase, struct custody_share *share, char *why);
/* Opens as many shares of the folder as are needed with the passphrases in `credentials`, and puts
 * them together. ERR_NOT_FOUND: not enough passphrases. */
MUST_CHECK enum err custody_from_credentials(
    const char *folder, const char *credentials, struct secret *kek, char *why);

#endif
