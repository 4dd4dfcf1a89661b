/* Serials in an open-addressing table. Serials are random but for their first octet: any eight of
 * the others are the hash. */
#include "factory-ca/signer/ledger_revoked.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"

enum { SLOTS_MIN = 64 };

void ledger_revoked_free(struct ledger_revoked *revoked)
{
	free(revoked->entries);
	free(revoked->by_serial);
	memset(revoked, 0, sizeof(*revoked));
}

static size_t slot_of(const struct ledger_revoked *revoked, const uint8_t *serial)
{
	uint64_t number;

	memcpy(&number, serial + X509_SERIAL_LEN - sizeof(number), sizeof(number));
	return (size_t)number & (revoked->slots - 1);
}

static void put(struct ledger_revoked *revoked, size_t entry)
{
	size_t slot = slot_of(revoked, revoked->entries[entry].serial);

	while (revoked->by_serial[slot])
		slot = (slot + 1) & (revoked->slots - 1);
	revoked->by_serial[slot] = (uint32_t)entry + 1;
}

static void grow(struct ledger_revoked *revoked)
{
	size_t i;

	free(revoked->by_serial);
	revoked->slots = revoked->slots ? 2 * revoked->slots : SLOTS_MIN;
	revoked->by_serial = calloc(revoked->slots, sizeof(*revoked->by_serial));
	CHECK(revoked->by_serial != NULL);
	for (i = 0; i < revoked->count; i++)
		put(revoked, i);
}

void ledger_revoked_add(struct ledger_revoked *revoked, const struct crl_entry *entry)
{
	if (ledger_revoked_find(revoked, entry->serial))
		return;
	CHECK(revoked->count < UINT32_MAX - 1);
	if (revoked->count == revoked->capacity) {
		revoked->capacity = revoked->capacity ? 2 * revoked->capacity : SLOTS_MIN / 2;
		revoked->entries =
		    realloc(revoked->entries, revoked->capacity * sizeof(*revoked->entries));
		CHECK(revoked->entries != NULL);
	}
	revoked->entries[revoked->count++] = *entry;
	revoked->of_generation[generation_of_serial(entry->serial)]++;
	if (2 * revoked->count > revoked->slots)
		grow(revoked);
	else
		put(revoked, revoked->count - 1);
}

const struct crl_entry *ledger_revoked_find(
    const struct ledger_revoked *revoked, const uint8_t serial[X509_SERIAL_LEN])
{
	size_t slot;

	if (revoked->count == 0)
		return NULL;
	for (slot = slot_of(revoked, serial); revoked->by_serial[slot];
	     slot = (slot + 1) & (revoked->slots - 1)) {
		const struct crl_entry *entry = &revoked->entries[revoked->by_serial[slot] - 1];

		if (memcmp(entry->serial, serial, X509_SERIAL_LEN) == 0)
			return entry;
	}
	return NULL;
}
