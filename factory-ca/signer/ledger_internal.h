/*
 * The ledger's state in memory. Private to ledger.c (orders and reservations) and ledger_accept.c
 * (statements).
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_LEDGER_INTERNAL_H
#define FIRSTRING_FACTORY_CA_SIGNER_LEDGER_INTERNAL_H

#include "factory-ca/signer/ledger.h"
#include "factory-ca/signer/ledger_index.h"
#include "factory-ca/signer/ledger_orders.h"
#include "factory-ca/signer/ledger_revoked.h"

/* An operator's leave to give one MAC another key. */
enum ledger_rekey_state { REKEY_UNUSED, REKEY_RESERVED /* not durable yet */, REKEY_USED };
struct ledger_rekey {
	uint8_t grant[STATEMENT_GRANT_LEN];
	struct mac mac;
	enum ledger_rekey_state state;
};

enum {
	LEDGER_REKEY_FILTER_BITS = 1 << 16,
	LEDGER_KEEP_CLOSED = 1 << 18, /* phones in memory: some 50 MB */
};

struct ledger {
	struct ledger_config config;
	struct ledger_files files;
	struct ledger_order *orders;
	size_t order_count, order_capacity;
	struct ledger_order_tables order_tables;
	size_t statement_count; /* of the journal, as it is read */
	struct ledger_index index;
	size_t durable; /* entries of the index that are on disk; the rest is in the group */
	struct ledger_revoked revoked;
	struct ledger_rekey *rekeys;
	size_t rekey_count, rekey_capacity;
	/* A bit for each MAC that ever had a grant, by its low bits: most phones need no look. */
	uint8_t rekey_filter[LEDGER_REKEY_FILTER_BITS / 8];
	struct fingerprint *removed; /* operators */
	size_t removed_count, removed_capacity;
	/* The last statement of the journal, when it says that the ledger was put back. */
	int is_restored;
	struct statement_ledger restored;
};

struct ledger_order *ledger_order_of(const struct ledger *ledger, const char *reference);
int ledger_order_covers(const struct statement_order *order, const struct mac *mac);
/* 1 when a phone of that MAC may be asked for: an open order covers it, or a grant waits. */
int ledger_is_of_interest(struct ledger *ledger, const struct mac *mac);
/* The grant of that MAC in that state, or NULL. */
struct ledger_rekey *ledger_find_rekey(
    const struct ledger *ledger, const struct mac *mac, enum ledger_rekey_state state);

/* An entry of the journal at start; the context is the ledger. */
enum err ledger_read_statement(
    void *ctx, int64_t accepted_unix_s, struct cursor in, char why[LEDGER_WHY_LEN]);

#endif
