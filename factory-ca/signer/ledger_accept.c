/*
 * Statements: verified, judged against what the ledger holds, and kept in the journal before they
 * count. They come over the network through the front; only operators' signatures are believed.
 * Runs in the signer, on one thread.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "factory-ca/signer/ledger_internal.h"

static void refuse(struct signer_statement_outcome *outcome, const char *code, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

static void refuse(
    struct signer_statement_outcome *outcome, const char *code, const char *format, ...)
{
	va_list args;

	outcome->outcome = STATEMENT_REFUSED;
	snprintf(outcome->code, sizeof(outcome->code), "%s", code);
	va_start(args, format);
	vsnprintf(outcome->detail, sizeof(outcome->detail), format, args);
	va_end(args);
}

/* --- judging: what a verified statement would do; changes nothing --------------------------- */

/* Another order, not closed, that has MACs of this one. */
static const struct ledger_order *find_overlap(
    const struct ledger *ledger, const struct statement_order *order)
{
	size_t i;

	for (i = 0; i < ledger->order_count; i++) {
		const struct ledger_order *other = &ledger->orders[i];

		if (!other->closed && strcmp(other->order.reference, order->reference) != 0 &&
		    statement_orders_overlap(&other->order, order))
			return other;
	}
	return NULL;
}

static void judge_overlap(const struct ledger *ledger, const struct statement_order *order,
    struct signer_statement_outcome *outcome)
{
	const struct ledger_order *other = find_overlap(ledger, order);

	if (other)
		refuse(outcome, "order_overlaps",
		    "the range has MACs in common with order %s, which is not closed",
		    other->order.reference);
	else
		outcome->outcome = STATEMENT_ACCEPTED;
}

static void judge_open(const struct ledger *ledger, const struct statement *statement,
    const struct signed_statement *signed_statement, struct signer_statement_outcome *outcome)
{
	const struct ledger_order *known = ledger_order_of(ledger, statement->order.reference);
	uint8_t digest[SHA256_LEN];

	if (!known) {
		judge_overlap(ledger, &statement->order, outcome);
		return;
	}
	sha256(signed_statement->text.bytes, signed_statement->text.len, digest);
	if (memcmp(digest, known->statement_sha256, SHA256_LEN) == 0)
		outcome->outcome = STATEMENT_EXISTING;
	else
		refuse(outcome, "order_differs",
		    "there is another order %s; a reference is used once",
		    statement->order.reference);
}

/* The order as it would be. */
static struct statement_order extended(
    const struct statement_order *order, const struct statement_order *by)
{
	struct statement_order wider = *order;

	wider.quantity = by->quantity;
	wider.closes_unix_s = by->closes_unix_s;
	return wider;
}

static int closes_earlier(int64_t a, int64_t b)
{
	return a != STATEMENT_NO_TIME && (b == STATEMENT_NO_TIME || a < b);
}

static void judge_extend(const struct ledger *ledger, const struct ledger_order *known,
    const struct statement_order *by, struct signer_statement_outcome *outcome)
{
	struct statement_order wider = extended(&known->order, by);
	struct statement printed = {.type = STATEMENT_ORDER_OPEN, .order = wider};
	struct buf out = {0};
	char why[SIGNER_DETAIL_MAX + 1];

	if (by->quantity < known->order.quantity ||
	    closes_earlier(by->closes_unix_s, known->order.closes_unix_s))
		refuse(outcome, "order_narrower",
		    "order %s has a quantity of %u already; quantity and end only grow",
		    by->reference, known->order.quantity);
	else if (by->quantity == known->order.quantity &&
		 by->closes_unix_s == known->order.closes_unix_s)
		outcome->outcome = STATEMENT_EXISTING;
	else if (known->closed)
		refuse(outcome, "order_closed", "order %s was closed for good", by->reference);
	else if (statement_print(&printed, &out, why, sizeof(why)))
		refuse(outcome, "bad_statement", "%s", why);
	else
		judge_overlap(ledger, &wider, outcome);
	buf_free(&out);
}

/* Closing and extending. */
static void judge_known(const struct ledger *ledger, const struct statement *statement,
    struct signer_statement_outcome *outcome)
{
	const struct ledger_order *known = ledger_order_of(ledger, statement->order.reference);

	if (!known)
		refuse(outcome, "unknown_order", "no order %s was ever opened",
		    statement->order.reference);
	else if (statement->type == STATEMENT_ORDER_EXTEND)
		judge_extend(ledger, known, &statement->order, outcome);
	else
		outcome->outcome = known->closed ? STATEMENT_EXISTING : STATEMENT_ACCEPTED;
}

static int is_removed(const struct ledger *ledger, const struct fingerprint *operator_certificate)
{
	size_t i;

	for (i = 0; i < ledger->removed_count; i++)
		if (memcmp(ledger->removed[i].bytes, operator_certificate->bytes, SHA256_LEN) == 0)
			return 1;
	return 0;
}

static void judge_rekey(const struct ledger *ledger, const struct statement *statement,
    struct signer_statement_outcome *outcome)
{
	size_t i;

	outcome->outcome = STATEMENT_ACCEPTED;
	for (i = 0; i < ledger->rekey_count; i++)
		if (memcmp(ledger->rekeys[i].grant, statement->grant, STATEMENT_GRANT_LEN) == 0)
			outcome->outcome = STATEMENT_EXISTING;
	/* A second grant beside one that waits would allow two keys. */
	if (ledger_find_rekey(ledger, &statement->mac, REKEY_UNUSED))
		outcome->outcome = STATEMENT_EXISTING;
	if (!ledger_covers(ledger, &statement->mac))
		refuse(outcome, "unknown_device", "no order covers this MAC");
}

/* Always two operators, whatever else one is enough for. */
static void judge_restore(const struct ledger *ledger, const struct statement *statement,
    const struct signed_statement *signed_statement, struct signer_statement_outcome *outcome)
{
	outcome->outcome = STATEMENT_ACCEPTED;
	if (signed_statement->signature_count < 2)
		refuse(outcome, "second_signature_needed",
		    "putting a ledger back takes two operators");
	else if (memcmp(statement->ledger.journal_chain, ledger->files.journal_chain, SHA256_LEN) !=
		 0)
		refuse(outcome, "ledger_differs",
		    "the statement is about another ledger, or was used");
}

static void judge(const struct ledger *ledger, const struct statement *statement,
    const struct signed_statement *signed_statement, struct signer_statement_outcome *outcome)
{
	struct fingerprint signer;
	size_t i;

	for (i = 0; i < signed_statement->signature_count; i++) {
		signer = statement_signer(&signed_statement->by[i]);
		if (is_removed(ledger, &signer)) {
			refuse(outcome, "bad_signature", "an operator who signed it was removed");
			return;
		}
	}
	switch (statement->type) {
	case STATEMENT_ORDER_OPEN:
		judge_open(ledger, statement, signed_statement, outcome);
		break;
	case STATEMENT_ORDER_CLOSE:
	case STATEMENT_ORDER_EXTEND:
		judge_known(ledger, statement, outcome);
		break;
	case STATEMENT_REKEY:
		judge_rekey(ledger, statement, outcome);
		break;
	case STATEMENT_REVOKE:
		outcome->outcome = ledger_revoked_find(&ledger->revoked, statement->serial)
				       ? STATEMENT_EXISTING
				       : STATEMENT_ACCEPTED;
		break;
	case STATEMENT_OPERATOR_REMOVE:
		outcome->outcome = is_removed(ledger, &statement->operator_certificate)
				       ? STATEMENT_EXISTING
				       : STATEMENT_ACCEPTED;
		break;
	case STATEMENT_LEDGER_RESTORE:
		judge_restore(ledger, statement, signed_statement, outcome);
		break;
	case STATEMENT_TYPE_COUNT:
		CHECK(!"a type that statement_parse() does not know");
	}
}

/* --- taking effect -------------------------------------------------------------------------- */

/* Room for one more in an array that doubles. */
static void *grown(void *array, size_t count, size_t *capacity, size_t size)
{
	if (count < *capacity)
		return array;
	*capacity = *capacity ? 2 * *capacity : 16;
	array = realloc(array, *capacity * size);
	CHECK(array != NULL);
	return array;
}

static void add_order(struct ledger *ledger, const struct statement_order *order,
    const struct signed_statement *signed_statement)
{
	struct ledger_order *added;

	ledger->orders = grown(
	    ledger->orders, ledger->order_count, &ledger->order_capacity, sizeof(*ledger->orders));
	added = &ledger->orders[ledger->order_count++];
	memset(added, 0, sizeof(*added));
	added->order = *order;
	sha256(signed_statement->text.bytes, signed_statement->text.len, added->statement_sha256);
}

static void add_rekey(struct ledger *ledger, const struct statement *statement)
{
	size_t bit = mac_to_uint(&statement->mac) % LEDGER_REKEY_FILTER_BITS;
	struct ledger_rekey *added;

	ledger->rekeys = grown(
	    ledger->rekeys, ledger->rekey_count, &ledger->rekey_capacity, sizeof(*ledger->rekeys));
	added = &ledger->rekeys[ledger->rekey_count++];
	*added = (struct ledger_rekey){.mac = statement->mac, .state = REKEY_UNUSED};
	memcpy(added->grant, statement->grant, STATEMENT_GRANT_LEN);
	ledger->rekey_filter[bit / 8] |= (uint8_t)(1U << bit % 8);
}

static void add_revocation(
    struct ledger *ledger, const struct statement *statement, int64_t accepted_unix_s)
{
	struct crl_entry entry = {
	    .revoked_unix_s = accepted_unix_s, .reason = (uint8_t)statement->reason};

	memcpy(entry.serial, statement->serial, sizeof(entry.serial));
	ledger_revoked_add(&ledger->revoked, &entry);
}

static void apply(struct ledger *ledger, const struct statement *statement,
    const struct signed_statement *signed_statement, int64_t accepted_unix_s)
{
	struct ledger_order *order = NULL;

	ledger->order_tables.is_current = 0;
	ledger->is_restored = 0;
	if (statement_is_of_order(statement->type))
		order = ledger_order_of(ledger, statement->order.reference);
	switch (statement->type) {
	case STATEMENT_ORDER_OPEN:
		add_order(ledger, &statement->order, signed_statement);
		break;
	case STATEMENT_ORDER_CLOSE:
		CHECK(order != NULL);
		order->closed = 1;
		break;
	case STATEMENT_ORDER_EXTEND:
		CHECK(order != NULL);
		order->order = extended(&order->order, &statement->order);
		break;
	case STATEMENT_REKEY:
		add_rekey(ledger, statement);
		break;
	case STATEMENT_REVOKE:
		add_revocation(ledger, statement, accepted_unix_s);
		break;
	case STATEMENT_OPERATOR_REMOVE:
		ledger->removed = grown(ledger->removed, ledger->removed_count,
		    &ledger->removed_capacity, sizeof(*ledger->removed));
		ledger->removed[ledger->removed_count++] = statement->operator_certificate;
		break;
	case STATEMENT_LEDGER_RESTORE:
		ledger->is_restored = 1;
		ledger->restored = statement->ledger;
		break;
	case STATEMENT_TYPE_COUNT:
		break;
	}
}

enum err ledger_read_statement(
    void *ctx, int64_t accepted_unix_s, struct cursor in, char why[LEDGER_WHY_LEN])
{
	struct ledger *ledger = ctx;
	struct signed_statement signed_statement = {0};
	struct signer_statement_outcome outcome = {0};
	struct statement statement = {0};
	char reason[LEDGER_WHY_LEN / 2] = "it does not parse";
	enum err err = signed_statement_decode(in, &signed_statement);

	if (!err)
		err = statement_verify(&signed_statement, ledger->config.line_access_ca,
		    ledger->config.operator_eku, accepted_unix_s, &statement, reason,
		    sizeof(reason));
	if (!err) {
		judge(ledger, &statement, &signed_statement, &outcome);
		if (outcome.outcome == STATEMENT_REFUSED) {
			snprintf(reason, sizeof(reason), "%s", outcome.detail);
			err = ERR_REFUSED;
		}
	}
	if (err)
		snprintf(why, LEDGER_WHY_LEN,
		    "journal: statement %zu is not valid (%s): it was put there by somebody else, "
		    "or the line-access CA was changed",
		    ledger->statement_count + 1, reason);
	else
		apply(ledger, &statement, &signed_statement, accepted_unix_s);
	ledger->statement_count++;
	signed_statement_free(&signed_statement);
	return err;
}

/* --- phones of the past that a statement is about ------------------------------------------- */

/* Records that are on disk only: their order was closed when the signer started. */
struct range {
	struct ledger *ledger;
	struct statement_order order; /* its first_mac and quantity */
};

static enum err load_from_range(
    void *ctx, const struct ledger_entry *entry, char why[LEDGER_WHY_LEN])
{
	struct range *range = ctx;

	(void)why;
	/* All of a MAC's records, so that its last one is found, whatever was in memory. */
	if (ledger_order_covers(&range->order, &entry->mac)) {
		ledger_index_add(&range->ledger->index, entry);
		range->ledger->durable++;
	}
	return ERR_OK;
}

/* The MACs that a statement makes somebody ask for. */
static struct range range_of(struct ledger *ledger, const struct statement *statement)
{
	struct range range = {.ledger = ledger};
	const struct ledger_order *known;
	uint64_t first;

	if (statement->type == STATEMENT_ORDER_OPEN) {
		range.order = statement->order;
	} else if (statement->type == STATEMENT_REKEY) {
		range.order.first_mac = statement->mac;
		range.order.quantity = 1;
	} else if (statement->type == STATEMENT_ORDER_EXTEND) {
		known = ledger_order_of(ledger, statement->order.reference);
		first = mac_to_uint(&known->order.first_mac) + known->order.quantity;
		range.order.quantity = statement->order.quantity - known->order.quantity;
		if (range.order.quantity > 0)
			CHECK(!mac_from_uint(first, &range.order.first_mac));
	}
	return range;
}

static enum err load_range(
    struct ledger *ledger, const struct statement *statement, char why[LEDGER_WHY_LEN])
{
	struct range range = range_of(ledger, statement);
	const struct ledger_reader reader = {.on_record = load_from_range, .ctx = &range};
	size_t i;

	for (i = 0; i < ledger->order_count && range.order.quantity > 0; i++)
		if (statement_orders_overlap(&ledger->orders[i].order, &range.order))
			return ledger_files_read_records(&ledger->files, &reader, why);
	return ERR_OK;
}

static int is_wanted(const struct ledger_entry *entry, void *ctx)
{
	return ledger_is_of_interest(ctx, &entry->mac);
}

/* A signer that runs for years must not hold every phone. Until there are many, those of closed
 * orders stay: a station whose answer was lost may still repeat its request. */
static void drop_closed(struct ledger *ledger)
{
	if (ledger->index.count <= LEDGER_KEEP_CLOSED)
		return;
	ledger_index_keep(&ledger->index, is_wanted, ledger);
	ledger->durable = ledger->index.count;
}

/* --- a statement that arrives --------------------------------------------------------------- */

static int is_signed_by_enough(const struct ledger *ledger,
    const struct signed_statement *signed_statement, struct signer_statement_outcome *outcome)
{
	if (signed_statement->signature_count >= ledger->config.operators)
		return 1;
	refuse(outcome, "second_signature_needed",
	    "this factory asks for two operators: write the statement to a file with --out, and "
	    "have "
	    "another one sign and send it (factory-ca order sign)");
	return 0;
}

/* What a statement must be whatever it says; an outcome of REFUSED tells what is wrong. */
static int verify_arrived(const struct ledger *ledger,
    const struct signed_statement *signed_statement, int64_t now_unix_s,
    struct statement *statement, struct signer_statement_outcome *outcome)
{
	char why[LEDGER_WHY_LEN] = "";
	enum err err;

	if (ledger_clock_behind_s(ledger, now_unix_s)) {
		refuse(outcome, "signer_unavailable", "the signer's clock is behind its ledger");
		return 0;
	}
	err = statement_verify(signed_statement, ledger->config.line_access_ca,
	    ledger->config.operator_eku, now_unix_s, statement, why, sizeof(why));
	if (!err)
		return 1;
	refuse(outcome, err == ERR_SYNTAX ? "bad_statement" : "bad_signature", "%.*s",
	    SIGNER_DETAIL_MAX, why);
	return 0;
}

/* Into the journal, and into effect. */
static void keep(struct ledger *ledger, const struct statement *statement,
    const struct signed_statement *signed_statement, int64_t now_unix_s,
    struct signer_statement_outcome *outcome)
{
	struct buf encoded = {0};

	signed_statement_encode(&encoded, signed_statement);
	if (ledger_files_add_statement(&ledger->files, now_unix_s, &encoded))
		refuse(outcome, "signer_unavailable", "the signer cannot write its journal");
	else
		apply(ledger, statement, signed_statement, now_unix_s);
	buf_free(&encoded);
}

void ledger_accept(struct ledger *ledger, const struct signed_statement *signed_statement,
    int64_t now_unix_s, struct signer_statement_outcome *outcome)
{
	struct statement statement = {0};
	char why[LEDGER_WHY_LEN] = "";

	CHECK(ledger->files.group_count == 0);
	memset(outcome, 0, sizeof(*outcome));
	if (!verify_arrived(ledger, signed_statement, now_unix_s, &statement, outcome))
		return;
	if (statement.type == STATEMENT_LEDGER_RESTORE) {
		refuse(
		    outcome, "bad_statement", "a ledger is put back while the signer is stopped");
		return;
	}
	if (!is_signed_by_enough(ledger, signed_statement, outcome))
		return;
	judge(ledger, &statement, signed_statement, outcome);
	if (outcome->outcome != STATEMENT_ACCEPTED)
		return;
	if (load_range(ledger, &statement, why)) {
		LOG_ERROR("ledger_unreadable", log_str("detail", why));
		refuse(outcome, "signer_unavailable", "the signer cannot read its ledger");
		return;
	}
	keep(ledger, &statement, signed_statement, now_unix_s, outcome);
	if (statement.type == STATEMENT_ORDER_CLOSE)
		drop_closed(ledger);
}

void ledger_accept_restore(struct ledger *ledger, const struct signed_statement *signed_statement,
    int64_t now_unix_s, struct signer_statement_outcome *outcome)
{
	struct statement_ledger end = ledger_end(ledger);
	struct statement statement = {0};

	memset(outcome, 0, sizeof(*outcome));
	if (!verify_arrived(ledger, signed_statement, now_unix_s, &statement, outcome))
		return;
	if (statement.type != STATEMENT_LEDGER_RESTORE) {
		refuse(outcome, "bad_statement", "this is not about putting a ledger back");
		return;
	}
	judge(ledger, &statement, signed_statement, outcome);
	if (outcome->outcome == STATEMENT_ACCEPTED &&
	    (statement.ledger.record_count != end.record_count ||
		memcmp(statement.ledger.witness_chain, end.witness_chain, SHA256_LEN) != 0 ||
		memcmp(statement.ledger.record_chain, end.record_chain, SHA256_LEN) != 0))
		refuse(outcome, "ledger_differs", "the statement is about another ledger");
	if (outcome->outcome == STATEMENT_ACCEPTED)
		keep(ledger, &statement, signed_statement, now_unix_s, outcome);
}
