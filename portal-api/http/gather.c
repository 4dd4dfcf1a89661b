/* Requests that are asked for together; see gather.h. What they hold is the Internet's, and data to
 * the database. */
#include "portal-api/http/gather.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "queries_portal-api.h"

struct group {
	TAILQ_ENTRY(group) entry;
	struct gatherer *gatherer;
	const struct gathering *gathering;
	struct request *requests[GATHER_MAX];
	size_t count;
	int has_waited; /* for those of an earlier stage */
};

struct gatherer {
	struct event *start; /* at the end of a turn of the loop: who came in it goes together */
	TAILQ_HEAD(, group) waiting;
	size_t running;
	int is_closed;
};

static void on_answered(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx);

static void submit(struct group *group)
{
	const struct gathering *gathering = group->gathering;
	const struct request *first = group->requests[0];
	struct pg_call calls[2];
	size_t count = 0;
	if (gathering->is_tenants)
		calls[count++] = request_tenant_call(first);
	calls[count++] = gathering->ask(group->requests, group->count);
	group->gatherer->running++;
	pg_submit(first->portal->tenant, calls, count, on_answered, group);
}

static unsigned earliest_stage(const struct gatherer *gatherer)
{
	const struct group *group;
	unsigned stage = UINT_MAX;
	TAILQ_FOREACH(group, &gatherer->waiting, entry)
	if (group->gathering->stage < stage)
		stage = group->gathering->stage;
	return stage;
}

/* While some are on their way all others gather, since the connection answers one after another;
 * but not while there is none: each has its own deadline to wait for one. */
static int have_to_wait(const struct gatherer *gatherer)
{
	const struct group *first = TAILQ_FIRST(&gatherer->waiting);
	return !first || (gatherer->running > 0 && pg_is_ready(first->requests[0]->portal->tenant));
}

static void on_start(evutil_socket_t fd, short what, void *ctx)
{
	struct gatherer *gatherer = ctx;
	struct group *group, *next;
	unsigned stage = earliest_stage(gatherer);
	(void)fd;
	(void)what;
	if (have_to_wait(gatherer))
		return;
	for (group = TAILQ_FIRST(&gatherer->waiting); group; group = next) {
		next = TAILQ_NEXT(group, entry);
		if (group->gathering->stage > stage && !group->has_waited) {
			group->has_waited = 1;
			continue;
		}
		TAILQ_REMOVE(&gatherer->waiting, group, entry);
		submit(group);
	}
}

/* What the server itself refused is undone, and may be the fault of one: each goes alone. */
static void fail_all(struct group *group, const struct pg_error *error)
{
	void (*alone)(struct request * request) = group->gathering->alone;
	int is_undone = error->sqlstate[0] && !error->outcome_unknown;
	for (size_t i = 0; i < group->count; i++) {
		if (group->count > 1 && is_undone && alone)
			alone(group->requests[i]);
		else
			request_fail_database(group->requests[i], error);
	}
}

static void on_answered(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct group *group = ctx;
	struct gatherer *gatherer = group->gatherer;
	if (error) {
		fail_all(group, error);
	} else {
		CHECK(row_count(results[count - 1]) == group->count);
		for (size_t i = 0; i < group->count; i++)
			group->gathering->answered(group->requests[i], results[count - 1], i);
	}
	free(group);
	if (--gatherer->running == 0 && !gatherer->is_closed)
		event_active(gatherer->start, EV_TIMEOUT, 0);
}

static int may_join(
    const struct group *group, const struct request *request, const struct gathering *gathering)
{
	return group->gathering == gathering && group->count < GATHER_MAX &&
	       (!gathering->is_tenants ||
		   strcmp(group->requests[0]->principal.itsp_id, request->principal.itsp_id) == 0);
}

void request_gather(struct request *request, const struct gathering *gathering)
{
	struct gatherer *gatherer = request->portal->gatherer;
	struct group *group;
	request->is_tenants = gathering->is_tenants;
	request->is_effect = gathering->is_effect;
	if (gatherer->is_closed) {
		request_fail_database(request, &(struct pg_error){.err = ERR_CLOSED});
		return;
	}
	TAILQ_FOREACH(group, &gatherer->waiting, entry)
	if (may_join(group, request, gathering))
		break;
	if (!group) {
		group = calloc(1, sizeof *group);
		CHECK(group);
		group->gatherer = gatherer;
		group->gathering = gathering;
		TAILQ_INSERT_TAIL(&gatherer->waiting, group, entry);
	}
	group->requests[group->count++] = request;
	event_active(gatherer->start, EV_TIMEOUT, 0);
}

struct gatherer *gatherer_new(struct event_base *base)
{
	struct gatherer *gatherer = calloc(1, sizeof *gatherer);
	CHECK(gatherer);
	TAILQ_INIT(&gatherer->waiting);
	gatherer->start = event_new(base, -1, 0, on_start, gatherer);
	CHECK(gatherer->start);
	return gatherer;
}

void gatherer_close(struct gatherer *gatherer)
{
	struct group *group;
	gatherer->is_closed = 1;
	event_del(gatherer->start);
	while ((group = TAILQ_FIRST(&gatherer->waiting)) != NULL) {
		TAILQ_REMOVE(&gatherer->waiting, group, entry);
		for (size_t i = 0; i < group->count; i++)
			request_fail_database(
			    group->requests[i], &(struct pg_error){.err = ERR_CLOSED});
		free(group);
	}
}

void gatherer_free(struct gatherer *gatherer)
{
	CHECK(gatherer->is_closed && gatherer->running == 0);
	event_free(gatherer->start);
	free(gatherer);
}
