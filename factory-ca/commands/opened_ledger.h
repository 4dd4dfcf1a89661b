/*
 * The signer's ledger as commands open it while the signer is stopped: with what it is verified by.
 */
#ifndef FIRSTRING_FACTORY_CA_COMMANDS_OPENED_LEDGER_H
#define FIRSTRING_FACTORY_CA_COMMANDS_OPENED_LEDGER_H

#include "factory-ca/signer/authority.h"
#include "factory-ca/signer/ledger.h"
#include "factory-ca/signer/ledger_witness.h"

struct opened_ledger {
	struct authority authority; /* certificates only */
	X509 *line_access_ca;
	char operator_eku[FACTORY_OID_LEN];
	struct ledger_witness *witness;
	struct ledger *ledger;
};

/* ANY: whatever the witness saw; whether that is more is the signer's question then. */
enum ledger_age { LEDGER_NEWEST, LEDGER_ANY_AGE };

/* `why` (AUTHORITY_WHY_LEN); errors as of ledger_open(). Close it in any case. */
MUST_CHECK enum err opened_ledger_open(const struct factory_config *config, enum ledger_age age,
    struct opened_ledger *opened, char *why);
void opened_ledger_close(struct opened_ledger *opened);

#endif
