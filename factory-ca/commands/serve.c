/*
 * factory-ca serve: signer and front as two children of one command, for a trial on one machine.
 *
 * It is a minder and no more: starts both programs, starts again what ends (after a pause that
 * doubles), passes SIGHUP to the front, and on SIGTERM stops the front first, so that requests in
 * flight still find the signer. In production the two are units of their own, under users of their
 * own. It reads nothing but the command line.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/net/sdnotify.h"
#include "factory-ca/commands.h"

static const char USAGE[] =
    "usage: factory-ca [--config FILE] serve\n\n"
    "Runs signer and front as two children, for a trial on one machine; in production each has a "
    "unit\n"
    "and a user of its own. SIGHUP reloads the front, SIGTERM stops both.\n";

enum {
	RESTART_MIN_MS = 100,
	RESTART_MAX_MS = 10000,
	SETTLED_MS = 60000, /* of life, after which a restart is quick again */
	STOP_MS = 40000, /* more than the front's own time to drain by default */
};

struct child {
	const char *name;
	pid_t pid; /* 0: not running */
	int64_t started_ms, start_at_ms;
	unsigned pause_ms, starts;
};

struct minder {
	const char *config_path;
	struct child signer, front;
	int stopping;
	int64_t kill_at_ms;
	int status;
	int signal_fd;
	sigset_t before;
};

static void start(struct minder *minder, struct child *child)
{
	const char *argv[] = {"factory-ca", "--config", minder->config_path, child->name, NULL};
	pid_t parent = getpid();

	child->started_ms = clock_monotonic_ms();
	child->starts++;
	child->pid = fork();
	CHECK(child->pid >= 0);
	if (child->pid > 0) {
		LOG_INFO("child_started", log_str("child", child->name),
		    log_int("child_pid", child->pid));
		return;
	}
	/* A minder that is killed takes its children with it. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EX_UNAVAILABLE);
	/* Ctrl-C is for the minder, who stops them in order. */
	setpgid(0, 0);
	sigprocmask(SIG_SETMASK, &minder->before, NULL);
	execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
	_exit(EX_OSERR);
}

static void stop_all(struct minder *minder, int status)
{
	if (minder->stopping)
		return;
	minder->stopping = 1;
	minder->status = status;
	minder->kill_at_ms = clock_monotonic_ms() + STOP_MS;
	sd_notify_send("STOPPING=1");
	if (minder->front.pid)
		kill(minder->front.pid, SIGTERM);
	else if (minder->signer.pid)
		kill(minder->signer.pid, SIGTERM);
}

static void on_end(struct minder *minder, struct child *child, int wait_status)
{
	int64_t now_ms = clock_monotonic_ms();
	int status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;

	child->pid = 0;
	LOG_AT(minder->stopping ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "child_ended",
	    log_str("child", child->name), log_int("status", status),
	    log_int("signal", WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0));
	if (minder->stopping) {
		if (child == &minder->front && minder->signer.pid)
			kill(minder->signer.pid, SIGTERM);
		return;
	}
	/* What the configuration makes impossible is told at once. Later it may pass: a port is
	 * still held by workers whose parent was killed, and which finish what they have begun. */
	if (status == EX_CONFIG && child->starts == 1) {
		stop_all(minder, EX_CONFIG);
		return;
	}
	if (child->pause_ms == 0 || now_ms - child->started_ms > SETTLED_MS)
		child->pause_ms = RESTART_MIN_MS;
	child->start_at_ms = now_ms + child->pause_ms;
	child->pause_ms =
	    child->pause_ms * 2 > RESTART_MAX_MS ? RESTART_MAX_MS : child->pause_ms * 2;
}

static void reap(struct minder *minder)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == minder->signer.pid)
			on_end(minder, &minder->signer, status);
		else if (pid == minder->front.pid)
			on_end(minder, &minder->front, status);
	}
}

static void take_signals(struct minder *minder)
{
	struct signalfd_siginfo info;

	while (read(minder->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			stop_all(minder, EX_OK);
		else if (info.ssi_signo == SIGHUP && minder->front.pid)
			kill(minder->front.pid, SIGHUP);
	}
}

static void kill_overdue(struct minder *minder)
{
	if (!minder->stopping || clock_monotonic_ms() < minder->kill_at_ms)
		return;
	minder->kill_at_ms = INT64_MAX;
	if (minder->front.pid)
		kill(minder->front.pid, SIGKILL);
	if (minder->signer.pid)
		kill(minder->signer.pid, SIGKILL);
}

static void start_due(struct minder *minder)
{
	int64_t now_ms = clock_monotonic_ms();

	if (minder->stopping)
		return;
	if (!minder->signer.pid && now_ms >= minder->signer.start_at_ms)
		start(minder, &minder->signer);
	if (!minder->front.pid && now_ms >= minder->front.start_at_ms)
		start(minder, &minder->front);
}

static void mind(struct minder *minder)
{
	struct pollfd wait = {.fd = minder->signal_fd, .events = POLLIN};

	while (!minder->stopping || minder->signer.pid || minder->front.pid) {
		start_due(minder);
		/* Pauses are short and few: looking four times a second is precise enough. */
		if (poll(&wait, 1, 250) < 0)
			CHECK(errno == EINTR);
		take_signals(minder);
		reap(minder);
		kill_overdue(minder);
	}
}

int command_serve(const struct command_context *context, int argc, char **argv)
{
	struct minder minder = {.config_path = context->config_path,
	    .signer = {.name = "signer"},
	    .front = {.name = "front"}};
	sigset_t signals;

	if (argc > 1) {
		int asked = strcmp(argv[1], "--help") == 0;

		fputs(USAGE, asked ? stdout : stderr);
		return asked ? EX_OK : EX_USAGE;
	}
	log_set_program("factory-ca-serve");
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	CHECK(sigprocmask(SIG_BLOCK, &signals, &minder.before) == 0);
	minder.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	CHECK(minder.signal_fd >= 0);
	mind(&minder);
	close(minder.signal_fd);
	return minder.status;
}
