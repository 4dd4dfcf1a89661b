/* A bounded pool of threads for argon2id; see hasher.h. */
#include "portal-api/people/hasher.h"

#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/net/metrics.h"
#include "portal-api/metrics.h"

_Static_assert(HASHER_HASH_MAX >= crypto_pwhash_STRBYTES, "room for libsodium's text");

enum { THREADS_MAX = 8 };

struct job {
	STAILQ_ENTRY(job) next;
	struct secret password;
	char hash[HASHER_HASH_MAX]; /* to verify against, or made */
	int verifies, matches;
	hasher_done_fn *done;
	void *ctx;
};
STAILQ_HEAD(jobs, job);

struct hasher {
	pthread_t threads[THREADS_MAX];
	unsigned thread_count;
	pthread_mutex_t lock; /* of what follows, up to the blank line */
	pthread_cond_t work;
	struct jobs waiting, finished;
	int stops;

	size_t pending, queue_max; /* the loop's own */
	int notice_fd; /* an eventfd: something is finished */
	struct event *notice;
	char stand_in[HASHER_HASH_MAX]; /* the hash of nobody's password */
};

/* Twice over 64 MiB: about a tenth of a second. */
static void make_hash(const void *password, size_t len, char hash[HASHER_HASH_MAX])
{
	CHECK(crypto_pwhash_str_alg(hash, password, len, crypto_pwhash_OPSLIMIT_INTERACTIVE,
		  crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13) == 0);
}

static void run_job(struct job *job)
{
	const char *password = (const char *)job->password.bytes;
	if (job->verifies)
		job->matches =
		    crypto_pwhash_str_verify(job->hash, password, job->password.len) == 0;
	else
		make_hash(password, job->password.len, job->hash);
	secret_free(&job->password);
}

static void *thread_run(void *ctx)
{
	struct hasher *hasher = ctx;
	const uint64_t one = 1;
	pthread_mutex_lock(&hasher->lock);
	while (!hasher->stops) {
		struct job *job = STAILQ_FIRST(&hasher->waiting);
		if (!job) {
			pthread_cond_wait(&hasher->work, &hasher->lock);
			continue;
		}
		STAILQ_REMOVE_HEAD(&hasher->waiting, next);
		pthread_mutex_unlock(&hasher->lock);
		run_job(job);
		pthread_mutex_lock(&hasher->lock);
		STAILQ_INSERT_TAIL(&hasher->finished, job, next);
		CHECK(write(hasher->notice_fd, &one, sizeof(one)) == sizeof(one));
	}
	pthread_mutex_unlock(&hasher->lock);
	return NULL;
}

static void job_free(struct job *job)
{
	secret_free(&job->password);
	bytes_wipe(job->hash, sizeof(job->hash));
	free(job);
}

static struct job *take_finished(struct hasher *hasher)
{
	pthread_mutex_lock(&hasher->lock);
	struct job *job = STAILQ_FIRST(&hasher->finished);
	if (job)
		STAILQ_REMOVE_HEAD(&hasher->finished, next);
	pthread_mutex_unlock(&hasher->lock);
	return job;
}

static void on_notice(evutil_socket_t fd, short events, void *ctx)
{
	struct hasher *hasher = ctx;
	uint64_t count;
	struct job *job;
	(void)events;
	CHECK(read(fd, &count, sizeof(count)) == sizeof(count));
	while ((job = take_finished(hasher))) {
		hasher->pending--;
		metrics_add(METRIC_PASSWORD_HASHES, 0, 1);
		/* A stand-in's password is random, but matching it must mean nothing. */
		int matches = job->matches && strcmp(job->hash, hasher->stand_in) != 0;
		job->done(matches, job->verifies ? NULL : job->hash, job->ctx);
		job_free(job);
	}
}

static void make_stand_in(struct hasher *hasher)
{
	uint8_t password[32];
	random_fill(password, sizeof(password));
	make_hash(password, sizeof(password), hasher->stand_in);
	bytes_wipe(password, sizeof(password));
}

static void start_threads(struct hasher *hasher)
{
	sigset_t all, before;
	sigfillset(&all);
	/* Signals are the loop's. */
	CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	for (unsigned i = 0; i < hasher->thread_count; i++)
		CHECK(pthread_create(&hasher->threads[i], NULL, thread_run, hasher) == 0);
	CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

struct hasher *hasher_new(struct event_base *base, unsigned threads, size_t queue_max)
{
	struct hasher *made = calloc(1, sizeof(*made));
	CHECK(made && sodium_init() >= 0 && threads >= 1 && threads <= THREADS_MAX);
	made->thread_count = threads;
	made->queue_max = queue_max;
	STAILQ_INIT(&made->waiting);
	STAILQ_INIT(&made->finished);
	CHECK(pthread_mutex_init(&made->lock, NULL) == 0);
	CHECK(pthread_cond_init(&made->work, NULL) == 0);
	made->notice_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	CHECK(made->notice_fd >= 0);
	made->notice = event_new(base, made->notice_fd, EV_READ | EV_PERSIST, on_notice, made);
	CHECK(made->notice && event_add(made->notice, NULL) == 0);
	make_stand_in(made);
	start_threads(made);
	return made;
}

void hasher_free(struct hasher *hasher)
{
	struct job *job;
	if (!hasher)
		return;
	pthread_mutex_lock(&hasher->lock);
	hasher->stops = 1;
	pthread_cond_broadcast(&hasher->work);
	pthread_mutex_unlock(&hasher->lock);
	for (unsigned i = 0; i < hasher->thread_count; i++)
		CHECK(pthread_join(hasher->threads[i], NULL) == 0);
	STAILQ_CONCAT(&hasher->waiting, &hasher->finished);
	while ((job = STAILQ_FIRST(&hasher->waiting))) {
		STAILQ_REMOVE_HEAD(&hasher->waiting, next);
		job_free(job);
	}
	event_free(hasher->notice);
	close(hasher->notice_fd);
	pthread_cond_destroy(&hasher->work);
	pthread_mutex_destroy(&hasher->lock);
	free(hasher);
}

static enum err enqueue(struct hasher *hasher, const char *hash, int verifies, const char *password,
    size_t len, hasher_done_fn *done, void *ctx)
{
	if (hasher->pending >= hasher->queue_max)
		return ERR_FULL;
	struct job *job = calloc(1, sizeof(*job));
	CHECK(job);
	secret_set(&job->password, password, len);
	if (hash)
		memcpy(job->hash, hash, strlen(hash) + 1);
	job->verifies = verifies;
	job->done = done;
	job->ctx = ctx;
	hasher->pending++;
	pthread_mutex_lock(&hasher->lock);
	STAILQ_INSERT_TAIL(&hasher->waiting, job, next);
	pthread_cond_signal(&hasher->work);
	pthread_mutex_unlock(&hasher->lock);
	return ERR_OK;
}

enum err hasher_verify(struct hasher *hasher, const char *hash, const char *password, size_t len,
    hasher_done_fn *done, void *ctx)
{
	static const char kind[] = "$argon2id$";
	int good =
	    hash && strlen(hash) < HASHER_HASH_MAX && strncmp(hash, kind, sizeof(kind) - 1) == 0;
	return enqueue(hasher, good ? hash : hasher->stand_in, 1, password, len, done, ctx);
}

enum err hasher_hash(
    struct hasher *hasher, const char *password, size_t len, hasher_done_fn *done, void *ctx)
{
	return enqueue(hasher, NULL, 0, password, len, done, ctx);
}
