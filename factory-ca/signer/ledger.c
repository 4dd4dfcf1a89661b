/*
 * Orders and reservations. Rows come from the front, which is not believed; statements count by
 * their operators' signatures alone. Runs in the signer, on one thread. Files are ledger_file.c's,
 * the tables in memory ledger_index.c's; nothing here touches a CA key.
 */
#include "factory-ca/signer/ledger.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "factory-ca/signer/ledger_index.h"
#include "factory-ca/signer/x509_write.h"

struct ledger {
	struct ledger_config config;
	struct ledger_files files;
	struct ledger_order *orders;
	size_t order_count, order_capacity;
	struct ledger_index index;
	size_t durable; /* entries of the index that are on disk; the rest is in the group */
};

static enum issue_outcome refuse(enum issue_outcome outcome, char *detail, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum issue_outcome refuse(enum issue_outcome outcome, char *detail, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(detail, SIGNER_DETAIL_MAX + 1, format, args);
	va_end(args);
	return outcome;
}

static struct ledger_order *find_order(const struct ledger *ledger, const char *reference)
{
	size_t i;

	/* The newest first: that is what the line works on. */
	for (i = ledger->order_count; i > 0; i--)
		if (strcmp(ledger->orders[i - 1].order.reference, reference) == 0)
			return &ledger->orders[i - 1];
	return NULL;
}

const struct ledger_order *ledger_find_order(const struct ledger *ledger, const char *reference)
{
	return find_order(ledger, reference);
}

static struct ledger_order *find_order_by_id(
    const struct ledger *ledger, const uint8_t id[LEDGER_ORDER_ID_LEN])
{
	size_t i;

	for (i = ledger->order_count; i > 0; i--)
		if (memcmp(ledger->orders[i - 1].statement_sha256, id, LEDGER_ORDER_ID_LEN) == 0)
			return &ledger->orders[i - 1];
	return NULL;
}

static int order_covers(const struct statement_order *order, const struct mac *mac)
{
	uint64_t first = mac_to_uint(&order->first_mac), number = mac_to_uint(mac);

	return number >= first && number - first < order->quantity;
}

int ledger_covers(const struct ledger *ledger, const struct mac *mac)
{
	size_t i;

	for (i = 0; i < ledger->order_count; i++)
		if (order_covers(&ledger->orders[i].order, mac))
			return 1;
	return 0;
}

size_t ledger_open_orders(const struct ledger *ledger)
{
	size_t i, count = 0;

	for (i = 0; i < ledger->order_count; i++)
		if (!ledger->orders[i].closed)
			count++;
	return count;
}

int64_t ledger_clock_behind_s(const struct ledger *ledger, int64_t now_unix_s)
{
	int64_t behind = ledger->files.latest_unix_s - now_unix_s;

	return behind > LEDGER_CLOCK_SLACK_S ? behind : 0;
}

static void add_order(struct ledger *ledger, const struct statement_order *order,
    const struct signed_statement *signed_statement)
{
	struct ledger_order *added;

	if (ledger->order_count == ledger->order_capacity) {
		ledger->order_capacity = ledger->order_capacity ? 2 * ledger->order_capacity : 16;
		ledger->orders =
		    realloc(ledger->orders, ledger->order_capacity * sizeof(*ledger->orders));
		CHECK(ledger->orders != NULL);
	}
	added = &ledger->orders[ledger->order_count++];
	memset(added, 0, sizeof(*added));
	added->order = *order;
	sha256(signed_statement->text.bytes, signed_statement->text.len, added->statement_sha256);
}

/* Judges a verified statement against the orders there are; changes nothing. */
static void judge(const struct ledger *ledger, const struct statement *statement,
    const struct signed_statement *signed_statement, struct signer_statement_outcome *outcome)
{
	const char *reference = statement->order.reference;
	const struct ledger_order *known = find_order(ledger, reference);
	uint8_t digest[SHA256_LEN];
	size_t i;

	outcome->outcome = STATEMENT_REFUSED;
	if (statement->type == STATEMENT_ORDER_CLOSE) {
		if (known) {
			outcome->outcome = known->closed ? STATEMENT_EXISTING : STATEMENT_ACCEPTED;
			return;
		}
		strcpy(outcome->code, "unknown_order");
		snprintf(outcome->detail, sizeof(outcome->detail), "no order %s was ever opened",
		    reference);
		return;
	}
	if (known) {
		sha256(signed_statement->text.bytes, signed_statement->text.len, digest);
		if (memcmp(digest, known->statement_sha256, SHA256_LEN) == 0) {
			outcome->outcome = STATEMENT_EXISTING;
			return;
		}
		strcpy(outcome->code, "order_differs");
		snprintf(outcome->detail, sizeof(outcome->detail),
		    "there is another order %s; a reference is used once", reference);
		return;
	}
	for (i = 0; i < ledger->order_count; i++) {
		const struct ledger_order *other = &ledger->orders[i];

		if (other->closed || !statement_orders_overlap(&other->order, &statement->order))
			continue;
		strcpy(outcome->code, "order_overlaps");
		snprintf(outcome->detail, sizeof(outcome->detail),
		    "the range has MACs in common with order %s, which is not closed",
		    other->order.reference);
		return;
	}
	outcome->outcome = STATEMENT_ACCEPTED;
}

static void apply(struct ledger *ledger, const struct statement *statement,
    const struct signed_statement *signed_statement)
{
	if (statement->type == STATEMENT_ORDER_CLOSE)
		find_order(ledger, statement->order.reference)->closed = 1;
	else
		add_order(ledger, &statement->order, signed_statement);
}

/* An entry of the journal at start. */
static enum err read_statement(
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
		    ledger->order_count + 1, reason);
	else
		apply(ledger, &statement, &signed_statement);
	signed_statement_free(&signed_statement);
	return err;
}

/* A record at start: kept when an open order covers its MAC, whatever order it was issued under. */
static enum err read_record(void *ctx, const struct ledger_entry *entry, char why[LEDGER_WHY_LEN])
{
	struct ledger *ledger = ctx;
	struct ledger_order *order = find_order_by_id(ledger, entry->order_id);
	size_t i;

	if (!order) {
		snprintf(why, LEDGER_WHY_LEN,
		    "ledger: a record names an order that the journal does not hold: the files are "
		    "not of one backup");
		return ERR_SIGNATURE;
	}
	order->issued++;
	for (i = 0; i < ledger->order_count; i++) {
		if (!ledger->orders[i].closed &&
		    order_covers(&ledger->orders[i].order, &entry->mac)) {
			ledger_index_add(&ledger->index, entry);
			ledger->durable++;
			break;
		}
	}
	return ERR_OK;
}

enum err ledger_open(
    const struct ledger_config *config, struct ledger **ledger, char why[LEDGER_WHY_LEN])
{
	struct ledger *opened = calloc(1, sizeof(*opened));
	const struct ledger_reader reader = {
	    .on_statement = read_statement, .on_record = read_record, .ctx = opened};
	enum err err;

	CHECK(opened != NULL);
	opened->config = *config;
	err = ledger_files_open(config->folder, &reader, &opened->files, why);
	if (err) {
		ledger_free(opened);
		return err;
	}
	*ledger = opened;
	return ERR_OK;
}

void ledger_free(struct ledger *ledger)
{
	if (!ledger)
		return;
	ledger_files_close(&ledger->files);
	ledger_index_free(&ledger->index);
	free(ledger->orders);
	free(ledger);
}

/* Phones that a new order finds in its range: issued under an earlier order, closed since. */
struct range {
	struct ledger *ledger;
	const struct statement_order *order;
};

static enum err load_from_range(
    void *ctx, const struct ledger_entry *entry, char why[LEDGER_WHY_LEN])
{
	struct range *range = ctx;

	(void)why;
	if (order_covers(range->order, &entry->mac) &&
	    !ledger_index_find_mac(&range->ledger->index, &entry->mac)) {
		ledger_index_add(&range->ledger->index, entry);
		range->ledger->durable++;
	}
	return ERR_OK;
}

static enum err load_range(
    struct ledger *ledger, const struct statement_order *order, char why[LEDGER_WHY_LEN])
{
	struct range range = {.ledger = ledger, .order = order};
	const struct ledger_reader reader = {.on_record = load_from_range, .ctx = &range};
	size_t i;

	for (i = 0; i < ledger->order_count; i++)
		if (statement_orders_overlap(&ledger->orders[i].order, order))
			return ledger_files_read_records(&ledger->files, &reader, why);
	return ERR_OK;
}

static void unavailable(struct signer_statement_outcome *outcome, const char *detail)
{
	outcome->outcome = STATEMENT_REFUSED;
	strcpy(outcome->code, "signer_unavailable");
	snprintf(outcome->detail, sizeof(outcome->detail), "%s", detail);
}

void ledger_accept(struct ledger *ledger, const struct signed_statement *signed_statement,
    int64_t now_unix_s, struct signer_statement_outcome *outcome)
{
	struct statement statement = {0};
	struct buf encoded = {0};
	char why[LEDGER_WHY_LEN] = "";
	enum err err;

	CHECK(ledger->files.group_count == 0);
	memset(outcome, 0, sizeof(*outcome));
	if (ledger_clock_behind_s(ledger, now_unix_s)) {
		unavailable(outcome, "the signer's clock is behind its ledger");
		return;
	}
	err = statement_verify(signed_statement, ledger->config.line_access_ca,
	    ledger->config.operator_eku, now_unix_s, &statement, why, sizeof(why));
	if (err) {
		outcome->outcome = STATEMENT_REFUSED;
		strcpy(outcome->code, err == ERR_SYNTAX ? "bad_statement" : "bad_signature");
		snprintf(outcome->detail, sizeof(outcome->detail), "%.*s", SIGNER_DETAIL_MAX, why);
		return;
	}
	judge(ledger, &statement, signed_statement, outcome);
	if (outcome->outcome != STATEMENT_ACCEPTED)
		return;
	if (statement.type == STATEMENT_ORDER_OPEN && load_range(ledger, &statement.order, why)) {
		LOG_ERROR("ledger_unreadable", log_str("detail", why));
		unavailable(outcome, "the signer cannot read its ledger");
		return;
	}
	signed_statement_encode(&encoded, signed_statement);
	if (ledger_files_add_statement(&ledger->files, now_unix_s, &encoded))
		unavailable(outcome, "the signer cannot write its journal");
	else
		apply(ledger, &statement, signed_statement);
	buf_free(&encoded);
}

/* The MAC has a record: the same phone asking again, or another one. */
static enum issue_outcome repeat(const struct ledger *ledger, const struct ledger_claim *claim,
    const struct ledger_order *order, const struct ledger_entry *entry, struct ledger_grant *grant,
    char *detail)
{
	const struct ledger_order *other;

	if (memcmp(entry->order_id, order->statement_sha256, LEDGER_ORDER_ID_LEN) != 0) {
		other = find_order_by_id(ledger, entry->order_id);
		return refuse(ISSUE_MAC_HAS_OTHER_KEY, detail,
		    "this MAC got its certificate under order %s",
		    other ? other->order.reference : "(unknown)");
	}
	if (memcmp(entry->spki_sha256, claim->spki_sha256, SHA256_LEN) != 0)
		return refuse(ISSUE_MAC_HAS_OTHER_KEY, detail,
		    "this MAC has a certificate for another key; a new key needs a re-key grant");
	if (strcmp(entry->serial_number, claim->serial_number) != 0)
		return refuse(ISSUE_BAD_ROW, detail,
		    "this MAC and key are on record with serial number %s", entry->serial_number);
	memcpy(grant->serial, entry->serial, SIGNER_SERIAL_LEN);
	grant->not_before_unix_s = entry->not_before_unix_s;
	return ISSUE_EXISTING;
}

/* Whether the order takes new phones now. */
static enum issue_outcome check_order(
    const struct ledger_order *order, int64_t now_unix_s, char *detail)
{
	const struct statement_order *terms = &order->order;
	char text[CLOCK_TEXT_LEN + 1];

	if (order->closed)
		return refuse(ISSUE_ORDER_CLOSED, detail, "order %s is closed", terms->reference);
	if (terms->opens_unix_s != STATEMENT_NO_TIME && now_unix_s < terms->opens_unix_s) {
		clock_format_s(terms->opens_unix_s, text);
		return refuse(
		    ISSUE_ORDER_CLOSED, detail, "order %s opens at %s", terms->reference, text);
	}
	if (terms->closes_unix_s != STATEMENT_NO_TIME && now_unix_s >= terms->closes_unix_s) {
		clock_format_s(terms->closes_unix_s, text);
		return refuse(
		    ISSUE_ORDER_CLOSED, detail, "order %s closed at %s", terms->reference, text);
	}
	if (order->issued >= terms->quantity)
		return refuse(ISSUE_ORDER_FULL, detail,
		    "all %u certificates of order %s are issued", terms->quantity,
		    terms->reference);
	return ISSUE_ISSUED;
}

static enum issue_outcome refuse_range(const struct statement_order *order, char *detail)
{
	char first[MAC_TEXT_LEN + 1], last[MAC_TEXT_LEN + 1];
	struct mac mac = order->first_mac;

	mac_format(&mac, first);
	CHECK(!mac_from_uint(mac_to_uint(&order->first_mac) + order->quantity - 1, &mac));
	mac_format(&mac, last);
	return refuse(
	    ISSUE_OUT_OF_RANGE, detail, "order %s covers %s to %s", order->reference, first, last);
}

enum issue_outcome ledger_reserve(struct ledger *ledger, const struct ledger_claim *claim,
    int64_t now_unix_s, struct ledger_grant *grant, char detail[SIGNER_DETAIL_MAX + 1])
{
	struct ledger_order *order = find_order(ledger, claim->order);
	const struct ledger_entry *entry;
	struct ledger_entry fresh = {0};
	enum issue_outcome outcome;
	char mac[MAC_TEXT_LEN + 1];

	CHECK(order != NULL);
	if (!order_covers(&order->order, &claim->mac))
		return refuse_range(&order->order, detail);
	entry = ledger_index_find_mac(&ledger->index, &claim->mac);
	if (entry)
		return repeat(ledger, claim, order, entry, grant, detail);
	outcome = check_order(order, now_unix_s, detail);
	if (outcome != ISSUE_ISSUED)
		return outcome;
	entry = ledger_index_find_key(&ledger->index, claim->spki_sha256);
	if (entry) {
		mac_format(&entry->mac, mac);
		return refuse(ISSUE_KEY_REUSED, detail, "MAC %s has this very key", mac);
	}
	memcpy(fresh.order_id, order->statement_sha256, LEDGER_ORDER_ID_LEN);
	fresh.mac = claim->mac;
	snprintf(fresh.serial_number, sizeof(fresh.serial_number), "%s", claim->serial_number);
	x509_serial_random(fresh.serial);
	fresh.not_before_unix_s = now_unix_s;
	memcpy(fresh.spki_sha256, claim->spki_sha256, SHA256_LEN);
	ledger_files_add(&ledger->files, &fresh);
	ledger_index_add(&ledger->index, &fresh);
	order->issued++;
	memcpy(grant->serial, fresh.serial, SIGNER_SERIAL_LEN);
	grant->not_before_unix_s = fresh.not_before_unix_s;
	return ISSUE_ISSUED;
}

enum err ledger_commit(struct ledger *ledger)
{
	enum err err = ledger_files_commit(&ledger->files);
	size_t i;

	if (!err) {
		ledger->durable = ledger->index.count;
		return ERR_OK;
	}
	for (i = ledger->durable; i < ledger->index.count; i++)
		find_order_by_id(ledger, ledger->index.entries[i].order_id)->issued--;
	ledger_index_cut(&ledger->index, ledger->durable);
	return err;
}
