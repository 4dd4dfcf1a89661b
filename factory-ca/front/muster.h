/*
 * Enrolments that come one by one (EST), gathered into groups: one round through ledger, signer and
 * database, and one fsync each, for all that wait at the same moment.
 *
 * Who comes alone goes at once. While a group of this worker is on its way, those of the same order
 * and station gather in the next; it starts when as many have come as were answered and had come
 * by then, or two milliseconds later. Runs in the front's workers.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_MUSTER_H
#define FIRSTRING_FACTORY_CA_FRONT_MUSTER_H

#include "factory-ca/front/enrol.h"

struct muster;

struct muster *muster_new(struct event_base *base);
/* Those who wait are told ERR_UNAVAILABLE; groups on their way end by themselves. */
void muster_free(struct muster *muster);

/* As enrol_start() of one row, without its claim code. */
void muster_enrol(struct muster *muster, struct call *call, struct enrolment *row,
    enrol_done_fn *on_done, void *ctx);

#endif
