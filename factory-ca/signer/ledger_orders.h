/*
 * The orders of a ledger, found by their id and by a MAC.
 *
 * A start looks both up for every phone ever made: sorted tables, made anew when an order came,
 * widened or closed. Private to the ledger. Pure but for malloc.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_LEDGER_ORDERS_H
#define FIRSTRING_FACTORY_CA_SIGNER_LEDGER_ORDERS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/mac.h"

struct ledger_order;

struct ledger_order_tables {
	uint32_t *by_id; /* every order, by its id */
	uint32_t *open_by_mac; /* orders not closed, which never overlap, by their first MAC */
	size_t count, open_count;
	int is_current; /* 0: to be made anew before it is looked into */
};

void ledger_order_tables_free(struct ledger_order_tables *tables);
/* Indices into `orders`; -1 when there is none. */
ptrdiff_t ledger_order_tables_find(struct ledger_order_tables *tables, struct ledger_order *orders,
    size_t count, const uint8_t *id);
ptrdiff_t ledger_order_tables_find_open(struct ledger_order_tables *tables,
    struct ledger_order *orders, size_t count, const struct mac *mac);

#endif
