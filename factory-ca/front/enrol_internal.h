/*
 * A group of enrolments between its steps (enrol.h tells them). Private to enrol.c (the order of
 * the steps, find, codes, failures), enrol_sign.c (issue, generate) and enrol_store.c.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_ENROL_INTERNAL_H
#define FIRSTRING_FACTORY_CA_FRONT_ENROL_INTERNAL_H

#include "factory-ca/front/enrol.h"

/* What the signer made for one row, until it is on record. */
struct signed_row {
	struct buf certificate;
	struct buf encrypted_key; /* where the signer made the key */
	uint8_t spki_sha256[SHA256_LEN];
	uint8_t serial[SIGNER_SERIAL_LEN];
	uint8_t claim_code_hash[SHA256_LEN];
	int64_t not_before_unix_s;
	uint32_t claim_code_epoch;
	char claim_code[CLAIM_CODE_TEXT_LEN + 1]; /* of that epoch */
};

/* What went wrong at the signer: `err`, or where that is ERR_OK the failure that it told. */
struct enrol_trouble {
	int is_there;
	enum err err;
	struct signer_failed failed;
};

struct enrol {
	struct call *call;
	struct enrolment *rows[ENROL_GROUP_MAX];
	size_t count;
	enum enrol_codes codes;
	enrol_done_fn *on_done;
	void *ctx;
	int64_t begun_ms;
	struct event *timer; /* retry, or the end */
	enum err result; /* what the end tells */
	/* The rows of the step in hand, as indexes into `rows`; answers come in that order. */
	size_t asked[ENROL_GROUP_MAX];
	size_t asked_count;
	size_t next; /* codes: the row after the last one asked for */
	size_t frames; /* issue: requests on their way */
	struct enrol_trouble trouble; /* issue: of the first of them that went wrong */
	struct signed_row made[ENROL_GROUP_MAX]; /* as `rows`; empty where nothing was signed */
};

/* The steps that follow one another. */
void enrol_start_issue(struct enrol *enrol);
void enrol_start_store(struct enrol *enrol);
void enrol_start_codes(struct enrol *enrol);

/* Adds to `asked` those that are pending, of one kind. */
void enrol_ask_for_pending(struct enrol *enrol, int server_key);
/* Which code a row is answered with, from "claim_code_epoch" of an answer of the database. */
void enrol_take_epoch(struct enrolment *row, const struct pg_rows *rows, size_t line);
/* Of every answer of the signer: 1 when it is the frame that was asked for. Else `result` is what
 * to tell the connection: ERR_OK with a trouble, or that the frame is none. */
int enrol_answer_is(enum err err, uint16_t type, enum signer_message wanted, struct cursor payload,
    struct enrol_trouble *trouble, enum err *result);
/* Begins again where it may help, else ends. */
void enrol_signer_failed(struct enrol *enrol, const struct enrol_trouble *trouble);
/* Begins again where it may help, else ends. */
void enrol_database_failed(struct enrol *enrol, const struct pg_error *error);
/* The caller hears of it from the loop: it may free everything. */
void enrol_end(struct enrol *enrol, enum err result);

#endif
