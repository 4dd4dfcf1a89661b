/*
 * factory-line --verify: as each phone that is done, connects to the redirector with the files of
 * its folder and asks for nothing in particular. Any HTTP answer but 403 says that the redirector
 * took certificate and key; a phone that it does not take gets none. Runs in a worker thread.
 */
#include <stdio.h>
#include <string.h>

#include "factory-ca/commands/https_client.h"
#include "factory-ca/line/run_state.h"
#include "factory-ca/line/say.h"

enum { PATH_LEN = 4096 };

static int is_done(const struct line_phone *phone)
{
	return phone->state == PHONE_DONE && !phone->csr_path;
}

static int verify_phone(const struct line_run *run, const struct line_phone *phone, char *why)
{
	char name[STORE_NAME_LEN], certificate[PATH_LEN], key[PATH_LEN];
	struct https_request request = {.url = run->job->config->redirector,
	    .ca_path = run->job->config->server_ca,
	    .identity = {certificate, key},
	    .method = "GET",
	    .path = "/"};
	struct https_answer answer = {0};

	store_name(phone, "fullchain.pem", name);
	snprintf(certificate, sizeof(certificate), "%s/%s", run->job->folder, name);
	store_name(phone, "key.pem", name);
	snprintf(key, sizeof(key), "%s/%s", run->job->folder, name);
	if (https_call(&request, &answer, why))
		return 0;
	buf_free(&answer.body);
	if (answer.status >= 500 || answer.status == 403 || answer.status == 429) {
		snprintf(why, HTTPS_WHY_LEN, "the redirector answered %d", answer.status);
		return 0;
	}
	return 1;
}

void line_verify_run(struct line_run *run)
{
	char why[HTTPS_WHY_LEN], mac[MAC_TEXT_LEN + 1];
	struct line_phone *phone;

	while (line_run_take(run, is_done, &phone, 1) > 0) {
		int is_good = verify_phone(run, phone, why);

		if (!is_good) {
			mac_format(&phone->mac, mac);
			line_say("%s (%s): not verified: %s", mac, phone->serial_number, why);
		}
		pthread_mutex_lock(&run->lock);
		if (is_good)
			run->verified++;
		else
			run->unverified++;
		pthread_mutex_unlock(&run->lock);
	}
}
