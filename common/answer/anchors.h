/* Trust anchors of a profile: PEM text cut into certificates. The text is an ITSP's. Pure. */
#ifndef FIRSTRING_ANSWER_ANCHORS_H
#define FIRSTRING_ANSWER_ANCHORS_H

#include <stddef.h>

#include "common/base/buf.h"

enum { ANCHORS_MAX = 16 };

/* Zero-initialise; anchors_free releases. */
struct anchors {
	struct buf pem; /* what the items point into */
	const char *items[ANCHORS_MAX]; /* one certificate each, as PEM */
	size_t count;
};

/* What stands between the certificates is dropped, and every CR: no escaping spells one. */
void anchors_read(const char *pem, size_t len, struct anchors *anchors);
void anchors_free(struct anchors *anchors);

#endif
