/* The journal of a run. The file is ours; a line that does not read as one of ours is passed over,
 * for a power cut may have left it. */
#include "factory-ca/line/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/file.h"
#include "factory-ca/signer/csr.h"

enum { JOURNAL_MAX = 512 * 1024 * 1024, PATH_LEN = 4096, LINE_MAX_LEN = 160 };

static const char head[] = "factory-line journal 1 ";

static enum err fail(enum err err, char *why, const char *path, const char *what)
{
	snprintf(why, JOURNAL_WHY_LEN, "%s: %s", path, what);
	return err;
}

struct record {
	enum phone_state state; /* PHONE_PREPARED or PHONE_DONE */
	struct mac mac;
	char certificate_serial[33], claim_code[CLAIM_CODE_TEXT_LEN + 1];
	char serial_number[CSR_SERIAL_NUMBER_MAX + 1]; /* "": not told, or cut short */
};

static void read_serial_number(const char *text, char *serial_number)
{
	size_t len = strlen(text);

	if (len > 2 && text[0] == '"' && text[len - 1] == '"' &&
	    csr_serial_number_is_valid(text + 1, len - 2))
		snprintf(serial_number, CSR_SERIAL_NUMBER_MAX + 1, "%.*s", (int)len - 2, text + 1);
}

static enum err read_record(const char *line, struct record *record)
{
	char verb[16], mac_text[MAC_TEXT_LEN + 1];
	struct claim_code parsed;
	int rest = 0, words;

	memset(record, 0, sizeof(*record));
	words = sscanf(line, "%15s %12s %32s %16s %n", verb, mac_text, record->certificate_serial,
	    record->claim_code, &rest);
	if (words < 2 || mac_parse_canonical(mac_text, strlen(mac_text), &record->mac))
		return ERR_SYNTAX;
	if (words == 2 && strcmp(verb, "prepared") == 0) {
		record->state = PHONE_PREPARED;
		return ERR_OK;
	}
	if (words != 4 || strcmp(verb, "done") != 0 ||
	    claim_code_parse(record->claim_code, strlen(record->claim_code), &parsed))
		return ERR_SYNTAX;
	record->state = PHONE_DONE;
	read_serial_number(line + rest, record->serial_number);
	return ERR_OK;
}

static void take_record(const struct line_phones *phones, const struct record *record)
{
	struct line_phone *phone = phones_find(phones, &record->mac);

	if (!phone || (record->state == PHONE_PREPARED && phone->state != PHONE_NEW))
		return;
	phone->state = record->state;
	if (record->state != PHONE_DONE)
		return;
	strcpy(phone->certificate_serial, record->certificate_serial);
	strcpy(phone->claim_code, record->claim_code);
	free(phone->recorded_serial_number);
	phone->recorded_serial_number =
	    *record->serial_number ? strdup(record->serial_number) : NULL;
	if (!phone->is_other || !phone->recorded_serial_number)
		return;
	free(phone->serial_number);
	phone->serial_number = strdup(record->serial_number);
	CHECK(phone->serial_number != NULL);
}

/* The lines behind the head: phones that are done and not listed are added first. */
static void take_lines(char *text, struct line_phones *phones)
{
	struct buf macs = {.max = JOURNAL_MAX};
	struct record record;
	char *line, *end;

	for (line = text; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		if (read_record(line, &record) == ERR_OK && record.state == PHONE_DONE &&
		    !phones_find(phones, &record.mac))
			buf_put(&macs, &record.mac, sizeof(record.mac));
		*end = '\n';
	}
	phones_add_others(phones, (const struct mac *)macs.bytes, macs.len / sizeof(record.mac));
	buf_free(&macs);
	for (line = text; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		if (read_record(line, &record) == ERR_OK)
			take_record(phones, &record);
	}
}

static enum err read_lines(
    char *text, const char *order, struct line_phones *phones, const char *path, char *why)
{
	char *end = strchr(text, '\n');
	char expected[LINE_MAX_LEN];

	snprintf(expected, sizeof(expected), "%s%s", head, order);
	if (!end || strncmp(text, head, strlen(head)) != 0)
		return fail(ERR_REFUSED, why, path, "not a journal of factory-line");
	*end = '\0';
	if (strcmp(text, expected) != 0) {
		snprintf(why, JOURNAL_WHY_LEN,
		    "%s is the journal of order %s, not of %s: give each order a folder of its own "
		    "(--out)",
		    path, text + strlen(head), order);
		return ERR_REFUSED;
	}
	take_lines(end + 1, phones);
	return ERR_OK;
}

/* A last line without its end must not grow into the next one. */
static enum err end_last_line(const struct journal *journal, const struct buf *text)
{
	struct buf newline = {0};
	enum err err;

	if (text->len == 0 || text->bytes[text->len - 1] == '\n')
		return ERR_OK;
	buf_put_str(&newline, "\n");
	err = journal_commit(journal, &newline);
	buf_free(&newline);
	return err;
}

static enum err begin(const struct journal *journal, const char *path, const char *order)
{
	struct buf lines = {0};
	enum err err;

	/* A head that was cut short by a power cut: nothing stands behind it. */
	if (ftruncate(journal->fd, 0) != 0)
		return ERR_IO;
	buf_printf(&lines, "%s%s\n", head, order);
	err = journal_commit(journal, &lines);
	buf_free(&lines);
	return err ? err : file_sync_folder(path);
}

/* NULs, where the disk gave zeros for what was not written, end no line. */
static void drop_nuls(struct buf *text)
{
	size_t i;

	for (i = 0; i < text->len; i++)
		if (text->bytes[i] == '\0')
			text->bytes[i] = ' ';
}

enum err journal_open(const char *folder, const char *order, struct line_phones *phones,
    struct journal *journal, char why[JOURNAL_WHY_LEN])
{
	struct buf text = {.max = JOURNAL_MAX};
	char path[PATH_LEN];
	enum err err;

	if (snprintf(path, sizeof(path), "%s/journal", folder) >= (int)sizeof(path))
		return fail(ERR_TOO_LONG, why, folder, "the name is too long");
	journal->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (journal->fd < 0)
		return fail(ERR_IO, why, path, strerror(errno));
	if (flock(journal->fd, LOCK_EX | LOCK_NB) != 0) {
		err = fail(ERR_EXISTS, why, path, "another factory-line works in this folder");
		goto out;
	}
	err = file_read(path, JOURNAL_MAX, &text);
	if (!err)
		drop_nuls(&text);
	if (!err && text.len > 0 && memchr(text.bytes, '\n', text.len))
		err = read_lines((char *)text.bytes, order, phones, path, why);
	else if (!err)
		err = begin(journal, path, order);
	if (!err)
		err = end_last_line(journal, &text);
	if (err == ERR_IO)
		fail(err, why, path, strerror(errno));
out:
	buf_wipe(&text);
	if (err)
		journal_close(journal);
	return err;
}

void journal_close(struct journal *journal)
{
	if (journal->fd >= 0)
		close(journal->fd);
	journal->fd = -1;
}

void journal_put_prepared(struct buf *lines, const struct line_phone *phone)
{
	char mac[MAC_TEXT_LEN + 1];

	mac_format(&phone->mac, mac);
	buf_printf(lines, "prepared %s\n", mac);
}

void journal_put_done(struct buf *lines, const struct line_phone *phone)
{
	char mac[MAC_TEXT_LEN + 1];

	mac_format(&phone->mac, mac);
	buf_printf(lines, "done %s %s %s \"%s\"\n", mac, phone->certificate_serial,
	    phone->claim_code, phone->serial_number);
}

enum err journal_commit(const struct journal *journal, const struct buf *lines)
{
	enum err err = file_write_all(journal->fd, lines->bytes, lines->len);

	if (!err && fdatasync(journal->fd) != 0)
		err = ERR_IO;
	return err;
}
