/*
 * Counters in memory that all processes of a daemon share, and their Prometheus text.
 *
 * One anonymous mapping, made before the first fork: an array of 64-bit cells, laid out by the
 * table. Adding is one atomic add; readers may see a histogram's sum a moment before its count. The
 * names are ours, never the Internet's. Without metrics_init (tools, unit tests) nothing counts.
 */
#include "common/net/metrics.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	READY_SLOTS = 256,
	SHARES = 512, /* processes that may be alive at once, draining ones too */
	PART_LEN = 24,
	BUCKETS = 16, /* with the one for everything above the last bound */
	/* A histogram's cells: its buckets (not cumulative), then the sum of microseconds. */
	HISTOGRAM_CELLS = BUCKETS + 1,
};

static const uint64_t BOUNDS_US[BUCKETS - 1] = {100, 250, 500, 1000, 2500, 5000, 10000, 25000,
    50000, 100000, 250000, 500000, 1000000, 2500000, 10000000};

/* What a process says of one part of itself. */
struct ready_slot {
	_Atomic int pid; /* 0: free */
	_Atomic int ready;
	char part[PART_LEN];
};

static const struct metric *table;
static size_t table_count;
static size_t *first_cell; /* of each metric */
static _Atomic uint64_t *cells;
static struct ready_slot *ready_slots;
static _Atomic int *share_pids; /* 0: free */
static _Atomic int64_t *shares; /* SHARES times as many as there are cells */
static size_t cell_total;

static size_t label_count(const struct metric *metric)
{
	size_t count = 0;
	if (metric->label == NULL)
		return 1;
	while (metric->label_values[count] != NULL)
		count++;
	return count;
}

static size_t cells_per_label(const struct metric *metric)
{
	return metric->type == METRIC_HISTOGRAM ? HISTOGRAM_CELLS : 1;
}

static void *map_shared(size_t len)
{
	void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED);
	return memory;
}

void metrics_init(const struct metric *metrics, size_t count)
{
	size_t cell_count = 0;
	CHECK(table == NULL);
	first_cell = calloc(count + 1, sizeof(*first_cell));
	CHECK(first_cell != NULL);
	for (size_t i = 0; i < count; i++) {
		first_cell[i] = cell_count;
		cell_count += label_count(&metrics[i]) * cells_per_label(&metrics[i]);
	}
	first_cell[count] = cell_count;
	cells = map_shared((cell_count + 1) * sizeof(*cells));
	ready_slots = map_shared(READY_SLOTS * sizeof(*ready_slots));
	share_pids = map_shared(SHARES * sizeof(*share_pids));
	shares = map_shared(SHARES * (cell_count + 1) * sizeof(*shares));
	cell_total = cell_count;
	table = metrics;
	table_count = count;
}

/* The first cell of a metric and label; NULL when nothing counts here. */
static _Atomic uint64_t *cell_of(unsigned metric, unsigned label)
{
	if (table == NULL)
		return NULL;
	CHECK(metric < table_count);
	size_t cell = first_cell[metric] + label * cells_per_label(&table[metric]);
	CHECK(cell < first_cell[metric + 1]);
	return &cells[cell];
}

static void add(_Atomic uint64_t *cell, uint64_t count)
{
	atomic_fetch_add_explicit(cell, count, memory_order_relaxed);
}

static uint64_t value_of(_Atomic uint64_t *cell)
{
	return atomic_load_explicit(cell, memory_order_relaxed);
}

void metrics_add(unsigned metric, unsigned label, uint64_t count)
{
	_Atomic uint64_t *cell = cell_of(metric, label);
	if (cell != NULL)
		add(cell, count);
}

/* This process's share of a cell; NULL when there are too many processes. */
static _Atomic int64_t *own_share(const _Atomic uint64_t *cell)
{
	int pid = getpid();
	size_t slot = 0;
	while (slot < SHARES && atomic_load(&share_pids[slot]) != pid)
		slot++;
	for (size_t i = 0; slot == SHARES && i < SHARES; i++) {
		int nobody = 0;
		if (atomic_compare_exchange_strong(&share_pids[i], &nobody, pid))
			slot = i;
	}
	return slot < SHARES ? &shares[slot * cell_total + (size_t)(cell - cells)] : NULL;
}

static int64_t sum_of_shares(const _Atomic uint64_t *cell)
{
	int64_t sum = 0;
	for (size_t slot = 0; slot < SHARES; slot++) {
		if (atomic_load(&share_pids[slot]) != 0)
			sum += atomic_load(&shares[slot * cell_total + (size_t)(cell - cells)]);
	}
	return sum;
}

static void forget_shares(pid_t pid)
{
	for (size_t slot = 0; slot < SHARES; slot++) {
		if (atomic_load(&share_pids[slot]) != pid)
			continue;
		for (size_t i = 0; i < cell_total; i++)
			atomic_store(&shares[slot * cell_total + i], 0);
		atomic_store(&share_pids[slot], 0);
	}
}

void metrics_set(unsigned metric, unsigned label, int64_t value)
{
	_Atomic uint64_t *cell = cell_of(metric, label);
	_Atomic int64_t *share = NULL;
	if (cell != NULL && table[metric].type == METRIC_GAUGE_SUM)
		share = own_share(cell);
	if (share != NULL)
		atomic_store_explicit(share, value, memory_order_relaxed);
	else if (cell != NULL)
		atomic_store_explicit(cell, (uint64_t)value, memory_order_relaxed);
}

void metrics_observe_us(unsigned metric, unsigned label, uint64_t us)
{
	_Atomic uint64_t *cell = cell_of(metric, label);
	size_t bucket = 0;
	if (cell == NULL)
		return;
	while (bucket < BUCKETS - 1 && us > BOUNDS_US[bucket])
		bucket++;
	add(cell + BUCKETS, us);
	add(cell + bucket, 1);
}

static uint64_t histogram_count(_Atomic uint64_t *cell)
{
	uint64_t count = 0;
	for (size_t i = 0; i < BUCKETS; i++)
		count += value_of(cell + i);
	return count;
}

uint64_t metrics_value(unsigned metric, unsigned label)
{
	_Atomic uint64_t *cell = cell_of(metric, label);
	if (cell == NULL)
		return 0;
	return table[metric].type == METRIC_HISTOGRAM ? histogram_count(cell) : value_of(cell);
}

/* "{label="value",le="0.5"}", or nothing. */
static void write_labels(
    struct buf *out, const struct metric *metric, size_t label, const char *bound)
{
	if (metric->label == NULL && bound == NULL)
		return;
	buf_put_str(out, "{");
	if (metric->label != NULL)
		buf_printf(out, "%s=\"%s\"%s", metric->label, metric->label_values[label],
		    bound != NULL ? "," : "");
	if (bound != NULL)
		buf_printf(out, "le=\"%s\"", bound);
	buf_put_str(out, "}");
}

static void write_seconds(struct buf *out, uint64_t us)
{
	buf_printf(out, "%llu.%06llu", (unsigned long long)(us / 1000000),
	    (unsigned long long)(us % 1000000));
}

static void write_line(struct buf *out, const struct metric *metric, const char *suffix,
    size_t label, const char *bound, uint64_t value)
{
	buf_printf(out, "%s%s", metric->name, suffix);
	write_labels(out, metric, label, bound);
	buf_printf(out, " %llu\n", (unsigned long long)value);
}

static void write_histogram(
    struct buf *out, const struct metric *metric, size_t label, _Atomic uint64_t *cell)
{
	uint64_t seen = 0;
	for (size_t i = 0; i < BUCKETS - 1; i++) {
		struct buf bound = {0};
		seen += value_of(cell + i);
		write_seconds(&bound, BOUNDS_US[i]);
		write_line(out, metric, "_bucket", label, (const char *)bound.bytes, seen);
		buf_free(&bound);
	}
	seen += value_of(cell + BUCKETS - 1);
	write_line(out, metric, "_bucket", label, "+Inf", seen);
	buf_printf(out, "%s_sum", metric->name);
	write_labels(out, metric, label, NULL);
	buf_put_str(out, " ");
	write_seconds(out, value_of(cell + BUCKETS));
	buf_put_str(out, "\n");
	write_line(out, metric, "_count", label, NULL, seen);
}

static void write_metric(struct buf *out, size_t index)
{
	static const char *const TYPES[] = {"counter", "gauge", "histogram", "gauge"};
	const struct metric *metric = &table[index];
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
	    TYPES[metric->type]);
	for (unsigned label = 0; label < label_count(metric); label++) {
		_Atomic uint64_t *cell = cell_of((unsigned)index, label);
		if (metric->type == METRIC_HISTOGRAM) {
			write_histogram(out, metric, label, cell);
		} else if (metric->type == METRIC_COUNTER) {
			write_line(out, metric, "", label, NULL, value_of(cell));
		} else {
			buf_put_str(out, metric->name);
			write_labels(out, metric, label, NULL);
			int64_t value = metric->type == METRIC_GAUGE_SUM ? sum_of_shares(cell)
									 : (int64_t)value_of(cell);
			buf_printf(out, " %lld\n", (long long)value);
		}
	}
}

void metrics_write(struct buf *out)
{
	for (size_t i = 0; i < table_count; i++)
		write_metric(out, i);
}

static struct ready_slot *find_slot(const char *part)
{
	int pid = getpid();
	for (size_t i = 0; i < READY_SLOTS; i++) {
		if (ready_slots[i].pid == pid && strcmp(ready_slots[i].part, part) == 0)
			return &ready_slots[i];
	}
	for (size_t i = 0; i < READY_SLOTS; i++) {
		int free_slot = 0;
		/* Taken as -1 until its name is written, so that no reader sees half of it. */
		if (!atomic_compare_exchange_strong(&ready_slots[i].pid, &free_slot, -1))
			continue;
		strncpy(ready_slots[i].part, part, PART_LEN - 1);
		ready_slots[i].part[PART_LEN - 1] = '\0';
		ready_slots[i].ready = 0;
		ready_slots[i].pid = pid;
		return &ready_slots[i];
	}
	return NULL;
}

void metrics_set_ready(const char *part, int ready)
{
	CHECK(strlen(part) < PART_LEN);
	struct ready_slot *slot = ready_slots != NULL ? find_slot(part) : NULL;
	if (slot != NULL)
		slot->ready = ready;
}

int metrics_is_ready(struct buf *why)
{
	int all_ready = 1;
	for (size_t i = 0; ready_slots != NULL && i < READY_SLOTS; i++) {
		if (ready_slots[i].pid <= 0 || ready_slots[i].ready)
			continue;
		all_ready = 0;
		if (why != NULL)
			buf_printf(why, "%s not ready in process %d\n", ready_slots[i].part,
			    ready_slots[i].pid);
	}
	return all_ready;
}

int metrics_has_ready_parts(void)
{
	for (size_t i = 0; ready_slots != NULL && i < READY_SLOTS; i++) {
		if (ready_slots[i].pid > 0)
			return 1;
	}
	return 0;
}

void metrics_forget_process(pid_t pid)
{
	if (share_pids != NULL)
		forget_shares(pid);
	for (size_t i = 0; ready_slots != NULL && i < READY_SLOTS; i++) {
		int of_pid = pid;
		atomic_compare_exchange_strong(&ready_slots[i].pid, &of_pid, 0);
	}
}
