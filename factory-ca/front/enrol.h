/*
 * A group of enrolments on its way: found on record, or signed and stored, then given its claim
 * codes. The one path by which a certificate leaves: its record is durable first.
 *
 *     find    certificates_existing: what is on record stays as it is, byte for byte
 *     issue   the signer makes what is new; where a row asks for it (generate), the key, too
 *     store   certificates_store: one transaction; who lost a race gets the winner's certificate
 *     codes   the signer derives the claim codes of other epochs on record than it has issued
 *
 * Each step may be repeated without harm, so where database or signer is away the group begins
 * again until its patience ends. Runs in the front's workers; the rows were checked in form only,
 * the signer judges them.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_ENROL_H
#define FIRSTRING_FACTORY_CA_FRONT_ENROL_H

#include "common/base/err.h"
#include "factory-ca/front/call.h"
#include "factory-ca/front/enrolment.h"

enum {
	/* Of one transaction, and one fsync of PostgreSQL: several frames to the signer. */
	ENROL_GROUP_MAX = 4 * SIGNER_ROWS_MAX,
	ENROL_PATIENCE_MS = 15000, /* a failover of PostgreSQL, a restart of the signer */
};

/*
 * ERR_OK: no row is pending any more, and each success is on record. ERR_UNAVAILABLE: patience
 * ended; ERR_NOT_FOUND, ERR_DENIED: the signer does not know the order, or not this station on it;
 * ERR_IO: our own mistake, logged. After a failure no row may be told to anybody.
 */
typedef void enrol_done_fn(enum err err, void *ctx);

enum enrol_codes { ENROL_WITHOUT_CODES, ENROL_WITH_CODES };

/* Enrols the rows that are ENROLMENT_PENDING, at most ENROL_GROUP_MAX in all, no MAC twice; the
 * array is copied. Rows and call are borrowed until `on_done`, which always comes, and never from
 * within. */
void enrol_start(struct call *call, struct enrolment *const *rows, size_t count,
    enum enrol_codes codes, enrol_done_fn *on_done, void *ctx);

#endif
