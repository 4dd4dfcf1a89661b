/*
 * Bytes that must not leak: locked against swapping, left out of core dumps, wiped before they go
 * back. Files read here are credentials, judged by their owner and mode before a byte is read.
 *
 * Short secrets (passwords, keys) share locked slabs: a mapping of its own would cost each one a
 * page of RLIMIT_MEMLOCK and several system calls on a hot path. A long one (a PEM file) has its
 * own mapping. A fork inherits the pages but not their lock (mlock(2)), so the child locks every
 * region again before fork returns to it. Thread-safe. Runs in every process.
 */
#include "common/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"

enum { SLOT_LEN = 64, SLAB_SLOTS = 256, SLAB_LEN = SLOT_LEN * SLAB_SLOTS };

struct region {
	struct region *next;
	uint8_t *bytes;
	size_t len;
	int is_slab;
	uint8_t used[SLAB_SLOTS]; /* of a slab: 1 where a slot is taken */
};

static struct region *regions;
static pthread_mutex_t regions_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_handlers_once = PTHREAD_ONCE_INIT;

void bytes_wipe(void *bytes, size_t len)
{
	if (len > 0)
		explicit_bzero(bytes, len);
}

static void region_lock_pages(const struct region *region)
{
	static int complained;

	if (mlock(region->bytes, region->len) == 0 || complained)
		return;
	complained = 1;
	LOG_WARN("secret_not_locked", log_errno(),
	    log_str("hint", "raise RLIMIT_MEMLOCK so that keys cannot be swapped out"));
}

static void fork_prepare(void)
{
	pthread_mutex_lock(&regions_lock);
}

static void fork_parent(void)
{
	pthread_mutex_unlock(&regions_lock);
}

static void fork_child(void)
{
	for (const struct region *region = regions; region != NULL; region = region->next)
		region_lock_pages(region);
	pthread_mutex_unlock(&regions_lock);
}

static void fork_handlers_install(void)
{
	CHECK(pthread_atfork(fork_prepare, fork_parent, fork_child) == 0);
}

static struct region *region_new(size_t len, int is_slab)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct region *region = calloc(1, sizeof *region);

	CHECK(region != NULL);
	region->is_slab = is_slab;
	region->len = (len + page - 1) / page * page;
	region->bytes =
	    mmap(NULL, region->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(region->bytes != MAP_FAILED);
	madvise(region->bytes, region->len, MADV_DONTDUMP);
	region_lock_pages(region);
	region->next = regions;
	regions = region;
	return region;
}

static uint8_t *slot_take(void)
{
	for (struct region *region = regions;; region = region->next) {
		if (region == NULL)
			region = region_new(SLAB_LEN, 1);
		uint8_t *slot = region->is_slab ? memchr(region->used, 0, SLAB_SLOTS) : NULL;
		if (slot == NULL)
			continue;
		*slot = 1;
		return region->bytes + (size_t)(slot - region->used) * SLOT_LEN;
	}
}

/* Gives wiped bytes back. Slabs stay for the next short secret. */
static void region_release(const uint8_t *bytes)
{
	struct region **link = &regions;

	while (*link != NULL && (bytes < (*link)->bytes || bytes >= (*link)->bytes + (*link)->len))
		link = &(*link)->next;
	struct region *region = *link;
	CHECK(region != NULL);
	if (region->is_slab) {
		region->used[(size_t)(bytes - region->bytes) / SLOT_LEN] = 0;
		return;
	}
	*link = region->next;
	munmap(region->bytes, region->len);
	free(region);
}

void secret_alloc(struct secret *secret, size_t len)
{
	CHECK(secret->bytes == NULL);
	CHECK(len < SIZE_MAX / 2);
	pthread_once(&fork_handlers_once, fork_handlers_install);
	pthread_mutex_lock(&regions_lock);
	secret->bytes = len < SLOT_LEN ? slot_take() : region_new(len + 1, 0)->bytes;
	pthread_mutex_unlock(&regions_lock);
	secret->len = len;
}

void secret_set(struct secret *secret, const void *bytes, size_t len)
{
	secret_alloc(secret, len);
	if (len > 0)
		memcpy(secret->bytes, bytes, len);
}

void secret_free(struct secret *secret)
{
	if (secret->bytes != NULL) {
		bytes_wipe(secret->bytes, secret->len);
		pthread_mutex_lock(&regions_lock);
		region_release(secret->bytes);
		pthread_mutex_unlock(&regions_lock);
	}
	*secret = (struct secret){0};
}

int bytes_equal_constant_time(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *left = a, *right = b;
	uint8_t difference = 0;

	for (size_t i = 0; i < len; i++)
		difference |= left[i] ^ right[i];
	return difference == 0;
}

int secret_equal(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && bytes_equal_constant_time(a->bytes, b->bytes, a->len);
}

int secret_locking_works(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	int works = mlock(page, size) == 0;
	munmap(page, size);
	return works;
}

static enum err credential_refuse(const char *path, const char *reason)
{
	LOG_ERROR("credential_refused", log_str("path", path), log_str("reason", reason));
	return ERR_DENIED;
}

/* systemd gives a service its credentials as files of root with an access list for the service's
 * user, which shows as group-readable. The folder is that service's alone. */
static int is_service_credential(const char *path, const struct stat *stat)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	size_t len = folder != NULL ? strlen(folder) : 0;

	return len > 0 && strncmp(path, folder, len) == 0 && path[len] == '/' &&
	       strstr(path + len, "/..") == NULL && stat->st_uid == 0 && stat->st_gid == 0 &&
	       (stat->st_mode & (S_IRWXG | S_IRWXO)) == S_IRGRP;
}

/* Who may have touched the file, told from the open descriptor. */
static enum err credential_check(int fd, const char *path, size_t max, size_t *len)
{
	struct stat stat;

	if (fstat(fd, &stat) != 0)
		return ERR_IO;
	if (!S_ISREG(stat.st_mode))
		return credential_refuse(path, "not a regular file");
	if (stat.st_uid != 0 && stat.st_uid != geteuid())
		return credential_refuse(path, "owned by neither root nor the user that runs this");
	if ((stat.st_mode & (S_IRWXG | S_IRWXO)) != 0 && !is_service_credential(path, &stat))
		return credential_refuse(
		    path, "others than its owner can read or write it: chmod 600");
	if (stat.st_size < 0 || (uint64_t)stat.st_size > max)
		return credential_refuse(path, "larger than such a file can be");
	*len = (size_t)stat.st_size;
	return ERR_OK;
}

enum err secret_read_file(const char *path, size_t max, struct secret *secret)
{
	struct secret read_in = {0};
	size_t len = 0, have = 0;
	enum err err = ERR_IO;

	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return ERR_IO;
	if ((err = credential_check(fd, path, max, &len)) != ERR_OK)
		goto out;
	secret_alloc(&read_in, len);
	while (have < len) {
		ssize_t got = read(fd, read_in.bytes + have, len - have);
		if (got < 0 && errno == EINTR)
			continue;
		err = ERR_IO;
		if (got < 0)
			goto out;
		if (got == 0)
			break;
		have += (size_t)got;
	}
	if (have > 0 && read_in.bytes[have - 1] == '\n')
		have--;
	secret_set(secret, read_in.bytes, have);
	err = ERR_OK;
out:
	secret_free(&read_in);
	close(fd);
	return err;
}
