/*
 * factory-ca key split: seals the key files for k of n custodians; key unlock: one custodian gives
 * his share to the waiting signer; key lock: the signer forgets its keys. Run by the PKI officer
 * and by custodians, in front of the signer's machine. Splitting writes a new folder beside keys/
 * and exchanges the two at the end: what is interrupted left the old keys as they were.
 */
#include "factory-ca/commands/key_custody.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "common/net/ipc.h"
#include "common/net/sandbox.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/commands/custodians.h"
#include "factory-ca/signer/custody_files.h"
#include "factory-ca/signer/protocol.h"
#include "factory-ca/signer/sealed.h"

enum { PASSPHRASE_MIN = 12, PASSPHRASE_MAX = 1024 };

static int is_option(const char *word, const char *name, int has_value)
{
	return strcmp(word, name) == 0 && has_value;
}

static int parse_number(const char *text, unsigned *number)
{
	uint64_t value = 0;

	if (number_parse(text, strlen(text), CUSTODIANS_MAX, &value))
		return 0;
	*number = (unsigned)value;
	return 1;
}

/* --- split --- */

struct split {
	const struct factory_config *config;
	unsigned custodians, threshold;
	const char *passphrase_files[CUSTODIANS_MAX];
	size_t file_count;
	char keys[FACTORY_PATH_MAX], fresh[FACTORY_PATH_MAX];
	struct secret kek;
	struct custody_share shares[CUSTODIANS_MAX];
};

static enum err take_passphrase(
    const struct split *split, unsigned number, struct secret *passphrase, char *why)
{
	struct secret again = {0};
	char question[80];
	enum err err;

	if (split->file_count > 0) {
		err = secret_read_file(
		    split->passphrase_files[number - 1], PASSPHRASE_MAX, passphrase);
		if (err)
			return keystore_say(err, why,
			    "%s cannot be read, or is not its owner's alone",
			    split->passphrase_files[number - 1]);
	} else {
		snprintf(question, sizeof(question), "Custodian %u, your passphrase: ", number);
		err = custodian_ask_passphrase(question, passphrase);
		if (!err)
			err = custodian_ask_passphrase("The same again: ", &again);
		if (err == ERR_UNAVAILABLE)
			return keystore_say(
			    err, why, "there is no terminal: give --passphrase-file for each");
		if (!err && !secret_equal(passphrase, &again))
			err = ERR_SYNTAX;
		secret_free(&again);
		if (err)
			return keystore_say(err, why, "custodian %u: the two differ", number);
	}
	if (passphrase->len < PASSPHRASE_MIN)
		return keystore_say(ERR_RANGE, why,
		    "custodian %u: a passphrase has at least %d characters", number,
		    PASSPHRASE_MIN);
	return ERR_OK;
}

static enum err write_share(const struct split *split, unsigned number, char *why)
{
	struct secret passphrase = {0};
	char path[CUSTODY_PATH_MAX];
	struct buf file = {0};
	enum err err = take_passphrase(split, number, &passphrase, why);

	if (!err)
		err = custody_share_path(split->fresh, number, path, why);
	if (!err) {
		err = custody_share_seal(
		    &split->shares[number - 1], &passphrase, KEYSTORE_SCRYPT_LOG2_N, &file);
		if (!err)
			err = file_write_new(path, 0600, file.bytes, file.len);
		if (err)
			keystore_say(err, why, "%s cannot be written: %s", path, strerror(errno));
	}
	secret_free(&passphrase);
	buf_free(&file);
	return err;
}

/* Every key that is here, under the new key. */
static enum err reseal_keys(const struct split *split, struct keystore *from, char *why)
{
	struct keystore *to = keystore_file_new(split->fresh, NULL, KEYSTORE_SCRYPT_LOG2_N);
	enum err err = ERR_OK;
	int i;

	keystore_file_unlock(to, &split->kek);
	for (i = 0; i < CA_KEY_COUNT && !err; i++) {
		err = keystore_file_reseal(from, (enum ca_key)i, to, why);
		if (err == ERR_NOT_FOUND) {
			if (i < CA_KEY_FIRST_COUNT)
				printf(
				    "%s: not here; if it is elsewhere, it stays sealed as it was\n",
				    ca_key_name((enum ca_key)i));
			err = ERR_OK;
		}
	}
	keystore_free(to);
	return err;
}

/* A machine of the root alone has one key, a factory the others. */
static enum err describe_any(struct keystore *store, struct ca_key_info *info, char *why)
{
	enum err err = keystore_describe(store, CA_KEY_LINE_ACCESS, info, why);

	return err == ERR_NOT_FOUND ? keystore_describe(store, CA_KEY_ROOT, info, why) : err;
}

/* The store as it is: under a passphrase, or in custody already. */
static enum err open_old(const struct split *split, struct keystore **store, char *why)
{
	struct ca_key_info info = {0};
	struct secret opener = {0};
	enum err err = authority_opener(split->config, &opener, why);

	if (!err)
		err = authority_key_store(split->config, &opener, store, why);
	secret_free(&opener);
	if (!err)
		err = describe_any(*store, &info, why);
	if (!err && info.in_custody) {
		err = custodians_open(split->config, &opener, why);
		if (!err)
			keystore_file_unlock(*store, &opener);
		secret_free(&opener);
	}
	return err;
}

static void remove_folder(const char *path)
{
	char name[FACTORY_PATH_MAX + 256];
	struct dirent *entry;
	DIR *folder = opendir(path);

	while (folder && (entry = readdir(folder)) != NULL) {
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		unlink(name);
	}
	if (folder)
		closedir(folder);
	rmdir(path);
}

static enum err fill_fresh(struct split *split, struct keystore *old, char *why)
{
	enum err err;
	unsigned i;

	secret_alloc(&split->kek, SEALED_KEK_LEN);
	random_fill(split->kek.bytes, SEALED_KEK_LEN);
	err = custody_split(&split->kek, split->threshold, split->custodians, split->shares);
	if (!err)
		err = reseal_keys(split, old, why);
	for (i = 1; i <= split->custodians && !err; i++)
		err = write_share(split, i, why);
	if (!err &&
	    (renameat2(AT_FDCWD, split->fresh, AT_FDCWD, split->keys, RENAME_EXCHANGE) != 0 ||
		file_sync_folder(split->keys)))
		err = keystore_say(
		    ERR_IO, why, "%s cannot take its place: %s", split->fresh, strerror(errno));
	return err;
}

static enum err split_as_keeper(struct split *split, char *why)
{
	struct keystore *old = NULL;
	enum err err = open_old(split, &old, why);

	if (!err && mkdir(split->fresh, 0700) != 0)
		err = keystore_say(ERR_IO, why, "%s cannot be made: %s%s", split->fresh,
		    strerror(errno),
		    errno == EEXIST ? "; it is left from a split that was interrupted: remove it"
				    : "");
	else if (!err) {
		err = fill_fresh(split, old, why);
		/* After the exchange this is what the keys were. */
		remove_folder(split->fresh);
	}
	keystore_free(old);
	return err;
}

static int parse_split(struct split *split, int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i += 2) {
		int has_value = i + 1 < argc;

		if (is_option(argv[i], "--custodians", has_value) &&
		    parse_number(argv[i + 1], &split->custodians))
			continue;
		if (is_option(argv[i], "--threshold", has_value) &&
		    parse_number(argv[i + 1], &split->threshold))
			continue;
		if (!is_option(argv[i], "--passphrase-file", has_value) ||
		    split->file_count == CUSTODIANS_MAX)
			return 0;
		split->passphrase_files[split->file_count++] = argv[i + 1];
	}
	return split->threshold >= 2 && split->threshold <= split->custodians &&
	       (split->file_count == 0 || split->file_count == split->custodians);
}

int key_split(const struct factory_config *config, int argc, char **argv)
{
	struct split split = {.config = config};
	char why[AUTHORITY_WHY_LEN] = "";
	enum err err, locked;
	unsigned i;

	if (!parse_split(&split, argc, argv))
		return -1;
	if (*config->pkcs11_uri) {
		command_say("key split: the keys are in a token, which has custodians of its own");
		return EX_CONFIG;
	}
	sandbox_harden();
	locked = authority_lock_memory();
	(void)locked; /* logged */
	factory_state_path(config, "keys", split.keys);
	factory_state_path(config, "keys.new", split.fresh);
	umask(077);
	err = authority_become_keeper(config, why);
	if (!err) {
		err = split_as_keeper(&split, why);
		authority_become_ourselves();
	}
	secret_free(&split.kek);
	for (i = 0; i < split.custodians; i++)
		custody_share_free(&split.shares[i]);
	if (err) {
		command_say("key split: %s", why);
		return command_status(err);
	}
	printf("%u of %u custodians open the key store from now on. Each takes his share,\n"
	       "%s/custodian-N.share, or leaves it there: it is sealed under his passphrase.\n"
	       "Restart the signer; destroy the old passphrase and every backup of the old keys.\n",
	    split.threshold, split.custodians, split.keys);
	return EX_OK;
}

/* --- unlock, lock: one question to the signer --- */

static enum err connect_signer(const struct factory_config *config, int *fd, char *why)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval deadline = {.tv_sec = 30};

	if (strlen(config->signer_socket) >= sizeof(address.sun_path))
		return keystore_say(ERR_TOO_LONG, why, "signer.socket: too long");
	strcpy(address.sun_path, config->signer_socket);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0 || connect(*fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		return keystore_say(ERR_UNAVAILABLE, why, "%s: %s; is the signer running?",
		    config->signer_socket, strerror(errno));
	setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	return ERR_OK;
}

static enum err receive(int fd, uint8_t *bytes, size_t len)
{
	return recv(fd, bytes, len, MSG_WAITALL) == (ssize_t)len ? ERR_OK : ERR_CLOSED;
}

static enum err receive_state(int fd, struct signer_lock_state *state)
{
	uint8_t head[IPC_HEADER_LEN] = {0}, payload[1024];
	struct cursor in = cursor_of(head, sizeof(head));
	enum err err = receive(fd, head, sizeof(head));
	uint32_t len;

	if (err)
		return err;
	len = cursor_u32(&in) - (IPC_HEADER_LEN - 4);
	if (cursor_u16(&in) != SIGNER_LOCK_STATE || len > sizeof(payload))
		return ERR_SYNTAX;
	err = receive(fd, payload, len);
	return err ? err : signer_lock_state_decode(cursor_of(payload, len), state);
}

static enum err ask_signer(const struct factory_config *config, enum signer_message type,
    const struct custody_share *share, struct signer_lock_state *state, char *why)
{
	struct buf payload = {0}, frame = {0};
	enum err err;
	int fd = -1;

	if (share)
		custody_share_encode(&payload, share);
	buf_put_u32(&frame, (uint32_t)(IPC_HEADER_LEN - 4 + payload.len));
	buf_put_u16(&frame, (uint16_t)type);
	buf_put_u32(&frame, 1);
	buf_put(&frame, payload.bytes, payload.len);
	err = connect_signer(config, &fd, why);
	if (!err) {
		err = file_write_all(fd, frame.bytes, frame.len);
		if (!err)
			err = receive_state(fd, state);
		if (err)
			keystore_say(err, why,
			    "the signer does not answer: it hears only its own user (signer.user); "
			    "its log says more");
	}
	if (fd >= 0)
		close(fd);
	buf_wipe(&payload);
	buf_wipe(&frame);
	return err;
}

static int show_state(const char *command, const struct signer_lock_state *state)
{
	char at[CLOCK_TEXT_LEN + 1];

	if (state->detail[0]) {
		command_say("%s: %s", command, state->detail);
		return EX_DATAERR;
	}
	if (state->locked && state->needed)
		printf("%u of %u shares are given\n", state->given, state->needed);
	else if (state->locked)
		printf("locked\n");
	else if (state->until_unix_s) {
		clock_format_s(state->until_unix_s, at);
		printf("unlocked until %s\n", at);
	} else {
		printf("unlocked until the signer stops\n");
	}
	return EX_OK;
}

struct unlock {
	unsigned custodian;
	const char *share_path, *passphrase_path;
};

static enum err open_share(const struct factory_config *config, const struct unlock *unlock,
    struct custody_share *share, char *why)
{
	char folder[FACTORY_PATH_MAX], path[CUSTODY_PATH_MAX];
	struct secret passphrase = {0};
	enum err err;

	if (unlock->passphrase_path)
		err = secret_read_file(unlock->passphrase_path, PASSPHRASE_MAX, &passphrase);
	else
		err = custodian_ask_passphrase("Passphrase: ", &passphrase);
	if (err)
		return keystore_say(err, why, "no passphrase could be had%s",
		    err == ERR_UNAVAILABLE ? ": there is no terminal" : "");
	factory_state_path(config, "keys", folder);
	err = custody_share_path(folder, unlock->custodian, path, why);
	if (!err)
		err = custody_open_file(
		    unlock->share_path ? unlock->share_path : path, &passphrase, share, why);
	secret_free(&passphrase);
	if (!err && share->number != unlock->custodian)
		err = keystore_say(
		    ERR_REFUSED, why, "this is the share of custodian %u", share->number);
	return err;
}

static int parse_unlock(struct unlock *unlock, int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i += 2) {
		int has_value = i + 1 < argc;

		if (is_option(argv[i], "--custodian", has_value) &&
		    parse_number(argv[i + 1], &unlock->custodian))
			continue;
		if (is_option(argv[i], "--share", has_value))
			unlock->share_path = argv[i + 1];
		else if (is_option(argv[i], "--passphrase-file", has_value))
			unlock->passphrase_path = argv[i + 1];
		else
			return 0;
	}
	return unlock->custodian > 0;
}

int key_unlock(const struct factory_config *config, int argc, char **argv)
{
	struct unlock unlock = {0};
	struct custody_share share = {0};
	struct signer_lock_state state = {0};
	char why[AUTHORITY_WHY_LEN] = "";
	enum err err;

	if (!parse_unlock(&unlock, argc, argv))
		return -1;
	sandbox_harden();
	err = authority_become_keeper(config, why);
	if (!err) {
		err = open_share(config, &unlock, &share, why);
		if (!err)
			err = ask_signer(config, SIGNER_UNLOCK, &share, &state, why);
		authority_become_ourselves();
	}
	custody_share_free(&share);
	if (!err)
		return show_state("key unlock", &state);
	command_say("key unlock: %s", why);
	return command_status(err);
}

int key_lock(const struct factory_config *config, int argc, char **argv)
{
	struct signer_lock_state state = {0};
	char why[AUTHORITY_WHY_LEN] = "";
	enum err err;

	(void)argv;
	if (argc > 0)
		return -1;
	err = authority_become_keeper(config, why);
	if (!err) {
		err = ask_signer(config, SIGNER_LOCK, NULL, &state, why);
		authority_become_ourselves();
	}
	if (!err)
		return show_state("key lock", &state);
	command_say("key lock: %s", why);
	return command_status(err);
}
