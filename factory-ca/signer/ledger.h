/*
 * What the signer may do, and what it has done: orders and the phones issued under them.
 *
 * The authority of the factory: orders come in as statements signed by operators, phones as
 * reservations within an order's range, quota and window. Everything is on disk before it is told
 * (ledger_file.h). Only phones of open orders are held in memory. It believes nothing the front
 * says but MAC, serial number and key of a row. It does not sign.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_LEDGER_H
#define FIRSTRING_FACTORY_CA_SIGNER_LEDGER_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/mac.h"
#include "factory-ca/signer/ca_profile.h"
#include "factory-ca/signer/ledger_file.h"
#include "factory-ca/signer/protocol.h"
#include "factory-ca/statement.h"

struct ledger_order {
	struct statement_order order;
	uint8_t statement_sha256[SHA256_LEN]; /* of the text that opened it; its begin is the id */
	int closed;
	uint32_t issued; /* distinct MACs; counted for orders that are in memory */
};

struct ledger_config {
	const char *folder;
	X509 *line_access_ca; /* who may be an operator; borrowed */
	const char *operator_eku; /* dotted; borrowed */
	struct ledger_witness *witness; /* borrowed for life; NULL: none is asked */
	int takes_older; /* for a look: a ledger that is older than the witness saw opens, too */
	size_t operators; /* who must sign a statement: 1 (also when 0), or 2 */
	unsigned generation; /* of the issuing CA that issues: 1 (also when 0) and up */
};

struct ledger;

/* Reads, verifies and locks the ledger of the folder; see ledger_files_open(). Each statement's
 * signature is verified again, as of when it was accepted. ERR_REFUSED: older than the witness saw,
 * and no two operators said that it counts. */
MUST_CHECK enum err ledger_open(
    const struct ledger_config *config, struct ledger **ledger, char why[LEDGER_WHY_LEN]);
void ledger_free(struct ledger *ledger);

/* Where the ledger ends: what operators sign who put it back from a backup. */
struct statement_ledger ledger_end(const struct ledger *ledger);
/* Two operators' word that this ledger counts: put into the journal, so that the next ledger_open()
 * takes it though the witness saw more. Any later record or statement ends its effect. */
void ledger_accept_restore(struct ledger *ledger, const struct signed_statement *signed_statement,
    int64_t now_unix_s, struct signer_statement_outcome *outcome);

/* Borrowed until the next accepted statement; NULL when no statement opened it. */
const struct ledger_order *ledger_find_order(const struct ledger *ledger, const char *reference);
size_t ledger_open_orders(const struct ledger *ledger);
/* 1 when an order, open or closed, covers the MAC. */
int ledger_covers(const struct ledger *ledger, const struct mac *mac);

/* The clock may stand still or be set back by this much; past it nothing is issued. */
enum { LEDGER_CLOCK_SLACK_S = 60 };
/* How far the clock is behind the latest entry, beyond the slack; 0 when all is well. */
int64_t ledger_clock_behind_s(const struct ledger *ledger, int64_t now_unix_s);

/* Verifies and judges a statement; a new one is in the journal when this returns. */
void ledger_accept(struct ledger *ledger, const struct signed_statement *signed_statement,
    int64_t now_unix_s, struct signer_statement_outcome *outcome);

/* What a phone gets under an order. */
struct ledger_claim {
	const char *order; /* reference of an order that exists */
	struct mac mac;
	const char *serial_number; /* of the device */
	const uint8_t *spki_sha256;
	/* The station that asked for a key made here; NULL: the phone made it. */
	const char *server_key_for;
};
struct ledger_grant {
	uint8_t serial[SIGNER_SERIAL_LEN];
	int64_t not_before_unix_s;
	uint8_t replaces[SIGNER_SERIAL_LEN]; /* revoked by this one; zeros: none */
};
/* Keys that are made here for one MAC: the first, and as often again for the same station while the
 * order is open; then an operator's grant is needed. */
enum { LEDGER_SERVER_KEYS_MAX = 1 + 3 };
/*
 * ISSUED: reserved in memory, to be made durable by ledger_commit() before anything is signed;
 * EXISTING: the same grant as before; else a refusal with a sentence in `detail`. At most
 * LEDGER_GROUP_MAX reservations between two commits.
 */
enum issue_outcome ledger_reserve(struct ledger *ledger, const struct ledger_claim *claim,
    int64_t now_unix_s, struct ledger_grant *grant, char detail[SIGNER_DETAIL_MAX + 1]);
/* The key that was made here for a reservation never left the signer, and nobody has the
 * certificate: the next key of that MAC, for the same station, is no repetition. Known until the
 * signer ends; after that such a key counts like one that was sent, for it may have been. */
void ledger_mark_unsent(
    struct ledger *ledger, const struct mac *mac, const uint8_t serial[SIGNER_SERIAL_LEN]);
/* Every certificate revoked or replaced so far, of all generations, for CRLs; borrowed until the
 * next statement or commit. */
const struct crl_entry *ledger_revocations(const struct ledger *ledger, size_t *count);
/* How many of them are of that generation: it only grows. */
size_t ledger_revoked_count(const struct ledger *ledger, unsigned generation);
/* On failure all reservations since the last commit are gone, as if never asked for. */
MUST_CHECK enum err ledger_commit(struct ledger *ledger);

#endif
