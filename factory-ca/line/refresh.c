/*
 * Phones that were done in an earlier run: what the journal remembers may be true no more. Before a
 * label is written the factory is asked whether the certificate is still the phone's, and which
 * claim code is. Runs in a worker thread of factory-line.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "factory-ca/line/front_call.h"
#include "factory-ca/line/run_state.h"
#include "factory-ca/line/say.h"

struct asking {
	struct line_run *run;
	struct line_phone *phone;
	json_t *document;
};

static int is_unconfirmed(const struct line_phone *phone)
{
	return phone->state == PHONE_DONE && !phone->is_confirmed;
}

static enum err on_document(const char *line, size_t len, void *ctx)
{
	struct asking *asking = ctx;

	if (asking->document)
		return ERR_SYNTAX;
	asking->document = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	return asking->document ? ERR_OK : ERR_SYNTAX;
}

/* ERR_REFUSED with what the factory said: 404 or 410. */
static enum err ask(struct asking *asking, struct front_link *link, struct front_outcome *outcome)
{
	struct line_run *run = asking->run;
	char mac[MAC_TEXT_LEN + 1], path[160];
	const struct front_request request = {path, NULL};
	unsigned attempt = 0;
	enum err err;

	mac_format(&asking->phone->mac, mac);
	snprintf(path, sizeof(path), "/v1/orders/%s/devices/%s", run->job->order, mac);
	do {
		json_decref(asking->document);
		asking->document = NULL;
		err = front_call(link, run->job->config, &request, on_document, asking, outcome);
		if (!err && !asking->document)
			err = ERR_SYNTAX;
		if (err == ERR_REFUSED && (outcome->status == 404 || outcome->status == 410)) {
			(void)line_is_to_ask_again(run, ERR_OK, outcome, 0);
			return err;
		}
		attempt++;
	} while (line_is_to_ask_again(run, err, outcome, attempt));
	return err;
}

/* Another code than the journal's: the label that was printed is void. */
static enum err take_claim_code(struct line_run *run, struct line_phone *phone, const char *code)
{
	char mac[MAC_TEXT_LEN + 1];
	struct buf line = {0};
	enum err err;

	if (strcmp(code, phone->claim_code) == 0)
		return ERR_OK;
	mac_format(&phone->mac, mac);
	if (*phone->claim_code)
		line_say(
		    "%s (%s): has another claim code now: its label is void, print the new one",
		    mac, phone->serial_number);
	strcpy(phone->claim_code, code);
	pthread_mutex_lock(&run->lock);
	journal_put_done(&line, phone);
	err = journal_commit(&run->journal, &line);
	pthread_mutex_unlock(&run->lock);
	buf_wipe(&line);
	return err;
}

static void take_serial_number(struct line_run *run, struct line_phone *phone, X509 *certificate)
{
	char found[CSR_SERIAL_NUMBER_MAX + 1], why[STORE_WHY_LEN];

	store_serial_number_of(certificate, found);
	if (phone->is_other && !*phone->serial_number) {
		free(phone->serial_number);
		phone->serial_number = strdup(found);
		CHECK(phone->serial_number != NULL);
	} else if (strcmp(found, phone->serial_number) != 0) {
		snprintf(why, sizeof(why), "its certificate has serial number %s", found);
		line_refuse(run, phone, "serial_number_differs", why);
	}
}

/* A container that was not asked for when the certificate came. */
static enum err make_pkcs12(struct line_run *run, struct line_phone *phone, X509 *certificate)
{
	char why[STORE_WHY_LEN] = "";
	enum err err;

	if (!run->store.pkcs12_password || phone->is_other)
		return ERR_OK;
	err = store_complete_pkcs12(&run->store, phone, certificate, why);
	if (err == ERR_NOT_FOUND) {
		pthread_mutex_lock(&run->lock);
		run->without_key++;
		pthread_mutex_unlock(&run->lock);
		return ERR_OK;
	}
	if (err == ERR_SIGNATURE) {
		line_refuse(run, phone, "bad_key", why);
		return ERR_OK;
	}
	if (err)
		line_run_stop(run, EX_IOERR, "%s; make room and run again", why);
	return err;
}

static X509 *read_certificate(const char *pem)
{
	BIO *memory = BIO_new_mem_buf(pem, -1);
	X509 *certificate = memory ? PEM_read_bio_X509(memory, NULL, NULL, NULL) : NULL;

	BIO_free(memory);
	ERR_clear_error();
	return certificate;
}

/* The certificate is the one that is here. */
static void confirm(struct asking *asking, const char *code)
{
	struct line_run *run = asking->run;
	struct line_phone *phone = asking->phone;
	X509 *certificate = read_certificate(front_text(asking->document, "certificate"));
	struct claim_code parsed;
	char mac[MAC_TEXT_LEN + 1];

	mac_format(&phone->mac, mac);
	if (!certificate || strlen(code) != CLAIM_CODE_TEXT_LEN ||
	    claim_code_parse(code, strlen(code), &parsed)) {
		line_run_stop(run, EX_PROTOCOL,
		    "the front's answer for %s is not that of a factory front: tell the PKI "
		    "officer",
		    mac);
		goto out;
	}
	take_serial_number(run, phone, certificate);
	if (phone->state == PHONE_DONE && take_claim_code(run, phone, code))
		line_run_stop(
		    run, EX_IOERR, "the journal cannot be written: make room and run again");
	else if (phone->state == PHONE_DONE && make_pkcs12(run, phone, certificate) == ERR_OK)
		phone->is_confirmed = phone->state == PHONE_DONE;
out:
	X509_free(certificate);
}

/* A rework that was stopped before the journal knew of it: 1 when the live certificate is here. */
static int take_rework(struct asking *asking, const char *serial)
{
	struct line_run *run = asking->run;
	struct line_phone *phone = asking->phone;
	X509 *live = read_certificate(front_text(asking->document, "certificate"));
	X509 *here = store_read_certificate(&run->store, phone);
	int is_here = live && here && X509_cmp(live, here) == 0;
	char why[STORE_WHY_LEN] = "";

	if (live && !is_here) {
		phone->is_rework = 1;
		is_here = store_issuer_of(&run->store, live) &&
			  store_has_key_of(&run->store, phone, live);
		if (is_here &&
		    (store_certificate(&run->store, phone, live, NULL, why) ||
			store_sync(&run->store) || rework_finish(&run->store, phone, why) ||
			store_sync(&run->store)))
			line_run_stop(run, EX_IOERR, "%s; make room and run again", why);
		phone->is_rework = 0;
	}
	if (is_here && strlen(serial) < sizeof(phone->certificate_serial)) {
		strcpy(phone->certificate_serial, serial);
		*phone->claim_code = '\0'; /* so that the journal is told */
	}
	X509_free(live);
	X509_free(here);
	return is_here;
}

static void take_document(struct asking *asking)
{
	const char *serial = front_text(asking->document, "serial");
	char why[STORE_WHY_LEN];

	if (json_is_null(json_object_get(asking->document, "claim_code"))) {
		line_refuse(asking->run, asking->phone, "no_claim_code",
		    "a transfer made the label's code void");
	} else if (strcmp(serial, asking->phone->certificate_serial) != 0 &&
		   !take_rework(asking, serial)) {
		snprintf(why, sizeof(why),
		    "its certificate was replaced; the live one (%.40s) is not in this folder",
		    serial);
		line_refuse(asking->run, asking->phone, "mac_has_other_key", why);
	} else if (!line_run_is_stopping(asking->run)) {
		confirm(asking, front_text(asking->document, "claim_code"));
	}
}

void line_refresh_run(struct line_run *run)
{
	struct asking asking = {.run = run};
	struct front_link link = {0};
	struct front_outcome outcome;
	enum err err;

	while (line_run_take(run, is_unconfirmed, &asking.phone, 1) > 0) {
		err = ask(&asking, &link, &outcome);
		if (!err)
			take_document(&asking);
		else if (err == ERR_REFUSED && outcome.status == 410)
			line_refuse(run, asking.phone, "revoked", "its certificate was revoked");
		else if (err == ERR_REFUSED && outcome.status == 404)
			line_refuse(run, asking.phone, "unknown_device",
			    "the factory has no certificate of it under this order");
		json_decref(asking.document);
		asking.document = NULL;
	}
	front_link_close(&link);
}
