/*
 * The file of key uses: "firstring uses 1" and one big-endian u64 for each key, changed in place
 * under a lock of the file. Runs in the signer, under its list of system calls, and in commands.
 */
#include "factory-ca/signer/key_uses.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/log.h"

static const char magic[] = "firstring uses 1";

enum { MAGIC_LEN = sizeof(magic) - 1, COUNT_LEN = 8 };

struct key_uses {
	int fd;
	pthread_mutex_t lock;
	uint64_t left[CA_KEY_COUNT]; /* of the block in hand */
};

static uint64_t get_count(const uint8_t bytes[COUNT_LEN])
{
	struct cursor in = cursor_of(bytes, COUNT_LEN);

	return cursor_u64(&in);
}

static off_t offset_of(enum ca_key key)
{
	return MAGIC_LEN + COUNT_LEN * (off_t)key;
}

/* Adds to a count; a key that the file does not have yet has none. */
static enum err change(struct key_uses *uses, enum ca_key key, int64_t by)
{
	uint8_t bytes[COUNT_LEN] = {0};
	enum err err = ERR_IO;
	uint64_t count;
	int i;

	if (flock(uses->fd, LOCK_EX) != 0)
		return ERR_IO;
	if (pread(uses->fd, bytes, COUNT_LEN, offset_of(key)) >= 0) {
		count = get_count(bytes) + (uint64_t)by;
		for (i = 0; i < COUNT_LEN; i++)
			bytes[i] = (uint8_t)(count >> (56 - 8 * i));
		if (pwrite(uses->fd, bytes, COUNT_LEN, offset_of(key)) == COUNT_LEN &&
		    fdatasync(uses->fd) == 0)
			err = ERR_OK;
	}
	flock(uses->fd, LOCK_UN);
	return err;
}

enum err key_uses_open(const char *path, struct key_uses **uses, char *why)
{
	uint8_t begin[MAGIC_LEN];
	struct key_uses *opened;
	ssize_t len = -1;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);

	if (fd >= 0)
		len = pread(fd, begin, sizeof(begin), 0);
	if (len == 0)
		len = pwrite(fd, magic, MAGIC_LEN, 0) == MAGIC_LEN
			  ? pread(fd, begin, sizeof(begin), 0)
			  : -1;
	if (len != MAGIC_LEN || memcmp(begin, magic, MAGIC_LEN) != 0) {
		if (len < 0)
			keystore_say(
			    ERR_IO, why, "%s cannot be written: %s", path, strerror(errno));
		else
			keystore_say(ERR_SYNTAX, why,
			    "%s is not a count of key uses; remove it to begin anew", path);
		if (fd >= 0)
			close(fd);
		return len < 0 ? ERR_IO : ERR_SYNTAX;
	}
	opened = calloc(1, sizeof(*opened));
	CHECK(opened != NULL);
	opened->fd = fd;
	CHECK(pthread_mutex_init(&opened->lock, NULL) == 0);
	*uses = opened;
	return ERR_OK;
}

void key_uses_free(struct key_uses *uses)
{
	int i;

	if (!uses)
		return;
	for (i = 0; i < CA_KEY_COUNT; i++)
		if (uses->left[i] && change(uses, (enum ca_key)i, -(int64_t)uses->left[i]))
			LOG_WARN("key_uses_not_written", log_errno());
	close(uses->fd);
	pthread_mutex_destroy(&uses->lock);
	free(uses);
}

static void take_block(struct key_uses *uses, enum ca_key key)
{
	static struct log_gate gate;

	if (!change(uses, key, KEY_USES_BLOCK))
		uses->left[key] = KEY_USES_BLOCK;
	else if (log_gate_open(&gate))
		LOG_WARN("key_uses_not_written", log_errno());
}

void key_uses_add(struct key_uses *uses, enum ca_key key)
{
	CHECK(pthread_mutex_lock(&uses->lock) == 0);
	if (uses->left[key] == 0)
		take_block(uses, key);
	if (uses->left[key] > 0)
		uses->left[key]--;
	CHECK(pthread_mutex_unlock(&uses->lock) == 0);
}

enum err key_uses_read(const char *path, uint64_t counts[CA_KEY_COUNT], char *why)
{
	uint8_t bytes[MAGIC_LEN + COUNT_LEN * CA_KEY_COUNT] = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY), i;
	ssize_t len = fd < 0 ? -1 : pread(fd, bytes, sizeof(bytes), 0);

	if (fd >= 0)
		close(fd);
	else if (errno == ENOENT)
		len = 0;
	if (len < 0)
		return keystore_say(ERR_IO, why, "%s: %s", path, strerror(errno));
	if (len > 0 && (len < MAGIC_LEN || memcmp(bytes, magic, MAGIC_LEN) != 0))
		return keystore_say(ERR_SYNTAX, why, "%s is not a count of key uses", path);
	for (i = 0; i < CA_KEY_COUNT; i++)
		counts[i] = get_count(bytes + offset_of((enum ca_key)i));
	return ERR_OK;
}
