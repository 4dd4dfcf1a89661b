/*
 * Re-sealing: when the key ring has a new key, what is sealed under older ones moves to it in the
 * background, so that they can be dropped from the ring.
 *
 * Runs in the job worker, which holds the ring, with the role firstring_admin. A value is put back
 * only where the old one still stands (sealed_replace), so that nothing that changed meanwhile is
 * undone, and two workers at once do no harm. What does not open is logged and left.
 */
#include "portal-api/jobs/reseal.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/db/row.h"
#include "portal-api/webhooks/secret.h"
#include "queries_portal-api.h"

enum { EVERY_S = 60, AT_ONCE = 500, KIND_MAX = 32 };

struct reseal {
	struct event *timer;
	const struct portal *portal;
	size_t moving; /* values on their way back */
};

/* One value on its way: out of a row, and into the parameters. */
struct sealed_value {
	char kind[KIND_MAX];
	uint8_t id[16];
	int64_t version;
	struct buf old_sealed, new_sealed;
};

static void wait_s(struct reseal *reseal, unsigned seconds)
{
	struct timeval delay = {seconds, 0};
	event_add(reseal->timer, &delay);
}

static int is_of(const struct sealed_value *value, const char *kind)
{
	return strncmp(value->kind, kind, strlen(kind)) == 0;
}

static enum err seal_anew(
    const struct portal *portal, struct sealed_value *value, const struct mac *mac)
{
	/* As where each kind is sealed: claims/claims.c, webhooks/secret.c, people/people.c. */
	const struct seal_ring *ring =
	    is_of(value, "webhook") ? portal->webhook_ring : portal->ring;
	struct seal_binding binding = {.mac = *mac};
	struct secret plain = {0};
	if (is_of(value, "second_factor"))
		binding.purpose = SEAL_SECOND_FACTOR;
	memcpy(binding.claim_id, value->id, sizeof(binding.claim_id));
	enum err err =
	    seal_open(ring, &binding, value->old_sealed.bytes, value->old_sealed.len, &plain);
	if (!err)
		err = seal(ring, &binding, &plain, &value->new_sealed);
	secret_free(&plain);
	return err;
}

/* 0 when the value cannot be moved. */
static int take_value(
    const struct reseal *reseal, const struct pg_rows *rows, size_t row, struct sealed_value *value)
{
	struct mac mac;
	const char *kind = row_text(rows, row, row_column(rows, "kind"));
	CHECK(strlen(kind) < sizeof(value->kind));
	memcpy(value->kind, kind, strlen(kind) + 1);
	row_uuid(rows, row, row_column(rows, "id"), value->id);
	row_mac(rows, row, row_column(rows, "mac"), &mac);
	value->version = row_int(rows, row, row_column(rows, "version"));
	row_bytes(rows, row, row_column(rows, "sealed"), &value->old_sealed);
	enum err err = seal_anew(reseal->portal, value, &mac);
	if (!err)
		return 1;
	static struct log_gate gate;
	if (log_gate_open(&gate))
		LOG_ERROR("sealed_value_not_moved", log_str("kind", value->kind),
		    log_mac("mac", &mac), log_err(err), log_uint("suppressed", gate.suppressed));
	return 0;
}

static void complain(const struct pg_error *error)
{
	static struct log_gate gate;
	if (log_gate_open(&gate))
		LOG_WARN("reseal_database_failed", log_err(error->err),
		    log_str("message", error->message), log_uint("suppressed", gate.suppressed));
}

static void on_replaced(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct reseal *reseal = ctx;
	if (error) {
		complain(error);
	} else {
		CHECK(count == 1);
		LOG_INFO("sealed_values_moved",
		    log_int("moved", row_int(results[0], 0, row_column(results[0], "replaced"))),
		    log_uint("key_id", seal_ring_current(reseal->portal->ring)));
	}
	wait_s(reseal, !error && reseal->moving == AT_ONCE ? 0 : EVERY_S);
}

static void add_values(struct pg_params *params, const struct sealed_value *values, size_t count)
{
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = 0; i < count; i++)
		pg_param_text(params, values[i].kind);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_UUID);
	for (size_t i = 0; i < count; i++)
		pg_param_uuid(params, values[i].id);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_INT8);
	for (size_t i = 0; i < count; i++)
		pg_param_int(params, values[i].version);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_BYTEA);
	for (size_t i = 0; i < count; i++)
		pg_param_bytea(params, values[i].old_sealed.bytes, values[i].old_sealed.len);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_BYTEA);
	for (size_t i = 0; i < count; i++)
		pg_param_bytea(params, values[i].new_sealed.bytes, values[i].new_sealed.len);
	pg_param_array_end(params);
}

static void move(struct reseal *reseal, const struct pg_rows *rows)
{
	size_t count = row_count(rows), good = 0;
	struct sealed_value *values = calloc(count, sizeof(*values));
	CHECK(values);
	for (size_t i = 0; i < count; i++) {
		if (take_value(reseal, rows, i, &values[good])) {
			good++;
		} else {
			buf_free(&values[good].old_sealed);
			memset(&values[good], 0, sizeof(values[good]));
		}
	}
	reseal->moving = good;
	if (good > 0) {
		struct pg_params *params = pg_params_new();
		add_values(params, values, good);
		pg_submit(reseal->portal->admin, &(struct pg_call){&query_sealed_replace, params},
		    1, on_replaced, reseal);
	}
	for (size_t i = 0; i < good; i++) {
		buf_free(&values[i].old_sealed);
		buf_free(&values[i].new_sealed);
	}
	free(values);
}

static void on_found(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct reseal *reseal = ctx;
	reseal->moving = 0;
	if (error) {
		complain(error);
	} else {
		CHECK(count == 1);
		if (row_count(results[0]) > 0)
			move(reseal, results[0]);
	}
	if (reseal->moving == 0)
		wait_s(reseal, EVERY_S);
}

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
	struct reseal *reseal = ctx;
	struct pg_params *params = pg_params_new();
	(void)fd;
	(void)events;
	pg_param_int(params, seal_ring_current(reseal->portal->ring));
	pg_param_int(params, AT_ONCE);
	pg_submit(reseal->portal->admin, &(struct pg_call){&query_sealed_elsewhere, params}, 1,
	    on_found, reseal);
}

struct reseal *reseal_new(struct event_base *base, const struct portal *portal)
{
	struct reseal *made = calloc(1, sizeof(*made));
	CHECK(made);
	made->portal = portal;
	made->timer = event_new(base, -1, 0, on_timer, made);
	CHECK(made->timer);
	wait_s(made, 1);
	return made;
}

void reseal_free(struct reseal *reseal)
{
	event_free(reseal->timer);
	free(reseal);
}
