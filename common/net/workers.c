/*
 * The parent: forks workers, watches over them, reloads and stops.
 *
 * It has no event loop of libevent's (a fork would share it) but waits in poll(2) for signals and
 * for workers' word that they are up. Signals stay blocked outside that wait, so that there is no
 * moment in which one is missed, in the parent or in a child that is just starting. It reads no
 * byte from the network, and of its children only their process ids.
 */
#include "common/net/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/net/metrics.h"
#include "common/net/sdnotify.h"
#include "common/net/worker_link.h"

enum {
	BACKOFF_FIRST_MS = 100,
	BACKOFF_MAX_MS = 10 * 1000,
	BACKOFF_RESET_MS = 60 * 1000,
	DRAIN_DEFAULT_MS = 30 * 1000,
	WAIT_MAX_MS = 60 * 1000,
};

struct slot {
	struct worker worker;
	int (*run)(const struct worker *worker, void *state);
	pid_t pid; /* 0: none runs */
	int is_up;
	int64_t started_ms, restart_ms;
	int64_t backoff_ms;
};

struct generation {
	struct generation *older;
	unsigned number;
	void *state;
	struct slot *slots;
	size_t slot_count;
	int is_retiring; /* its workers drain and are not restarted */
	int64_t kill_ms;
};

struct parent {
	const struct workers_config *config;
	struct worker_link link;
	int signal_fd;
	unsigned last_number;
	struct generation *newest;
	int in_force; /* the newest generation has been up */
	int stopping, reload_wanted;
	int exit_status;
};

static void release_generation(const struct parent *parent, struct generation *generation)
{
	if (parent->config->release != NULL)
		parent->config->release(generation->state);
	free(generation->slots);
	free(generation);
}

static struct generation *generation_new(struct parent *parent, void *state)
{
	struct worker_kind kinds[WORKERS_KINDS_MAX] = {0};
	struct generation *generation = calloc(1, sizeof(*generation));
	size_t kind_count = parent->config->kinds(state, kinds);
	CHECK(generation != NULL && kind_count <= WORKERS_KINDS_MAX);
	generation->number = ++parent->last_number;
	generation->state = state;
	for (size_t i = 0; i < kind_count; i++)
		generation->slot_count += kinds[i].count;
	generation->slots = calloc(generation->slot_count + 1, sizeof(*generation->slots));
	CHECK(generation->slots != NULL);
	struct slot *slot = generation->slots;
	for (size_t i = 0; i < kind_count; i++) {
		for (unsigned index = 0; index < kinds[i].count; index++, slot++) {
			slot->worker = (struct worker){kinds[i].name, index, generation->number};
			slot->run = kinds[i].run;
			slot->backoff_ms = BACKOFF_FIRST_MS;
		}
	}
	generation->older = parent->newest;
	parent->newest = generation;
	return generation;
}

static void postpone(struct slot *slot)
{
	int64_t now_ms = clock_monotonic_ms();
	if (slot->started_ms > 0 && now_ms - slot->started_ms >= BACKOFF_RESET_MS)
		slot->backoff_ms = BACKOFF_FIRST_MS;
	slot->restart_ms = now_ms + slot->backoff_ms;
	slot->backoff_ms *= 2;
	if (slot->backoff_ms > BACKOFF_MAX_MS)
		slot->backoff_ms = BACKOFF_MAX_MS;
}

static void start_worker(struct parent *parent, struct generation *generation, struct slot *slot)
{
	pid_t pid = fork();
	if (pid == 0) {
		close(parent->signal_fd);
		worker_link_enter(&parent->link);
		exit(slot->run(&slot->worker, generation->state));
	}
	if (pid < 0) {
		LOG_ERROR("worker_not_started", log_str("kind", slot->worker.kind), log_errno());
		postpone(slot);
		return;
	}
	slot->pid = pid;
	slot->is_up = 0;
	slot->started_ms = clock_monotonic_ms();
	slot->restart_ms = 0;
	LOG_INFO("worker_started", log_str("kind", slot->worker.kind),
	    log_uint("index", slot->worker.index), log_uint("generation", generation->number),
	    log_int("worker", pid));
}

static void start_due(struct parent *parent)
{
	int64_t now_ms = clock_monotonic_ms();
	for (struct generation *generation = parent->newest; generation != NULL;
	     generation = generation->older) {
		for (size_t i = 0; i < generation->slot_count && !generation->is_retiring; i++) {
			struct slot *slot = &generation->slots[i];
			if (slot->pid == 0 && slot->restart_ms <= now_ms)
				start_worker(parent, generation, slot);
		}
	}
}

static void retire(struct parent *parent, struct generation *generation, int how)
{
	unsigned drain_ms = parent->config->drain_ms;
	if (generation->is_retiring && how != WORKER_STOP_SIGNAL)
		return;
	generation->is_retiring = 1;
	generation->kill_ms = clock_monotonic_ms() + (drain_ms > 0 ? drain_ms : DRAIN_DEFAULT_MS);
	for (size_t i = 0; i < generation->slot_count; i++) {
		if (generation->slots[i].pid > 0)
			kill(generation->slots[i].pid, how);
	}
}

static void stop(struct parent *parent, int exit_status)
{
	if (parent->stopping)
		return;
	parent->stopping = 1;
	parent->exit_status = exit_status;
	LOG_INFO("draining");
	sd_notify_send("STOPPING=1");
	for (struct generation *generation = parent->newest; generation != NULL;
	     generation = generation->older)
		retire(parent, generation, WORKER_STOP_SIGNAL);
}

/* The newest generation will not do: the one before it goes on. */
static void abandon_newest(struct parent *parent)
{
	LOG_ERROR("reload_refused", log_str("reason", "a worker refused the new configuration"),
	    log_uint("generation", parent->newest->number));
	retire(parent, parent->newest, WORKER_RETIRE_SIGNAL);
	parent->in_force = 1;
	sd_notify_send("READY=1");
}

static struct slot *find_slot(
    const struct parent *parent, pid_t pid, struct generation **generation)
{
	for (*generation = parent->newest; *generation != NULL;
	     *generation = (*generation)->older) {
		for (size_t i = 0; i < (*generation)->slot_count; i++) {
			if ((*generation)->slots[i].pid == pid)
				return &(*generation)->slots[i];
		}
	}
	return NULL;
}

/* Is there an older generation that still serves while the newest starts? */
static int has_predecessor(const struct parent *parent)
{
	for (const struct generation *g = parent->newest->older; g != NULL; g = g->older) {
		if (!g->is_retiring)
			return 1;
	}
	return 0;
}

static void bury(struct parent *parent, pid_t pid, int status)
{
	struct generation *generation = NULL;
	struct slot *slot = find_slot(parent, pid, &generation);
	metrics_forget_process(pid);
	if (slot == NULL)
		return;
	slot->pid = 0;
	int exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	enum log_level level =
	    generation->is_retiring && exit_status == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR;
	LOG_AT(level, level == LOG_LEVEL_INFO ? "worker_ended" : "worker_died",
	    log_str("kind", slot->worker.kind), log_uint("index", slot->worker.index),
	    log_uint("generation", generation->number), log_int("worker", pid),
	    WIFSIGNALED(status) ? log_int("signal", WTERMSIG(status))
				: log_int("status", exit_status));
	if (generation->is_retiring)
		return;
	if (exit_status != EX_CONFIG)
		postpone(slot);
	else if (generation == parent->newest && !parent->in_force && has_predecessor(parent))
		abandon_newest(parent);
	else
		stop(parent, EX_CONFIG);
}

static void reap(struct parent *parent)
{
	int status = 0;
	pid_t pid = 0;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		bury(parent, pid, status);
}

static void reload(struct parent *parent)
{
	char text[64];
	void *state = NULL;
	if (parent->stopping)
		return;
	if (!parent->in_force) {
		parent->reload_wanted = 1;
		return;
	}
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)clock_monotonic_ms() * 1000);
	sd_notify_send(text);
	LOG_INFO("reloading");
	const struct generation *current = parent->newest;
	while (current != NULL && current->is_retiring)
		current = current->older;
	enum err err = parent->config->load(
	    parent->config->ctx, current != NULL ? current->state : NULL, &state);
	if (err != ERR_OK) {
		LOG_ERROR("reload_refused", log_err(err));
		sd_notify_send("READY=1");
		return;
	}
	generation_new(parent, state);
	parent->in_force = 0;
}

/* Once all of the newest generation is up, it takes over. */
static void promote(struct parent *parent)
{
	struct generation *newest = parent->newest;
	if (parent->in_force || parent->stopping)
		return;
	for (size_t i = 0; i < newest->slot_count; i++) {
		if (newest->slots[i].pid == 0 || !newest->slots[i].is_up)
			return;
	}
	parent->in_force = 1;
	for (struct generation *older = newest->older; older != NULL; older = older->older)
		retire(parent, older, WORKER_RETIRE_SIGNAL);
	LOG_INFO("serving", log_uint("generation", newest->number),
	    log_uint("workers", newest->slot_count));
	sd_notify_send("READY=1");
	if (parent->reload_wanted) {
		parent->reload_wanted = 0;
		reload(parent);
	}
}

static int has_workers(const struct generation *generation)
{
	for (size_t i = 0; i < generation->slot_count; i++) {
		if (generation->slots[i].pid > 0)
			return 1;
	}
	return 0;
}

static void kill_overdue(struct generation *generation)
{
	if (!generation->is_retiring || clock_monotonic_ms() < generation->kill_ms)
		return;
	generation->kill_ms = INT64_MAX;
	for (size_t i = 0; i < generation->slot_count; i++) {
		struct slot *slot = &generation->slots[i];
		if (slot->pid <= 0)
			continue;
		LOG_WARN("worker_killed", log_str("kind", slot->worker.kind),
		    log_uint("generation", generation->number), log_int("worker", slot->pid),
		    log_str("reason", "it did not end within its time to drain"));
		kill(slot->pid, SIGKILL);
	}
}

static void tidy_generations(struct parent *parent)
{
	struct generation **at = &parent->newest;
	while (*at != NULL) {
		struct generation *generation = *at;
		kill_overdue(generation);
		if (generation->is_retiring && !has_workers(generation)) {
			*at = generation->older;
			release_generation(parent, generation);
		} else {
			at = &generation->older;
		}
	}
}

static int next_wait_ms(const struct parent *parent)
{
	int64_t now_ms = clock_monotonic_ms(), next_ms = now_ms + WAIT_MAX_MS;
	for (const struct generation *g = parent->newest; g != NULL; g = g->older) {
		if (g->is_retiring && g->kill_ms < next_ms)
			next_ms = g->kill_ms;
		for (size_t i = 0; i < g->slot_count && !g->is_retiring; i++) {
			if (g->slots[i].pid == 0 && g->slots[i].restart_ms < next_ms)
				next_ms = g->slots[i].restart_ms;
		}
	}
	return next_ms > now_ms ? (int)(next_ms - now_ms) : 0;
}

static void take_signals(struct parent *parent)
{
	struct signalfd_siginfo info;
	while (read(parent->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			stop(parent, EX_OK);
		else if (info.ssi_signo == SIGHUP)
			reload(parent);
		/* SIGCHLD has done its work by waking us: reap() comes next. */
	}
}

static void take_reports(struct parent *parent)
{
	struct generation *generation = NULL;
	pid_t pid = 0;
	while (worker_link_next_up(&parent->link, &pid)) {
		struct slot *slot = find_slot(parent, pid, &generation);
		if (slot != NULL)
			slot->is_up = 1;
	}
}

static void run(struct parent *parent)
{
	for (;;) {
		start_due(parent);
		struct pollfd waits[] = {{.fd = parent->signal_fd, .events = POLLIN},
		    {.fd = worker_link_fd(&parent->link), .events = POLLIN}};
		if (poll(waits, 2, next_wait_ms(parent)) < 0)
			CHECK(errno == EINTR);
		take_signals(parent);
		take_reports(parent);
		reap(parent);
		promote(parent);
		tidy_generations(parent);
		if (parent->newest == NULL)
			return;
	}
}

int workers_run(const struct workers_config *config)
{
	struct parent parent = {.config = config};
	sigset_t before;
	void *state = NULL;

	/* A log whose reader is gone, or a file that may grow no further, is an error of write(2).
	 */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	enum err err = config->load(config->ctx, NULL, &state);
	if (err != ERR_OK) {
		LOG_ERROR("not_started", log_str("program", config->program), log_err(err));
		return EX_CONFIG;
	}
	worker_link_open(&parent.link, &before);
	parent.signal_fd = signalfd(-1, &parent.link.signals, SFD_CLOEXEC | SFD_NONBLOCK);
	CHECK(parent.signal_fd >= 0);
	generation_new(&parent, state);
	run(&parent);
	close(parent.signal_fd);
	worker_link_close(&parent.link, &before);
	LOG_INFO("stopped", log_int("status", parent.exit_status));
	return parent.exit_status;
}
