/* Token buckets by principal; see rate.h. Pure. */
#include "portal-api/http/rate.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"

enum { SETS = 1024, WAYS = 4, ID_MAX = 40, MILLI = 1000 };

struct bucket {
	char id[ID_MAX];
	uint64_t at_ms; /* of the last request */
	uint64_t left_milli; /* thousandths of a request */
};

struct rates {
	struct rate_limit limit;
	struct bucket buckets[SETS][WAYS];
};

struct rates *rates_new(const struct rate_limit *limit)
{
	struct rates *made = calloc(1, sizeof(*made));
	CHECK(made && limit->per_s > 0 && limit->burst > 0);
	made->limit = *limit;
	return made;
}

void rates_free(struct rates *rates)
{
	free(rates);
}

/* FNV-1a. The ids are ours: nobody chooses them. */
static unsigned set_of(const char *id)
{
	uint32_t hash = 2166136261u;
	for (; *id; id++)
		hash = (hash ^ (uint8_t)*id) * 16777619u;
	return hash % SETS;
}

static struct bucket *bucket_of(struct rates *rates, const char *id, uint64_t now_ms)
{
	struct bucket *set = rates->buckets[set_of(id)], *oldest = set;
	for (unsigned i = 0; i < WAYS; i++) {
		if (strcmp(set[i].id, id) == 0)
			return &set[i];
		if (set[i].at_ms < oldest->at_ms)
			oldest = &set[i];
	}
	memset(oldest, 0, sizeof(*oldest));
	memcpy(oldest->id, id, strlen(id) + 1);
	oldest->at_ms = now_ms;
	oldest->left_milli = (uint64_t)rates->limit.burst * MILLI;
	return oldest;
}

unsigned rates_take(struct rates *rates, const char *id, uint64_t now_ms)
{
	CHECK(strlen(id) < ID_MAX);
	struct bucket *bucket = bucket_of(rates, id, now_ms);
	uint64_t full = (uint64_t)rates->limit.burst * MILLI;
	/* Per second is thousandths per millisecond. */
	uint64_t gained = (now_ms - bucket->at_ms) * rates->limit.per_s;
	bucket->left_milli =
	    gained > full - bucket->left_milli ? full : bucket->left_milli + gained;
	bucket->at_ms = now_ms;
	if (bucket->left_milli >= MILLI) {
		bucket->left_milli -= MILLI;
		return 0;
	}
	uint64_t wait_ms = (MILLI - bucket->left_milli) / rates->limit.per_s;
	return (unsigned)(wait_ms / 1000) + 1;
}
