/*
 * A run: what can be checked is checked before the first key is made; then threads work in chunks
 * while the main thread shows progress; at the end labels and the list of refused phones are
 * written from what is durable. Interrupted at any point, the same command goes on from there.
 */
#include "factory-ca/line/run.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "factory-ca/commands/https_client.h"
#include "factory-ca/line/labels.h"
#include "factory-ca/line/run_state.h"
#include "factory-ca/line/say.h"

enum {
	LIST_MAX = 256 * 1024 * 1024,
	TEMPLATE_MAX = 64 * 1024,
	PASSWORD_MAX = 256,
	PATH_LEN = 4096,
	SHOW_EVERY_MS = 200,
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

void line_run_stop(struct line_run *run, int status, const char *format, ...)
{
	char text[768];
	va_list args;
	int is_first;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pthread_mutex_lock(&run->lock);
	is_first = run->stop == 0;
	if (is_first)
		run->stop = status;
	pthread_mutex_unlock(&run->lock);
	if (is_first)
		line_say("%s", text);
}

int line_run_is_stopping(struct line_run *run)
{
	int stop;

	pthread_mutex_lock(&run->lock);
	stop = run->stop != 0;
	pthread_mutex_unlock(&run->lock);
	return stop || interrupted;
}

size_t line_run_take(struct line_run *run, int (*is_wanted)(const struct line_phone *phone),
    struct line_phone **taken, size_t max)
{
	size_t count = 0;

	if (line_run_is_stopping(run))
		return 0;
	pthread_mutex_lock(&run->lock);
	while (count < max && run->next < run->phones.count) {
		struct line_phone *phone = &run->phones.items[run->next++];

		if (is_wanted(phone))
			taken[count++] = phone;
	}
	pthread_mutex_unlock(&run->lock);
	return count;
}

/* --- before the first key ------------------------------------------------------------------- */

static int read_list(struct line_run *run)
{
	const struct line_job *job = run->job;
	char why[PHONES_WHY_LEN] = "";
	struct buf text = {.max = LIST_MAX};
	enum err err;

	if (!job->list_path) {
		err = phones_from_range(
		    &job->first_mac, job->count, job->serial_format, &run->phones, why);
		if (err)
			line_say("%s", why);
		return err ? EX_DATAERR : EX_OK;
	}
	if (file_read(job->list_path, LIST_MAX, &text)) {
		line_say("%s: %s", job->list_path, strerror(errno));
		return EX_NOINPUT;
	}
	buf_put(&text, "", 0);
	err = phones_from_csv((const char *)text.bytes, text.len,
	    job->has_first_mac ? &job->first_mac : NULL, &run->phones, why);
	buf_free(&text);
	if (err)
		line_say("%s: %s", job->list_path, why);
	return err ? EX_DATAERR : EX_OK;
}

/* File names of CSRs are relative to the list. */
static void place_csr_files(struct line_run *run)
{
	const char *slash = run->job->list_path ? strrchr(run->job->list_path, '/') : NULL;
	char path[PATH_LEN];
	size_t i;

	for (i = 0; slash && i < run->phones.count; i++) {
		char **name = &run->phones.items[i].csr_path;

		if (!*name || **name == '/')
			continue;
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - run->job->list_path),
		    run->job->list_path, *name);
		free(*name);
		*name = strdup(path);
		CHECK(*name != NULL);
	}
}

/* What opens the keys that the signer makes. */
static int read_station(struct line_run *run)
{
	const struct line_config *config = run->job->config;
	FILE *certificate = fopen(config->station_cert, "re"),
	     *key = fopen(config->station_key, "re");

	if (certificate)
		run->station = PEM_read_X509(certificate, NULL, NULL, NULL);
	if (key)
		run->station_key = PEM_read_PrivateKey(key, NULL, NULL, NULL);
	if (certificate)
		fclose(certificate);
	if (key)
		fclose(key);
	ERR_clear_error();
	if (run->station && run->station_key)
		return EX_OK;
	line_say(
	    "--server-keys needs --station-cert and --station-key (PEM): keys are encrypted to "
	    "them");
	return EX_NOINPUT;
}

static int read_own_files(struct line_run *run)
{
	const struct line_config *config = run->job->config;
	char field[32];

	if (config->pkcs12) {
		if (!*config->pkcs12_password_file ||
		    secret_read_file(
			config->pkcs12_password_file, PASSWORD_MAX, &run->pkcs12_password) ||
		    run->pkcs12_password.len == 0) {
			line_say(
			    "--pkcs12 needs --pkcs12-password-file: a file that only its owner "
			    "can read (mode 0600), with the password in it");
			return EX_NOINPUT;
		}
		run->store.pkcs12_password = &run->pkcs12_password;
	}
	if (config->server_keys && read_station(run) != EX_OK)
		return EX_NOINPUT;
	if (!*config->label_template)
		return EX_OK;
	if (file_read(config->label_template, TEMPLATE_MAX, &run->label_template)) {
		line_say("%s: %s", config->label_template, strerror(errno));
		return EX_NOINPUT;
	}
	buf_put(&run->label_template, "", 0);
	if (label_check_template((const char *)run->label_template.bytes, field)) {
		line_say("%s: %s%s; there are {mac}, {serial_number}, {model}, {claim_code}",
		    config->label_template, *field ? "no such field: " : "no field is used", field);
		return EX_DATAERR;
	}
	return EX_OK;
}

/* A GET; an exit status, told. */
static int fetch(struct line_run *run, const char *path, struct buf *body)
{
	const struct line_config *config = run->job->config;
	struct https_request request = {.url = config->url,
	    .ca_path = config->server_ca,
	    .identity = {config->station_cert, config->station_key},
	    .method = "GET",
	    .path = path};
	struct https_answer answer = {0};
	char why[HTTPS_WHY_LEN] = "";
	enum err err = https_call(&request, &answer, why);

	if (err == ERR_SYNTAX) {
		line_say("%s", why);
		return EX_USAGE;
	}
	if (err == ERR_DENIED || err == ERR_SIGNATURE) {
		line_say("%s: %s", config->url, why);
		return EX_NOPERM;
	}
	if (err) {
		line_say("%s: %s; does the factory run, and is the network up?", config->url, why);
		return EX_UNAVAILABLE;
	}
	if (answer.status == 200) {
		*body = answer.body;
		return EX_OK;
	}
	buf_free(&answer.body);
	if (answer.status == 404)
		line_say("the factory knows no order %s: see --order", run->job->order);
	else if (answer.status == 401 || answer.status == 403)
		line_say("the factory does not take this station on order %s (%d): see "
			 "--station-cert; is it expired, revoked, or not on the order?",
		    run->job->order, answer.status);
	else
		line_say("%s: the factory answered %d", path, answer.status);
	return answer.status == 404   ? EX_DATAERR
	       : answer.status >= 500 ? EX_UNAVAILABLE
				      : EX_NOPERM;
}

/* Certificates of EST's cacerts (RFC 7030 section 4.1.3): issuing CA first, root last. */
static int fetch_chain(struct line_run *run)
{
	struct buf body = {0}, der = {0};
	const unsigned char *next;
	PKCS7 *bag = NULL;
	STACK_OF(X509) * found;
	int status = fetch(run, "/.well-known/est/cacerts", &body), i;

	if (status != EX_OK)
		return status;
	run->store.chain = sk_X509_new_null();
	CHECK(run->store.chain != NULL);
	if (base64_decode((const char *)body.bytes, body.len, &der) == ERR_OK) {
		next = der.bytes;
		bag = d2i_PKCS7(NULL, &next, (long)der.len);
	}
	found = bag && PKCS7_type_is_signed(bag) ? bag->d.sign->cert : NULL;
	for (i = 0; i < sk_X509_num(found); i++) {
		X509 *certificate = sk_X509_value(found, i);
		int is_root = X509_NAME_cmp(X509_get_subject_name(certificate),
				  X509_get_issuer_name(certificate)) == 0;

		CHECK(X509_up_ref(certificate) == 1);
		CHECK(sk_X509_insert(run->store.chain, certificate, is_root ? -1 : 0) > 0);
	}
	if (sk_X509_num(run->store.chain) < 2) {
		line_say("%s: cacerts is not a chain of CA certificates", run->job->config->url);
		status = EX_PROTOCOL;
	}
	PKCS7_free(bag);
	buf_free(&body);
	buf_free(&der);
	ERR_clear_error();
	return status;
}

static int check_range(const struct line_run *run, const char *first_text, json_int_t quantity)
{
	char mac[MAC_TEXT_LEN + 1];
	struct mac first;
	size_t i;

	if (mac_parse(first_text, strlen(first_text), &first) || quantity <= 0)
		return EX_PROTOCOL;
	for (i = 0; i < run->phones.count; i++) {
		uint64_t at = mac_to_uint(&run->phones.items[i].mac), from = mac_to_uint(&first);

		if (at >= from && at < from + (uint64_t)quantity)
			continue;
		mac_format(&run->phones.items[i].mac, mac);
		if (run->phones.items[i].line)
			line_say("%s:%zu: %s lies outside order %s (%lld MACs from %s)",
			    run->job->list_path, run->phones.items[i].line, mac, run->job->order,
			    (long long)quantity, first_text);
		else
			line_say("%s lies outside order %s (%lld MACs from %s)", mac,
			    run->job->order, (long long)quantity, first_text);
		return EX_DATAERR;
	}
	return EX_OK;
}

static int check_order(struct line_run *run)
{
	char path[128];
	struct buf body = {0};
	json_t *order;
	const char *state, *model, *first;
	int status;

	snprintf(path, sizeof(path), "/v1/orders/%s", run->job->order);
	status = fetch(run, path, &body);
	if (status != EX_OK)
		return status;
	order = json_loadb((const char *)body.bytes, body.len, JSON_REJECT_DUPLICATES, NULL);
	state = json_string_value(json_object_get(order, "state"));
	model = json_string_value(json_object_get(order, "model"));
	first = json_string_value(json_object_get(order, "first_mac"));
	if (!state || !model || !first || strlen(model) >= sizeof(run->model)) {
		line_say("%s: the order's document is not what a factory front sends",
		    run->job->config->url);
		status = EX_PROTOCOL;
	} else {
		strcpy(run->model, model);
		/* What was issued under a closed order is still told: a run can end. */
		if (strcmp(state, "open") != 0)
			line_say("order %s is %s: phones without a certificate will be refused",
			    run->job->order, state);
		status =
		    check_range(run, first, json_integer_value(json_object_get(order, "quantity")));
	}
	json_decref(order);
	buf_free(&body);
	return status;
}

/* --- after the last answer ------------------------------------------------------------------ */

static int write_file(const struct line_run *run, const char *file, const struct buf *bytes)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/%s", run->job->folder, file);
	if (file_write(path, 0600, bytes->bytes ? bytes->bytes : (const uint8_t *)"", bytes->len) ==
	    ERR_OK)
		return EX_OK;
	line_say(
	    "%s: %s; the certificates are safe: make room and run again", path, strerror(errno));
	return EX_IOERR;
}

static int write_labels(const struct line_run *run)
{
	struct buf csv = {.max = SIZE_MAX}, zpl = {.max = SIZE_MAX}, refused = {.max = SIZE_MAX};
	const char *template =
	    run->label_template.len ? (const char *)run->label_template.bytes : NULL;
	char mac[MAC_TEXT_LEN + 1];
	int status;
	size_t i;

	label_put_csv_header(&csv);
	buf_put_str(&refused, "mac,serial_number,code,detail\r\n");
	for (i = 0; i < run->phones.count; i++) {
		const struct line_phone *phone = &run->phones.items[i];

		if (phone->state == PHONE_DONE) {
			label_put_csv(&csv, phone, run->model);
			label_put_zpl(&zpl, phone, run->model, template);
		} else if (phone->state == PHONE_REFUSED) {
			mac_format(&phone->mac, mac);
			buf_printf(
			    &refused, "%s,\"%s\",%s,\"", mac, phone->serial_number, phone->code);
			for (const char *c = phone->detail; c && *c; c++)
				buf_put(&refused, *c == '"' ? "'" : c, 1);
			buf_put_str(&refused, "\"\r\n");
		}
	}
	status = write_file(run, "labels.csv", &csv);
	if (status == EX_OK)
		status = write_file(run, "labels.zpl", &zpl);
	if (status == EX_OK)
		status = write_file(run, "refused.csv", &refused);
	buf_wipe(&csv);
	buf_wipe(&zpl);
	buf_free(&refused);
	return status;
}

/* --- threads -------------------------------------------------------------------------------- */

static void get_progress(struct line_run *run, struct line_progress *progress)
{
	pthread_mutex_lock(&run->lock);
	*progress = (struct line_progress){.total = run->phones.count,
	    .before = run->before,
	    .done = run->done,
	    .refused = run->refused,
	    .elapsed_ms = clock_monotonic_ms() - run->started_ms,
	    .is_away = run->is_away};
	pthread_mutex_unlock(&run->lock);
}

struct thread {
	pthread_t id;
	struct line_run *run;
	void (*work)(struct line_run *run);
};

static void *run_thread(void *ctx)
{
	struct thread *thread = ctx;

	thread->work(thread->run);
	pthread_mutex_lock(&thread->run->lock);
	thread->run->running--;
	pthread_mutex_unlock(&thread->run->lock);
	return NULL;
}

static size_t running(struct line_run *run)
{
	size_t count;

	pthread_mutex_lock(&run->lock);
	count = run->running;
	pthread_mutex_unlock(&run->lock);
	return count;
}

static void run_threads(struct line_run *run, void (*work)(struct line_run *run), int show)
{
	const struct timespec step = {.tv_nsec = SHOW_EVERY_MS * 1000 * 1000};
	size_t count = (size_t)run->job->config->jobs, i;
	struct thread *threads = calloc(count, sizeof(threads[0]));
	struct line_progress progress;

	CHECK(threads != NULL);
	run->next = 0;
	run->running = count;
	for (i = 0; i < count; i++) {
		threads[i].run = run;
		threads[i].work = work;
		CHECK(pthread_create(&threads[i].id, NULL, run_thread, &threads[i]) == 0);
	}
	while (running(run) > 0) {
		nanosleep(&step, NULL);
		get_progress(run, &progress);
		if (show)
			line_progress_show(&progress);
	}
	for (i = 0; i < count; i++)
		pthread_join(threads[i].id, NULL);
	free(threads);
	if (show) {
		get_progress(run, &progress);
		line_progress_end(&progress);
	}
}

/* --- all of it ------------------------------------------------------------------------------ */

static int verify_all(struct line_run *run)
{
	run_threads(run, line_verify_run, 0);
	line_say("verified as %zu phones at %s, %zu not", run->verified,
	    run->job->config->redirector, run->unverified);
	return run->unverified ? EX_PROTOCOL : EX_OK;
}

static int tell_end(struct line_run *run)
{
	if (run->stop)
		return run->stop;
	if (interrupted) {
		line_say("stopped: the same command goes on from here");
		return EX_TEMPFAIL;
	}
	if (run->refused) {
		line_say("%zu phones were refused: %s/refused.csv lists them; the same command "
			 "asks again",
		    run->refused, run->job->folder);
		return EX_DATAERR;
	}
	return EX_OK;
}

static int work(struct line_run *run)
{
	char why[JOURNAL_WHY_LEN] = "";
	int status, ended;
	size_t i;
	enum err err;

	err = store_open(run->job->folder, &run->store, why);
	if (!err)
		err = journal_open(
		    run->job->folder, run->job->order, &run->phones, &run->journal, why);
	if (err) {
		line_say("%s", why);
		return err == ERR_EXISTS    ? EX_TEMPFAIL
		       : err == ERR_REFUSED ? EX_USAGE
		       : err == ERR_DENIED  ? EX_NOPERM
					    : EX_CANTCREAT;
	}
	for (i = 0; i < run->phones.count; i++)
		run->before += run->phones.items[i].state == PHONE_DONE;
	if (run->before)
		line_say("going on: %zu of %zu phones are done", run->before, run->phones.count);
	run->started_ms = run->last_answer_ms = clock_monotonic_ms();
	run_threads(run, line_chunks_run, 1);
	status = tell_end(run);
	ended = write_labels(run);
	if (status == EX_OK)
		status = ended;
	if (run->job->verify && (status == EX_OK || (status == EX_DATAERR && !run->stop))) {
		ended = verify_all(run);
		if (status == EX_OK)
			status = ended;
	}
	return status;
}

static int check_first(struct line_run *run)
{
	int status = read_list(run);

	if (status == EX_OK)
		status = read_own_files(run);
	if (status == EX_OK)
		place_csr_files(run);
	if (status == EX_OK)
		status = check_order(run);
	if (status == EX_OK)
		status = fetch_chain(run);
	return status;
}

int line_run(const struct line_job *job)
{
	struct line_run run = {.job = job, .store = {.fd = -1}, .journal = {.fd = -1}};
	struct sigaction action = {.sa_handler = on_signal};
	int status;

	CHECK(pthread_mutex_init(&run.lock, NULL) == 0);
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit of file sizes is a full disk */
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	status = check_first(&run);
	if (status == EX_OK && job->dry_run)
		line_say("dry run: %zu phones of model %s for order %s, into %s; nothing was made",
		    run.phones.count, run.model, job->order, job->folder);
	else if (status == EX_OK)
		status = work(&run);
	journal_close(&run.journal);
	store_close(&run.store);
	secret_free(&run.pkcs12_password);
	X509_free(run.station);
	EVP_PKEY_free(run.station_key);
	buf_free(&run.label_template);
	phones_free(&run.phones);
	pthread_mutex_destroy(&run.lock);
	return status;
}
