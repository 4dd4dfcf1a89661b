/*
 * factory-line --verify: as each phone of the list that is done, connects to the redirector with
 * the files of its folder and asks for nothing in particular. That the factory has the certificate
 * as live was asked before (refresh.c): a redirector answers a revoked phone no other way than one
 * that nobody has claimed. Runs in a worker thread.
 *
 * Verified means: the server asked for the phone's certificate, the handshake was signed with its
 * key, and the answer is one that a phone gets.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "factory-ca/line/front_call.h"
#include "factory-ca/line/run_state.h"
#include "factory-ca/line/say.h"

enum { PATH_LEN = 4096 };

static int is_listed(const struct line_phone *phone)
{
	return !phone->is_other;
}

static enum err pass_over(const char *line, size_t len, void *ctx)
{
	(void)line, (void)len, (void)ctx;
	return ERR_OK;
}

/* A phone that is claimed gets its 200 for its own file; for anything else all get the common 404.
 */
static enum err judge(enum err err, struct front_outcome *outcome)
{
	if (outcome->status == 0)
		return err;
	if (!outcome->asked_who)
		snprintf(outcome->why, sizeof(outcome->why),
		    "this server asks for no phone's certificate: is --redirector right?");
	else if (outcome->status == 200 || outcome->status == 404)
		return ERR_OK;
	else
		snprintf(outcome->why, sizeof(outcome->why), "the redirector answered %d",
		    outcome->status);
	return ERR_REFUSED;
}

static void path_of(
    const struct line_run *run, const struct line_phone *phone, const char *file, char *path)
{
	char name[STORE_NAME_LEN];

	store_name(phone, file, name);
	snprintf(path, PATH_LEN, "%s/%s", run->job->folder, name);
}

static enum err connect_as(
    const struct line_run *run, const struct line_phone *phone, struct front_outcome *outcome)
{
	char certificate[PATH_LEN], key[PATH_LEN];
	struct line_config as_phone = *run->job->config;
	const struct front_request request = {"/", NULL};

	path_of(run, phone, "fullchain.pem", certificate);
	path_of(run, phone, "key.pem", key);
	as_phone.url = as_phone.redirector;
	as_phone.station_cert = certificate;
	as_phone.station_key = key;
	return judge(front_call(NULL, &as_phone, &request, pass_over, NULL, outcome), outcome);
}

/* What hinders: nothing, that there is no certificate that counts, or that the key is elsewhere (in
 * the phone that made it, or removed from here). */
enum hindrance { HINDRANCE_NONE, HINDRANCE_NOT_DONE, HINDRANCE_NO_KEY };

static enum hindrance hindrance_of(const struct line_run *run, const struct line_phone *phone)
{
	char key[PATH_LEN];

	if (phone->state != PHONE_DONE)
		return HINDRANCE_NOT_DONE;
	path_of(run, phone, "key.pem", key);
	return access(key, F_OK) == 0 ? HINDRANCE_NONE : HINDRANCE_NO_KEY;
}

static void verify(struct line_run *run, const struct line_phone *phone)
{
	enum hindrance hindrance = hindrance_of(run, phone);
	struct front_outcome outcome;
	char mac[MAC_TEXT_LEN + 1];
	enum err err = ERR_OK;

	if (hindrance == HINDRANCE_NONE)
		err = connect_as(run, phone, &outcome);
	if (err) {
		mac_format(&phone->mac, mac);
		line_say("%s (%s): not verified: %s", mac, phone->serial_number, outcome.why);
	}
	pthread_mutex_lock(&run->lock);
	run->verified += !hindrance && !err;
	run->unverified += err != ERR_OK;
	run->unverifiable += hindrance == HINDRANCE_NO_KEY;
	pthread_mutex_unlock(&run->lock);
}

void line_verify_run(struct line_run *run)
{
	struct line_phone *phone;

	while (line_run_take(run, is_listed, &phone, 1) > 0)
		verify(run, phone);
}
