/*
 * A worker's side of its tie to the parent, and the pipes of both.
 *
 * What comes over it are signals and process ids of our own processes. It does not decide what
 * draining means: the worker's callback does.
 */
#include "common/net/worker_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/log.h"
#include "common/net/workers.h"

enum { SIGNALS_MAGIC = 0x57534947 };

/* This process's ends; -1 in a process that is no worker. */
static int my_up_fd = -1, my_alive_fd = -1;
static int is_stopping;

struct worker_signals {
	unsigned magic;
	struct event *stop, *retire, *alive;
	void (*on_drain)(void *ctx);
	void *ctx;
};

int worker_is_stopping(void)
{
	return is_stopping;
}

void worker_link_open(struct worker_link *link, sigset_t *before)
{
	int up[2], alive[2];
	CHECK(pipe2(up, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK(pipe2(alive, O_CLOEXEC | O_NONBLOCK) == 0);
	link->up_read = up[0];
	link->up_write = up[1];
	link->alive_read = alive[0];
	link->alive_write = alive[1];
	sigemptyset(&link->signals);
	sigaddset(&link->signals, SIGTERM);
	sigaddset(&link->signals, SIGINT);
	sigaddset(&link->signals, SIGHUP);
	sigaddset(&link->signals, SIGCHLD);
	sigaddset(&link->signals, WORKER_RETIRE_SIGNAL);
	CHECK(sigprocmask(SIG_BLOCK, &link->signals, before) == 0);
	/* An ignored SIGCHLD, inherited, would have the kernel bury our children. */
	signal(SIGCHLD, SIG_DFL);
}

void worker_link_close(struct worker_link *link, const sigset_t *before)
{
	close(link->up_read);
	close(link->up_write);
	close(link->alive_read);
	close(link->alive_write);
	CHECK(sigprocmask(SIG_SETMASK, before, NULL) == 0);
}

void worker_link_enter(const struct worker_link *link)
{
	close(link->up_read);
	close(link->alive_write);
	my_up_fd = link->up_write;
	my_alive_fd = link->alive_read;
	is_stopping = 0;
}

int worker_link_fd(const struct worker_link *link)
{
	return link->up_read;
}

int worker_link_next_up(const struct worker_link *link, pid_t *pid)
{
	return read(link->up_read, pid, sizeof(*pid)) == (ssize_t)sizeof(*pid);
}

static void drain(struct worker_signals *signals, int stopping)
{
	void (*on_drain)(void *ctx) = signals->on_drain;
	is_stopping |= stopping;
	if (on_drain == NULL)
		return;
	signals->on_drain = NULL;
	/* The loop shall end when the work is done: nothing of ours may keep it. */
	event_del(signals->stop);
	event_del(signals->retire);
	if (signals->alive != NULL)
		event_del(signals->alive);
	/* A second signal must not kill what drains. */
	signal(WORKER_STOP_SIGNAL, SIG_IGN);
	signal(WORKER_RETIRE_SIGNAL, SIG_IGN);
	on_drain(signals->ctx);
}

static void on_stop(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	drain(arg, 1);
}

static void on_retire(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	drain(arg, 0);
}

static void on_orphaned(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	LOG_WARN("parent_gone");
	drain(arg, 1);
}

static void report_up(void)
{
	pid_t pid = getpid();
	/* The pipe holds more reports than there are workers; a full one means a dead parent. */
	if (my_up_fd >= 0 && write(my_up_fd, &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
		LOG_WARN("parent_not_told", log_errno());
}

struct worker_signals *worker_signals_new(
    struct event_base *base, void (*on_drain)(void *ctx), void *ctx)
{
	struct worker_signals *signals = calloc(1, sizeof(*signals));
	sigset_t unblocked;
	CHECK(signals != NULL && on_drain != NULL);
	signals->magic = SIGNALS_MAGIC;
	signals->on_drain = on_drain;
	signals->ctx = ctx;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signals->stop = evsignal_new(base, WORKER_STOP_SIGNAL, on_stop, signals);
	signals->retire = evsignal_new(base, WORKER_RETIRE_SIGNAL, on_retire, signals);
	CHECK(signals->stop != NULL && event_add(signals->stop, NULL) == 0);
	CHECK(signals->retire != NULL && event_add(signals->retire, NULL) == 0);
	if (my_alive_fd >= 0) {
		signals->alive = event_new(base, my_alive_fd, EV_READ, on_orphaned, signals);
		CHECK(signals->alive != NULL && event_add(signals->alive, NULL) == 0);
	}
	sigemptyset(&unblocked);
	sigaddset(&unblocked, SIGTERM);
	sigaddset(&unblocked, SIGINT);
	sigaddset(&unblocked, SIGHUP);
	sigaddset(&unblocked, SIGCHLD);
	sigaddset(&unblocked, WORKER_RETIRE_SIGNAL);
	CHECK(sigprocmask(SIG_UNBLOCK, &unblocked, NULL) == 0);
	report_up();
	return signals;
}

void worker_signals_free(struct worker_signals *signals)
{
	if (signals == NULL)
		return;
	CHECK(signals->magic == SIGNALS_MAGIC);
	event_free(signals->stop);
	event_free(signals->retire);
	if (signals->alive != NULL)
		event_free(signals->alive);
	signals->magic = 0;
	free(signals);
}
