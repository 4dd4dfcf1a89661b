/* What one worker works with: handed to every request. */
#ifndef FIRSTRING_PORTAL_PORTAL_H
#define FIRSTRING_PORTAL_PORTAL_H

#include "common/answer/format_set.h"
#include "common/db/pg.h"
#include "common/pki/seal.h"
#include "portal-api/config.h"
#include "portal-api/people/hasher.h"

struct event_streams;
struct gatherer;
struct rates;

struct portal {
	const struct portal_config *config;
	const struct seal_ring *ring, *webhook_ring;
	const struct format_set *formats;
	struct pg *tenant; /* role firstring_portal: one ITSP's rows */
	struct pg *admin; /* role firstring_admin */
	struct event_streams *streams; /* of an API worker, as what follows */
	struct rates *rates;
	struct gatherer *gatherer;
	struct hasher *hasher; /* of people's passwords */
	int job_bell; /* jobs/bell.h */
};

#endif
