/*
 * The last signed head of the audit chain. Its file has two places that are written in turn, so
 * that a power cut leaves one of them whole; it is opened before the list of system calls is in
 * force. Runs in the signer, which alone writes it.
 */
#include "factory-ca/signer/audit_heads.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"

enum { PLACE_LEN = 1024, PLACES = 2, MAGIC = 0x46414831 /* "FAH1" */, PATH_LEN = 4096 };

struct audit_heads {
	int fd;
	uint64_t counter; /* of heads written; 0: none yet */
	struct signed_audit_head last;
};

/* {magic, counter, line, SHA-256 of these}, zeros up to the end. */
static void write_place(
    uint64_t counter, const struct signed_audit_head *head, uint8_t place[PLACE_LEN])
{
	struct buf bytes = {0}, line = {0};
	uint8_t digest[SHA256_LEN];

	audit_head_put_line(&line, head);
	buf_put_u32(&bytes, MAGIC);
	buf_put_u64(&bytes, counter);
	buf_put_u16(&bytes, (uint16_t)line.len);
	buf_put(&bytes, line.bytes, line.len);
	sha256(bytes.bytes, bytes.len, digest);
	buf_put(&bytes, digest, sizeof(digest));
	CHECK(bytes.len <= PLACE_LEN);
	memset(place, 0, PLACE_LEN);
	memcpy(place, bytes.bytes, bytes.len);
	buf_free(&bytes);
	buf_free(&line);
}

/* The counter of a place, 0 when it holds no whole head. */
static uint64_t read_place(const uint8_t place[PLACE_LEN], struct signed_audit_head *head)
{
	struct cursor in = cursor_of(place, PLACE_LEN);
	uint32_t magic = cursor_u32(&in);
	uint64_t counter = cursor_u64(&in);
	size_t line_len = cursor_u16(&in);
	const uint8_t *line = cursor_bytes(&in, line_len), *digest = cursor_bytes(&in, SHA256_LEN);
	uint8_t found[SHA256_LEN];

	if (in.err || magic != MAGIC || line_len == 0)
		return 0;
	sha256(place, (size_t)(digest - place), found);
	if (memcmp(found, digest, SHA256_LEN) != 0 ||
	    audit_head_parse_line((const char *)line, line_len - 1, head))
		return 0;
	return counter;
}

static enum err load(struct audit_heads *heads, const char *path, char *why)
{
	static const uint8_t empty[PLACE_LEN];
	uint8_t places[PLACES][PLACE_LEN] = {{0}};
	struct signed_audit_head head = {0};
	int i, is_used = 0;

	if (pread(heads->fd, places, sizeof(places), 0) < 0) {
		snprintf(why, AUDIT_HEADS_WHY_LEN, "%s cannot be read: %s", path, strerror(errno));
		return ERR_IO;
	}
	for (i = 0; i < PLACES; i++) {
		uint64_t counter = read_place(places[i], &head);

		is_used |= memcmp(places[i], empty, PLACE_LEN) != 0;
		if (counter <= heads->counter)
			continue;
		heads->counter = counter;
		heads->last = head;
	}
	if (!is_used || heads->counter)
		return ERR_OK;
	snprintf(why, AUDIT_HEADS_WHY_LEN,
	    "%s was altered: it holds no whole head; find out who changed it, and put it back from "
	    "its backup",
	    path);
	return ERR_SIGNATURE;
}

static enum err open_file(struct audit_heads *heads, const char *path, int may_write, char *why)
{
	struct stat st;

	heads->fd = open(path, (may_write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	if (heads->fd < 0 && errno == ENOENT && may_write) {
		LOG_INFO("audit_heads_begin", log_str("file", path));
		heads->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (heads->fd >= 0 && file_sync_folder(path)) {
			snprintf(why, AUDIT_HEADS_WHY_LEN, "%s: %s", path, strerror(errno));
			return ERR_IO;
		}
	}
	if (heads->fd < 0 || fstat(heads->fd, &st) != 0) {
		snprintf(
		    why, AUDIT_HEADS_WHY_LEN, "%s cannot be opened: %s", path, strerror(errno));
		return ERR_IO;
	}
	if (S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 077))
		return ERR_OK;
	snprintf(why, AUDIT_HEADS_WHY_LEN,
	    "%s must be a regular file of the signer's user with mode 0600", path);
	return ERR_DENIED;
}

static enum err open_and_load(
    const char *folder, int may_write, struct audit_heads **heads, char *why)
{
	struct audit_heads *made = calloc(1, sizeof(*made));
	char path[PATH_LEN];
	enum err err;
	int n;

	CHECK(made != NULL);
	made->fd = -1;
	n = snprintf(path, sizeof(path), "%s/audit.head", folder);
	CHECK(n > 0 && n < PATH_LEN);
	err = open_file(made, path, may_write, why);
	if (!err)
		err = load(made, path, why);
	if (err) {
		audit_heads_free(made);
		return err;
	}
	*heads = made;
	return ERR_OK;
}

enum err audit_heads_open(
    const char *folder, struct audit_heads **heads, char why[AUDIT_HEADS_WHY_LEN])
{
	return open_and_load(folder, 1, heads, why);
}

enum err audit_heads_read_last(
    const char *folder, struct signed_audit_head *head, char why[AUDIT_HEADS_WHY_LEN])
{
	struct audit_heads *heads = NULL;
	enum err err = open_and_load(folder, 0, &heads, why);

	if (err)
		return err;
	*head = heads->last;
	audit_heads_free(heads);
	return ERR_OK;
}

void audit_heads_free(struct audit_heads *heads)
{
	if (!heads)
		return;
	if (heads->fd >= 0)
		close(heads->fd);
	free(heads);
}

static enum err keep(struct audit_heads *heads, const struct signed_audit_head *head)
{
	uint64_t counter = heads->counter + 1;
	uint8_t place[PLACE_LEN];

	write_place(counter, head, place);
	if (pwrite(heads->fd, place, PLACE_LEN, (off_t)(counter % PLACES) * PLACE_LEN) !=
		PLACE_LEN ||
	    fdatasync(heads->fd) != 0) {
		LOG_ERROR("audit_head_not_kept", log_errno());
		return ERR_UNAVAILABLE;
	}
	heads->counter = counter;
	heads->last = *head;
	return ERR_OK;
}

static enum audit_head_outcome judge(const struct audit_head *last,
    const struct signer_audit_end *end, const struct fingerprint *issuer, int64_t now_unix_s)
{
	if (end->chain_seq < last->chain_seq)
		return AUDIT_HEAD_BACKWARDS;
	if (end->chain_seq > last->chain_seq)
		return AUDIT_HEAD_SIGNED;
	if (memcmp(end->row_hash, last->row_hash, SHA256_LEN) != 0)
		return AUDIT_HEAD_FORK;
	return now_unix_s - last->at_unix_s < AUDIT_HEAD_RENEW_S &&
		       memcmp(issuer->bytes, last->issuer.bytes, SHA256_LEN) == 0
		   ? AUDIT_HEAD_SAME
		   : AUDIT_HEAD_SIGNED;
}

static enum err sign_next(struct audit_heads *heads, struct keystore *store, enum ca_key key,
    const struct audit_head *head, struct signed_audit_head *signed_head)
{
	struct buf signature = {0};
	enum err err;

	audit_head_write(head, signed_head->text);
	err = keystore_sign(store, key, signed_head->text, strlen(signed_head->text), &signature);
	if (!err)
		err = keystore_verify(
		    store, key, signed_head->text, strlen(signed_head->text), &signature);
	if (!err) {
		CHECK(signature.len <= AUDIT_HEAD_SIGNATURE_MAX);
		memcpy(signed_head->signature, signature.bytes, signature.len);
		signed_head->signature_len = signature.len;
		err = keep(heads, signed_head);
	}
	buf_free(&signature);
	return err ? ERR_UNAVAILABLE : ERR_OK;
}

enum err audit_heads_sign(struct audit_heads *heads, struct keystore *store, enum ca_key key,
    const struct fingerprint *issuer, const struct signer_audit_end *end, int64_t now_unix_s,
    struct signer_audit_head_is *answer)
{
	struct signer_audit_head_is made = {.outcome = AUDIT_HEAD_SIGNED, .last = heads->last};
	struct audit_head last = {0}, next = {.chain_seq = end->chain_seq,
					  .at_unix_s = now_unix_s,
					  .issuer = *issuer};
	enum err err = ERR_OK;

	if (heads->counter) {
		CHECK(!audit_head_parse(heads->last.text, strlen(heads->last.text), &last));
		made.outcome = judge(&last, end, issuer, now_unix_s);
		audit_head_digest(heads->last.text, next.previous);
	}
	if (made.outcome == AUDIT_HEAD_SIGNED && now_unix_s < last.at_unix_s)
		return ERR_UNAVAILABLE;
	if (made.outcome == AUDIT_HEAD_SIGNED) {
		memcpy(next.row_hash, end->row_hash, SHA256_LEN);
		made.before = heads->last;
		err = sign_next(heads, store, key, &next, &made.last);
	}
	if (!err)
		*answer = made;
	return err;
}
