/*
 * Hash tables over the ledger's entries in memory. Keys are SHA-256 values and MACs inside the
 * ranges of signed orders, so that nobody outside can choose them to collide. Signer only.
 */
#include "factory-ca/signer/ledger_index.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_MIN = 1024 };

void ledger_index_free(struct ledger_index *index)
{
	free(index->entries);
	free(index->by_mac);
	free(index->by_key);
	memset(index, 0, sizeof(*index));
}

/* Consecutive MACs must not fall into consecutive slots' shadow: Fibonacci hashing spreads them. */
static size_t mac_slot(const struct ledger_index *index, const struct mac *mac)
{
	return (size_t)((mac_to_uint(mac) * 0x9e3779b97f4a7c15ULL) >> 20) & (index->slots - 1);
}

static size_t key_slot(const struct ledger_index *index, const uint8_t spki_sha256[SHA256_LEN])
{
	uint64_t begin;

	memcpy(&begin, spki_sha256, sizeof(begin));
	return (size_t)begin & (index->slots - 1);
}

static void put(const struct ledger_index *index, uint32_t *table, size_t slot, size_t entry)
{
	while (table[slot])
		slot = (slot + 1) & (index->slots - 1);
	table[slot] = (uint32_t)entry + 1;
}

/* A MAC has one place: its latest entry. */
static void put_mac(struct ledger_index *index, size_t entry)
{
	const struct mac *mac = &index->entries[entry].mac;
	size_t slot = mac_slot(index, mac);

	while (index->by_mac[slot] && !mac_equal(&index->entries[index->by_mac[slot] - 1].mac, mac))
		slot = (slot + 1) & (index->slots - 1);
	index->by_mac[slot] = (uint32_t)entry + 1;
}

static void put_entry(struct ledger_index *index, size_t entry)
{
	put_mac(index, entry);
	put(index, index->by_key, key_slot(index, index->entries[entry].spki_sha256), entry);
}

static void rebuild(struct ledger_index *index, size_t slots)
{
	size_t i;

	free(index->by_mac);
	free(index->by_key);
	index->slots = slots;
	index->by_mac = calloc(slots, sizeof(*index->by_mac));
	index->by_key = calloc(slots, sizeof(*index->by_key));
	CHECK(index->by_mac && index->by_key);
	for (i = 0; i < index->count; i++)
		put_entry(index, i);
}

void ledger_index_add(struct ledger_index *index, const struct ledger_entry *entry)
{
	CHECK(index->count < UINT32_MAX - 1);
	if (index->count == index->capacity) {
		index->capacity = index->capacity ? 2 * index->capacity : SLOTS_MIN / 2;
		index->entries = realloc(index->entries, index->capacity * sizeof(*index->entries));
		CHECK(index->entries != NULL);
	}
	index->entries[index->count++] = *entry;
	if (2 * index->count > index->slots)
		rebuild(index, index->slots ? 2 * index->slots : SLOTS_MIN);
	else
		put_entry(index, index->count - 1);
}

const struct ledger_entry *ledger_index_find_mac(
    const struct ledger_index *index, const struct mac *mac)
{
	size_t slot;

	if (index->count == 0)
		return NULL;
	for (slot = mac_slot(index, mac); index->by_mac[slot];
	     slot = (slot + 1) & (index->slots - 1)) {
		const struct ledger_entry *entry = &index->entries[index->by_mac[slot] - 1];

		if (mac_equal(&entry->mac, mac))
			return entry;
	}
	return NULL;
}

const struct ledger_entry *ledger_index_find_key(
    const struct ledger_index *index, const uint8_t spki_sha256[SHA256_LEN])
{
	size_t slot;

	if (index->count == 0)
		return NULL;
	for (slot = key_slot(index, spki_sha256); index->by_key[slot];
	     slot = (slot + 1) & (index->slots - 1)) {
		const struct ledger_entry *entry = &index->entries[index->by_key[slot] - 1];

		if (memcmp(entry->spki_sha256, spki_sha256, SHA256_LEN) == 0)
			return entry;
	}
	return NULL;
}

void ledger_index_mark_unsent(
    struct ledger_index *index, const struct mac *mac, const uint8_t serial[SIGNER_SERIAL_LEN])
{
	const struct ledger_entry *found = ledger_index_find_mac(index, mac);

	if (found && memcmp(found->serial, serial, SIGNER_SERIAL_LEN) == 0)
		index->entries[found - index->entries].is_unsent = 1;
}

void ledger_index_cut(struct ledger_index *index, size_t count)
{
	if (count >= index->count)
		return;
	index->count = count;
	rebuild(index, index->slots);
}

void ledger_index_keep(struct ledger_index *index,
    int (*is_wanted)(const struct ledger_entry *entry, void *ctx), void *ctx)
{
	struct ledger_index kept = {0};
	size_t i;

	for (i = 0; i < index->count; i++)
		if (is_wanted(&index->entries[i], ctx))
			ledger_index_add(&kept, &index->entries[i]);
	ledger_index_free(index);
	*index = kept;
}
