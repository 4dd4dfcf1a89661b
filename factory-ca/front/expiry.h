/*
 * Warns before something ends: certificates of stations, operators, server, CAs and OCSP responder,
 * and the two CRLs. Once at the start and every hour: a line in the log for each that ends within
 * front.expiry_warning, and a metric for the earliest of each kind. Runs in the publisher; reads
 * files of published_dir and the database, and changes nothing.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_EXPIRY_H
#define FIRSTRING_FACTORY_CA_FRONT_EXPIRY_H

#include <event2/event.h>

#include "common/db/pg.h"
#include "factory-ca/config.h"

/* Labels of FRONT_EXPIRES, in this order. */
enum expiry_kind {
	EXPIRY_STATION,
	EXPIRY_OPERATOR,
	EXPIRY_SERVER,
	EXPIRY_ISSUING_CA,
	EXPIRY_LINE_ACCESS_CA,
	EXPIRY_ROOT_CRL,
	EXPIRY_ISSUING_CRL,
	EXPIRY_OCSP,
	EXPIRY_KIND_COUNT,
};

struct expiry_watch;

/* All borrowed for life. */
struct expiry_watch *expiry_watch_new(
    struct event_base *base, struct pg *pg, const struct factory_config *config);
/* After pg_free(): what was asked has been answered then. */
void expiry_watch_free(struct expiry_watch *watch);

#endif
