/*
 * Reading custodians' shares and passphrases. Files are the custodians' and the administrator's;
 * passphrases are credentials, judged by owner and mode. Runs before the signer's list of system
 * calls is in force, and in commands.
 */
#include "factory-ca/signer/custody_files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"

enum { PASSPHRASE_MAX = 1024 };

enum err custody_share_path(
    const char *folder, unsigned number, char path[CUSTODY_PATH_MAX], char *why)
{
	int n = snprintf(path, CUSTODY_PATH_MAX, "%s/custodian-%u.share", folder, number);

	if (n < 0 || n >= CUSTODY_PATH_MAX)
		return keystore_say(ERR_TOO_LONG, why, "the name of the key folder is too long");
	return ERR_OK;
}

enum err custody_open_file(
    const char *path, const struct secret *passphrase, struct custody_share *share, char *why)
{
	struct buf bytes = {0};
	enum err err = file_read(path, CUSTODY_SHARE_MAX, &bytes);

	if (err == ERR_IO)
		err = keystore_say(errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, why,
		    "the share %s cannot be read: %s", path, strerror(errno));
	else if (!err)
		err = custody_share_open(bytes.bytes, bytes.len, passphrase, share);
	if (err == ERR_SIGNATURE)
		keystore_say(err, why,
		    "the share %s does not open: the passphrase is wrong, or the file was altered",
		    path);
	else if (err == ERR_SYNTAX || err == ERR_TOO_LONG)
		keystore_say(err, why, "%s is no share of a custodian, or is truncated", path);
	else if (err == ERR_CRYPTO)
		keystore_say(err, why, "%s: scrypt failed; it needs 128 MiB of memory", path);
	buf_free(&bytes);
	return err;
}

/* ERR_NOT_FOUND: that custodian left no passphrase. */
static enum err give_from_credential(const char *folder, const char *credentials, unsigned number,
    struct custody *custody, char *why)
{
	char path[CUSTODY_PATH_MAX];
	struct custody_share share = {0};
	struct secret passphrase = {0};
	int n = snprintf(path, sizeof(path), "%s/custodian-%u", credentials, number);
	enum err err;

	if (n < 0 || n >= CUSTODY_PATH_MAX)
		return keystore_say(ERR_TOO_LONG, why, "pki.custodians_dir is too long");
	if (access(path, F_OK) != 0)
		return ERR_NOT_FOUND;
	err = secret_read_file(path, PASSPHRASE_MAX, &passphrase);
	if (err)
		return keystore_say(ERR_DENIED, why,
		    "the passphrase file %s must be a regular file that only its owner can read "
		    "(mode 0600)",
		    path);
	err = custody_share_path(folder, number, path, why);
	if (!err)
		err = custody_open_file(path, &passphrase, &share, why);
	/* A passphrase whose share is elsewhere is a mistake, not somebody who is absent. */
	if (err == ERR_NOT_FOUND)
		err = ERR_IO;
	if (!err)
		err = custody_give(custody, &share, why);
	secret_free(&passphrase);
	return err;
}

enum err custody_from_credentials(
    const char *folder, const char *credentials, struct secret *kek, char *why)
{
	struct custody custody = {0};
	unsigned number;
	enum err err = ERR_OK;

	for (number = 1; number <= CUSTODIANS_MAX && !err && !custody_is_complete(&custody);
	     number++) {
		err = give_from_credential(folder, credentials, number, &custody, why);
		if (err == ERR_NOT_FOUND)
			err = ERR_OK;
	}
	if (!err && !custody_is_complete(&custody))
		err = keystore_say(ERR_NOT_FOUND, why,
		    "pki.custodians_dir: %s holds the passphrases of %zu custodians, and that is "
		    "not enough",
		    credentials, custody.count);
	if (!err)
		err = custody_combine(&custody, kek, why);
	custody_forget(&custody);
	return err;
}
