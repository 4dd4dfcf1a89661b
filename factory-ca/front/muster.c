/* Gathering single enrolments. The rows were checked in form; the calls were allowed on the order.
 */
#include "factory-ca/front/muster.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
	RUNNING_MAX = 1, /* of a worker; the others gather meanwhile */
	RETURN_MS =
	    2, /* in which those who were just answered come again, on a line at full speed */
};

struct party {
	TAILQ_ENTRY(party) entry;
	struct muster *muster;
	size_t count;
	struct member {
		struct call *call;
		enrol_done_fn *on_done;
		void *ctx;
	} members[ENROL_GROUP_MAX];
	struct enrolment *rows[ENROL_GROUP_MAX];
};

struct muster {
	struct event *start; /* at the end of a turn of the loop: who came in it goes together */
	TAILQ_HEAD(, party) gathering;
	size_t gathered; /* members of these */
	size_t awaited; /* so many of them before the next group starts, or RETURN_MS */
	size_t running;
	int is_closing;
};

static void release(struct muster *muster)
{
	if (!muster->is_closing || muster->running > 0)
		return;
	event_free(muster->start);
	free(muster);
}

static void dismiss(struct party *party, enum err err)
{
	size_t i;

	for (i = 0; i < party->count; i++)
		party->members[i].on_done(err, party->members[i].ctx);
	free(party);
}

/* Those who are answered now will come again: two halves that take turns would pay twice for what a
 * group costs. */
static void await_return(struct muster *muster, size_t count)
{
	const struct timeval delay = {.tv_usec = RETURN_MS * 1000};

	muster->awaited = muster->gathered + count;
	CHECK(evtimer_add(muster->start, &delay) == 0);
}

static void on_party_done(enum err err, void *ctx)
{
	struct party *party = ctx;
	struct muster *muster = party->muster;

	muster->running--;
	if (!muster->is_closing)
		await_return(muster, party->count);
	dismiss(party, err);
	release(muster);
}

static void on_start(evutil_socket_t fd, short what, void *ctx)
{
	struct muster *muster = ctx;
	struct party *party;

	(void)fd;
	(void)what;
	evtimer_del(muster->start);
	muster->awaited = 0;
	while (muster->running < RUNNING_MAX && (party = TAILQ_FIRST(&muster->gathering)) != NULL) {
		TAILQ_REMOVE(&muster->gathering, party, entry);
		muster->gathered -= party->count;
		muster->running++;
		enrol_start(party->members[0].call, party->rows, party->count, ENROL_WITHOUT_CODES,
		    on_party_done, party);
	}
}

/* What one transaction and one audit row may speak of: one order, one station, one address. */
static int is_of_one_kind(const struct call *a, const struct call *b)
{
	return strcmp(a->order.terms.reference, b->order.terms.reference) == 0 &&
	       memcmp(a->fingerprint.bytes, b->fingerprint.bytes, SHA256_LEN) == 0 &&
	       strcmp(exchange_peer(a->exchange)->text, exchange_peer(b->exchange)->text) == 0;
}

static int may_join(const struct party *party, const struct call *call, const struct enrolment *row)
{
	size_t i;

	if (party->count == ENROL_GROUP_MAX || !is_of_one_kind(party->members[0].call, call))
		return 0;
	for (i = 0; i < party->count; i++)
		if (mac_equal(&party->rows[i]->mac, &row->mac))
			return 0;
	return 1;
}

void muster_enrol(struct muster *muster, struct call *call, struct enrolment *row,
    enrol_done_fn *on_done, void *ctx)
{
	struct party *party;

	TAILQ_FOREACH(party, &muster->gathering, entry)
	if (may_join(party, call, row))
		break;
	if (!party) {
		party = calloc(1, sizeof(*party));
		CHECK(party != NULL);
		party->muster = muster;
		TAILQ_INSERT_TAIL(&muster->gathering, party, entry);
	}
	party->members[party->count] = (struct member){call, on_done, ctx};
	party->rows[party->count++] = row;
	if (++muster->gathered >= muster->awaited && muster->running < RUNNING_MAX)
		event_active(muster->start, EV_TIMEOUT, 0);
}

struct muster *muster_new(struct event_base *base)
{
	struct muster *muster = calloc(1, sizeof(*muster));

	CHECK(muster != NULL);
	TAILQ_INIT(&muster->gathering);
	muster->start = event_new(base, -1, 0, on_start, muster);
	CHECK(muster->start != NULL);
	return muster;
}

void muster_free(struct muster *muster)
{
	struct party *party;

	muster->is_closing = 1;
	event_del(muster->start);
	while ((party = TAILQ_FIRST(&muster->gathering)) != NULL) {
		TAILQ_REMOVE(&muster->gathering, party, entry);
		dismiss(party, ERR_UNAVAILABLE);
	}
	release(muster);
}
