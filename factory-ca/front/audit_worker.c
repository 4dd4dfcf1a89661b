/*
 * The process that chains the audit log. It reads nothing from the network: it asks the database to
 * chain (audit_chain() computes the hashes; this role cannot read a row), the signer for a head,
 * and puts heads into the database and into a file. It leads nothing: a second one, of another
 * front, finds the chain taken or done. What a crash interrupts the next turn does; the signer
 * tells the last head again.
 */
#include "factory-ca/front/audit_worker.h"

#include <string.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/db/row.h"
#include "common/net/metrics.h"
#include "common/net/sandbox.h"
#include "factory-ca/front/front.h"
#include "factory-ca/front/head_file.h"
#include "factory-ca/front/metrics.h"
#include "factory-ca/signer/protocol_audit.h"
#include "queries_factory-ca.h"

enum {
	CONNECT_MS = 3000,
	STATEMENT_MS = 10000,
	SIGNER_MS = 5000,
	QUEUE_MAX = 8,
	BATCH_ROWS = 1000,
	TURN_MS = 400,
	RETRY_MS = 1000,
	LAG_S = 5, /* unchained for longer: somebody should look */
	HEADS_LATE = 3, /* intervals without a head: the same */
	LABEL_UNAVAILABLE = AUDIT_HEAD_OUTCOME_COUNT,
	LABEL_NOT_KEPT,
};

struct audit_worker {
	const struct factory_config *config;
	struct event_base *base;
	struct pg *pg;
	struct signer_client *signer;
	struct worker_signals *signals;
	struct event *chain_timer, *head_timer;
	struct signer_audit_end end; /* chain_seq 0: not known, or no row yet */
	int64_t vouched_ms; /* monotonic: when the signer last vouched for the end */
	int is_draining;
};

static void set_timer(struct event *timer, int64_t ms)
{
	struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	CHECK(evtimer_add(timer, &delay) == 0);
}

/* --- heads ---------------------------------------------------------------------------------- */

static void show_head_age(struct audit_worker *worker)
{
	static struct log_gate gate;
	int64_t age_ms = clock_monotonic_ms() - worker->vouched_ms;

	metrics_set(FRONT_AUDIT_HEAD_AGE, 0, age_ms / 1000);
	if (worker->end.chain_seq && age_ms > HEADS_LATE * worker->config->audit_head_interval_ms &&
	    log_gate_open(&gate))
		LOG_ERROR("audit_head_lags", log_int("seconds", age_ms / 1000),
		    log_str("meaning", "no signed head vouches for the latest audit rows"));
}

static void on_head_stored(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct audit_worker *worker = ctx;

	(void)rows;
	(void)count;
	if (worker->is_draining)
		return;
	if (error) {
		/* The next answer of the signer brings this head again. */
		LOG_WARN("audit_head_not_stored", log_str("detail", error->message),
		    log_err(error->err));
		metrics_add(FRONT_AUDIT_HEADS, LABEL_NOT_KEPT, 1);
		return;
	}
	worker->vouched_ms = clock_monotonic_ms();
}

static void keep_head(struct audit_worker *worker, const struct signed_audit_head *head)
{
	const char *path = worker->config->audit_head_file;
	struct pg_call call = {.statement = &query_audit_head_put};
	struct audit_head parsed;

	if (!*head->text)
		return;
	if (*path && head_file_append(path, head)) {
		LOG_ERROR("audit_head_file_not_written", log_str("file", path), log_errno());
		metrics_add(FRONT_AUDIT_HEADS, LABEL_NOT_KEPT, 1);
	}
	CHECK(!audit_head_parse(head->text, strlen(head->text), &parsed));
	call.params = pg_params_new();
	pg_param_text(call.params, head->text);
	pg_param_bytea(call.params, head->signature, head->signature_len);
	pg_param_int(call.params, (int64_t)parsed.chain_seq);
	pg_submit(worker->pg, &call, 1, on_head_stored, worker);
}

static enum err on_head(enum err err, uint16_t type, struct cursor payload, void *ctx)
{
	struct audit_worker *worker = ctx;
	struct signer_audit_head_is answer;
	struct signer_failed failed;

	if (worker->is_draining)
		return ERR_OK;
	if (!err && type == SIGNER_FAILED) {
		if (signer_failed_decode(payload, &failed))
			return ERR_SYNTAX;
		LOG_WARN("audit_head_not_signed", log_str("detail", failed.detail));
	} else if (!err) {
		if (type != SIGNER_AUDIT_HEAD_IS || signer_audit_head_is_decode(payload, &answer))
			return ERR_SYNTAX;
		metrics_add(FRONT_AUDIT_HEADS, answer.outcome, 1);
		if (answer.outcome >= AUDIT_HEAD_BACKWARDS) {
			LOG_ERROR("audit_head_refused",
			    log_str("reason", audit_head_outcome_name(answer.outcome)),
			    log_uint("seq", worker->end.chain_seq),
			    log_str("last", answer.last.text),
			    log_str("meaning", "the audit log was cut or rewritten, or restored "
					       "from a backup: run audit verify"));
			return ERR_OK;
		}
		keep_head(worker, &answer.before);
		keep_head(worker, &answer.last);
		return ERR_OK;
	}
	metrics_add(FRONT_AUDIT_HEADS, LABEL_UNAVAILABLE, 1);
	return ERR_OK;
}

static void on_head_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct audit_worker *worker = ctx;
	struct buf frame = {0};

	(void)fd;
	(void)what;
	show_head_age(worker);
	if (worker->end.chain_seq == 0 || !signer_client_is_ready(worker->signer)) {
		set_timer(worker->head_timer, RETRY_MS);
		return;
	}
	signer_audit_head_encode(&frame, &worker->end);
	signer_client_call(worker->signer, SIGNER_AUDIT_HEAD, &frame, on_head, worker);
	buf_free(&frame);
	set_timer(worker->head_timer, worker->config->audit_head_interval_ms);
}

/* --- the chain ------------------------------------------------------------------------------ */

static void show_lag(const struct pg_rows *rows, int64_t unchained)
{
	static struct log_gate gate;
	int column = row_column(rows, "oldest_unchained_at");
	int64_t age_s = 0;

	if (!row_is_null(rows, 0, column))
		age_s = (clock_unix_us() - row_time_us(rows, 0, column)) / 1000000;
	metrics_set(FRONT_AUDIT_UNCHAINED, 0, unchained);
	metrics_set(FRONT_AUDIT_OLDEST_UNCHAINED, 0, age_s > 0 ? age_s : 0);
	if (age_s > LAG_S && log_gate_open(&gate))
		LOG_WARN("audit_chain_lags", log_int("unchained", unchained),
		    log_int("oldest_s", age_s));
}

static void on_chained(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	static struct log_gate gate;
	struct audit_worker *worker = ctx;
	int64_t chained;

	if (worker->is_draining)
		return;
	if (error) {
		if (log_gate_open(&gate))
			LOG_WARN("audit_not_chained", log_str("detail", error->message),
			    log_err(error->err), log_uint("suppressed", gate.suppressed));
		set_timer(worker->chain_timer, RETRY_MS);
		return;
	}
	CHECK(count == 1 && row_count(rows[0]) == 1);
	chained = row_int(rows[0], 0, row_column(rows[0], "chained"));
	metrics_add(FRONT_AUDIT_CHAINED, 0, (uint64_t)chained);
	show_lag(rows[0], row_int(rows[0], 0, row_column(rows[0], "unchained")));
	worker->end.chain_seq = (uint64_t)row_int(rows[0], 0, row_column(rows[0], "head_seq"));
	CHECK(row_bytes_exact(
	    rows[0], 0, row_column(rows[0], "head_hash"), worker->end.row_hash, SHA256_LEN));
	set_timer(worker->chain_timer, chained == BATCH_ROWS ? 0 : TURN_MS);
}

static void on_chain_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct audit_worker *worker = ctx;
	struct pg_call call = {.statement = &query_audit_chain, .params = pg_params_new()};

	(void)fd;
	(void)what;
	pg_param_int(call.params, BATCH_ROWS);
	pg_submit(worker->pg, &call, 1, on_chained, worker);
}

/* --- the process ---------------------------------------------------------------------------- */

static void on_drain(void *ctx)
{
	struct audit_worker *worker = ctx;

	/* A turn that is under way commits or not; the next worker goes on from there. */
	worker->is_draining = 1;
	event_base_loopbreak(worker->base);
}

static void start(struct audit_worker *worker, const struct front_state *state)
{
	struct pg_config database = {
	    .base = worker->base,
	    .conninfo = worker->config->database_conninfo,
	    .statements = queries_factory_ca,
	    .prepare = worker->config->database_prepare,
	    .connect_ms = CONNECT_MS,
	    .deadline_ms = STATEMENT_MS,
	    .queue_max = QUEUE_MAX,
	};
	struct signer_client_config signer = {
	    .base = worker->base,
	    .socket_path = worker->config->signer_socket,
	    .issuing_ca = state->issuing_ca,
	    .deadline_ms = SIGNER_MS,
	    .pending_max = QUEUE_MAX,
	};

	worker->pg = pg_new(&database);
	worker->signer = signer_client_new(&signer);
	worker->vouched_ms = clock_monotonic_ms();
	worker->chain_timer = evtimer_new(worker->base, on_chain_timer, worker);
	worker->head_timer = evtimer_new(worker->base, on_head_timer, worker);
	CHECK(worker->chain_timer && worker->head_timer);
	set_timer(worker->chain_timer, 0);
	set_timer(worker->head_timer, RETRY_MS);
	if (!*worker->config->audit_head_file)
		LOG_WARN("audit_heads_in_database_only",
		    log_str("meaning", "audit.head_file is empty: who can rewrite the database can "
				       "remove heads, too"));
	worker->signals = worker_signals_new(worker->base, on_drain, worker);
}

int audit_worker_run(const struct worker *worker, void *state)
{
	const struct front_state *front_state = state;
	struct audit_worker running = {.config = &front_state->config};
	enum err err;

	(void)worker;
	log_set_program("factory-ca-audit");
	sandbox_harden();
	err = sandbox_drop_privileges(running.config->front_user);
	if (err != ERR_OK) {
		LOG_ERROR("privileges_not_dropped",
		    log_str("front.user", running.config->front_user), log_err(err));
		return EX_CONFIG;
	}
	running.base = event_base_new();
	CHECK(running.base != NULL);
	start(&running, front_state);
	event_base_dispatch(running.base);
	running.is_draining = 1;
	pg_free(running.pg);
	signer_client_free(running.signer);
	event_base_loop(running.base, EVLOOP_NONBLOCK);
	worker_signals_free(running.signals);
	event_free(running.chain_timer);
	event_free(running.head_timer);
	event_base_free(running.base);
	return EX_OK;
}
