/*
 * Contested transfers, as time goes: a phone's reset is seen, an owner was silent long enough, a
 * request waited in vain.
 *
 * Runs in the job worker, with the role firstring_admin; each step is a transition of the database
 * (transfers_advance), so that two processes at once do no harm.
 */
#include "portal-api/jobs/transfers.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/db/row.h"
#include "queries_portal-api.h"

enum { AT_ONCE = 200 };

struct transfer_watch {
	struct event *timer;
	struct pg *admin;
	const struct portal_config *config;
};

static void on_advanced(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	static struct log_gate gate;
	(void)ctx;
	if (error) {
		if (log_gate_open(&gate))
			LOG_WARN("transfers_not_checked", log_err(error->err),
			    log_str("message", error->message),
			    log_uint("suppressed", gate.suppressed));
		return;
	}
	CHECK(count == 1);
	const struct pg_rows *rows = results[0];
	for (size_t i = 0; i < row_count(rows); i++)
		LOG_INFO("transfer_step",
		    log_str("transfer_id", row_text(rows, i, row_column(rows, "transfer_id"))),
		    log_str("mac", row_text(rows, i, row_column(rows, "mac"))),
		    log_str("step", row_text(rows, i, row_column(rows, "step"))));
}

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
	struct transfer_watch *watch = ctx;
	int64_t every_ms = watch->config->transfer_check_ms;
	struct timeval again = {every_ms / 1000, (every_ms % 1000) * 1000};
	struct pg_params *params = pg_params_new();
	(void)fd;
	(void)events;
	pg_param_int(params, watch->config->transfer_silence_ms / 1000);
	pg_param_int(params, AT_ONCE);
	pg_submit(watch->admin, &(struct pg_call){&query_transfers_advance, params}, 1, on_advanced,
	    NULL);
	event_add(watch->timer, &again);
}

struct transfer_watch *transfer_watch_new(
    struct event_base *base, struct pg *admin, const struct portal_config *config)
{
	struct timeval at_once = {0, 0};
	struct transfer_watch *made = calloc(1, sizeof *made);
	CHECK(made);
	made->admin = admin;
	made->config = config;
	made->timer = event_new(base, -1, 0, on_timer, made);
	CHECK(made->timer);
	event_add(made->timer, &at_once);
	return made;
}

void transfer_watch_free(struct transfer_watch *watch)
{
	event_free(watch->timer);
	free(watch);
}
