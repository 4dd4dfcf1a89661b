/*
 * A run: what can be checked is checked before the first key is made; then threads work in chunks
 * while the main thread shows progress; at the end labels and the list of refused phones are
 * written from what is durable. Interrupted at any point, the same command goes on from there.
 */
#include "factory-ca/line/run.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>

#include "common/base/clock.h"
#include "factory-ca/line/run_state.h"
#include "factory-ca/line/say.h"

enum { SHOW_EVERY_MS = 200, SERIAL_NUMBERS_SAID_MAX = 5 };

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

void line_refuse(
    struct line_run *run, struct line_phone *phone, const char *code, const char *detail)
{
	char mac[MAC_TEXT_LEN + 1];

	mac_format(&phone->mac, mac);
	line_say("%s (%s): %s: %s; %s", mac, phone->serial_number, code, detail,
	    strcmp(code, "order_closed") == 0 && run->order_advice ? run->order_advice
								   : line_advice(code));
	pthread_mutex_lock(&run->lock);
	if (phone->state == PHONE_DONE && !phone->is_other)
		run->before--;
	phone->state = PHONE_REFUSED;
	strncpy(phone->code, code, PHONE_CODE_MAX);
	free(phone->detail);
	phone->detail = strdup(detail);
	run->refused += !phone->is_other;
	pthread_mutex_unlock(&run->lock);
}

int line_run_takes_key(const struct line_run *run, enum key_type type)
{
	return run->key_types == 0 || run->key_types & 1u << type;
}

/* --- threads -------------------------------------------------------------------------------- */

static void get_progress(struct line_run *run, struct line_progress *progress)
{
	pthread_mutex_lock(&run->lock);
	*progress = (struct line_progress){.total = run->phones.listed,
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

static void run_threads(struct line_run *run, void (*work)(struct line_run *run))
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
		line_progress_show(&progress);
	}
	for (i = 0; i < count; i++)
		pthread_join(threads[i].id, NULL);
	free(threads);
}

/* --- all of it ------------------------------------------------------------------------------ */

static int verify_all(struct line_run *run)
{
	size_t not_done;

	run_threads(run, line_verify_run);
	not_done = run->phones.listed - run->verified - run->unverified - run->unverifiable;
	line_say("verified as %zu phones at %s, %zu not", run->verified,
	    run->job->config->redirector, run->unverified);
	if (run->unverifiable)
		line_say(
		    "%zu were not tried: their key is not here (a CSR, or key.pem was removed)",
		    run->unverifiable);
	if (not_done)
		line_say("%zu were not tried: they were refused", not_done);
	return run->unverified || !run->verified ? EX_PROTOCOL : EX_OK;
}

static int tell_end(struct line_run *run)
{
	if (run->stop)
		return run->stop;
	if (interrupted) {
		line_say("stopped: the same command goes on from here");
		return EX_TEMPFAIL;
	}
	if (run->not_reworked)
		line_say("%zu phones keep the key that they have: %s/refused.csv tells why",
		    run->not_reworked, run->job->folder);
	if (run->refused) {
		line_say("%zu phones were refused: %s/refused.csv lists them; the same command "
			 "asks again",
		    run->refused, run->job->folder);
		return EX_DATAERR;
	}
	return run->not_reworked ? EX_DATAERR : EX_OK;
}

/* Earlier versions wrote a journal without serial numbers: then it is the certificate's on disk. */
static void recall_serial_number(const struct store *store, struct line_phone *phone)
{
	char text[CSR_SERIAL_NUMBER_MAX + 1] = "";
	X509 *certificate = store_read_certificate(store, phone);

	if (certificate)
		store_serial_number_of(certificate, text);
	X509_free(certificate);
	if (!*text)
		return;
	phone->recorded_serial_number = strdup(text);
	CHECK(phone->recorded_serial_number != NULL);
	if (phone->is_other) {
		free(phone->serial_number);
		phone->serial_number = strdup(text);
		CHECK(phone->serial_number != NULL);
	}
}

/* A label must not contradict the certificate: who is done keeps the serial number that is in it.
 */
static int check_serial_numbers(struct line_run *run)
{
	char place[PHONE_PLACE_LEN];
	size_t i, different = 0;

	for (i = 0; i < run->phones.count; i++) {
		struct line_phone *phone = &run->phones.items[i];

		if (phone->state != PHONE_DONE)
			continue;
		if (!phone->recorded_serial_number)
			recall_serial_number(&run->store, phone);
		if (!phone->recorded_serial_number ||
		    strcmp(phone->serial_number, phone->recorded_serial_number) == 0 ||
		    ++different > SERIAL_NUMBERS_SAID_MAX)
			continue;
		line_say("%s: serial number %s, and its certificate has %s",
		    phone_place(phone, place), phone->serial_number, phone->recorded_serial_number);
	}
	if (different)
		line_say("%zu phones are done with another serial number; nothing was changed: "
			 "right the list, or --serial",
		    different);
	return different ? EX_DATAERR : EX_OK;
}

/* Folder, journal, and what they tell of the phones. */
static int open_folder(struct line_run *run)
{
	char why[JOURNAL_WHY_LEN] = "";
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
	return check_serial_numbers(run);
}

static int work(struct line_run *run)
{
	int status = open_folder(run), ended;
	struct line_progress progress;
	size_t i;

	if (status != EX_OK)
		return status;
	for (i = 0; i < run->phones.listed; i++)
		run->before += run->phones.items[i].state == PHONE_DONE;
	if (run->before)
		line_say("going on: %zu of %zu phones are done", run->before, run->phones.listed);
	run->started_ms = run->last_answer_ms = clock_monotonic_ms();
	if (line_rework_begin(run) > 0)
		run_threads(run, line_rework_run);
	/* New ones first: a run that is stopped again and again still comes to an end. */
	run_threads(run, line_chunks_run);
	run_threads(run, line_refresh_run);
	get_progress(run, &progress);
	line_progress_end(&progress);
	if (run->without_key)
		line_say(
		    "%zu phones have no key here: no phone.p12 was made of them", run->without_key);
	status = tell_end(run);
	ended = line_write_results(run);
	if (status == EX_OK)
		status = ended;
	if (run->job->verify && (status == EX_OK || (status == EX_DATAERR && !run->stop))) {
		ended = verify_all(run);
		if (status == EX_OK)
			status = ended;
	}
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
	status = line_check(&run);
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
