/*
 * After each call to the factory: is it to be asked again? While it is away all threads wait, and
 * as long as nothing is heard of it the patience of the configuration runs out; who we or they are
 * is no matter of patience.
 */
#include <sysexits.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "factory-ca/line/run_state.h"
#include "factory-ca/line/say.h"

enum { PAUSE_MIN_MS = 500, PAUSE_MAX_MS = 15000 };

static void pause_ms(struct line_run *run, int64_t ms)
{
	const struct timespec step = {.tv_nsec = 100 * 1000 * 1000};
	int64_t until_ms = clock_monotonic_ms() + ms;

	while (clock_monotonic_ms() < until_ms && !line_run_is_stopping(run))
		nanosleep(&step, NULL);
}

/* For how long nothing was heard; `was_away`: somebody has said so. */
static int64_t note_away(struct line_run *run, int has_heard, int *was_away)
{
	int64_t away_ms;

	pthread_mutex_lock(&run->lock);
	if (has_heard)
		run->last_answer_ms = clock_monotonic_ms();
	away_ms = clock_monotonic_ms() - run->last_answer_ms;
	*was_away = run->is_away;
	run->is_away = 1;
	pthread_mutex_unlock(&run->lock);
	return away_ms;
}

static int wait_for_factory(
    struct line_run *run, const struct front_outcome *outcome, unsigned attempt)
{
	int64_t pause = PAUSE_MIN_MS << (attempt < 5 ? attempt : 5), away_ms;
	int was_away;

	away_ms = note_away(run, attempt == 0, &was_away);
	if (away_ms >= run->job->config->patience_s * 1000) {
		line_run_stop(run, EX_UNAVAILABLE,
		    "the factory does not answer (%s): see that it runs and that the network is "
		    "up, then run again; nothing is lost",
		    outcome->why);
		return 0;
	}
	if (!was_away)
		line_say("the factory does not answer (%s): trying again for %lld s", outcome->why,
		    (long long)(run->job->config->patience_s - away_ms / 1000));
	if (outcome->retry_after_s && (int64_t)outcome->retry_after_s * 1000 > pause)
		pause = (int64_t)outcome->retry_after_s * 1000;
	if (pause > PAUSE_MAX_MS)
		pause = PAUSE_MAX_MS;
	pause_ms(run, pause + (int64_t)random_below(500));
	return !line_run_is_stopping(run);
}

static void stop_for(struct line_run *run, enum err err, const struct front_outcome *outcome)
{
	char text[LINE_IDENTITY_LEN];

	if (err == ERR_SIGNATURE || (err == ERR_DENIED && outcome->status == 0)) {
		line_explain_identity(run->job->config, err, outcome->why, text);
		line_run_stop(run, EX_NOPERM, "%s", text);
	} else if (err == ERR_DENIED) {
		line_run_stop(run, EX_NOPERM,
		    "the factory does not take this station: %s; see --station-cert (expired, "
		    "revoked, or not allowed on this order?)",
		    outcome->why);
	} else if (err == ERR_REFUSED) {
		line_run_stop(run, EX_DATAERR, "the factory refuses the order %s: %s",
		    run->job->order, outcome->why);
	} else {
		line_run_stop(run, EX_PROTOCOL, "%s", outcome->why);
	}
}

int line_is_to_ask_again(
    struct line_run *run, enum err err, const struct front_outcome *outcome, unsigned attempt)
{
	if (!err) {
		pthread_mutex_lock(&run->lock);
		run->last_answer_ms = clock_monotonic_ms();
		run->is_away = 0;
		pthread_mutex_unlock(&run->lock);
		return 0;
	}
	if (line_run_is_stopping(run))
		return 0;
	if (err == ERR_UNAVAILABLE || err == ERR_TIMEOUT || err == ERR_CLOSED)
		return wait_for_factory(run, outcome, attempt);
	stop_for(run, err, outcome);
	return 0;
}
