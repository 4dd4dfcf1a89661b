/*
 * Counters, gauges and histograms in memory shared by a daemon's processes, and the Prometheus
 * text of them.
 *
 * A daemon declares its metrics in one table before the first fork; adding is one atomic add, from
 * any process. A restarted worker goes on counting where the dead one stopped.
 */
#ifndef FIRSTRING_NET_METRICS_H
#define FIRSTRING_NET_METRICS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/buf.h"

enum metric_type {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_HISTOGRAM,
	METRIC_GAUGE_SUM, /* each process sets its own share, which goes with it */
};

struct metric {
	const char *name; /* "firstring_redirector_answers_total" */
	enum metric_type type;
	const char *help;
	const char *label; /* NULL: no label */
	const char *const
	    *label_values; /* NULL-terminated; the index given to metrics_add is into it */
};

/* Maps the shared memory. Once, in the parent, before forking. The table must live for ever. */
void metrics_init(const struct metric *table, size_t count);
/* `metric` is the index in the table, `label` the index in its label values (0 without). */
void metrics_add(unsigned metric, unsigned label, uint64_t count);
void metrics_set(unsigned metric, unsigned label, int64_t value);
/* Histograms: microseconds, into fixed buckets from 100 us to 10 s. */
void metrics_observe_us(unsigned metric, unsigned label, uint64_t us);
uint64_t metrics_value(unsigned metric, unsigned label);

/* The Prometheus text exposition format, version 0.0.4. */
void metrics_write(struct buf *out);

/* Whether this process can do its work; /readyz is 200 when every registered process says 1. `part`
 * is a literal such as "database". */
void metrics_set_ready(const char *part, int ready);
/* Names in `why` (may be NULL) the parts that are not ready. */
int metrics_is_ready(struct buf *why);
/* 1 while some process that said so lives. */
int metrics_has_ready_parts(void);
/* What a process that is gone said of itself no longer counts. Called by the parent. */
void metrics_forget_process(pid_t pid);

#endif
