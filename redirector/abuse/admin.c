/* Answers about bans. Asked by people and tools of the machine, over loopback; what they send is
 * checked like anybody's. See admin.h. */
#include "redirector/abuse/admin.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/net/metrics.h"
#include "redirector/abuse/source.h"
#include "redirector/metrics.h"

static const char CERTIFICATE[] = "certificate:";

/* A listing, or a count. */
struct visit {
	struct buf *out; /* NULL: only counts */
	int of_certificates;
	int64_t now_ms, now_unix_us;
	size_t records, bans;
};

static void name_record(uint64_t key, int of_certificates, char text[SOURCE_TEXT_LEN])
{
	if (of_certificates)
		snprintf(text, SOURCE_TEXT_LEN, "%s%016llx", CERTIFICATE, (unsigned long long)key);
	else
		source_format(key, text);
}

static void visit_record(struct abuse_record *record, void *ctx)
{
	struct visit *visit = ctx;
	int64_t until_ms = atomic_load(&record->banned_until_ms);
	char name[SOURCE_TEXT_LEN], ends[CLOCK_TEXT_LEN + 1];

	visit->records++;
	if (until_ms <= visit->now_ms)
		return;
	visit->bans++;
	if (visit->out == NULL)
		return;
	name_record(atomic_load(&record->key), visit->of_certificates, name);
	clock_format_ms(visit->now_unix_us + (until_ms - visit->now_ms) * 1000, ends);
	buf_printf(visit->out, "%s{\"source\":\"%s\",\"ends_at\":\"%s\",\"failures\":%lld}",
	    visit->out->bytes[visit->out->len - 1] == '[' ? "" : ",", name, ends,
	    (long long)atomic_load(&record->failures));
}

static struct visit visit_all(const struct abuse_table *table, int of_certificates, struct buf *out)
{
	struct visit visit = {.out = out,
	    .of_certificates = of_certificates,
	    .now_ms = clock_monotonic_ms(),
	    .now_unix_us = clock_unix_us()};

	abuse_table_each(table, visit_record, &visit);
	return visit;
}

static void answer_list(struct exchange *exchange, const struct router_match *match, void *ctx)
{
	const struct abuse_shared *shared = ctx;
	struct buf text = {0};

	(void)match;
	buf_put_str(&text, "{\"bans\":[");
	visit_all(shared->sources, 0, &text);
	visit_all(shared->certificates, 1, &text);
	buf_put_str(&text, "]}\n");
	exchange_answer(exchange, &(struct server_answer){.status = 200,
				      .content_type = "application/json",
				      .body = text.bytes,
				      .body_len = text.len});
	buf_free(&text);
}

/* The record that a name means; NULL: nothing is known of it. */
static enum err find_record(
    const struct abuse_shared *shared, const char *name, struct abuse_record **record)
{
	size_t prefix_len = sizeof(CERTIFICATE) - 1;
	uint64_t key = 0;

	if (strncmp(name, CERTIFICATE, prefix_len) == 0) {
		uint8_t bytes[8];
		if (hex_decode(name + prefix_len, strlen(name + prefix_len), bytes,
			sizeof(bytes)) != ERR_OK)
			return ERR_SYNTAX;
		struct cursor cursor = cursor_of(bytes, sizeof(bytes));
		key = cursor_u64(&cursor);
		*record = abuse_table_find(shared->certificates, key);
		return ERR_OK;
	}
	enum err err = source_parse(name, &key);
	if (err == ERR_OK)
		*record = abuse_table_find(shared->sources, key);
	return err;
}

/* The bucket is filled as well: else the next failure would ban again. */
static void answer_lift(struct exchange *exchange, const struct router_match *match, void *ctx)
{
	static const char USAGE[] = "not a source: 192.0.2.7, 2001:db8::1, 2001:db8::/64 or "
				    "certificate:<16 hex digits>\n";
	char name[2 * ROUTER_PARAM_LEN];
	struct abuse_record *record = NULL;
	struct server_answer answer = {.status = 204};

	snprintf(name, sizeof(name), "%s%s%s", match->params[0], match->param_count > 1 ? "/" : "",
	    match->param_count > 1 ? match->params[1] : "");
	if (find_record(ctx, name, &record) != ERR_OK) {
		answer = (struct server_answer){.status = 400,
		    .content_type = "text/plain",
		    .body = USAGE,
		    .body_len = sizeof(USAGE) - 1};
	} else if (record == NULL ||
		   atomic_load(&record->banned_until_ms) <= clock_monotonic_ms()) {
		answer.status = 404;
	} else {
		atomic_store(&record->full_at_ms, 0);
		atomic_store(&record->failures, 0);
		atomic_store(&record->banned_until_ms, 0);
		LOG_INFO("ban_lifted", log_str("source", name));
	}
	exchange_answer(exchange, &answer);
}

static void refresh(void *ctx)
{
	const struct abuse_shared *shared = ctx;
	const struct abuse_table *const TABLES[] = {
	    shared->sources, shared->networks, shared->certificates};

	for (unsigned i = 0; i < sizeof(TABLES) / sizeof(TABLES[0]); i++) {
		struct visit seen = visit_all(TABLES[i], 0, NULL);
		metrics_set(METRIC_ABUSE_RECORDS, i, (int64_t)seen.records);
		metrics_set(METRIC_BANS, i, (int64_t)seen.bans);
	}
}

struct health_more abuse_admin(struct abuse_shared *shared)
{
	static const struct health_operation LIST = {answer_list}, LIFT = {answer_lift};
	static const struct route ROUTES[] = {
	    {"GET", "/bans", &LIST}, {"DELETE", "/bans/{source}", &LIFT},
	    {"DELETE", "/bans/{source}/{bits}", &LIFT}, /* the slash of a /64 is one of the path */
	};

	return (struct health_more){.routes = ROUTES,
	    .route_count = sizeof(ROUTES) / sizeof(ROUTES[0]),
	    .refresh = refresh,
	    .ctx = shared};
}
