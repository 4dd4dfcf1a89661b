/*
 * A signer of its own for a test: ceremony, process, socket, and a front that may be hostile.
 * Header-only; runs the real program from $BUILD.
 */
#ifndef FIRSTRING_TESTS_SIGNER_PROCESS_H
#define FIRSTRING_TESTS_SIGNER_PROCESS_H

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/net/ipc.h"
#include "factory-ca/signer/ledger_file.h"
#include "factory-ca/signer/protocol.h"
#include "tests/lib/softhsm.h"
#include "tests/lib/test_factory.h"

enum { SIGNER_START_MS = 20000, SIGNER_ANSWER_MS = 20000 };

/* One instance; `program` is $BUILD/bin/factory-ca. */
struct signer_process {
	char folder[TEST_PATH], program[TEST_PATH];
	int on_token; /* keys in SoftHSM, behind flaky_token.so; else in files */
	pid_t pid;
	int fd; /* the front's connection */
	uint32_t next_id;
	/* The people, made with the line-access key itself. */
	X509 *operator_certificate, *station_certificate;
	EVP_PKEY *operator_key;
};

/* An answer's frame. */
struct frame {
	uint16_t type;
	uint32_t id;
	struct buf payload;
};

static inline int process_run(const struct signer_process *process, const char *arguments)
{
	char command[4 * TEST_PATH];
	int status;

	snprintf(command, sizeof(command), "cd %s && %s --config factory-ca.yaml %s >> log 2>&1",
	    process->folder, process->program, arguments);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

enum { SIGNER_URI_LEN = 2 * TEST_PATH };

static inline void process_token_uri(const struct signer_process *process, char uri[SIGNER_URI_LEN])
{
	const char *slash = strrchr(process->program, '/');

	/* $BUILD/bin/factory-ca -> $BUILD/tests/lib/flaky_token.so */
	snprintf(uri, SIGNER_URI_LEN,
	    "pkcs11:token=firstring?module-path=%.*s/../tests/lib/flaky_token.so",
	    (int)(slash - process->program), process->program);
}

/* The line-access key, for making people. */
static inline struct keystore *process_open_keys(const struct signer_process *process)
{
	char path[TEST_PATH], uri[SIGNER_URI_LEN], why[KEYSTORE_WHY_LEN] = "";
	struct secret opener = {0};
	struct keystore *store = NULL;

	test_path(path, process->folder, process->on_token ? "pin" : "passphrase");
	CHECK(secret_read_file(path, 1000, &opener) == ERR_OK);
	process_token_uri(process, uri);
	test_path(path, process->folder, "state/keys");
	if (process->on_token)
		CHECK(keystore_pkcs11_new(uri, &opener, &store, why) == ERR_OK);
	else
		store = keystore_file_new(path, &opener, KEYSTORE_SCRYPT_LOG2_N);
	secret_free(&opener);
	CHECK(keystore_load(store, CA_KEY_LINE_ACCESS, why) == ERR_OK);
	return store;
}

static inline void process_write_config(const struct signer_process *process)
{
	static const char config[] = "  state_dir: state\n"
				     "  published_dir: published\n"
				     "  organisation: Example\n"
				     "  oid_arc: " TEST_ARC "\n"
				     "  crl_base_url: http://pki.example/crl\n"
				     "  aia_base_url: http://pki.example/ca\n"
				     "signer:\n"
				     "  socket: signer.sock\n"
				     "database:\n"
				     "  conninfo: host=/nonexistent\n";
	char path[TEST_PATH], uri[SIGNER_URI_LEN];
	struct buf text = {0};

	process_token_uri(process, uri);
	buf_put_str(&text, "pki:\n");
	if (process->on_token)
		buf_printf(&text, "  pkcs11_uri: \"%s\"\n  pkcs11_pin_file: pin\n", uri);
	else
		buf_put_str(&text, "  passphrase_file: passphrase\n");
	buf_put_str(&text, config);
	test_path(path, process->folder, "factory-ca.yaml");
	CHECK(file_write(path, 0600, text.bytes, text.len) == ERR_OK);
	buf_free(&text);
}

static inline X509 *process_line_access(const struct signer_process *process)
{
	char path[TEST_PATH];
	X509 *ca = NULL;
	FILE *file;

	test_path(path, process->folder, "published/line-access.pem");
	file = fopen(path, "re");
	CHECK(file != NULL);
	ca = PEM_read_X509(file, NULL, NULL, NULL);
	CHECK(ca != NULL);
	fclose(file);
	return ca;
}

static inline void process_make_people(struct signer_process *process)
{
	struct keystore *store = process_open_keys(process);
	X509 *ca = process_line_access(process);

	process->operator_key = test_key("P-256");
	process->operator_certificate = test_person(
	    store, ca, process->operator_key, "ann", TEST_OPERATOR_EKU, clock_unix_s() + 10000);
	process->station_certificate = test_person(
	    store, ca, process->operator_key, "line-1", TEST_STATION_EKU, clock_unix_s() + 10000);
	X509_free(ca);
	keystore_free(store);
}

static inline void process_connect(struct signer_process *process)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int64_t until = clock_monotonic_ms() + SIGNER_START_MS;

	if (process->fd >= 0)
		close(process->fd);
	CHECK(snprintf(address.sun_path, sizeof(address.sun_path), "%s/signer.sock",
		  process->folder) < (int)sizeof(address.sun_path));
	for (;;) {
		process->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(process->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			return;
		close(process->fd);
		CHECK(clock_monotonic_ms() < until);
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
}

static inline void process_start(struct signer_process *process)
{
	char log[TEST_PATH];

	test_path(log, process->folder, "log");
	process->pid = fork();
	CHECK(process->pid >= 0);
	if (process->pid == 0) {
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

		/* The leak checker needs ptrace at exit, which the signer's list does not allow. */
		setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
		if (fd < 0 || chdir(process->folder) != 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
			_exit(126);
		execl(process->program, process->program, "signer", "--config", "factory-ca.yaml",
		    (char *)NULL);
		_exit(127);
	}
	process_connect(process);
}

/* The exit status, or minus the signal that ended it. */
static inline int process_stop(struct signer_process *process, int signal_number)
{
	int status = 0;

	CHECK(process->pid > 0);
	CHECK(kill(process->pid, signal_number) == 0);
	CHECK(waitpid(process->pid, &status, 0) == process->pid);
	process->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline void process_new(struct signer_process *process, int on_token)
{
	const char *build = getenv("BUILD");
	char here[TEST_PATH / 2];

	memset(process, 0, sizeof(*process));
	process->fd = -1;
	process->on_token = on_token;
	CHECK(getcwd(here, sizeof(here)) != NULL);
	snprintf(process->program, sizeof(process->program), "%s/%s/bin/factory-ca", here,
	    build ? build : "build/release");
	test_folder_make(process->folder);
	process_write_config(process);
	if (on_token) {
		char path[TEST_PATH];

		softhsm_make_token(process->folder, "firstring");
		test_path(path, process->folder, "pin");
		CHECK(file_write(path, 0600, SOFTHSM_PIN "\n", sizeof(SOFTHSM_PIN)) == ERR_OK);
	}
	CHECK(process_run(process, on_token ? "init" : "init --make-passphrase passphrase") == 0);
	process_make_people(process);
	process_start(process);
}

static inline void process_print_log(const struct signer_process *process)
{
	char path[TEST_PATH];
	struct buf log = {0};

	test_path(path, process->folder, "log");
	if (file_read(path, 1 << 20, &log) == ERR_OK && log.len)
		fprintf(stderr, "%s\n", (char *)log.bytes);
	buf_free(&log);
}

static inline int process_log_has(const struct signer_process *process, const char *text)
{
	char path[TEST_PATH];
	struct buf log = {0};
	int found;

	test_path(path, process->folder, "log");
	CHECK(file_read(path, 1 << 24, &log) == ERR_OK);
	found = log.len && strstr((char *)log.bytes, text) != NULL;
	buf_free(&log);
	return found;
}

static inline void process_free(struct signer_process *process)
{
	if (process->pid > 0)
		process_stop(process, SIGKILL);
	if (process->fd >= 0)
		close(process->fd);
	X509_free(process->operator_certificate);
	X509_free(process->station_certificate);
	EVP_PKEY_free(process->operator_key);
	test_folder_remove(process->folder);
}

/* Records in the ledger's own file. */
static inline size_t process_records(const struct signer_process *process)
{
	return (size_t)(test_size(process->folder, "state/ledger") - LEDGER_HEADER_LEN) /
	       LEDGER_RECORD_LEN;
}

/* A file beside the token's configuration: what flaky_token.so is to do. */
static inline void process_tell_token(const struct signer_process *process, const char *what)
{
	char path[TEST_PATH];

	test_path(path, process->folder, what);
	CHECK(file_write(path, 0600, "", 0) == ERR_OK);
}

static inline void process_untell_token(const struct signer_process *process, const char *what)
{
	char path[TEST_PATH];

	test_path(path, process->folder, what);
	CHECK(unlink(path) == 0);
}

static inline void process_send_raw(struct signer_process *process, const void *bytes, size_t len)
{
	const char *next = bytes;

	while (len > 0) {
		ssize_t sent = send(process->fd, next, len, MSG_NOSIGNAL);

		if (sent <= 0)
			return; /* the other end is gone: the answer tells */
		next += sent;
		len -= (size_t)sent;
	}
}

/* Returns the id. */
static inline uint32_t process_send(
    struct signer_process *process, unsigned type, const struct buf *payload)
{
	uint32_t id = ++process->next_id;
	struct buf frame = {0};

	buf_put_u32(&frame, (uint32_t)(6 + payload->len));
	buf_put_u16(&frame, (uint16_t)type);
	buf_put_u32(&frame, id);
	buf_put(&frame, payload->bytes, payload->len);
	process_send_raw(process, frame.bytes, frame.len);
	buf_free(&frame);
	return id;
}

/* 0 when the connection was closed instead. */
static inline int process_receive_bytes(struct signer_process *process, void *bytes, size_t len)
{
	struct pollfd ready = {.fd = process->fd, .events = POLLIN};
	char *next = bytes;

	while (len > 0) {
		ssize_t got;

		CHECK(poll(&ready, 1, SIGNER_ANSWER_MS) == 1);
		got = recv(process->fd, next, len, 0);
		if (got <= 0)
			return 0;
		next += got;
		len -= (size_t)got;
	}
	return 1;
}

static inline int process_receive(struct signer_process *process, struct frame *frame)
{
	uint8_t head[IPC_HEADER_LEN] = {0};
	uint8_t payload[IPC_FRAME_MAX];
	struct cursor in = cursor_of(head, sizeof(head));
	uint32_t len;

	if (!process_receive_bytes(process, head, sizeof(head)))
		return 0;
	len = cursor_u32(&in);
	CHECK(len >= 6 && len <= IPC_FRAME_MAX);
	frame->type = cursor_u16(&in);
	frame->id = cursor_u32(&in);
	if (!process_receive_bytes(process, payload, len - 6))
		return 0;
	buf_clear(&frame->payload);
	buf_put(&frame->payload, payload, len - 6);
	return 1;
}

static inline struct cursor frame_cursor(const struct frame *frame)
{
	return cursor_of(frame->payload.bytes, frame->payload.len);
}

/* Sends and receives one frame of that answer. */
static inline void process_ask(
    struct signer_process *process, unsigned type, const struct buf *payload, struct frame *answer)
{
	uint32_t id = process_send(process, type, payload);

	CHECK(process_receive(process, answer));
	CHECK(answer->id == id);
}

static inline void process_hello(struct signer_process *process)
{
	struct signer_welcome welcome;
	struct buf hello = {0};
	struct frame answer = {0};

	signer_hello_encode(&hello);
	process_ask(process, SIGNER_HELLO, &hello, &answer);
	CHECK(answer.type == SIGNER_WELCOME);
	CHECK(signer_welcome_decode(frame_cursor(&answer), &welcome) == ERR_OK);
	buf_free(&hello);
	buf_free(&answer.payload);
}

/* "accepted", "existing", or the code of the refusal. */
static inline const char *process_statement(
    struct signer_process *process, const struct signed_statement *made)
{
	static struct signer_statement_outcome outcome;
	struct buf payload = {0};
	struct frame answer = {0};

	signed_statement_encode(&payload, made);
	process_ask(process, SIGNER_STATEMENT, &payload, &answer);
	CHECK(answer.type == SIGNER_STATEMENT_OUTCOME);
	CHECK(signer_statement_outcome_decode(frame_cursor(&answer), &outcome) == ERR_OK);
	buf_free(&payload);
	buf_free(&answer.payload);
	return outcome.outcome == STATEMENT_ACCEPTED   ? "accepted"
	       : outcome.outcome == STATEMENT_EXISTING ? "existing"
						       : outcome.code;
}

static inline const char *process_order(
    struct signer_process *process, const struct statement *statement)
{
	struct signed_statement made = {0};
	char why[300] = "";
	const char *outcome;

	CHECK(statement_sign(statement, process->operator_certificate, process->operator_key, &made,
		  why, sizeof(why)) == ERR_OK);
	outcome = process_statement(process, &made);
	signed_statement_free(&made);
	return outcome;
}

/* One row asked and what became of it; owns the certificate. */
struct outcome {
	const char *code; /* of row or request */
	struct buf certificate;
	struct signer_issued_row row;
};

static inline void outcome_free(struct outcome *outcome)
{
	buf_free(&outcome->certificate);
}

static inline void process_issue(struct signer_process *process, const char *order,
    const char *station, const struct signer_issue_row *row, struct outcome *outcome)
{
	const struct fingerprint fingerprint = {{1}};
	struct signer_failed failed;
	struct signer_issued issued;
	struct buf payload = {0};
	struct frame answer = {0};

	signer_issue_begin(&payload, order, station, &fingerprint);
	CHECK(signer_issue_add(&payload, row) == ERR_OK);
	process_ask(process, SIGNER_ISSUE, &payload, &answer);
	memset(outcome, 0, sizeof(*outcome));
	if (answer.type == SIGNER_FAILED) {
		CHECK(signer_failed_decode(frame_cursor(&answer), &failed) == ERR_OK);
		outcome->code = signer_failure_code(failed.failure);
	} else {
		CHECK(answer.type == SIGNER_ISSUED);
		CHECK(signer_issued_decode(frame_cursor(&answer), &issued) == ERR_OK);
		CHECK(issued.last && issued.row_count == 1);
		outcome->row = issued.rows[0];
		outcome->code = issue_outcome_code(issued.rows[0].outcome);
		if (issued.rows[0].certificate_len)
			buf_put(&outcome->certificate, issued.rows[0].certificate,
			    issued.rows[0].certificate_len);
	}
	buf_free(&payload);
	buf_free(&answer.payload);
}

static inline struct signer_issue_row test_row(
    const char *mac, const char *serial, const struct buf *csr)
{
	struct signer_issue_row row = {
	    .serial_number = {serial, strlen(serial)}, .csr = csr->bytes, .csr_len = csr->len};

	CHECK(mac_parse(mac, strlen(mac), &row.mac) == ERR_OK);
	return row;
}

#endif
