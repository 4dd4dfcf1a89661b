/*
 * Passphrases from a terminal. What is typed is a secret from the first byte on, and the echo comes
 * back whatever happens but SIGKILL. Runs in commands, in the foreground.
 */
#include "factory-ca/commands/custodians.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/text.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/signer/custody_files.h"

enum { LINE_MAX_LEN = 1024 };

/* A line without its newline, read byte by byte: nothing stays in a buffer of stdio's. */
static enum err read_line(int fd, uint8_t line[LINE_MAX_LEN], size_t *len)
{
	uint8_t byte;
	ssize_t got;

	for (*len = 0; *len < LINE_MAX_LEN; line[(*len)++] = byte) {
		got = read(fd, &byte, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return ERR_IO;
		if (byte == '\n')
			return *len > 0 ? ERR_OK : ERR_SYNTAX;
	}
	return ERR_TOO_LONG;
}

static enum err ask(const char *question, int echo, uint8_t line[LINE_MAX_LEN], size_t *len)
{
	struct termios before, quiet;
	sigset_t stop, old;
	enum err err;
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return ERR_UNAVAILABLE;
	if (tcgetattr(fd, &before) != 0) {
		close(fd);
		return ERR_UNAVAILABLE;
	}
	/* Ctrl-C and Ctrl-Z wait until the terminal is as it was. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGTSTP);
	sigprocmask(SIG_BLOCK, &stop, &old);
	quiet = before;
	if (!echo)
		quiet.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(fd, TCSAFLUSH, &quiet);
	dprintf(fd, "%s", question);
	err = read_line(fd, line, len);
	if (!echo)
		dprintf(fd, "\n");
	tcsetattr(fd, TCSAFLUSH, &before);
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(fd);
	return err;
}

enum err custodian_ask_passphrase(const char *question, struct secret *passphrase)
{
	uint8_t line[LINE_MAX_LEN];
	size_t len = 0;
	enum err err = ask(question, 0, line, &len);

	if (!err)
		secret_set(passphrase, line, len);
	bytes_wipe(line, sizeof(line));
	return err;
}

static enum err ask_number(unsigned *number)
{
	uint8_t line[LINE_MAX_LEN];
	uint64_t value = 0;
	size_t len = 0;
	enum err err = ask("Number of the custodian: ", 1, line, &len);

	if (!err)
		err = number_parse((const char *)line, len, CUSTODIANS_MAX, &value);
	if (!err)
		*number = (unsigned)value;
	return err;
}

/* One custodian; what he got wrong is told, and he or another one is asked again. */
static enum err ask_custodian(const char *folder, struct custody *custody, char *why)
{
	struct custody_share share = {0};
	struct secret passphrase = {0};
	char path[CUSTODY_PATH_MAX];
	unsigned number = 0;
	enum err err = ask_number(&number);

	if (err == ERR_UNAVAILABLE || err == ERR_IO)
		return keystore_say(ERR_UNAVAILABLE, why,
		    "the key store is sealed for custodians, and there is no terminal to ask them; "
		    "pki.custodians_dir can name their passphrases");
	if (!err)
		err = custodian_ask_passphrase("Passphrase: ", &passphrase);
	if (!err)
		err = custody_share_path(folder, number, path, why);
	if (!err)
		err = custody_open_file(path, &passphrase, &share, why);
	else
		keystore_say(err, why, "a number and a passphrase are needed");
	if (!err)
		err = custody_give(custody, &share, why);
	secret_free(&passphrase);
	if (err)
		command_say("%s", why);
	return ERR_OK;
}

enum err custodians_open(
    const struct factory_config *config, struct secret *kek, char why[AUTHORITY_WHY_LEN])
{
	struct custody custody = {0};
	char folder[FACTORY_PATH_MAX];
	enum err err = ERR_OK;

	factory_state_path(config, "keys", folder);
	if (*config->custodians_dir)
		return custody_from_credentials(folder, config->custodians_dir, kek, why);
	while (!err && !custody_is_complete(&custody))
		err = ask_custodian(folder, &custody, why);
	if (!err)
		err = custody_combine(&custody, kek, why);
	custody_forget(&custody);
	return err;
}

enum err custodians_open_authority(const struct factory_config *config, const enum ca_key *keys,
    size_t count, struct authority *authority, char why[AUTHORITY_WHY_LEN])
{
	struct secret kek = {0};
	enum err err = authority_open(config, keys, count, authority, why);

	if (err != ERR_MORE)
		return err;
	err = authority_become_keeper(config, why);
	if (!err) {
		err = custodians_open(config, &kek, why);
		authority_become_ourselves();
	}
	if (!err)
		err = authority_unlock(authority, &kek, keys, count, why);
	secret_free(&kek);
	if (err)
		authority_close(authority);
	return err;
}
