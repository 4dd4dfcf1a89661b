/*
 * Who is the phone with this certificate? Asks the databases, in order of preference.
 *
 * Requests that arrive in one turn of the loop share one round trip. A database that is away or
 * too slow is left and the next one asked; when none answers the caller is told so and says 503.
 * Each says of itself whether it is the primary. A standby answers only while no primary can be
 * asked, only when its replay is young enough, and only what needs no write: what it does not know
 * may have happened all the same, so that a miss there is no answer either.
 * By fingerprint only: this role cannot ask by MAC. Runs in workers.
 */
#ifndef FIRSTRING_REDIRECTOR_LOOKUP_H
#define FIRSTRING_REDIRECTOR_LOOKUP_H

#include <event2/event.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/mac.h"
#include "common/pki/digest.h"

enum { LOOKUP_TEXT_MAX = 128, LOOKUP_FALLBACKS_MAX = 8 };

/* A row of device_lookup. */
struct lookup_row {
	int is_broken; /* something in it cannot be; never handed on */
	struct mac mac;
	char serial_number[LOOKUP_TEXT_MAX], model[LOOKUP_TEXT_MAX], format[LOOKUP_TEXT_MAX];
	char admin_user[LOOKUP_TEXT_MAX];
	int encrypt_answers; /* the model takes them encrypted to its certificate */
	int has_certificate; /* it was looked up by its credentials, and could do better */
	int tls_compatible; /* the model may come to a listener of the compatible floor */
	int is_claimed; /* the rest only then */
	uint8_t claim_id[16];
	int64_t claim_version;
	int claim_live, itsp_suspended;
	struct buf provisioning_url, fallback_urls[LOOKUP_FALLBACKS_MAX]; /* templates */
	size_t fallback_count;
	struct buf trust_anchors; /* PEM, NUL-terminated; may be empty */
	char delivery[16], redelivery[16];
	int64_t window_hours, armed_at_us;
	int64_t once_started_at_us; /* 0: not since it was armed */
	struct buf sealed_password; /* the pending one where there is one; empty: purged */
	int64_t password_version; /* of that one */
};

enum lookup_result {
	LOOKUP_FOUND,
	LOOKUP_NOT_LIVE, /* no such certificate or credentials are on record */
	LOOKUP_DEAD, /* the certificate was ours once: revoked or replaced */
	/* The record is broken; or no database answered, or only one that may not have heard of it.
	 */
	LOOKUP_UNAVAILABLE,
};

struct lookup;
/* `row` is borrowed until the callback returns; NULL unless LOOKUP_FOUND. */
typedef void lookup_fn(enum lookup_result result, const struct lookup_row *row, void *ctx);

struct lookup_config {
	const char *const *conninfos; /* in order of preference */
	size_t count;
	int prepare; /* 0 behind PgBouncer before 1.21 */
	unsigned deadline_ms; /* for one database; then the next one is asked */
	int64_t standby_age_ms; /* how old a standby's replay may be for it to answer */
};
struct lookup *lookup_new(struct event_base *base, const struct lookup_config *config);
/* Callbacks that are due get LOOKUP_UNAVAILABLE. */
void lookup_free(struct lookup *lookup);
/* Never calls back before it returns; exactly once. */
/* `fingerprint`: of a certificate, or the key of credentials. */
void lookup_request(
    struct lookup *lookup, const struct fingerprint *fingerprint, lookup_fn *done, void *ctx);

/* Requests that have not been called back. */
size_t lookup_waiting(const struct lookup *lookup);
/* 1 when some database can be asked. */
int lookup_is_ready(const struct lookup *lookup);

#endif
