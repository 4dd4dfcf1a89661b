/* Shared lookups: a list of keys that are asked for, each with those who wait for the answer that
 * is on its way and those who wait for the next, which is asked for at the end of the turn. Its
 * keys come from verified certificates and checked references. */
#include "factory-ca/front/lookups.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct asker {
	STAILQ_ENTRY(asker) entry;
	pg_done_fn *on_done;
	void *ctx;
};
STAILQ_HEAD(asker_list, asker);

struct lookup {
	LIST_ENTRY(lookup) entry;
	struct lookups *lookups;
	const struct pg_statement *statement;
	enum lookup_key type;
	uint8_t key[LOOKUP_KEY_MAX];
	size_t key_len;
	struct asker_list asking, waiting;
};

struct lookups {
	struct pg *pg;
	struct event
	    *turn; /* at the end of a turn of the loop: who came in it shares a statement */
	LIST_HEAD(, lookup) all;
};

static void tell(struct asker_list *list, const struct pg_error *error,
    const struct pg_rows *const *rows, size_t count)
{
	struct asker *asker;

	while ((asker = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, entry);
		asker->on_done(error, rows, count, asker->ctx);
		free(asker);
	}
}

static void on_answer(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct lookup *lookup = ctx;

	tell(&lookup->asking, error, rows, count);
	if (error && error->err == ERR_CLOSED)
		tell(&lookup->waiting, error, NULL, 0);
	if (STAILQ_EMPTY(&lookup->waiting)) {
		LIST_REMOVE(lookup, entry);
		free(lookup);
		return;
	}
	event_active(lookup->lookups->turn, EV_TIMEOUT, 0);
}

static void submit(struct lookup *lookup)
{
	struct pg_call query = {.statement = lookup->statement, .params = pg_params_new()};

	if (lookup->type == LOOKUP_TEXT)
		pg_param_text_len(query.params, (const char *)lookup->key, lookup->key_len);
	else
		pg_param_bytea(query.params, lookup->key, lookup->key_len);
	STAILQ_CONCAT(&lookup->asking, &lookup->waiting);
	pg_submit(lookup->lookups->pg, &query, 1, on_answer, lookup);
}

static void on_turn(evutil_socket_t fd, short what, void *ctx)
{
	struct lookups *lookups = ctx;
	struct lookup *lookup;

	(void)fd;
	(void)what;
	LIST_FOREACH(lookup, &lookups->all, entry)
	if (STAILQ_EMPTY(&lookup->asking))
		submit(lookup);
}

static struct lookup *find(const struct lookups *lookups, const struct pg_statement *statement,
    const void *key, size_t key_len)
{
	struct lookup *lookup;

	LIST_FOREACH(lookup, &lookups->all, entry)
	if (lookup->statement == statement && lookup->key_len == key_len &&
	    memcmp(lookup->key, key, key_len) == 0)
		return lookup;
	return NULL;
}

void lookups_ask(struct lookups *lookups, const struct pg_statement *statement,
    enum lookup_key type, const void *key, size_t key_len, pg_done_fn *on_done, void *ctx)
{
	struct lookup *lookup = find(lookups, statement, key, key_len);
	struct asker *asker = calloc(1, sizeof(*asker));

	CHECK(asker != NULL && key_len <= LOOKUP_KEY_MAX);
	asker->on_done = on_done;
	asker->ctx = ctx;
	if (!lookup) {
		lookup = calloc(1, sizeof(*lookup));
		CHECK(lookup != NULL);
		lookup->lookups = lookups;
		lookup->statement = statement;
		lookup->type = type;
		memcpy(lookup->key, key, key_len);
		lookup->key_len = key_len;
		STAILQ_INIT(&lookup->asking);
		STAILQ_INIT(&lookup->waiting);
		LIST_INSERT_HEAD(&lookups->all, lookup, entry);
	}
	STAILQ_INSERT_TAIL(&lookup->waiting, asker, entry);
	if (STAILQ_EMPTY(&lookup->asking))
		event_active(lookups->turn, EV_TIMEOUT, 0);
}

struct lookups *lookups_new(struct event_base *base, struct pg *pg)
{
	struct lookups *lookups = calloc(1, sizeof(*lookups));

	CHECK(lookups != NULL);
	lookups->pg = pg;
	lookups->turn = event_new(base, -1, 0, on_turn, lookups);
	CHECK(lookups->turn != NULL);
	LIST_INIT(&lookups->all);
	return lookups;
}

void lookups_close(struct lookups *lookups)
{
	on_turn(-1, 0, lookups);
	event_del(lookups->turn);
}

void lookups_free(struct lookups *lookups)
{
	CHECK(LIST_EMPTY(&lookups->all));
	event_free(lookups->turn);
	free(lookups);
}
