/*
 * Ledger files: written by the signer alone, verified whole when opened. What is not exactly what
 * was written is refused with the file and the entry that is wrong; only an unfinished tail behind
 * the head is cut. It judges nothing that the entries say.
 */
#include "factory-ca/signer/ledger_file.h"
#include "factory-ca/signer/ledger_witness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/text.h"

static const char records_name[] = "ledger", journal_name[] = "journal",
		  head_name[] = "ledger.head", witnessed_name[] = "witnessed";
static const char records_magic[] = "firstring ledger 1\n",
		  journal_magic[] = "firstring journal 1\n";

enum {
	STATEMENT_MAGIC = 0x464c4a31, /* "FLJ1" */
	STATEMENT_HEAD_LEN = 4 + 4 + 8,
	STATEMENT_LEN_MAX = 16 * 1024,
	INSTANCE_LEN = 16,
	READ_RECORDS = 1024, /* at a time */
	PATH_LEN = 4096,
};

static enum err fail(enum err err, char *why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum err fail(enum err err, char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, LEDGER_WHY_LEN, format, args);
	va_end(args);
	return err;
}

static const char advice[] =
    "the signer does not start on it; keep the folder as it is, find out who changed it, and put "
    "the ledger back from its backup";

/* SHA-256 of the hash so far and the next bytes. */
static void chain_on(uint8_t chain[SHA256_LEN], const void *bytes, size_t len)
{
	struct buf both = {0};

	buf_put(&both, chain, SHA256_LEN);
	buf_put(&both, bytes, len);
	sha256(both.bytes, both.len, chain);
	buf_free(&both);
}

/* The head follows what it vouches for: never before its fsync. */
static enum err write_head(const struct ledger_files *files, int durable)
{
	struct ledger_head head = {.record_count = files->record_count,
	    .journal_len = files->journal_len,
	    .latest_unix_s = files->latest_unix_s};
	uint8_t bytes[LEDGER_HEAD_LEN];

	memcpy(head.record_chain, files->record_chain, SHA256_LEN);
	memcpy(head.journal_chain, files->journal_chain, SHA256_LEN);
	ledger_head_encode(&head, bytes);
	if (pwrite(files->head_fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return ERR_IO;
	if (files->witness && !files->is_older)
		ledger_witness_write(files->witness, bytes, durable);
	if (durable && fdatasync(files->head_fd) != 0)
		return ERR_IO;
	return ERR_OK;
}

static enum err path_of(const char *folder, const char *name, char path[PATH_LEN], char *why)
{
	int n = snprintf(path, PATH_LEN, "%s/%s", folder, name);

	if (n < 0 || n >= PATH_LEN)
		return fail(ERR_TOO_LONG, why, "the name of the state folder is too long");
	return ERR_OK;
}

static void make_header(const char *file_magic, uint8_t header[LEDGER_HEADER_LEN])
{
	memset(header, 0, LEDGER_HEADER_LEN);
	memcpy(header, file_magic, strlen(file_magic));
	random_fill(header + 32, INSTANCE_LEN);
}

static enum err create_file(
    const char *folder, const char *name, const void *bytes, size_t len, char *why)
{
	char path[PATH_LEN];
	enum err err = path_of(folder, name, path, why);

	if (err)
		return err;
	err = file_write_new(path, 0600, bytes, len);
	if (err == ERR_EXISTS)
		return fail(err, why, "%s is there already and is never overwritten", path);
	if (err)
		return fail(err, why, "%s cannot be written: %s", path, strerror(errno));
	return ERR_OK;
}

enum err ledger_files_create(const char *folder, char why[LEDGER_WHY_LEN])
{
	uint8_t records[LEDGER_HEADER_LEN], journal[LEDGER_HEADER_LEN], bytes[LEDGER_HEAD_LEN];
	struct ledger_head head = {.journal_len = LEDGER_HEADER_LEN};
	enum err err;

	make_header(records_magic, records);
	make_header(journal_magic, journal);
	sha256(records, sizeof(records), head.record_chain);
	sha256(journal, sizeof(journal), head.journal_chain);
	ledger_head_encode(&head, bytes);
	err = create_file(folder, records_name, records, sizeof(records), why);
	if (!err)
		err = create_file(folder, journal_name, journal, sizeof(journal), why);
	if (!err)
		err = create_file(folder, head_name, bytes, sizeof(bytes), why);
	return err;
}

static enum err open_file(const char *folder, const char *name, int *fd, char *why)
{
	char path[PATH_LEN];
	enum err err = path_of(folder, name, path, why);
	struct stat st;

	if (err)
		return err;
	*fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	if (*fd < 0 && errno == ENOENT)
		return fail(ERR_NOT_FOUND, why,
		    "%s is not there: run \"factory-ca init\" once, or put the whole folder back "
		    "from its backup",
		    path);
	if (*fd < 0 || fstat(*fd, &st) != 0)
		return fail(ERR_IO, why, "%s cannot be opened: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 077)
		return fail(ERR_DENIED, why,
		    "%s must be a regular file of user %u with mode 0600; it belongs to user %u "
		    "and has mode %04o",
		    path, geteuid(), st.st_uid, st.st_mode & 07777);
	return ERR_OK;
}

static enum err read_at(int fd, void *bytes, size_t len, uint64_t offset)
{
	uint8_t *next = bytes;

	while (len > 0) {
		ssize_t got = pread(fd, next, len, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return ERR_IO;
		next += got;
		offset += (uint64_t)got;
		len -= (size_t)got;
	}
	return ERR_OK;
}

static enum err size_of(int fd, uint64_t *size)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return ERR_IO;
	*size = (uint64_t)st.st_size;
	return ERR_OK;
}

static int all_zero(const uint8_t *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (bytes[i])
			return 0;
	return 1;
}

static enum err read_header(
    int fd, const char *name, const char *file_magic, uint8_t chain[SHA256_LEN], char *why)
{
	uint8_t header[LEDGER_HEADER_LEN];

	if (read_at(fd, header, sizeof(header), 0) ||
	    memcmp(header, file_magic, strlen(file_magic)) != 0)
		return fail(ERR_SIGNATURE, why,
		    "%s was altered: it does not begin as it should; %s", name, advice);
	sha256(header, sizeof(header), chain);
	return ERR_OK;
}

static enum err cut_tail(int fd, const char *name, uint64_t from, uint64_t to, char *why)
{
	LOG_WARN("ledger_tail_cut", log_str("file", name), log_uint("from", from),
	    log_uint("bytes", to - from),
	    log_str("meaning", "a power cut left an unfinished group that nobody was told of"));
	if (ftruncate(fd, (off_t)from) != 0 || fsync(fd) != 0)
		return fail(ERR_IO, why, "%s: the tail cannot be cut: %s", name, strerror(errno));
	return ERR_OK;
}

/* What a witness saw of a file, and whether it is there. */
struct seen {
	uint64_t at; /* records, or bytes of the journal */
	const uint8_t *chain; /* NULL: it saw nothing */
	int is_there;
};

static void look(struct seen *seen, uint64_t at, const uint8_t chain[SHA256_LEN])
{
	if (seen && seen->chain && seen->at == at)
		seen->is_there = memcmp(seen->chain, chain, SHA256_LEN) == 0;
}

/* Reads records while they fit; *stop is where the first one that does not begins. */
static enum err read_records(int fd, uint64_t from_count, uint64_t to_count,
    uint8_t chain[SHA256_LEN], const struct ledger_reader *reader, struct seen *seen,
    uint64_t *stop, int64_t *latest_unix_s, char *why)
{
	static uint8_t block[READ_RECORDS * LEDGER_RECORD_LEN];
	struct ledger_entry entry;
	uint64_t done = from_count;
	enum err err;
	size_t count, i;

	look(seen, done, chain);
	while (done < to_count) {
		count = to_count - done < READ_RECORDS ? (size_t)(to_count - done) : READ_RECORDS;
		if (read_at(fd, block, count * LEDGER_RECORD_LEN,
			LEDGER_HEADER_LEN + done * LEDGER_RECORD_LEN))
			return fail(
			    ERR_IO, why, "%s cannot be read: %s", records_name, strerror(errno));
		for (i = 0; i < count; i++, done++) {
			if (ledger_entry_decode(
				block + i * LEDGER_RECORD_LEN, done + 1, chain, &entry)) {
				*stop = done;
				return ERR_OK;
			}
			if (entry.not_before_unix_s > *latest_unix_s)
				*latest_unix_s = entry.not_before_unix_s;
			look(seen, done + 1, chain);
			err = reader->on_record(reader->ctx, &entry, why);
			if (err)
				return err;
		}
	}
	*stop = done;
	return ERR_OK;
}

/* What lies behind the head and does not fit: torn when short, or when the disk gave zeros. */
static int is_torn_record(int fd, uint64_t offset, uint64_t size)
{
	uint8_t record[LEDGER_RECORD_LEN];

	if (size - offset > (uint64_t)LEDGER_GROUP_MAX * LEDGER_RECORD_LEN)
		return 0;
	if (size - offset < LEDGER_RECORD_LEN)
		return 1;
	return !read_at(fd, record, sizeof(record), offset) && all_zero(record, sizeof(record));
}

static enum err open_records(struct ledger_files *files, const struct ledger_head *head,
    const struct ledger_reader *reader, struct seen *seen, char *why)
{
	uint64_t size = 0, count, stop = 0, offset;
	enum err err;

	err = read_header(files->records_fd, records_name, records_magic, files->record_chain, why);
	if (err)
		return err;
	if (size_of(files->records_fd, &size))
		return fail(ERR_IO, why, "%s: %s", records_name, strerror(errno));
	count = (size - LEDGER_HEADER_LEN) / LEDGER_RECORD_LEN;
	if (count < head->record_count)
		return fail(ERR_SIGNATURE, why,
		    "%s holds %llu records and should hold at least %llu: its end was cut; %s",
		    records_name, (unsigned long long)count, (unsigned long long)head->record_count,
		    advice);
	err = read_records(files->records_fd, 0, head->record_count, files->record_chain, reader,
	    seen, &stop, &files->latest_unix_s, why);
	if (err)
		return err;
	if (stop < head->record_count ||
	    memcmp(files->record_chain, head->record_chain, SHA256_LEN) != 0)
		return fail(ERR_SIGNATURE, why, "%s: record %llu was altered; %s", records_name,
		    (unsigned long long)(stop < head->record_count ? stop + 1 : stop), advice);
	err = read_records(files->records_fd, head->record_count, count, files->record_chain,
	    reader, seen, &stop, &files->latest_unix_s, why);
	if (err)
		return err;
	files->record_count = stop;
	offset = LEDGER_HEADER_LEN + stop * LEDGER_RECORD_LEN;
	if (offset == size)
		return ERR_OK;
	if (!is_torn_record(files->records_fd, offset, size))
		return fail(ERR_SIGNATURE, why, "%s: record %llu was altered; %s", records_name,
		    (unsigned long long)(stop + 1), advice);
	return cut_tail(files->records_fd, records_name, offset, size, why);
}

/* One journal entry at *offset. ERR_MORE: it is not all there (or zeros); ERR_SIGNATURE: altered;
 * other errors have their `why`. */
static enum err read_statement(struct ledger_files *files, uint64_t *offset, uint64_t size,
    const struct ledger_reader *reader, char *why)
{
	uint8_t entry[STATEMENT_HEAD_LEN + STATEMENT_LEN_MAX + SHA256_LEN];
	uint8_t chain[SHA256_LEN];
	struct cursor in;
	uint64_t left = size - *offset;
	uint32_t entry_magic, len;
	int64_t accepted;

	if (left < STATEMENT_HEAD_LEN)
		return ERR_MORE;
	if (read_at(files->journal_fd, entry, STATEMENT_HEAD_LEN, *offset))
		return fail(ERR_IO, why, "%s cannot be read: %s", journal_name, strerror(errno));
	in = cursor_of(entry, STATEMENT_HEAD_LEN);
	entry_magic = cursor_u32(&in);
	len = cursor_u32(&in);
	accepted = (int64_t)cursor_u64(&in);
	if (all_zero(entry, STATEMENT_HEAD_LEN))
		return ERR_MORE;
	if (entry_magic != STATEMENT_MAGIC || len == 0 || len > STATEMENT_LEN_MAX)
		return ERR_SIGNATURE;
	if (left < STATEMENT_HEAD_LEN + len + SHA256_LEN)
		return ERR_MORE;
	if (read_at(files->journal_fd, entry, STATEMENT_HEAD_LEN + len + SHA256_LEN, *offset))
		return fail(ERR_IO, why, "%s cannot be read: %s", journal_name, strerror(errno));
	memcpy(chain, files->journal_chain, SHA256_LEN);
	chain_on(chain, entry, STATEMENT_HEAD_LEN + len);
	if (memcmp(chain, entry + STATEMENT_HEAD_LEN + len, SHA256_LEN) != 0)
		return ERR_SIGNATURE;
	/* What the reader says about it is not a matter of torn or altered bytes. */
	if (reader->on_statement(
		reader->ctx, accepted, cursor_of(entry + STATEMENT_HEAD_LEN, len), why))
		return ERR_REFUSED;
	if (accepted > files->latest_unix_s)
		files->latest_unix_s = accepted;
	memcpy(files->journal_chain, chain, SHA256_LEN);
	*offset += STATEMENT_HEAD_LEN + len + SHA256_LEN;
	return ERR_OK;
}

static enum err open_journal(struct ledger_files *files, const struct ledger_head *head,
    const struct ledger_reader *reader, struct seen *seen, char *why)
{
	uint64_t size = 0, offset = LEDGER_HEADER_LEN;
	enum err err;

	err =
	    read_header(files->journal_fd, journal_name, journal_magic, files->journal_chain, why);
	if (err)
		return err;
	if (size_of(files->journal_fd, &size))
		return fail(ERR_IO, why, "%s: %s", journal_name, strerror(errno));
	if (size < head->journal_len)
		return fail(ERR_SIGNATURE, why,
		    "%s has %llu bytes and should have at least %llu: "
		    "its end was cut; %s",
		    journal_name, (unsigned long long)size, (unsigned long long)head->journal_len,
		    advice);
	look(seen, offset, files->journal_chain);
	while (!err && offset < size) {
		err = read_statement(files, &offset, size, reader, why);
		look(seen, offset, files->journal_chain);
		if (offset == head->journal_len &&
		    memcmp(files->journal_chain, head->journal_chain, SHA256_LEN) != 0)
			err = ERR_SIGNATURE;
	}
	files->journal_len = offset;
	if (err == ERR_MORE && offset >= head->journal_len)
		return cut_tail(files->journal_fd, journal_name, offset, size, why);
	if (err == ERR_SIGNATURE || err == ERR_MORE)
		return fail(ERR_SIGNATURE, why, "%s was altered at byte %llu; %s", journal_name,
		    (unsigned long long)offset, advice);
	return err;
}

/* A folder that once had a witness says so: a machine that it is put back on has none. */
static enum err mark_witnessed(const char *folder, struct ledger_files *files, char *why)
{
	char path[PATH_LEN];
	enum err err = path_of(folder, witnessed_name, path, why);

	if (err || !files->witness->is_empty)
		return err;
	err = file_write_new(path, 0600, "", 0);
	if (err == ERR_EXISTS) {
		files->is_older = 1;
		return ERR_OK;
	}
	return err ? fail(err, why, "%s cannot be written: %s", path, strerror(errno)) : ERR_OK;
}

static enum err ask_witness(const char *folder, struct ledger_files *files, struct seen *statements,
    struct seen *records, char *why)
{
	const struct ledger_head *head;

	if (!files->witness)
		return ERR_OK;
	head = &files->witness->head;
	if (!files->witness->is_empty) {
		*statements = (struct seen){.at = head->journal_len, .chain = head->journal_chain};
		*records = (struct seen){.at = head->record_count, .chain = head->record_chain};
	}
	return mark_witnessed(folder, files, why);
}

static enum err open_all(
    const char *folder, const struct ledger_reader *reader, struct ledger_files *files, char *why)
{
	uint8_t bytes[LEDGER_HEAD_LEN];
	struct ledger_head head = {0};
	struct seen statements = {0}, records = {0};
	enum err err;

	err = open_file(folder, head_name, &files->head_fd, why);
	if (err)
		return err;
	if (flock(files->head_fd, LOCK_EX | LOCK_NB) != 0)
		return fail(ERR_FULL, why, "another signer has %s/%s in use", folder, head_name);
	if (read_at(files->head_fd, bytes, sizeof(bytes), 0) || ledger_head_decode(bytes, &head))
		return fail(ERR_SIGNATURE, why, "%s was altered; %s", head_name, advice);
	err = open_file(folder, journal_name, &files->journal_fd, why);
	if (!err)
		err = open_file(folder, records_name, &files->records_fd, why);
	if (!err)
		err = ask_witness(folder, files, &statements, &records, why);
	if (!err)
		err = open_journal(files, &head, reader, &statements, why);
	if (!err)
		err = open_records(files, &head, reader, &records, why);
	if (err)
		return err;
	if ((statements.chain && !statements.is_there) || (records.chain && !records.is_there))
		files->is_older = 1;
	if (head.latest_unix_s > files->latest_unix_s)
		files->latest_unix_s = head.latest_unix_s;
	if (lseek(files->records_fd, 0, SEEK_END) < 0 ||
	    lseek(files->journal_fd, 0, SEEK_END) < 0 || write_head(files, 1))
		return fail(ERR_IO, why, "%s cannot be written: %s", head_name, strerror(errno));
	return ERR_OK;
}

enum err ledger_files_restored(struct ledger_files *files)
{
	files->is_older = 0;
	return write_head(files, 1);
}

enum err ledger_files_open(const char *folder, struct ledger_witness *witness,
    const struct ledger_reader *reader, struct ledger_files *files, char why[LEDGER_WHY_LEN])
{
	enum err err;

	memset(files, 0, sizeof(*files));
	files->witness = witness;
	files->records_fd = files->journal_fd = files->head_fd = -1;
	err = open_all(folder, reader, files, why);
	if (err)
		ledger_files_close(files);
	return err;
}

void ledger_files_close(struct ledger_files *files)
{
	if (files->head_fd >= 0)
		close(files->head_fd);
	if (files->records_fd >= 0)
		close(files->records_fd);
	if (files->journal_fd >= 0)
		close(files->journal_fd);
	files->records_fd = files->journal_fd = files->head_fd = -1;
	buf_free(&files->group);
}

void ledger_files_add(struct ledger_files *files, const struct ledger_entry *entry)
{
	uint8_t record[LEDGER_RECORD_LEN];

	CHECK(files->group_count < LEDGER_GROUP_MAX);
	if (files->group_count == 0) {
		memcpy(files->group_chain, files->record_chain, SHA256_LEN);
		files->group_latest_unix_s = files->latest_unix_s;
	}
	files->group_count++;
	ledger_entry_encode(
	    entry, files->record_count + files->group_count, files->group_chain, record);
	buf_put(&files->group, record, sizeof(record));
	if (entry->not_before_unix_s > files->group_latest_unix_s)
		files->group_latest_unix_s = entry->not_before_unix_s;
}

/* Takes back what was written of an entry that did not become whole. */
static void take_back(struct ledger_files *files, int fd, const char *name, uint64_t len)
{
	LOG_ERROR("ledger_write_failed", log_str("file", name), log_errno());
	if (ftruncate(fd, (off_t)len) != 0 || lseek(fd, 0, SEEK_END) < 0) {
		LOG_ERROR("ledger_broken", log_str("file", name), log_errno());
		files->broken = 1;
	}
}

/* After a failed fsync nobody knows what is on the disk, and asking again may wrongly say "all is
 * well": the process must start anew and read what is there. */
static enum err sync_or_break(struct ledger_files *files, int fd, const char *name)
{
	if (fdatasync(fd) == 0)
		return ERR_OK;
	LOG_ERROR("ledger_broken", log_str("file", name), log_errno());
	files->broken = 1;
	return ERR_IO;
}

enum err ledger_files_commit(struct ledger_files *files)
{
	enum err err = files->broken ? ERR_IO : ERR_OK;

	if (files->group_count == 0)
		return err;
	if (!err) {
		err = file_write_all(files->records_fd, files->group.bytes, files->group.len);
		if (err)
			take_back(files, files->records_fd, records_name,
			    LEDGER_HEADER_LEN + files->record_count * LEDGER_RECORD_LEN);
		else
			err = sync_or_break(files, files->records_fd, records_name);
	}
	if (!err) {
		files->record_count += files->group_count;
		memcpy(files->record_chain, files->group_chain, SHA256_LEN);
		files->latest_unix_s = files->group_latest_unix_s;
		/* The head may be behind after a power cut; it is a lower bound. */
		if (write_head(files, 0))
			LOG_WARN("ledger_head_behind", log_errno());
	}
	files->group_count = 0;
	buf_clear(&files->group);
	return err;
}

enum err ledger_files_add_statement(
    struct ledger_files *files, int64_t accepted_unix_s, const struct buf *statement)
{
	uint8_t chain[SHA256_LEN];
	struct buf entry = {0};
	enum err err = files->broken ? ERR_IO : ERR_OK;

	CHECK(statement->len > 0 && statement->len <= STATEMENT_LEN_MAX);
	memcpy(chain, files->journal_chain, SHA256_LEN);
	buf_put_u32(&entry, STATEMENT_MAGIC);
	buf_put_u32(&entry, (uint32_t)statement->len);
	buf_put_u64(&entry, (uint64_t)accepted_unix_s);
	buf_put(&entry, statement->bytes, statement->len);
	chain_on(chain, entry.bytes, entry.len);
	buf_put(&entry, chain, SHA256_LEN);
	if (!err) {
		err = file_write_all(files->journal_fd, entry.bytes, entry.len);
		if (err)
			take_back(files, files->journal_fd, journal_name, files->journal_len);
		else
			err = sync_or_break(files, files->journal_fd, journal_name);
	}
	if (!err) {
		files->journal_len += entry.len;
		memcpy(files->journal_chain, chain, SHA256_LEN);
		if (accepted_unix_s > files->latest_unix_s)
			files->latest_unix_s = accepted_unix_s;
		if (write_head(files, 1))
			LOG_WARN("ledger_head_behind", log_errno());
	}
	buf_free(&entry);
	return err;
}

enum err ledger_files_read_records(
    const struct ledger_files *files, const struct ledger_reader *reader, char why[LEDGER_WHY_LEN])
{
	uint8_t chain[SHA256_LEN];
	uint64_t stop = 0;
	int64_t latest = 0;
	enum err err = read_header(files->records_fd, records_name, records_magic, chain, why);

	if (!err)
		err = read_records(files->records_fd, 0, files->record_count, chain, reader, NULL,
		    &stop, &latest, why);
	if (!err && stop < files->record_count)
		err = fail(ERR_SIGNATURE, why, "%s: record %llu was altered; %s", records_name,
		    (unsigned long long)(stop + 1), advice);
	return err;
}
