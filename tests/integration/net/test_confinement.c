/*
 * What a process can no longer do once it is confined, and what a service manager is told.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/net/sandbox.h"
#include "common/net/sdnotify.h"
#include "tests/lib/unit.h"

/* Runs `work` in a child: its exit status, or 1000 + the signal that ended it. */
static int in_child(int (*work)(void))
{
	int status = 0;
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
		_exit(work());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int look_hardened(void)
{
	struct rlimit core;
	sandbox_harden();
	return getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 &&
		       prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
		       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
		   ? 0
		   : 1;
}

START_TEST(test_hardened)
{
	ck_assert_int_eq(in_child(look_hardened), 0);
}
END_TEST

static int become_nobody(void)
{
	if (sandbox_drop_privileges("nobody") != ERR_OK)
		return 1;
	sandbox_harden();
	return geteuid() != 0 && getgroups(0, NULL) == 0 && setuid(0) != 0 &&
		       sandbox_drop_privileges("nobody") == ERR_OK &&
		       sandbox_drop_privileges("root") == ERR_DENIED
		   ? 0
		   : 2;
}

static int become_unknown(void)
{
	return sandbox_drop_privileges("no such user") == ERR_NOT_FOUND ? 0 : 1;
}

static int stay(void)
{
	return sandbox_drop_privileges("") == ERR_OK && sandbox_drop_privileges(NULL) == ERR_OK ? 0
												: 1;
}

START_TEST(test_privileges_are_dropped_for_good)
{
	ck_assert_int_eq(in_child(become_unknown), 0);
	ck_assert_int_eq(in_child(stay), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(in_child(become_nobody), 0);
}
END_TEST

/* With what allocators and sanitizers do behind one's back. */
static const char *const FEW[] = {"exit_group", "write", "getpid", "brk", "mmap", "munmap",
    "madvise", "sigaltstack", "futex", "getuid", "prctl", NULL};

static const char *const *const ONLY_FEW[] = {FEW, NULL};

static int stay_within(void)
{
	if (sandbox_allow_only(ONLY_FEW, NULL) != ERR_OK)
		return 1;
	return getpid() > 0 ? 0 : 2;
}

static int open_a_socket(void)
{
	if (sandbox_allow_only(ONLY_FEW, NULL) != ERR_OK)
		return 1;
	socket(AF_INET, SOCK_STREAM, 0);
	return 0;
}

/* A thread that was there before: it waits until the list is in force. */
static pthread_mutex_t listed = PTHREAD_MUTEX_INITIALIZER;

static void *open_a_socket_then(void *ctx)
{
	CHECK(pthread_mutex_lock(&listed) == 0);
	socket(AF_INET, SOCK_STREAM, 0);
	return ctx;
}

static int have_a_thread_open_a_socket(void)
{
	pthread_t thread;

	CHECK(pthread_mutex_lock(&listed) == 0);
	CHECK(pthread_create(&thread, NULL, open_a_socket_then, NULL) == 0);
	/* Past what the C library does at a thread's begin. */
	usleep(100000);
	if (sandbox_allow_only(ONLY_FEW, NULL) != ERR_OK)
		return 1;
	CHECK(pthread_mutex_unlock(&listed) == 0);
	pthread_join(thread, NULL);
	return 0;
}

static int misspell(void)
{
	static const char *const wrong[] = {"exit_group", "wriet", NULL};
	static const char *const *const lists[] = {wrong, NULL};
	return sandbox_allow_only(lists, NULL) == ERR_NOT_FOUND ? 0 : 1;
}

static int be_refused_a_socket(void)
{
	static const char *const sockets[] = {"socket", NULL};
	if (sandbox_allow_only(ONLY_FEW, sockets) != ERR_OK)
		return 1;
	return socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EPERM ? 0 : 2;
}

START_TEST(test_other_system_calls_kill)
{
	ck_assert_int_eq(in_child(stay_within), 0);
	ck_assert_int_eq(in_child(open_a_socket), 1000 + SIGSYS);
	ck_assert_int_eq(in_child(have_a_thread_open_a_socket), 1000 + SIGSYS);
	ck_assert_int_eq(in_child(misspell), 0);
	ck_assert_int_eq(in_child(be_refused_a_socket), 0);
}
END_TEST

START_TEST(test_the_service_manager_is_told)
{
	/* By path, then in the abstract namespace. */
	char folder[] = "/tmp/firstring-notify-XXXXXX", name[64], text[64] = "";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(name, sizeof(name), "%s%s/s", _i ? "@" : "", folder);
	strcpy(address.sun_path, name);
	if (_i)
		address.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
	    0);
	setenv("NOTIFY_SOCKET", name, 1);
	sd_notify_send("READY=1");
	ck_assert_int_eq(recv(fd, text, sizeof(text) - 1, 0), 7);
	ck_assert_str_eq(text, "READY=1");
	close(fd);
	unlink(name);
	rmdir(folder);
}
END_TEST

START_TEST(test_nobody_to_tell_is_no_error)
{
	unsetenv("NOTIFY_SOCKET");
	sd_notify_send("READY=1");
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	setenv("NOTIFY_SOCKET", "relative", 1);
	sd_notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
	sd_notify_send("READY=1");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("confinement");
	TCase *tcase = tcase_create("process");
	tcase_add_test(tcase, test_hardened);
	tcase_add_test(tcase, test_privileges_are_dropped_for_good);
	tcase_add_test(tcase, test_other_system_calls_kill);
	tcase_add_loop_test(tcase, test_the_service_manager_is_told, 0, 2);
	tcase_add_test(tcase, test_nobody_to_tell_is_no_error);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
