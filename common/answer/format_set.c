/* Reads the formats folder. See format_set.h. */
#include "common/answer/format_set.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 64 * 1024, NAME_MAX_LEN = 64 };

struct format_set {
	struct format **formats;
	size_t count;
};

static const char SUFFIX[] = ".format";

/* The length of the format's name in a file name; 0 when it is no format file. */
static size_t name_len(const char *file_name)
{
	size_t len = strlen(file_name), suffix = sizeof(SUFFIX) - 1;

	if (*file_name == '.' || len <= suffix || len - suffix > NAME_MAX_LEN ||
	    strcmp(file_name + len - suffix, SUFFIX) != 0)
		return 0;
	return len - suffix;
}

static enum err read_whole(int folder_fd, const char *file_name, struct buf *text)
{
	char piece[4096];
	ssize_t got;

	int fd = openat(folder_fd, file_name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	while ((got = read(fd, piece, sizeof(piece))) > 0)
		buf_put(text, piece, (size_t)got);
	int saved = errno;
	close(fd);
	errno = saved;
	return got < 0 ? ERR_IO : text->err;
}

static enum err add_file(struct format_set *set, int folder_fd, const char *folder,
    const char *file_name, char *why, size_t why_len)
{
	char name[NAME_MAX_LEN + 1] = {0};
	struct buf text;
	struct format *format = NULL;

	buf_init(&text, FILE_MAX);
	memcpy(name, file_name, name_len(file_name));
	enum err err = read_whole(folder_fd, file_name, &text);
	if (err != ERR_OK) {
		snprintf(why, why_len, "%s/%s: %s", folder, file_name,
		    err == ERR_TOO_LONG ? "larger than 64 KiB" : strerror(errno));
		goto out;
	}
	err = format_parse(name, text.bytes != NULL ? (const char *)text.bytes : "", text.len,
	    &format, why, why_len);
	if (err != ERR_OK)
		goto out;
	set->formats = reallocarray(set->formats, set->count + 1, sizeof(struct format *));
	CHECK(set->formats != NULL);
	set->formats[set->count++] = format;
out:
	buf_free(&text);
	return err;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(format_name(*(const struct format *const *)a),
	    format_name(*(const struct format *const *)b));
}

enum err format_set_load(const char *folder, struct format_set **set, char *why, size_t why_len)
{
	struct format_set *made = NULL;
	enum err err = ERR_IO;
	struct dirent *entry;

	DIR *dir = opendir(folder);
	if (dir == NULL) {
		snprintf(why, why_len, "%s: %s", folder, strerror(errno));
		return ERR_IO;
	}
	made = calloc(1, sizeof(*made));
	CHECK(made != NULL);
	while ((errno = 0, entry = readdir(dir)) != NULL) {
		if (name_len(entry->d_name) == 0)
			continue;
		err = add_file(made, dirfd(dir), folder, entry->d_name, why, why_len);
		if (err != ERR_OK)
			goto out;
	}
	if (errno != 0) {
		snprintf(why, why_len, "%s: %s", folder, strerror(errno));
		err = ERR_IO;
		goto out;
	}
	if (made->count == 0) {
		snprintf(why, why_len, "%s: no *.format file in it", folder);
		err = ERR_NOT_FOUND;
		goto out;
	}
	qsort(made->formats, made->count, sizeof(struct format *), by_name);
	*set = made;
	made = NULL;
	err = ERR_OK;
out:
	closedir(dir);
	format_set_free(made);
	return err;
}

void format_set_free(struct format_set *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->count; i++)
		format_free(set->formats[i]);
	free(set->formats);
	free(set);
}

const struct format *format_set_find(const struct format_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++) {
		if (strcmp(format_name(set->formats[i]), name) == 0)
			return set->formats[i];
	}
	return NULL;
}

size_t format_set_count(const struct format_set *set)
{
	return set->count;
}

const struct format *format_set_at(const struct format_set *set, size_t index)
{
	CHECK(index < set->count);
	return set->formats[index];
}
