/*
 * One event: what is kept of a phone's coming, and how it stands in a spool.
 *
 * A record in a file is framed with its length and a checksum, so that one that was cut or damaged
 * is seen. What is read back was written by a process of ours, and is judged all the same. Pure.
 */
#ifndef FIRSTRING_REDIRECTOR_EVENT_RECORD_H
#define FIRSTRING_REDIRECTOR_EVENT_RECORD_H

#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/mac.h"
#include "common/pki/digest.h"

enum { EVENT_KIND_LEN = 33, EVENT_SOURCE_LEN = 48, EVENT_DETAIL_LEN = 64 };
enum { EVENT_FRAME_LEN = 12, EVENT_RECORD_MAX = 512 };

enum event_type { EVENT_DEVICE = 1, EVENT_SECURITY = 2 };

struct event_record {
	uint8_t type; /* enum event_type */
	int64_t at_us;
	uint8_t id[16];
	struct mac mac;
	char kind[EVENT_KIND_LEN], source[EVENT_SOURCE_LEN], detail[EVENT_DETAIL_LEN];
	/* device events */
	uint8_t has_claim;
	uint8_t claim_id[16];
	int64_t password_version;
	/* security events */
	struct fingerprint fingerprint;
};

/* Appends frame and record. */
void event_record_put(const struct event_record *record, struct buf *out);

/*
 * Reads one from the front of `bytes`; `used` is its length with the frame. ERR_MORE: it goes on
 * beyond `len`; ERR_SIGNATURE: the checksum is another; ERR_SYNTAX: no record of ours.
 */
MUST_CHECK enum err event_record_take(
    const uint8_t *bytes, size_t len, struct event_record *record, size_t *used);

#endif
