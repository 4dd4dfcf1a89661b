/*
 * Sorted tables over the ledger's orders. Input is signed statements that were verified. Pure but
 * for malloc; runs in the signer.
 */
#include "factory-ca/signer/ledger_orders.h"

#include <stdlib.h>
#include <string.h>

#include "factory-ca/signer/ledger.h"

void ledger_order_tables_free(struct ledger_order_tables *tables)
{
	free(tables->by_id);
	free(tables->open_by_mac);
	memset(tables, 0, sizeof(*tables));
}

static int compare_ids(const void *a, const void *b, void *context)
{
	const struct ledger_order *orders = context;

	return memcmp(orders[*(const uint32_t *)a].statement_sha256,
	    orders[*(const uint32_t *)b].statement_sha256, LEDGER_ORDER_ID_LEN);
}

static int compare_macs(const void *a, const void *b, void *context)
{
	const struct ledger_order *orders = context;

	return memcmp(orders[*(const uint32_t *)a].order.first_mac.octets,
	    orders[*(const uint32_t *)b].order.first_mac.octets, MAC_LEN);
}

static void make_current(
    struct ledger_order_tables *tables, struct ledger_order *orders, size_t count)
{
	size_t i;

	if (tables->is_current && tables->count == count)
		return;
	ledger_order_tables_free(tables);
	tables->by_id = calloc(count + 1, sizeof(*tables->by_id));
	tables->open_by_mac = calloc(count + 1, sizeof(*tables->open_by_mac));
	CHECK(tables->by_id && tables->open_by_mac);
	for (i = 0; i < count; i++) {
		tables->by_id[i] = (uint32_t)i;
		if (!orders[i].closed)
			tables->open_by_mac[tables->open_count++] = (uint32_t)i;
	}
	qsort_r(tables->by_id, count, sizeof(*tables->by_id), compare_ids, orders);
	qsort_r(tables->open_by_mac, tables->open_count, sizeof(*tables->open_by_mac), compare_macs,
	    orders);
	tables->count = count;
	tables->is_current = 1;
}

ptrdiff_t ledger_order_tables_find(struct ledger_order_tables *tables, struct ledger_order *orders,
    size_t count, const uint8_t *id)
{
	size_t low = 0, high = count;

	make_current(tables, orders, count);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order =
		    memcmp(orders[tables->by_id[middle]].statement_sha256, id, LEDGER_ORDER_ID_LEN);

		if (order == 0)
			return (ptrdiff_t)tables->by_id[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

ptrdiff_t ledger_order_tables_find_open(struct ledger_order_tables *tables,
    struct ledger_order *orders, size_t count, const struct mac *mac)
{
	uint64_t number = mac_to_uint(mac), first;
	size_t low = 0, high;
	const struct statement_order *found;

	make_current(tables, orders, count);
	/* The last one that begins at the MAC or before. */
	high = tables->open_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		first = mac_to_uint(&orders[tables->open_by_mac[middle]].order.first_mac);
		if (first <= number)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return -1;
	found = &orders[tables->open_by_mac[low - 1]].order;
	if (number - mac_to_uint(&found->first_mac) >= found->quantity)
		return -1;
	return (ptrdiff_t)tables->open_by_mac[low - 1];
}
