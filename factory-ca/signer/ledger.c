/*
 * Orders and reservations. Rows come from the front, which is not believed. Runs in the signer, on
 * one thread. Statements are ledger_accept.c's, files ledger_file.c's, the tables in memory
 * ledger_index.c's and ledger_revoked.c's; nothing here touches a CA key.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "factory-ca/signer/generation.h"
#include "factory-ca/signer/ledger_internal.h"
#include "factory-ca/signer/ledger_witness.h"
#include "factory-ca/signer/x509_write.h"

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

struct ledger_order *ledger_order_of(const struct ledger *ledger, const char *reference)
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
	return ledger_order_of(ledger, reference);
}

static struct ledger_order *find_order_by_id(
    struct ledger *ledger, const uint8_t id[LEDGER_ORDER_ID_LEN])
{
	ptrdiff_t found = ledger_order_tables_find(
	    &ledger->order_tables, ledger->orders, ledger->order_count, id);

	return found < 0 ? NULL : &ledger->orders[found];
}

int ledger_order_covers(const struct statement_order *order, const struct mac *mac)
{
	uint64_t first = mac_to_uint(&order->first_mac), number = mac_to_uint(mac);

	return number >= first && number - first < order->quantity;
}

int ledger_covers(const struct ledger *ledger, const struct mac *mac)
{
	size_t i;

	for (i = 0; i < ledger->order_count; i++)
		if (ledger_order_covers(&ledger->orders[i].order, mac))
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

struct ledger_rekey *ledger_find_rekey(
    const struct ledger *ledger, const struct mac *mac, enum ledger_rekey_state state)
{
	size_t bit = mac_to_uint(mac) % LEDGER_REKEY_FILTER_BITS, i;

	if (!(ledger->rekey_filter[bit / 8] & 1U << bit % 8))
		return NULL;
	for (i = 0; i < ledger->rekey_count; i++)
		if (ledger->rekeys[i].state == state && mac_equal(&ledger->rekeys[i].mac, mac))
			return &ledger->rekeys[i];
	return NULL;
}

static int has_serial(const uint8_t serial[SIGNER_SERIAL_LEN])
{
	static const uint8_t none[SIGNER_SERIAL_LEN];

	return memcmp(serial, none, SIGNER_SERIAL_LEN) != 0;
}

/* What a durable record does beside being there: the certificate that it replaces is none any
 * more. */
static void take_place(struct ledger *ledger, const struct ledger_entry *entry)
{
	struct crl_entry gone = {
	    .revoked_unix_s = entry->not_before_unix_s, .reason = REVOCATION_SUPERSEDED};

	if (!has_serial(entry->replaces))
		return;
	memcpy(gone.serial, entry->replaces, sizeof(gone.serial));
	ledger_revoked_add(&ledger->revoked, &gone);
}

/* A key beyond those that the order itself allows was made under a grant. */
static int used_a_grant(const struct ledger_entry *entry)
{
	return has_serial(entry->replaces) && entry->server_keys <= 1 && !entry->after_unsent;
}

int ledger_is_of_interest(struct ledger *ledger, const struct mac *mac)
{
	return ledger_order_tables_find_open(
		   &ledger->order_tables, ledger->orders, ledger->order_count, mac) >= 0 ||
	       ledger_find_rekey(ledger, mac, REKEY_UNUSED) != NULL;
}

/* A record at start: kept when an open order covers its MAC, whatever order it was issued under, or
 * when an operator has granted it another key. */
static enum err read_record(void *ctx, const struct ledger_entry *entry, char why[LEDGER_WHY_LEN])
{
	struct ledger *ledger = ctx;
	struct ledger_order *order = find_order_by_id(ledger, entry->order_id);
	struct ledger_rekey *rekey = NULL;

	if (!order) {
		snprintf(why, LEDGER_WHY_LEN,
		    "ledger: a record names an order that the journal does not hold: the files are "
		    "not of one backup");
		return ERR_SIGNATURE;
	}
	if (!has_serial(entry->replaces))
		order->issued++;
	if (used_a_grant(entry))
		rekey = ledger_find_rekey(ledger, &entry->mac, REKEY_UNUSED);
	if (rekey)
		rekey->state = REKEY_USED;
	take_place(ledger, entry);
	if (rekey || ledger_is_of_interest(ledger, &entry->mac)) {
		ledger_index_add(&ledger->index, entry);
		ledger->durable++;
	}
	return ERR_OK;
}

struct statement_ledger ledger_end(const struct ledger *ledger)
{
	struct statement_ledger end = {.record_count = ledger->files.record_count};

	memcpy(end.record_chain, ledger->files.record_chain, SHA256_LEN);
	memcpy(end.journal_chain, ledger->files.journal_chain, SHA256_LEN);
	if (ledger->config.witness)
		memcpy(end.witness_chain, ledger->config.witness->head.record_chain, SHA256_LEN);
	return end;
}

/* The witness saw more than is here. */
static enum err check_restored(struct ledger *ledger, char why[LEDGER_WHY_LEN])
{
	struct statement_ledger end = ledger_end(ledger);

	if (!ledger->is_restored || ledger->restored.record_count != end.record_count ||
	    memcmp(ledger->restored.record_chain, end.record_chain, SHA256_LEN) != 0 ||
	    memcmp(ledger->restored.witness_chain, end.witness_chain, SHA256_LEN) != 0) {
		snprintf(why, LEDGER_WHY_LEN,
		    "the ledger (%llu records) is older than what this signer wrote: it was put "
		    "back "
		    "from a backup. What was issued since is not in it; if nothing better can be "
		    "had, two operators sign for it: factory-ca ledger restore",
		    (unsigned long long)end.record_count);
		return ERR_REFUSED;
	}
	if (ledger_files_restored(&ledger->files)) {
		snprintf(why, LEDGER_WHY_LEN, "ledger.head cannot be written");
		return ERR_IO;
	}
	LOG_WARN("ledger_restored", log_uint("records", end.record_count),
	    log_str("meaning", "two operators signed that this older ledger counts"));
	return ERR_OK;
}

enum err ledger_open(
    const struct ledger_config *config, struct ledger **ledger, char why[LEDGER_WHY_LEN])
{
	struct ledger *opened = calloc(1, sizeof(*opened));
	const struct ledger_reader reader = {
	    .on_statement = ledger_read_statement, .on_record = read_record, .ctx = opened};
	enum err err;

	CHECK(opened != NULL);
	opened->config = *config;
	if (!opened->config.generation)
		opened->config.generation = GENERATION_FIRST;
	err = ledger_files_open(config->folder, config->witness, &reader, &opened->files, why);
	if (!err && opened->files.is_older && !config->takes_older)
		err = check_restored(opened, why);
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
	ledger_order_tables_free(&ledger->order_tables);
	ledger_revoked_free(&ledger->revoked);
	free(ledger->rekeys);
	free(ledger->removed);
	free(ledger->orders);
	free(ledger);
}

/* Whether the order is open now. */
static enum issue_outcome check_window(
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

/* Whether a MAC may be the owner of a key that it has not had so far. */
static enum issue_outcome check_key(
    const struct ledger *ledger, const struct ledger_claim *claim, char *detail)
{
	const struct ledger_entry *entry =
	    ledger_index_find_key(&ledger->index, claim->spki_sha256);
	char mac[MAC_TEXT_LEN + 1];

	if (!entry)
		return ISSUE_ISSUED;
	if (mac_equal(&entry->mac, &claim->mac))
		return refuse(ISSUE_REVOKED, detail,
		    "this key of the phone was replaced or revoked; it needs a new one");
	mac_format(&entry->mac, mac);
	return refuse(ISSUE_KEY_REUSED, detail, "MAC %s has this very key", mac);
}

static enum issue_outcome check_serial_number(
    const struct ledger_claim *claim, const struct ledger_entry *entry, char *detail)
{
	if (strcmp(entry->serial_number, claim->serial_number) == 0)
		return ISSUE_ISSUED;
	return refuse(ISSUE_BAD_ROW, detail, "this MAC is on record with serial number %s",
	    entry->serial_number);
}

/* The MAC has a certificate for a key that the signer made: the same station may have another. */
static enum issue_outcome check_server_key(const struct ledger_claim *claim,
    const struct ledger_order *order, const struct ledger_entry *entry, int64_t now_unix_s,
    struct ledger_entry *fresh, char *detail)
{
	/* What was granted and never left is asked for again: no more is granted than was. */
	enum issue_outcome outcome =
	    entry->is_unsent ? ISSUE_ISSUED : check_window(order, now_unix_s, detail);

	if (outcome != ISSUE_ISSUED)
		return outcome;
	if (memcmp(entry->station_id, fresh->station_id, LEDGER_STATION_ID_LEN) != 0)
		return refuse(ISSUE_MAC_HAS_OTHER_KEY, detail,
		    "another station than %s has this phone's key; a new one needs a re-key grant",
		    claim->server_key_for);
	if (!entry->is_unsent && entry->server_keys >= LEDGER_SERVER_KEYS_MAX)
		return refuse(ISSUE_MAC_HAS_OTHER_KEY, detail,
		    "%d keys were made for this phone; one more needs a re-key grant",
		    entry->server_keys);
	fresh->server_keys = (uint8_t)(entry->server_keys + !entry->is_unsent);
	fresh->after_unsent = entry->is_unsent;
	return ISSUE_ISSUED;
}

/* The MAC has a certificate: another one takes its place, by an operator's grant or because the
 * signer makes the keys of this phone; or not. */
static enum issue_outcome check_replacement(struct ledger *ledger, const struct ledger_claim *claim,
    const struct ledger_order *order, const struct ledger_entry *entry, int64_t now_unix_s,
    struct ledger_entry *fresh, char *detail)
{
	struct ledger_rekey *rekey = ledger_find_rekey(ledger, &claim->mac, REKEY_UNUSED);
	enum issue_outcome outcome = check_key(ledger, claim, detail);

	if (outcome == ISSUE_REVOKED)
		return outcome;
	if (!rekey && !(claim->server_key_for && entry->server_keys > 0))
		return refuse(ISSUE_MAC_HAS_OTHER_KEY, detail,
		    "this MAC has a certificate for another key; a new key needs a re-key grant");
	if (!rekey && ledger_revoked_find(&ledger->revoked, entry->serial))
		return refuse(ISSUE_REVOKED, detail,
		    "the certificate of this MAC was revoked; a new key needs a re-key grant");
	if (outcome == ISSUE_ISSUED)
		outcome = check_serial_number(claim, entry, detail);
	if (outcome == ISSUE_ISSUED && !rekey)
		outcome = check_server_key(claim, order, entry, now_unix_s, fresh, detail);
	if (outcome == ISSUE_ISSUED && rekey)
		rekey->state = REKEY_RESERVED;
	memcpy(fresh->replaces, entry->serial, SIGNER_SERIAL_LEN);
	return outcome;
}

/* The MAC has a record: the same phone asking again, or another key for it. */
static enum issue_outcome repeat(struct ledger *ledger, const struct ledger_claim *claim,
    const struct ledger_order *order, const struct ledger_entry *entry, int64_t now_unix_s,
    struct ledger_entry *fresh, char *detail)
{
	const struct ledger_order *other;

	if (memcmp(entry->order_id, order->statement_sha256, LEDGER_ORDER_ID_LEN) != 0) {
		other = find_order_by_id(ledger, entry->order_id);
		return refuse(ISSUE_MAC_HAS_OTHER_KEY, detail,
		    "this MAC got its certificate under order %s",
		    other ? other->order.reference : "(unknown)");
	}
	if (memcmp(entry->spki_sha256, claim->spki_sha256, SHA256_LEN) != 0)
		return check_replacement(ledger, claim, order, entry, now_unix_s, fresh, detail);
	if (ledger_revoked_find(&ledger->revoked, entry->serial))
		return refuse(
		    ISSUE_REVOKED, detail, "the certificate of this MAC and key was revoked");
	if (check_serial_number(claim, entry, detail) != ISSUE_ISSUED)
		return ISSUE_BAD_ROW;
	*fresh = *entry;
	return ISSUE_EXISTING;
}

/* A MAC that has no record yet. */
static enum issue_outcome check_first(const struct ledger *ledger, const struct ledger_claim *claim,
    const struct ledger_order *order, int64_t now_unix_s, char *detail)
{
	enum issue_outcome outcome = check_window(order, now_unix_s, detail);

	if (outcome != ISSUE_ISSUED)
		return outcome;
	if (order->issued >= order->order.quantity)
		return refuse(ISSUE_ORDER_FULL, detail,
		    "all %u certificates of order %s are issued", order->order.quantity,
		    order->order.reference);
	return check_key(ledger, claim, detail);
}

static void begin_entry(const struct ledger_claim *claim, const struct ledger_order *order,
    unsigned generation, int64_t now_unix_s, struct ledger_entry *fresh)
{
	uint8_t digest[SHA256_LEN];

	memset(fresh, 0, sizeof(*fresh));
	memcpy(fresh->order_id, order->statement_sha256, LEDGER_ORDER_ID_LEN);
	fresh->mac = claim->mac;
	snprintf(fresh->serial_number, sizeof(fresh->serial_number), "%s", claim->serial_number);
	x509_serial_random(fresh->serial);
	generation_mark_serial(generation, fresh->serial);
	fresh->not_before_unix_s = now_unix_s;
	memcpy(fresh->spki_sha256, claim->spki_sha256, SHA256_LEN);
	if (!claim->server_key_for)
		return;
	fresh->server_keys = 1;
	sha256(claim->server_key_for, strlen(claim->server_key_for), digest);
	memcpy(fresh->station_id, digest, LEDGER_STATION_ID_LEN);
}

enum issue_outcome ledger_reserve(struct ledger *ledger, const struct ledger_claim *claim,
    int64_t now_unix_s, struct ledger_grant *grant, char detail[SIGNER_DETAIL_MAX + 1])
{
	struct ledger_order *order = ledger_order_of(ledger, claim->order);
	const struct ledger_entry *entry;
	struct ledger_entry fresh;
	enum issue_outcome outcome;

	CHECK(order != NULL);
	if (!ledger_order_covers(&order->order, &claim->mac))
		return refuse_range(&order->order, detail);
	begin_entry(claim, order, ledger->config.generation, now_unix_s, &fresh);
	entry = ledger_index_find_mac(&ledger->index, &claim->mac);
	outcome = entry ? repeat(ledger, claim, order, entry, now_unix_s, &fresh, detail)
			: check_first(ledger, claim, order, now_unix_s, detail);
	if (outcome == ISSUE_ISSUED) {
		ledger_files_add(&ledger->files, &fresh);
		ledger_index_add(&ledger->index, &fresh);
		if (!entry)
			order->issued++;
	}
	if (!issue_outcome_is_success(outcome))
		return outcome;
	memcpy(grant->serial, fresh.serial, SIGNER_SERIAL_LEN);
	grant->not_before_unix_s = fresh.not_before_unix_s;
	memcpy(grant->replaces, fresh.replaces, SIGNER_SERIAL_LEN);
	return outcome;
}

enum err ledger_commit(struct ledger *ledger)
{
	enum err err = ledger_files_commit(&ledger->files);
	size_t i;

	for (i = ledger->durable; i < ledger->index.count; i++) {
		const struct ledger_entry *entry = &ledger->index.entries[i];
		struct ledger_rekey *rekey = ledger_find_rekey(ledger, &entry->mac, REKEY_RESERVED);

		if (rekey)
			rekey->state = err ? REKEY_UNUSED : REKEY_USED;
		if (!err)
			take_place(ledger, entry);
		else if (!has_serial(entry->replaces))
			find_order_by_id(ledger, entry->order_id)->issued--;
	}
	if (err)
		ledger_index_cut(&ledger->index, ledger->durable);
	ledger->durable = ledger->index.count;
	return err;
}

void ledger_mark_unsent(
    struct ledger *ledger, const struct mac *mac, const uint8_t serial[SIGNER_SERIAL_LEN])
{
	ledger_index_mark_unsent(&ledger->index, mac, serial);
}

const struct crl_entry *ledger_revocations(const struct ledger *ledger, size_t *count)
{
	*count = ledger->revoked.count;
	return ledger->revoked.entries;
}

size_t ledger_revoked_count(const struct ledger *ledger, unsigned generation)
{
	return ledger->revoked.of_generation[generation];
}
