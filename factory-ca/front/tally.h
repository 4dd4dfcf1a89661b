/*
 * The yield of an order: what became of rows beside certificates, counted in the database for
 * `factory-ca order report`. Best effort: a count that is lost costs a report, not a phone. Runs in
 * the front's workers.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_TALLY_H
#define FIRSTRING_FACTORY_CA_FRONT_TALLY_H

#include "factory-ca/front/call.h"
#include "factory-ca/front/enrolment.h"

/* Counts those that were on record already and those that were refused, by reason. */
void tally_note(const struct call *call, const struct enrolment *rows, size_t count);

#endif
