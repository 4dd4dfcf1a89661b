/*
 * The file of key uses: "firstring uses 1" and one big-endian u64 for each key, changed in place
 * under a lock of the file (flock). From HAND_AT on, what one process has in hand, a u64 for each
 * key in the machine's own order: it holds while that process keeps its lock on the first byte of
 * it, which no death leaves behind (fcntl). Runs in the signer, under its list of system calls, and
 * in commands.
 */
#include "factory-ca/signer/key_uses.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/log.h"

static const char magic[] = "firstring uses 1";

enum {
	MAGIC_LEN = sizeof(magic) - 1,
	COUNT_LEN = 8,
	HAND_AT = 1024,
	FILE_LEN = 2048,
};
_Static_assert(MAGIC_LEN + COUNT_LEN * CA_KEY_COUNT <= HAND_AT, "the counts have room");
_Static_assert(HAND_AT + COUNT_LEN * CA_KEY_COUNT <= FILE_LEN, "what is in hand has room");

struct key_uses {
	int fd;
	pthread_mutex_t lock;
	uint64_t left[CA_KEY_COUNT]; /* of the block in hand */
	uint8_t *map; /* of the file, where we tell that; NULL: another process does */
};

static struct flock hand_lock(short type)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = HAND_AT, .l_len = 1};
}

/* Others see it at once. */
static void tell(struct key_uses *uses, enum ca_key key)
{
	if (uses->map)
		atomic_store(
		    (_Atomic uint64_t *)(void *)(uses->map + HAND_AT) + key, uses->left[key]);
}

static uint64_t get_count(const uint8_t bytes[COUNT_LEN])
{
	struct cursor in = cursor_of(bytes, COUNT_LEN);

	return cursor_u64(&in);
}

static off_t offset_of(enum ca_key key)
{
	return MAGIC_LEN + COUNT_LEN * (off_t)key;
}

static enum err lock_file(int fd, int how)
{
	int code;

	do
		code = flock(fd, how);
	while (code != 0 && errno == EINTR);
	return code == 0 ? ERR_OK : ERR_IO;
}

/* Adds to a count and to what is in hand; a key that the file does not have yet has none. */
static enum err change(struct key_uses *uses, enum ca_key key, int64_t by)
{
	uint8_t bytes[COUNT_LEN] = {0};
	enum err err = ERR_IO;
	uint64_t count;
	int i;

	if (lock_file(uses->fd, LOCK_EX))
		return ERR_IO;
	if (pread(uses->fd, bytes, COUNT_LEN, offset_of(key)) >= 0) {
		count = get_count(bytes) + (uint64_t)by;
		for (i = 0; i < COUNT_LEN; i++)
			bytes[i] = (uint8_t)(count >> (56 - 8 * i));
		if (pwrite(uses->fd, bytes, COUNT_LEN, offset_of(key)) == COUNT_LEN &&
		    fdatasync(uses->fd) == 0)
			err = ERR_OK;
	}
	if (!err) {
		uses->left[key] += (uint64_t)by;
		tell(uses, key);
	}
	flock(uses->fd, LOCK_UN);
	return err;
}

/* Where nobody else does, and the file has room for it: else the count is too high for a while. */
static void begin_telling(struct key_uses *uses)
{
	static const uint8_t nothing[FILE_LEN - HAND_AT];
	struct flock mine = hand_lock(F_WRLCK);
	void *map;

	if (lock_file(uses->fd, LOCK_EX))
		return;
	/* What a dead process had in hand is gone before anybody could take it for ours. */
	if (fcntl(uses->fd, F_OFD_SETLK, &mine) == 0 &&
	    pwrite(uses->fd, nothing, sizeof(nothing), HAND_AT) == (ssize_t)sizeof(nothing)) {
		map = mmap(NULL, FILE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, uses->fd, 0);
		if (map != MAP_FAILED)
			uses->map = map;
	}
	flock(uses->fd, LOCK_UN);
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
	begin_telling(opened);
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
	if (uses->map)
		munmap(uses->map, FILE_LEN);
	close(uses->fd);
	pthread_mutex_destroy(&uses->lock);
	free(uses);
}

static void take_block(struct key_uses *uses, enum ca_key key)
{
	static struct log_gate gate;

	if (change(uses, key, KEY_USES_BLOCK) && log_gate_open(&gate))
		LOG_WARN("key_uses_not_written", log_errno());
}

void key_uses_add(struct key_uses *uses, enum ca_key key)
{
	CHECK(pthread_mutex_lock(&uses->lock) == 0);
	if (uses->left[key] == 0)
		take_block(uses, key);
	if (uses->left[key] > 0)
		uses->left[key]--;
	tell(uses, key);
	CHECK(pthread_mutex_unlock(&uses->lock) == 0);
}

/* What the process that tells it has in hand, and has not used yet. */
static void take_hand(int fd, uint64_t counts[CA_KEY_COUNT])
{
	struct flock lock = hand_lock(F_RDLCK);
	uint64_t left[CA_KEY_COUNT];
	int i;

	if (fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK ||
	    pread(fd, left, sizeof(left), HAND_AT) != (ssize_t)sizeof(left))
		return;
	for (i = 0; i < CA_KEY_COUNT; i++)
		counts[i] -= left[i] < counts[i] ? left[i] : counts[i];
}

enum err key_uses_read(const char *path, uint64_t counts[CA_KEY_COUNT], char *why)
{
	uint8_t bytes[MAGIC_LEN + COUNT_LEN * CA_KEY_COUNT] = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY), i;
	enum err err = ERR_OK;
	ssize_t len = -1;

	if (fd >= 0 && !lock_file(fd, LOCK_SH))
		len = pread(fd, bytes, sizeof(bytes), 0);
	else if (fd < 0 && errno == ENOENT)
		len = 0;
	if (len < 0)
		err = keystore_say(ERR_IO, why, "%s: %s", path, strerror(errno));
	else if (len > 0 && (len < MAGIC_LEN || memcmp(bytes, magic, MAGIC_LEN) != 0))
		err = keystore_say(ERR_SYNTAX, why, "%s is not a count of key uses", path);
	for (i = 0; i < CA_KEY_COUNT && !err; i++)
		counts[i] = get_count(bytes + offset_of((enum ca_key)i));
	if (fd >= 0 && !err)
		take_hand(fd, counts);
	if (fd >= 0)
		close(fd);
	return err;
}
