/*
 * factory-ca audit verify: is the audit log whole, and if not, what was done to which row.
 *
 * Reads rows and heads as the database role firstring_auditor (audit.conninfo), heads from the file
 * outside the database (audit.head_file), and, where it may, the last head that the signer
 * remembers. It believes the issuing CA's certificate, and nothing of the others without each
 * other. Changes nothing.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/db/row.h"
#include "factory-ca/audit_check.h"
#include "factory-ca/commands.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/signer/audit_heads.h"
#include "factory-ca/signer/authority.h"
#include "queries_auditor.h"

static const char USAGE[] =
    "usage: factory-ca [options] audit verify [--heads FILE] [--ca FILE]...\n\n"
    "Recomputes the chain of the audit log and compares it with the heads that the signer signed:\n"
    "those in the database, in the file outside it (audit.head_file, or --heads) and, where this\n"
    "user may read pki.state_dir, the signer's last one. --ca names certificates (PEM) of issuing\n"
    "CAs that signed earlier heads, beside the one in pki.published_dir.\n\n"
    "Says for each row what was done to it: altered, removed, reordered, cut off. Exit status: 0\n"
    "whole; 65 something was tampered with; 66 a file cannot be read; 69 no database; 78 no\n"
    "audit.conninfo.\n";

enum { PAGE = 2000, FILE_MAX = 1024 * 1024 * 1024, CA_FILES_MAX = 8 };

struct verify {
	const struct factory_config *config;
	struct audit_check *check;
	const char *heads_path, *ca_paths[CA_FILES_MAX];
	size_t ca_count;
	size_t heads; /* read so far */
	/* of the page just read */
	size_t page_rows;
	int64_t after_seq;
	char after_text[AUDIT_HEAD_TEXT_MAX + 1];
	/* notes for the last line */
	int64_t unchained, oldest_unchained_id, oldest_unchained_s;
};

static void say_problem(const char *text, void *ctx)
{
	(void)ctx;
	printf("%s\n", text);
}

/* --- the database --------------------------------------------------------------------------- */

static int query(struct verify *verify, const struct pg_statement *statement,
    struct pg_params *params, void (*use)(const struct pg_rows *const *, size_t, void *))
{
	const struct pg_call call = {.statement = statement, .params = params};
	struct pg_error error = {0};
	enum err err = pg_run_once(verify->config->audit_conninfo, &call, 1, use, verify, &error);

	if (!err)
		return EX_OK;
	command_say("audit verify: the database did not answer (audit.conninfo, %s): %s",
	    statement->name, error.message[0] ? error.message : err_name(err));
	return err == ERR_DENIED ? EX_NOPERM : EX_UNAVAILABLE;
}

static void take_heads(const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct verify *verify = ctx;
	struct buf signature = {0};
	size_t i;

	CHECK(count == 1);
	verify->page_rows = row_count(rows[0]);
	for (i = 0; i < verify->page_rows; i++) {
		struct signed_audit_head head = {0};
		const char *text = row_text(rows[0], i, row_column(rows[0], "text"));

		row_bytes(rows[0], i, row_column(rows[0], "signature"), &signature);
		if (strlen(text) > AUDIT_HEAD_TEXT_MAX ||
		    signature.len > AUDIT_HEAD_SIGNATURE_MAX) {
			audit_check_problem(verify->check, "the database: what stands among the "
							   "heads is none");
			snprintf(verify->after_text, sizeof(verify->after_text), "%s", text);
			continue;
		}
		strcpy(head.text, text);
		memcpy(head.signature, signature.bytes, signature.len);
		head.signature_len = signature.len;
		audit_check_add_head(verify->check, &head, "the database");
		verify->heads++;
		strcpy(verify->after_text, text);
	}
	buf_free(&signature);
}

static int read_database_heads(struct verify *verify)
{
	int status;

	do {
		struct pg_params *params = pg_params_new();

		pg_param_text(params, verify->after_text);
		pg_param_int(params, PAGE);
		status = query(verify, &query_audit_heads, params, take_heads);
	} while (status == EX_OK && verify->page_rows == PAGE);
	return status;
}

static void take_rows(const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct verify *verify = ctx;
	const struct pg_rows *rows = results[0];
	size_t i, field;

	CHECK(count == 1);
	verify->page_rows = row_count(rows);
	for (i = 0; i < verify->page_rows; i++) {
		struct audit_place place = {
		    .chain_seq = row_int(rows, i, row_column(rows, "chain_seq"))};
		struct audit_content content = {.id = row_int(rows, i, row_column(rows, "id")),
		    .at_unix_us = row_int(rows, i, row_column(rows, "at_us"))};

		/* The table's constraints may have been taken away: then the row has no place. */
		if (!row_bytes_exact(
			rows, i, row_column(rows, "prev_hash"), place.prev_hash, SHA256_LEN) ||
		    !row_bytes_exact(
			rows, i, row_column(rows, "row_hash"), place.row_hash, SHA256_LEN))
			memset(place.row_hash, 0, SHA256_LEN);
		for (field = 0; field < AUDIT_FIELD_COUNT; field++) {
			int column = row_column(rows, audit_field_name((enum audit_field)field));

			content.fields[field] =
			    row_is_null(rows, i, column) ? NULL : row_text(rows, i, column);
		}
		audit_check_row(verify->check, &place, &content);
		verify->after_seq = place.chain_seq;
	}
}

static int read_rows(struct verify *verify)
{
	int status;

	do {
		struct pg_params *params = pg_params_new();

		pg_param_int(params, verify->after_seq);
		pg_param_int(params, PAGE);
		status = query(verify, &query_audit_rows, params, take_rows);
	} while (status == EX_OK && verify->page_rows == PAGE);
	return status;
}

static void take_unchained(const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct verify *verify = ctx;

	CHECK(count == 1 && row_count(rows[0]) == 1);
	verify->unchained = row_int(rows[0], 0, row_column(rows[0], "unchained"));
	verify->oldest_unchained_id = row_int(rows[0], 0, row_column(rows[0], "oldest_id"));
	verify->oldest_unchained_s = row_int(rows[0], 0, row_column(rows[0], "oldest_age_s"));
}

/* --- files ---------------------------------------------------------------------------------- */

static int read_certificates(struct verify *verify, const char *path)
{
	X509 *certificate;
	size_t found = 0;
	FILE *file = fopen(path, "re");

	if (!file) {
		command_say("audit verify: %s cannot be read: %s", path, strerror(errno));
		return EX_NOINPUT;
	}
	while ((certificate = PEM_read_X509(file, NULL, NULL, NULL)) != NULL) {
		audit_check_add_certificate(verify->check, certificate);
		X509_free(certificate);
		found++;
	}
	ERR_clear_error();
	fclose(file);
	if (found)
		return EX_OK;
	command_say("audit verify: %s holds no certificate in PEM", path);
	return EX_DATAERR;
}

/* Lines that are no head are told of, and do not matter: what they would say is missed if it does
 * not stand in the database. */
static int read_head_file(struct verify *verify)
{
	struct signed_audit_head head;
	char where[64], *line, *next;
	struct buf text = {.max = FILE_MAX};
	size_t number = 0;

	if (file_read(verify->heads_path, FILE_MAX, &text)) {
		if (errno == ENOENT && verify->heads == 0) {
			command_say("note: no head is signed yet: the first comes %lld s after the "
				    "front's start",
			    (long long)(verify->config->audit_head_interval_ms / 1000));
			return EX_OK;
		}
		command_say("audit verify: the file of heads %s cannot be read: %s",
		    verify->heads_path, strerror(errno));
		return EX_NOINPUT;
	}
	for (line = (char *)text.bytes; line && *line; line = next) {
		size_t len = strcspn(line, "\n");

		next = line[len] ? line + len + 1 : NULL;
		number++;
		if (audit_head_parse_line(line, len, &head)) {
			command_say("%s:%zu: not a head; a power cut may have left it",
			    verify->heads_path, number);
			continue;
		}
		snprintf(where, sizeof(where), "line %zu of the file of heads", number);
		audit_check_add_head(verify->check, &head, where);
	}
	buf_free(&text);
	return EX_OK;
}

static void read_signer_head(struct verify *verify)
{
	struct signed_audit_head head = {0};
	char why[AUDIT_HEADS_WHY_LEN] = "";
	enum err err = authority_become_keeper(verify->config, why);

	if (!err)
		err = audit_heads_read_last(verify->config->state_dir, &head, why);
	authority_become_ourselves();
	if (err)
		command_say("note: the signer's last head is not compared: %s", why);
	else if (*head.text) {
		audit_check_add_head(verify->check, &head, "the signer's audit.head");
		verify->heads++;
	}
}

/* --- all of it ------------------------------------------------------------------------------ */

static int read_heads(struct verify *verify)
{
	char issuing[FACTORY_PATH_MAX];
	int status;
	size_t i;

	factory_file_path(verify->config, FACTORY_FILE_ISSUING, issuing);
	status = read_certificates(verify, issuing);
	/* Heads of before a renewal are signed by an older one, that may be withdrawn. */
	factory_file_path(verify->config, FACTORY_FILE_ISSUING_ALL, issuing);
	if (status == EX_OK && access(issuing, F_OK) == 0)
		status = read_certificates(verify, issuing);
	for (i = 0; i < verify->ca_count && status == EX_OK; i++)
		status = read_certificates(verify, verify->ca_paths[i]);
	if (status == EX_OK)
		status = read_database_heads(verify);
	if (status != EX_OK)
		return status;
	read_signer_head(verify);
	if (*verify->heads_path)
		return read_head_file(verify);
	command_say(
	    "note: no file of heads (audit.head_file, --heads): heads that were removed from "
	    "the database are missed only by the signer");
	return EX_OK;
}

static int tell(struct verify *verify)
{
	struct audit_summary summary;
	char at[CLOCK_TEXT_LEN + 1];

	audit_check_summary(verify->check, &summary);
	clock_format_s(summary.vouched_at_unix_s, at);
	if (summary.problems > AUDIT_CHECK_REPORTS_MAX)
		printf("... and %llu more\n",
		    (unsigned long long)(summary.problems - AUDIT_CHECK_REPORTS_MAX));
	printf("audit log: %s: %llu rows chained, %llu heads",
	    summary.problems ? "NOT whole" : "whole", (unsigned long long)summary.rows,
	    (unsigned long long)summary.heads);
	if (summary.vouched_seq)
		printf(", the last that agrees signed at %s for chain_seq %lld", at,
		    (long long)summary.vouched_seq);
	printf("; %lld rows not chained yet\n", (long long)verify->unchained);
	return summary.problems ? EX_DATAERR : EX_OK;
}

static int run(struct verify *verify)
{
	int status = read_heads(verify);

	if (status == EX_OK) {
		audit_check_begin(verify->check);
		status = read_rows(verify);
	}
	if (status == EX_OK)
		status = query(verify, &query_audit_unchained, NULL, take_unchained);
	if (status != EX_OK)
		return status;
	audit_check_finish(verify->check, clock_unix_s());
	if (verify->unchained && verify->oldest_unchained_s > AUDIT_CHECK_LATE_S)
		audit_check_problem(verify->check,
		    "row id %lld waits for %lld s to be chained: no front runs, or its audit "
		    "worker cannot work",
		    (long long)verify->oldest_unchained_id, (long long)verify->oldest_unchained_s);
	return tell(verify);
}

static int parse(struct verify *verify, int argc, char **argv)
{
	int i;

	for (i = 2; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--heads") == 0)
			verify->heads_path = argv[i + 1];
		else if (strcmp(argv[i], "--ca") == 0 && verify->ca_count < CA_FILES_MAX)
			verify->ca_paths[verify->ca_count++] = argv[i + 1];
		else
			return 0;
	}
	return i == argc;
}

int command_audit(const struct command_context *context, int argc, char **argv)
{
	struct verify verify = {
	    .config = context->config, .heads_path = context->config->audit_head_file};
	int status;

	if (argc > 1 && strcmp(argv[argc - 1], "--help") == 0) {
		fputs(USAGE, stdout);
		return EX_OK;
	}
	if (argc < 2 || strcmp(argv[1], "verify") != 0 || !parse(&verify, argc, argv)) {
		fputs(USAGE, stderr);
		return EX_USAGE;
	}
	if (!*verify.config->audit_conninfo) {
		command_say("audit verify: audit.conninfo is not set: PostgreSQL as "
			    "firstring_auditor");
		return EX_CONFIG;
	}
	verify.check = audit_check_new(say_problem, NULL);
	status = run(&verify);
	audit_check_free(verify.check);
	return status;
}
