/*
 * A chunk of phones: keys made and durable, rows sent, certificates stored and durable, each step
 * before the next. Runs in a worker thread of factory-line; what the front answers is checked
 * against the key before it is kept.
 */
#include <errno.h>
#include <jansson.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/file.h"
#include "factory-ca/line/csr_make.h"
#include "factory-ca/line/front_call.h"
#include "factory-ca/line/run_state.h"
#include "factory-ca/line/say.h"
#include "factory-ca/line/server_key.h"

enum { CSR_FILE_MAX = 64 * 1024 };

struct row {
	struct line_phone *phone;
	EVP_PKEY *key; /* ours; NULL: the CSR came from a file */
	EVP_PKEY *public_key; /* what the certificate must hold */
	struct buf csr; /* empty: the signer makes the key */
	int is_settled; /* done or refused */
	int is_stored; /* its certificate is written, not yet durable */
};

struct chunk {
	struct line_run *run;
	struct row *rows;
	size_t count;
	/* of the call under way */
	size_t *asked, asked_count, answered;
};

static int is_wanted(const struct line_phone *phone)
{
	return phone->state == PHONE_NEW || phone->state == PHONE_PREPARED;
}

static int is_reworked(const struct line_phone *phone)
{
	return phone->is_rework;
}

/* The phone keeps the key that it has, and what is to be said of that one is said elsewhere. */
static void refuse_rework(
    struct line_run *run, struct line_phone *phone, const char *code, const char *detail)
{
	int no_grant = strcmp(code, "mac_has_other_key") == 0 || strcmp(code, "revoked") == 0;
	char mac[MAC_TEXT_LEN + 1];

	mac_format(&phone->mac, mac);
	line_say("%s (%s): no new key: %s: %s%s%s", mac, phone->serial_number, code, detail,
	    no_grant ? "" : "; ", no_grant ? " (factory-ca rekey)" : line_advice(code));
	/* A key that the factory does not know. */
	if (no_grant)
		rework_drop(&run->store, phone);
	pthread_mutex_lock(&run->lock);
	phone->is_rework = 0;
	strncpy(phone->code, code, PHONE_CODE_MAX);
	free(phone->detail);
	phone->detail = strdup(detail);
	run->not_reworked++;
	pthread_mutex_unlock(&run->lock);
}

static void refuse(struct chunk *chunk, struct row *row, const char *code, const char *detail)
{
	if (row->phone->is_rework)
		refuse_rework(chunk->run, row->phone, code, detail);
	else
		line_refuse(chunk->run, row->phone, code, detail);
	row->is_settled = 1;
}

/* --- before anything is sent ---------------------------------------------------------------- */

static void read_csr_file(struct chunk *chunk, struct row *row)
{
	struct buf file = {0};
	const unsigned char *next;
	X509_REQ *request;

	if (file_read(row->phone->csr_path, CSR_FILE_MAX, &file)) {
		refuse(chunk, row, "bad_csr_file", strerror(errno));
	} else if (csr_from_file(&file, &row->csr)) {
		refuse(chunk, row, "bad_csr", "the file is no CSR in PEM or DER");
	} else {
		next = row->csr.bytes;
		request = d2i_X509_REQ(NULL, &next, (long)row->csr.len);
		row->public_key = request ? X509_REQ_get_pubkey(request) : NULL;
		X509_REQ_free(request);
		if (!row->public_key)
			refuse(chunk, row, "bad_csr", "the CSR's key cannot be read");
	}
	ERR_clear_error();
	buf_free(&file);
}

static void make_csr(struct chunk *chunk, struct row *row)
{
	const struct line_config *config = chunk->run->job->config;
	char why[STORE_WHY_LEN] = "";
	enum err err;

	/* A key that came in an earlier run is ours like one that we made. */
	err = config->server_keys ? store_find_key(&chunk->run->store, row->phone, &row->key, why)
				  : store_key(&chunk->run->store, row->phone,
					(enum key_type)config->key_type, &row->key, why);
	if (err == ERR_NOT_FOUND)
		return;
	if (err == ERR_IO) {
		line_run_stop(chunk->run, EX_IOERR,
		    "%s; nothing was sent for this phone: make room and run again", why);
	} else if (err) {
		refuse(chunk, row, "bad_key", why);
	} else {
		CHECK(EVP_PKEY_up_ref(row->key) == 1);
		row->public_key = row->key;
		csr_make(row->phone, row->key, &row->csr);
	}
}

/* Keys on disk for good, and the journal knows it: only then may anybody hear of them. */
static void make_keys_durable(struct chunk *chunk)
{
	struct line_run *run = chunk->run;
	struct buf lines = {0};
	enum err err = store_sync(&run->store);
	size_t i;

	pthread_mutex_lock(&run->lock);
	for (i = 0; i < chunk->count && !err; i++)
		if (chunk->rows[i].key && chunk->rows[i].phone->state == PHONE_NEW)
			journal_put_prepared(&lines, chunk->rows[i].phone);
	if (!err && lines.len)
		err = journal_commit(&run->journal, &lines);
	for (i = 0; i < chunk->count && !err; i++)
		if (chunk->rows[i].key && chunk->rows[i].phone->state == PHONE_NEW)
			chunk->rows[i].phone->state = PHONE_PREPARED;
	pthread_mutex_unlock(&run->lock);
	buf_free(&lines);
	if (err)
		line_run_stop(run, EX_IOERR,
		    "the disk: %s; nothing was sent for these phones: make room and run again",
		    strerror(errno));
}

static void prepare(struct chunk *chunk)
{
	size_t i;

	for (i = 0; i < chunk->count && !line_run_is_stopping(chunk->run); i++) {
		if (chunk->rows[i].phone->csr_path)
			read_csr_file(chunk, &chunk->rows[i]);
		else
			make_csr(chunk, &chunk->rows[i]);
	}
	if (!line_run_is_stopping(chunk->run))
		make_keys_durable(chunk);
}

/* --- what comes back ------------------------------------------------------------------------ */

/* NULL when it is not the certificate of this phone and key, under the chain we know. */
static X509 *read_certificate(const struct chunk *chunk, const struct row *row, const char *pem)
{
	BIO *memory = BIO_new_mem_buf(pem, -1);
	X509 *certificate = memory ? PEM_read_bio_X509(memory, NULL, NULL, NULL) : NULL;
	char mac[MAC_TEXT_LEN + 1], name[MAC_TEXT_LEN + 2] = "";

	BIO_free(memory);
	mac_format(&row->phone->mac, mac);
	if (certificate && (X509_NAME_get_text_by_NID(X509_get_subject_name(certificate),
				NID_commonName, name, sizeof(name)) < 0 ||
			       strcmp(name, mac) != 0 ||
			       EVP_PKEY_eq(X509_get0_pubkey(certificate), row->public_key) != 1 ||
			       !store_issuer_of(&chunk->run->store, certificate))) {
		X509_free(certificate);
		certificate = NULL;
	}
	ERR_clear_error();
	return certificate;
}

/* A key that the signer made: into the folder, before its certificate. */
static enum err take_server_key(struct chunk *chunk, struct row *row, const char *encrypted)
{
	struct line_run *run = chunk->run;
	char why[STORE_WHY_LEN] = "";

	if (row->public_key)
		return ERR_OK; /* the key was here */
	if (server_key_open(
		encrypted, strlen(encrypted), run->station, run->station_key, &row->key)) {
		line_run_stop(run, EX_PROTOCOL,
		    "the factory's key for a phone is not encrypted to this station's key");
		return ERR_SYNTAX;
	}
	CHECK(EVP_PKEY_up_ref(row->key) == 1);
	row->public_key = row->key;
	if (store_put_key(&run->store, row->phone, row->key, why)) {
		line_run_stop(run, EX_IOERR, "%s; make room and run again", why);
		return ERR_IO;
	}
	return ERR_OK;
}

/* A label must not contradict the certificate, which an earlier run may have got for another list.
 */
static int has_serial_number(
    const struct line_phone *phone, X509 *certificate, char found[CSR_SERIAL_NUMBER_MAX + 1])
{
	store_serial_number_of(certificate, found);
	return strcmp(found, phone->serial_number) == 0;
}

static enum err take_success(struct chunk *chunk, struct row *row, const json_t *document)
{
	const char *serial = front_text(document, "serial"),
		   *code = front_text(document, "claim_code");
	enum err err = take_server_key(chunk, row, front_text(document, "encrypted_key"));
	X509 *certificate =
	    err ? NULL : read_certificate(chunk, row, front_text(document, "certificate"));
	struct claim_code parsed;
	char why[STORE_WHY_LEN] = "", found[CSR_SERIAL_NUMBER_MAX + 1];

	if (err)
		return err;
	if (!certificate || strlen(serial) != 32 || strspn(serial, "0123456789ABCDEF") != 32 ||
	    strlen(code) != CLAIM_CODE_TEXT_LEN || claim_code_parse(code, strlen(code), &parsed)) {
		line_run_stop(chunk->run, EX_PROTOCOL,
		    "the front's answer for %s is not the certificate of this phone: tell the PKI "
		    "officer",
		    front_text(document, "mac"));
		err = ERR_SYNTAX;
	} else if (!has_serial_number(row->phone, certificate, found)) {
		snprintf(why, sizeof(why), "its certificate has serial number %s", found);
		refuse(chunk, row, "serial_number_differs", why);
	} else if (row->phone->is_rework && strcmp(serial, row->phone->certificate_serial) == 0) {
		refuse(chunk, row, "same_key", "the CSR is of the key that the phone has");
	} else if (store_certificate(&chunk->run->store, row->phone, certificate, row->key, why)) {
		line_run_stop(chunk->run, EX_IOERR,
		    "%s; the certificate is on record: make room and run again", why);
		err = ERR_IO;
	} else {
		strcpy(row->phone->certificate_serial, serial);
		strcpy(row->phone->claim_code, code);
		row->is_stored = 1;
	}
	X509_free(certificate);
	return err;
}

static enum err on_answer_row(const char *line, size_t len, void *ctx)
{
	struct chunk *chunk = ctx;
	json_t *document = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const char *status = front_text(document, "status");
	struct row *row;
	struct mac mac;
	enum err err = ERR_SYNTAX;

	if (chunk->answered == chunk->asked_count)
		goto out;
	row = &chunk->rows[chunk->asked[chunk->answered]];
	if (mac_parse(front_text(document, "mac"), strlen(front_text(document, "mac")), &mac) ||
	    !mac_equal(&mac, &row->phone->mac))
		goto out;
	if (json_is_null(json_object_get(document, "claim_code"))) {
		refuse(chunk, row, "no_claim_code", "a transfer made the label's code void");
		err = ERR_OK;
	} else if (strcmp(status, "issued") == 0 || strcmp(status, "existing") == 0) {
		err = take_success(chunk, row, document);
	} else if (strcmp(status, "error") == 0) {
		refuse(chunk, row, front_text(document, "code"), front_text(document, "detail"));
		err = ERR_OK;
	}
	chunk->answered += err == ERR_OK;
out:
	json_decref(document);
	return err;
}

/* New keys take the place of the old ones: their folders are durable. */
static enum err finish_reworks(struct chunk *chunk)
{
	struct line_run *run = chunk->run;
	char why[STORE_WHY_LEN];
	size_t i, finished = 0;
	enum err err = ERR_OK;

	for (i = 0; i < chunk->count && !err; i++) {
		struct row *row = &chunk->rows[i];

		if (!row->is_stored || row->is_settled || !row->phone->is_rework)
			continue;
		err = rework_finish(&run->store, row->phone, why);
		finished++;
		pthread_mutex_lock(&run->lock);
		run->before -= row->phone->state == PHONE_DONE;
		pthread_mutex_unlock(&run->lock);
	}
	return err || finished == 0 ? err : store_sync(&run->store);
}

/* What was stored is made durable, then told to the journal. */
static void make_certificates_durable(struct chunk *chunk)
{
	struct line_run *run = chunk->run;
	struct buf lines = {0};
	enum err err = ERR_OK;
	size_t i, stored = 0;

	for (i = 0; i < chunk->count; i++)
		stored += chunk->rows[i].is_stored && !chunk->rows[i].is_settled;
	if (stored == 0)
		return;
	err = store_sync(&run->store);
	if (!err)
		err = finish_reworks(chunk);
	pthread_mutex_lock(&run->lock);
	for (i = 0; i < chunk->count && !err; i++)
		if (chunk->rows[i].is_stored && !chunk->rows[i].is_settled)
			journal_put_done(&lines, chunk->rows[i].phone);
	if (!err)
		err = journal_commit(&run->journal, &lines);
	for (i = 0; i < chunk->count && !err; i++) {
		if (!chunk->rows[i].is_stored || chunk->rows[i].is_settled)
			continue;
		chunk->rows[i].phone->state = PHONE_DONE;
		chunk->rows[i].phone->is_confirmed = 1;
		chunk->rows[i].is_settled = 1;
		run->done++;
	}
	pthread_mutex_unlock(&run->lock);
	buf_wipe(&lines);
	if (err)
		line_run_stop(run, EX_IOERR,
		    "the disk: %s; the certificates are on record: make room and run again",
		    strerror(errno));
}

/* --- the conversation ----------------------------------------------------------------------- */

static enum err ask_once(struct chunk *chunk, struct front_outcome *outcome)
{
	struct line_run *run = chunk->run;
	struct buf rows = {0};
	char path[128];
	const struct front_request request = {path, &rows};
	enum err err;
	size_t i;

	chunk->asked_count = chunk->answered = 0;
	for (i = 0; i < chunk->count; i++) {
		if (chunk->rows[i].is_settled)
			continue;
		if (chunk->rows[i].csr.len)
			csr_put_row(chunk->rows[i].phone, &chunk->rows[i].csr, &rows);
		else
			csr_put_server_row(
			    chunk->rows[i].phone, (enum key_type)run->job->config->key_type, &rows);
		chunk->asked[chunk->asked_count++] = i;
	}
	CHECK(rows.err == ERR_OK);
	memset(outcome, 0, sizeof(*outcome));
	if (chunk->asked_count == 0)
		return ERR_OK;
	snprintf(path, sizeof(path), "/v1/orders/%s/certificates", run->job->order);
	err = front_call(NULL, run->job->config, &request, on_answer_row, chunk, outcome);
	buf_free(&rows);
	if (!err && chunk->answered < chunk->asked_count)
		err = ERR_CLOSED; /* an answer that ended early */
	make_certificates_durable(chunk);
	return err;
}

static void converse(struct chunk *chunk)
{
	struct line_run *run = chunk->run;
	struct front_outcome outcome;
	unsigned attempt = 0;
	enum err err;

	do {
		err = ask_once(chunk, &outcome);
		attempt = chunk->answered ? 0 : attempt + 1;
	} while (line_is_to_ask_again(run, err, &outcome, attempt));
}

static void chunks_run(struct line_run *run, int (*is_taken)(const struct line_phone *phone))
{
	size_t max = (size_t)run->job->config->batch, i;
	struct line_phone **taken = calloc(max, sizeof(taken[0]));
	struct chunk chunk = {.run = run};

	chunk.asked = calloc(max, sizeof(chunk.asked[0]));
	CHECK(taken && chunk.asked);
	while ((chunk.count = line_run_take(run, is_taken, taken, max)) > 0) {
		chunk.rows = calloc(chunk.count, sizeof(chunk.rows[0]));
		CHECK(chunk.rows != NULL);
		for (i = 0; i < chunk.count; i++)
			chunk.rows[i].phone = taken[i];
		prepare(&chunk);
		if (!line_run_is_stopping(run))
			converse(&chunk);
		for (i = 0; i < chunk.count; i++) {
			EVP_PKEY_free(chunk.rows[i].key);
			EVP_PKEY_free(chunk.rows[i].public_key);
			buf_free(&chunk.rows[i].csr);
		}
		free(chunk.rows);
	}
	free(chunk.asked);
	free(taken);
}

void line_rework_run(struct line_run *run)
{
	chunks_run(run, is_reworked);
}

void line_chunks_run(struct line_run *run)
{
	chunks_run(run, is_wanted);
}
