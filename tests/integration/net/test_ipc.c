/*
 * Frames over a real Unix socket: whole, cut, too long, malformed, more than the peer takes.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/net/ipc.h"
#include "tests/lib/unit.h"

static struct event_base *base;
static char folder[32], path[64];

struct seen {
	int frames, closed;
	uint16_t type;
	uint32_t id;
	size_t payload_len;
	uint64_t total;
	enum err verdict; /* what on_frame says */
	int free_within; /* on_frame frees the connection itself */
};

static enum err on_frame(
    struct ipc *ipc, uint16_t type, uint32_t id, struct cursor payload, void *ctx)
{
	struct seen *seen = ctx;
	seen->frames++;
	seen->type = type;
	seen->id = id;
	seen->payload_len = cursor_left(&payload);
	seen->total += seen->payload_len;
	if (seen->free_within)
		ipc_free(ipc);
	return seen->verdict;
}

static void on_close(struct ipc *ipc, void *ctx)
{
	struct seen *seen = ctx;
	(void)ipc;
	seen->closed++;
}

static const struct ipc_handler HANDLER = {on_frame, on_close};

static void turn(void)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

/* A connection whose other end is a bare descriptor. */
static int open_pair(struct seen *seen, struct ipc **ipc)
{
	int fds[2];
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	*ipc = ipc_new(base, fds[0], &HANDLER, seen);
	return fds[1];
}

static void set_up(void)
{
	strcpy(folder, "/tmp/firstring-ipc-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	base = event_base_new();
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

static void tear_down(void)
{
	event_base_free(base);
	unlink(path);
	rmdir(folder);
}

START_TEST(test_frames_arrive_however_they_are_cut)
{
	static const uint8_t bytes[] = {0, 0, 0, 9, 0x12, 0x34, 0, 0, 0, 7, 'a', 'b',
	    'c', /* next */
	    0, 0, 0, 6, 0, 2, 0xff, 0, 0, 1};
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		struct seen seen = {0};
		struct ipc *ipc = NULL;
		int fd = open_pair(&seen, &ipc);
		ck_assert_int_eq(write(fd, bytes, cut), (ssize_t)cut);
		turn();
		ck_assert_int_eq(seen.frames, (cut >= 13) + (cut >= 23));
		ck_assert_int_eq(
		    write(fd, bytes + cut, sizeof(bytes) - cut), (ssize_t)(sizeof(bytes) - cut));
		turn();
		ck_assert_int_eq(seen.frames, 2);
		ck_assert_uint_eq(seen.total, 3);
		ck_assert_uint_eq(seen.type, 2);
		ck_assert_uint_eq(seen.id, 0xff000001);
		ck_assert_int_eq(seen.closed, 0);
		ipc_free(ipc);
		close(fd);
	}
}
END_TEST

START_TEST(test_bad_lengths_end_the_connection)
{
	static const uint8_t lengths[][4] = {
	    {0, 0, 0, 0}, {0, 0, 0, 5}, {0, 0, 0xff, 0xfd}, {0, 1, 0, 0}, {0xff, 0xff, 0xff, 0xff}};
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct seen seen = {0};
		struct ipc *ipc = NULL;
		char byte;
		int fd = open_pair(&seen, &ipc);
		ck_assert_int_eq(write(fd, lengths[i], 4), 4);
		turn();
		ck_assert_int_eq(seen.frames, 0);
		ck_assert_int_eq(seen.closed, 1);
		ck_assert_int_eq(read(fd, &byte, 1), 0);
		close(fd);
	}
}
END_TEST

START_TEST(test_a_frame_that_is_not_understood_ends_the_connection)
{
	struct seen seen = {.verdict = ERR_SYNTAX};
	struct ipc *ipc = NULL;
	int fd = open_pair(&seen, &ipc);
	static const uint8_t two[] = {0, 0, 0, 6, 0, 1, 0, 0, 0, 1, 0, 0, 0, 6, 0, 1, 0, 0, 0, 2};
	ck_assert_int_eq(write(fd, two, sizeof(two)), (ssize_t)sizeof(two));
	turn();
	ck_assert_int_eq(seen.frames, 1);
	ck_assert_int_eq(seen.closed, 1);
	close(fd);
}
END_TEST

START_TEST(test_a_handler_may_free_its_connection)
{
	struct seen seen = {.free_within = 1};
	struct ipc *ipc = NULL;
	int fd = open_pair(&seen, &ipc);
	static const uint8_t two[] = {0, 0, 0, 6, 0, 1, 0, 0, 0, 1, 0, 0, 0, 6, 0, 1, 0, 0, 0, 2};
	ck_assert_int_eq(write(fd, two, sizeof(two)), (ssize_t)sizeof(two));
	turn();
	ck_assert_int_eq(seen.frames, 1);
	ck_assert_int_eq(seen.closed, 0);
	close(fd);
}
END_TEST

START_TEST(test_the_peers_end_is_told_once)
{
	struct seen seen = {0};
	struct ipc *ipc = NULL;
	int fd = open_pair(&seen, &ipc);
	close(fd);
	turn();
	ck_assert_int_eq(seen.closed, 1);
}
END_TEST

struct link {
	struct seen server_seen, client_seen;
	struct ipc *server, *client;
	uid_t uid;
	pid_t pid;
};

static void on_accept(int fd, uid_t uid, gid_t gid, pid_t pid, void *ctx)
{
	struct link *link = ctx;
	(void)gid;
	link->uid = uid;
	link->pid = pid;
	link->server = ipc_new(base, fd, &HANDLER, &link->server_seen);
}

START_TEST(test_ends_meet_and_know_each_other)
{
	struct link link = {.uid = 4711};
	struct ipc_listener *listener = NULL;
	struct stat status;
	char payload[IPC_PAYLOAD_MAX] = "x";
	ck_assert_int_eq(
	    ipc_connect(base, path, &HANDLER, &link.client_seen, &link.client), ERR_UNAVAILABLE);
	ck_assert_int_eq(ipc_listen(base, path, 0600, on_accept, &link, &listener), ERR_OK);
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_int_eq(status.st_mode & 0777, 0600);
	ck_assert_int_eq(
	    ipc_connect(base, path, &HANDLER, &link.client_seen, &link.client), ERR_OK);
	turn();
	ck_assert_uint_eq(link.uid, getuid());
	ck_assert_int_eq(link.pid, getpid());
	ck_assert_int_eq(ipc_send(link.client, 3, 5, payload, sizeof(payload)), ERR_OK);
	ck_assert_int_eq(ipc_send(link.client, 3, 6, NULL, 0), ERR_OK);
	ck_assert_int_eq(ipc_send(link.client, 3, 7, payload, IPC_PAYLOAD_MAX + 1), ERR_TOO_LONG);
	turn();
	ck_assert_int_eq(link.server_seen.frames, 2);
	ck_assert_uint_eq(link.server_seen.total, IPC_PAYLOAD_MAX);
	ck_assert_uint_eq(link.server_seen.id, 6);
	ck_assert_int_eq(ipc_send(link.server, 9, 1, "yes", 3), ERR_OK);
	ipc_listener_free(listener);
	turn();
	ck_assert_uint_eq(link.client_seen.payload_len, 3);
	ck_assert_int_eq(stat(path, &status), -1);
	ipc_free(link.client);
	turn();
	ck_assert_int_eq(link.server_seen.closed, 1);
}
END_TEST

START_TEST(test_the_queue_is_bounded_and_empties)
{
	enum { PAYLOAD = 60 * 1000 };
	static char payload[PAYLOAD];
	struct link link = {0};
	struct ipc_listener *listener = NULL;
	int sent = 0;
	ck_assert_int_eq(ipc_listen(base, path, 0660, on_accept, &link, &listener), ERR_OK);
	ck_assert_int_eq(
	    ipc_connect(base, path, &HANDLER, &link.client_seen, &link.client), ERR_OK);
	while (ipc_send(link.client, 1, (uint32_t)sent, payload, PAYLOAD) == ERR_OK)
		sent++;
	ck_assert_uint_le(ipc_unsent(link.client), 16 * 1024 * 1024);
	ck_assert_int_gt(sent, 250);
	for (int i = 0; i < 1000 && ipc_unsent(link.client) > 0; i++)
		turn();
	turn();
	ck_assert_int_eq(link.server_seen.frames, sent);
	ck_assert_uint_eq(link.server_seen.total, (uint64_t)sent * PAYLOAD);
	ipc_free(link.client);
	ipc_free(link.server);
	ipc_listener_free(listener);
}
END_TEST

START_TEST(test_only_a_stale_socket_is_replaced)
{
	struct link link = {0};
	struct ipc_listener *first = NULL, *second = NULL;
	ck_assert_int_eq(ipc_listen(base, path, 0600, on_accept, &link, &first), ERR_OK);
	ck_assert_int_eq(ipc_listen(base, path, 0600, on_accept, &link, &second), ERR_EXISTS);
	ck_assert_ptr_null(second);
	ipc_listener_free(first);
	/* What a killed process leaves behind. */
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	ck_assert_int_eq(ipc_listen(base, path, 0600, on_accept, &link, &second), ERR_OK);
	ipc_listener_free(second);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	ck_assert_int_eq(ipc_listen(base, path, 0600, on_accept, &link, &first), ERR_EXISTS);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(test_a_path_that_is_too_long_is_refused)
{
	char long_path[200];
	struct ipc_listener *listener = NULL;
	struct ipc *ipc = NULL;
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	ck_assert_int_eq(
	    ipc_listen(base, long_path, 0600, on_accept, NULL, &listener), ERR_TOO_LONG);
	ck_assert_int_eq(ipc_connect(base, long_path, &HANDLER, NULL, &ipc), ERR_TOO_LONG);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ipc");
	TCase *tcase = tcase_create("frames");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_frames_arrive_however_they_are_cut);
	tcase_add_test(tcase, test_bad_lengths_end_the_connection);
	tcase_add_test(tcase, test_a_frame_that_is_not_understood_ends_the_connection);
	tcase_add_test(tcase, test_a_handler_may_free_its_connection);
	tcase_add_test(tcase, test_the_peers_end_is_told_once);
	tcase_add_test(tcase, test_ends_meet_and_know_each_other);
	tcase_add_test(tcase, test_the_queue_is_bounded_and_empties);
	tcase_add_test(tcase, test_only_a_stale_socket_is_replaced);
	tcase_add_test(tcase, test_a_path_that_is_too_long_is_refused);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
