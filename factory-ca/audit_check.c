/*
 * Verifying the audit chain. A row must have the hash of its content at its place, follow the row
 * before it, and agree with every head that vouches for it; heads must be signed and follow one
 * another. Rows that fail are kept until the end, to tell those that were only moved. Pure.
 */
#include "factory-ca/audit_check.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/pki/device_id.h"

enum { SUSPECTS_MAX = 64, MOVED_MAX = 64, CERTIFICATES_MAX = 32 };

struct certificate {
	struct fingerprint fingerprint;
	EVP_PKEY *key;
};

struct known_head {
	struct audit_head head;
	uint8_t digest[SHA256_LEN];
};

/* A row whose hash is not that of its content at its place. */
struct suspect {
	struct audit_place place;
	struct audit_content content;
	char *copies[AUDIT_FIELD_COUNT];
};

struct audit_check {
	audit_report_fn *report;
	void *ctx;
	struct certificate certificates[CERTIFICATES_MAX];
	size_t certificate_count;
	struct known_head *heads; /* sorted by chain_seq once begun */
	size_t head_count, head_capacity, next_head;
	struct suspect suspects[SUSPECTS_MAX];
	size_t suspect_count;
	uint8_t last_hash[SHA256_LEN];
	int64_t last_id;
	int64_t rewritten_after; /* vouched_seq of the last such report; -1: none */
	int64_t unvouched_at_us; /* of the first row after the last agreeing head */
	struct audit_summary summary;
};

struct audit_check *audit_check_new(audit_report_fn *report, void *ctx)
{
	struct audit_check *check = calloc(1, sizeof(*check));

	CHECK(check != NULL);
	check->report = report;
	check->ctx = ctx;
	check->rewritten_after = -1;
	return check;
}

void audit_check_free(struct audit_check *check)
{
	size_t i, field;

	for (i = 0; i < check->certificate_count; i++)
		EVP_PKEY_free(check->certificates[i].key);
	for (i = 0; i < check->suspect_count; i++)
		for (field = 0; field < AUDIT_FIELD_COUNT; field++)
			free(check->suspects[i].copies[field]);
	free(check->heads);
	free(check);
}

void audit_check_problem(struct audit_check *check, const char *format, ...)
{
	char text[AUDIT_CHECK_LINE_MAX];
	va_list args;

	if (check->summary.problems++ >= AUDIT_CHECK_REPORTS_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	check->report(text, check->ctx);
}

void audit_check_add_certificate(struct audit_check *check, X509 *certificate)
{
	struct certificate *added = &check->certificates[check->certificate_count];

	CHECK(check->certificate_count < CERTIFICATES_MAX);
	CHECK(!fingerprint_of_certificate(certificate, &added->fingerprint));
	added->key = X509_get_pubkey(certificate);
	CHECK(added->key != NULL);
	check->certificate_count++;
}

/* --- heads ---------------------------------------------------------------------------------- */

static int signature_holds(EVP_PKEY *key, const struct signed_audit_head *head)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int holds = context && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
		    EVP_DigestVerify(context, head->signature, head->signature_len,
			(const unsigned char *)head->text, strlen(head->text)) == 1;

	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return holds;
}

static EVP_PKEY *find_key(const struct audit_check *check, const struct fingerprint *issuer)
{
	size_t i;

	for (i = 0; i < check->certificate_count; i++)
		if (memcmp(check->certificates[i].fingerprint.bytes, issuer->bytes, SHA256_LEN) ==
		    0)
			return check->certificates[i].key;
	return NULL;
}

void audit_check_add_head(
    struct audit_check *check, const struct signed_audit_head *signed_head, const char *where)
{
	struct known_head known;
	EVP_PKEY *key;

	if (audit_head_parse(signed_head->text, strlen(signed_head->text), &known.head)) {
		audit_check_problem(check, "%s: what stands there is no head", where);
		return;
	}
	key = find_key(check, &known.head.issuer);
	if (!key) {
		audit_check_problem(check,
		    "%s: the head of chain_seq %" PRIu64 " is signed by an issuing CA whose "
		    "certificate is not known here; give it with --ca",
		    where, known.head.chain_seq);
		return;
	}
	if (!signature_holds(key, signed_head)) {
		audit_check_problem(check,
		    "%s: the signature of the head of chain_seq %" PRIu64 " does not hold: forged "
		    "or altered",
		    where, known.head.chain_seq);
		return;
	}
	audit_head_digest(signed_head->text, known.digest);
	if (check->head_count == check->head_capacity) {
		check->head_capacity = check->head_capacity ? 2 * check->head_capacity : 64;
		check->heads =
		    realloc(check->heads, check->head_capacity * sizeof(check->heads[0]));
		CHECK(check->heads != NULL);
	}
	check->heads[check->head_count++] = known;
}

static int compare_heads(const void *a, const void *b)
{
	const struct known_head *one = a, *other = b;

	if (one->head.chain_seq != other->head.chain_seq)
		return one->head.chain_seq < other->head.chain_seq ? -1 : 1;
	if (one->head.at_unix_s != other->head.at_unix_s)
		return one->head.at_unix_s < other->head.at_unix_s ? -1 : 1;
	return memcmp(one->digest, other->digest, SHA256_LEN);
}

static void drop_doubles(struct audit_check *check)
{
	size_t i, kept = 0;

	for (i = 0; i < check->head_count; i++)
		if (kept == 0 ||
		    memcmp(check->heads[kept - 1].digest, check->heads[i].digest, SHA256_LEN) != 0)
			check->heads[kept++] = check->heads[i];
	check->head_count = kept;
	check->summary.heads = kept;
}

static int compare_digests(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_LEN);
}

/* 1 when one issuer signed two heads that follow none. */
static int has_two_beginnings(const struct audit_check *check)
{
	static const uint8_t zeros[SHA256_LEN];
	struct fingerprint seen[CERTIFICATES_MAX];
	size_t count = 0, i, j;

	for (i = 0; i < check->head_count; i++) {
		const struct audit_head *head = &check->heads[i].head;

		if (memcmp(head->previous, zeros, SHA256_LEN) != 0)
			continue;
		for (j = 0; j < count; j++)
			if (memcmp(seen[j].bytes, head->issuer.bytes, SHA256_LEN) == 0)
				return 1;
		seen[count++] = head->issuer; /* an issuer is one of the certificates */
	}
	return 0;
}

/* Each head names the one before it, and no two name the same. */
static void check_links(struct audit_check *check)
{
	static const uint8_t zeros[SHA256_LEN];
	uint8_t(*digests)[SHA256_LEN] = calloc(check->head_count + 1, SHA256_LEN);
	uint8_t(*followed)[SHA256_LEN] = calloc(check->head_count + 1, SHA256_LEN);
	size_t i;

	CHECK(digests && followed);
	for (i = 0; i < check->head_count; i++) {
		memcpy(digests[i], check->heads[i].digest, SHA256_LEN);
		memcpy(followed[i], check->heads[i].head.previous, SHA256_LEN);
	}
	qsort(digests, check->head_count, SHA256_LEN, compare_digests);
	qsort(followed, check->head_count, SHA256_LEN, compare_digests);
	for (i = 0; i < check->head_count; i++) {
		const struct audit_head *head = &check->heads[i].head;

		if (memcmp(head->previous, zeros, SHA256_LEN) != 0 &&
		    !bsearch(
			head->previous, digests, check->head_count, SHA256_LEN, compare_digests))
			audit_check_problem(check,
			    "the head before that of chain_seq %" PRIu64
			    " is nowhere: it was removed",
			    head->chain_seq);
	}
	/* Several signers, one for each factory, have each a first head. */
	for (i = 1; i < check->head_count; i++)
		if (memcmp(followed[i - 1], followed[i], SHA256_LEN) == 0 &&
		    (memcmp(followed[i], zeros, SHA256_LEN) != 0 || has_two_beginnings(check)))
			audit_check_problem(check,
			    "two heads follow the same one: audit.head of the signer was lost, or "
			    "put back from a backup");
	free(digests);
	free(followed);
}

void audit_check_begin(struct audit_check *check)
{
	if (check->head_count)
		qsort(check->heads, check->head_count, sizeof(check->heads[0]), compare_heads);
	drop_doubles(check);
	check_links(check);
}

/* --- rows ----------------------------------------------------------------------------------- */

static void keep_suspect(
    struct audit_check *check, const struct audit_place *place, const struct audit_content *content)
{
	struct suspect *suspect;
	int i;

	if (check->suspect_count == SUSPECTS_MAX) {
		audit_check_problem(check,
		    "chain_seq %" PRId64 " (row id %" PRId64 "): altered or moved since it was "
		    "chained",
		    place->chain_seq, content->id);
		return;
	}
	suspect = &check->suspects[check->suspect_count++];
	suspect->place = *place;
	suspect->content = *content;
	for (i = 0; i < AUDIT_FIELD_COUNT; i++) {
		suspect->copies[i] = content->fields[i] ? strdup(content->fields[i]) : NULL;
		CHECK(suspect->copies[i] || !content->fields[i]);
		suspect->content.fields[i] = suspect->copies[i];
	}
}

static void check_gap(
    struct audit_check *check, const struct audit_place *place, const struct audit_content *content)
{
	int64_t missing = place->chain_seq - check->summary.last_seq - 1;

	if (missing == 0)
		return;
	if (missing == 1)
		audit_check_problem(check,
		    "chain_seq %" PRId64 ": a row was removed, between row id %" PRId64
		    " and row id %" PRId64,
		    place->chain_seq - 1, check->last_id, content->id);
	else
		audit_check_problem(check,
		    "chain_seq %" PRId64 "..%" PRId64 ": %" PRId64
		    " rows were removed, between row "
		    "id %" PRId64 " and row id %" PRId64,
		    check->summary.last_seq + 1, place->chain_seq - 1, missing, check->last_id,
		    content->id);
}

/* What heads say of the row at this place, and of rows before it that are not there. */
static void check_heads(struct audit_check *check, const struct audit_place *place)
{
	char at[CLOCK_TEXT_LEN + 1];

	for (; check->next_head < check->head_count; check->next_head++) {
		const struct audit_head *head = &check->heads[check->next_head].head;

		if (head->chain_seq > (uint64_t)place->chain_seq)
			return;
		if (head->chain_seq < (uint64_t)place->chain_seq)
			continue; /* its row is missing, which was said */
		if (memcmp(head->row_hash, place->row_hash, SHA256_LEN) == 0) {
			check->summary.vouched_seq = place->chain_seq;
			check->summary.vouched_at_unix_s = head->at_unix_s;
			check->unvouched_at_us = 0;
			continue;
		}
		if (check->rewritten_after == check->summary.vouched_seq)
			continue; /* said of the first head that disagrees */
		check->rewritten_after = check->summary.vouched_seq;
		clock_format_s(head->at_unix_s, at);
		audit_check_problem(check,
		    "chain_seq %" PRId64 ": the head signed at %s vouches for another row: rows "
		    "after chain_seq %" PRId64 " and up to this one were rewritten",
		    place->chain_seq, at, check->summary.vouched_seq);
	}
}

void audit_check_row(
    struct audit_check *check, const struct audit_place *place, const struct audit_content *content)
{
	uint8_t hash[SHA256_LEN];

	check_gap(check, place, content);
	audit_row_hash(content, place->chain_seq, place->prev_hash, hash);
	if (memcmp(hash, place->row_hash, SHA256_LEN) != 0)
		keep_suspect(check, place, content);
	else if (place->chain_seq == check->summary.last_seq + 1 &&
		 memcmp(place->prev_hash, check->last_hash, SHA256_LEN) != 0)
		audit_check_problem(check,
		    "chain_seq %" PRId64 " (row id %" PRId64 "): does not follow chain_seq %" PRId64
		    " (row id %" PRId64 "): one of them was altered and given a new hash, or put "
		    "there later",
		    place->chain_seq, content->id, check->summary.last_seq, check->last_id);
	if (!check->unvouched_at_us)
		check->unvouched_at_us = content->at_unix_us;
	check_heads(check, place);
	memcpy(check->last_hash, place->row_hash, SHA256_LEN);
	check->last_id = content->id;
	check->summary.last_seq = place->chain_seq;
	check->summary.rows++;
}

/* --- the end -------------------------------------------------------------------------------- */

static int hashes_to(const struct suspect *suspect, int64_t chain_seq,
    const uint8_t prev_hash[SHA256_LEN], const uint8_t row_hash[SHA256_LEN])
{
	uint8_t hash[SHA256_LEN];

	audit_row_hash(&suspect->content, chain_seq, prev_hash, hash);
	return memcmp(hash, row_hash, SHA256_LEN) == 0;
}

/* Where a row stood when it was chained: 0 when its content is not that of any such place. */
static int64_t former_place(const struct audit_check *check, const struct suspect *suspect)
{
	const struct audit_place *place = &suspect->place;
	int64_t seq;
	size_t i;

	/* It took its hashes with it, */
	for (seq = place->chain_seq - MOVED_MAX; seq <= place->chain_seq + MOVED_MAX; seq++)
		if (seq > 0 && hashes_to(suspect, seq, place->prev_hash, place->row_hash))
			return seq;
	/* or they stayed for what came there instead. */
	for (i = 0; i < check->suspect_count; i++) {
		const struct audit_place *other = &check->suspects[i].place;

		if (hashes_to(suspect, other->chain_seq, other->prev_hash, other->row_hash))
			return other->chain_seq;
	}
	return 0;
}

static void report_suspects(struct audit_check *check)
{
	size_t i;

	for (i = 0; i < check->suspect_count; i++) {
		const struct suspect *suspect = &check->suspects[i];
		const char *action = suspect->content.fields[AUDIT_ACTION];
		int64_t former = former_place(check, suspect);

		if (former)
			audit_check_problem(check,
			    "chain_seq %" PRId64 " (row id %" PRId64 ", %s): reordered: it was "
			    "chained as chain_seq %" PRId64,
			    suspect->place.chain_seq, suspect->content.id, action ? action : "",
			    former);
		else
			audit_check_problem(check,
			    "chain_seq %" PRId64 " (row id %" PRId64 ", %s): altered since it was "
			    "chained",
			    suspect->place.chain_seq, suspect->content.id, action ? action : "");
	}
}

void audit_check_finish(struct audit_check *check, int64_t now_unix_s)
{
	const struct audit_head *last =
	    check->head_count ? &check->heads[check->head_count - 1].head : NULL;
	char at[CLOCK_TEXT_LEN + 1];

	report_suspects(check);
	if (last && last->chain_seq > (uint64_t)check->summary.last_seq) {
		clock_format_s(last->at_unix_s, at);
		audit_check_problem(check,
		    "the tail is cut: the head signed at %s vouches for chain_seq %" PRIu64
		    ", and the chain ends with chain_seq %" PRId64 " (row id %" PRId64 ")",
		    at, last->chain_seq, check->summary.last_seq, check->last_id);
	} else if (check->unvouched_at_us &&
		   now_unix_s - check->unvouched_at_us / 1000000 > AUDIT_CHECK_LATE_S) {
		audit_check_problem(check,
		    "no signed head vouches for the rows after chain_seq %" PRId64
		    ", although they are older than %d minutes: the signer does not sign, or "
		    "heads were removed",
		    check->summary.vouched_seq, AUDIT_CHECK_LATE_S / 60);
	}
}

void audit_check_summary(const struct audit_check *check, struct audit_summary *summary)
{
	*summary = check->summary;
}
