/*
 * The phones of open orders, in memory, found by MAC and by key.
 *
 * Two open-addressing tables over one array. Entries come from the ledger: ours. Pure but for
 * malloc. The last entries can be taken back, and what nobody will ask for dropped.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_LEDGER_INDEX_H
#define FIRSTRING_FACTORY_CA_SIGNER_LEDGER_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "factory-ca/signer/ledger_file.h"

struct ledger_index {
	struct ledger_entry *entries;
	size_t count, capacity;
	uint32_t *by_mac, *by_key; /* index + 1; 0 is empty */
	size_t slots; /* a power of two, at least twice the count */
};

void ledger_index_free(struct ledger_index *index);
/* Copies the entry in. Neither its MAC nor its key need be new: of a MAC the last one in is found,
 * of a key the first. */
void ledger_index_add(struct ledger_index *index, const struct ledger_entry *entry);
/* Borrowed until the next add; NULL when there is none. */
const struct ledger_entry *ledger_index_find_mac(
    const struct ledger_index *index, const struct mac *mac);
const struct ledger_entry *ledger_index_find_key(
    const struct ledger_index *index, const uint8_t spki_sha256[SHA256_LEN]);
/* Marks the latest entry of the MAC, if it has that serial: its key never left the signer. */
void ledger_index_mark_unsent(
    struct ledger_index *index, const struct mac *mac, const uint8_t serial[SIGNER_SERIAL_LEN]);
/* Keeps the entries that are wanted, in their order; the room of the others is given back. */
void ledger_index_keep(struct ledger_index *index,
    int (*is_wanted)(const struct ledger_entry *entry, void *ctx), void *ctx);
/* Forgets all but the first `count` entries. */
void ledger_index_cut(struct ledger_index *index, size_t count);

#endif
