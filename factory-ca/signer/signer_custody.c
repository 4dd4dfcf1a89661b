/*
 * Custodians open the signer: one share each, over its socket, from its own user alone; when enough
 * were given the keys are loaded for a limited time. Shares are hostile until their digest fits,
 * and are wiped when they were put together, when one of them was wrong, or after a while. Runs on
 * the signer's loop, under its list of system calls: no file is opened here.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/net/sdnotify.h"
#include "factory-ca/signer/signer_state.h"

enum { SHARES_WAIT_S = 15 * 60 }; /* for the other custodians to come */

static void set_timer(struct signer *signer, int64_t seconds)
{
	const struct timeval delay = {.tv_sec = (time_t)seconds};

	CHECK(event_add(signer->lock_timer, &delay) == 0);
}

void signer_locked_text(const struct signer *signer, char detail[SIGNER_DETAIL_MAX + 1])
{
	const struct custody *custody = &signer->custody;

	if (custody->count > 0)
		snprintf(detail, SIGNER_DETAIL_MAX + 1,
		    "the signer waits for its custodians: %zu of %u shares were given",
		    custody->count, custody->given[0].threshold);
	else
		snprintf(detail, SIGNER_DETAIL_MAX + 1,
		    "the signer waits for its custodians: factory-ca key unlock");
}

static void tell(const struct signer *signer)
{
	char detail[SIGNER_DETAIL_MAX + 1], status[SIGNER_DETAIL_MAX + 16];

	if (signer->locked)
		signer_locked_text(signer, detail);
	else
		snprintf(detail, sizeof(detail), "unlocked by its custodians");
	snprintf(status, sizeof(status), "STATUS=%s", detail);
	sd_notify_send(status);
}

static void fill_state(const struct signer *signer, struct signer_lock_state *state)
{
	const struct custody *custody = &signer->custody;

	state->locked = signer->locked;
	state->given = (uint8_t)custody->count;
	state->needed = custody->count ? custody->given[0].threshold : 0;
	state->until_unix_s = signer->unlocked_until_unix_s;
}

static void lock(struct signer *signer, const char *reason)
{
	/* Nobody signs while the keys go. */
	signer_drop_peers(signer);
	crew_wait(signer->crew);
	keystore_file_lock(signer->authority.store);
	custody_forget(&signer->custody);
	event_del(signer->lock_timer);
	signer->locked = 1;
	signer->unlocked_until_unix_s = 0;
	LOG_WARN("keys_locked", log_str("reason", reason));
	tell(signer);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct signer *signer = ctx;

	(void)fd;
	(void)what;
	if (!signer->locked) {
		lock(signer, "the time of signer.unlock_time is over");
		return;
	}
	LOG_WARN("shares_forgotten", log_uint("given", signer->custody.count));
	custody_forget(&signer->custody);
	tell(signer);
}

void signer_custody_start(struct signer *signer)
{
	signer->lock_timer = evtimer_new(signer->base, on_timer, signer);
	CHECK(signer->lock_timer != NULL);
	if (signer->locked)
		LOG_WARN("waiting_for_custodians",
		    log_str("advice", "factory-ca key unlock, once by each custodian"));
	tell(signer);
}

static enum err unlock(struct signer *signer, char why[AUTHORITY_WHY_LEN])
{
	int64_t seconds = signer->config->signer_unlock_ms / 1000;
	struct secret kek = {0};
	enum err err = custody_combine(&signer->custody, &kek, why);

	if (!err)
		err =
		    authority_unlock(&signer->authority, &kek, signer_keys, signer_key_count, why);
	secret_free(&kek);
	event_del(signer->lock_timer);
	if (err) {
		LOG_ERROR("unlock_failed", log_str("detail", why), log_err(err));
		return err;
	}
	signer->locked = 0;
	if (seconds > 0) {
		signer->unlocked_until_unix_s = clock_unix_s() + seconds;
		set_timer(signer, seconds);
	}
	LOG_INFO("keys_unlocked", log_int("seconds", seconds));
	return ERR_OK;
}

/* One more share; `why` says what is wrong with it. */
static enum err take_share(
    struct signer *signer, struct custody_share *share, char why[AUTHORITY_WHY_LEN])
{
	unsigned number = share->number;
	enum err err = custody_give(&signer->custody, share, why);

	LOG_AT(err ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "share_given", log_uint("custodian", number),
	    log_uint("given", signer->custody.count), log_str("detail", err ? why : "taken"));
	if (err)
		return err;
	set_timer(signer, SHARES_WAIT_S);
	return custody_is_complete(&signer->custody) ? unlock(signer, why) : ERR_OK;
}

static int is_own_user(const struct peer *peer, const char *asked)
{
	if (peer->uid == geteuid())
		return 1;
	LOG_WARN("custody_refused", log_str("asked", asked), log_uint("uid", peer->uid));
	return 0;
}

enum err signer_on_unlock(struct peer *peer, struct cursor payload, struct signer_lock_state *state)
{
	struct signer *signer = peer->signer;
	char why[AUTHORITY_WHY_LEN] = "";
	struct custody_share share = {0};
	enum err err;

	if (!is_own_user(peer, "unlock"))
		return ERR_DENIED;
	err = custody_share_decode(payload, &share);
	/* The share must not stay behind in the connection's buffer, which is ours. */
	bytes_wipe((void *)(uintptr_t)payload.next, cursor_left(&payload));
	if (err)
		return err;
	if (!signer->in_custody)
		snprintf(why, sizeof(why), "this key store is not sealed for custodians");
	else if (!signer->locked)
		snprintf(why, sizeof(why), "the key store is open already");
	else
		err = take_share(signer, &share, why);
	custody_share_free(&share);
	(void)err; /* told by `why` */
	snprintf(state->detail, sizeof(state->detail), "%.*s", SIGNER_DETAIL_MAX, why);
	fill_state(signer, state);
	tell(signer);
	return ERR_OK;
}

enum err signer_on_lock(struct peer *peer, struct cursor payload, struct signer_lock_state *state)
{
	struct signer *signer = peer->signer;

	if (cursor_left(&payload))
		return ERR_SYNTAX;
	if (!is_own_user(peer, "lock"))
		return ERR_DENIED;
	if (!signer->in_custody)
		snprintf(state->detail, sizeof(state->detail),
		    "this key store is not sealed for custodians");
	else
		lock(signer, "asked for by factory-ca key lock");
	fill_state(signer, state);
	return ERR_OK;
}
