/*
 * The certificates that are revoked or were replaced, found by serial: what a CRL lists. Filled
 * from the journal and the records; only grows. Pure but for malloc; private to the ledger.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_LEDGER_REVOKED_H
#define FIRSTRING_FACTORY_CA_SIGNER_LEDGER_REVOKED_H

#include <stddef.h>
#include <stdint.h>

#include "factory-ca/signer/ca_profile.h"
#include "factory-ca/signer/generation.h"

struct ledger_revoked {
	struct crl_entry *entries; /* in the order in which they came */
	size_t count, capacity;
	uint32_t *by_serial; /* index + 1; 0 is empty */
	size_t slots; /* a power of two, at least twice the count */
	size_t of_generation[GENERATION_MAX + 1]; /* how many entries */
};

void ledger_revoked_free(struct ledger_revoked *revoked);
/* What is in already stays as it is. */
void ledger_revoked_add(struct ledger_revoked *revoked, const struct crl_entry *entry);
/* NULL when it is not revoked. */
const struct crl_entry *ledger_revoked_find(
    const struct ledger_revoked *revoked, const uint8_t serial[X509_SERIAL_LEN]);

#endif
