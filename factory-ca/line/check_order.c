/*
 * The order as the factory has it, and the chain of its CAs: what the list asks for is compared
 * with them before the first key is made. The documents come over verified TLS and are read
 * strictly all the same.
 */
#include <jansson.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "factory-ca/commands/https_client.h"
#include "factory-ca/line/run_state.h"
#include "factory-ca/line/say.h"

enum { MACS_SAID_MAX = 5 };

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
	char why[HTTPS_WHY_LEN] = "", text[LINE_IDENTITY_LEN];
	enum err err = https_call(&request, &answer, why);

	if (err == ERR_SYNTAX) {
		line_say("%s", why);
		return EX_USAGE;
	}
	if (err == ERR_DENIED || err == ERR_SIGNATURE) {
		line_explain_identity(config, err, why, text);
		line_say("%s: %s", config->url, text);
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

/* --- the order ------------------------------------------------------------------------------ */

static int is_in_range(const struct line_phone *phone, const struct mac *first, uint64_t quantity)
{
	uint64_t at = mac_to_uint(&phone->mac), from = mac_to_uint(first);

	return at >= from && at < from + quantity;
}

static int check_range(const struct line_run *run, const char *first_text, json_int_t quantity)
{
	char mac[MAC_TEXT_LEN + 1], line[32];
	size_t i, outside = 0;
	struct mac first;

	if (mac_parse(first_text, strlen(first_text), &first) || quantity <= 0)
		return EX_PROTOCOL;
	for (i = 0; i < run->phones.count; i++) {
		const struct line_phone *phone = &run->phones.items[i];

		if (is_in_range(phone, &first, (uint64_t)quantity) || ++outside > MACS_SAID_MAX)
			continue;
		mac_format(&phone->mac, mac);
		snprintf(line, sizeof(line), ":%zu: ", phone->line);
		line_say("%s%s%s lies outside order %s (%lld MACs from %s)",
		    phone->line ? run->job->list_path : "", phone->line ? line : "", mac,
		    run->job->order, (long long)quantity, first_text);
	}
	if (outside > MACS_SAID_MAX)
		line_say("and %zu more lie outside it", outside - MACS_SAID_MAX);
	return outside ? EX_DATAERR : EX_OK;
}

/* 0: the document does not say. */
static int64_t time_of(const json_t *order, const char *key)
{
	const char *text = json_string_value(json_object_get(order, key));
	int64_t at_us;

	return text && clock_parse(text, strlen(text), &at_us) == ERR_OK ? at_us / 1000000 : 0;
}

/* What was issued under an order that is over is still told: a run can end. */
static int check_window(struct line_run *run, const json_t *order)
{
	const char *state = json_string_value(json_object_get(order, "state"));
	int64_t opens = time_of(order, "opens_at"), closes = time_of(order, "closes_at");
	int64_t now = clock_unix_s();
	char at[CLOCK_TEXT_LEN + 1], here[CLOCK_TEXT_LEN + 1], is_over[80] = "";

	clock_format_s(now, here);
	if (opens > now) {
		clock_format_s(opens, at);
		line_say("order %s opens at %s, and it is %s here: wait until then",
		    run->job->order, at, here);
		return EX_DATAERR;
	}
	if (strcmp(state, "open") != 0) {
		snprintf(is_over, sizeof(is_over), "is %s", state);
		run->order_advice = "have an operator open another order (factory-ca order open)";
	} else if (closes && closes <= now) {
		clock_format_s(closes, at);
		snprintf(is_over, sizeof(is_over), "closed at %s", at);
		run->order_advice = "have an operator extend it (factory-ca order extend)";
	} else {
		return EX_OK;
	}
	line_say("order %s %s: phones without a certificate will be refused; %s", run->job->order,
	    is_over, run->order_advice);
	return run->job->dry_run ? EX_DATAERR : EX_OK;
}

static void read_key_types(struct line_run *run, const json_t *order)
{
	enum key_type type;
	json_t *name;
	size_t i;

	json_array_foreach(json_object_get(order, "key_types"), i, name) {
		const char *text = json_string_value(name);

		if (text && key_type_parse(text, strlen(text), &type) == ERR_OK)
			run->key_types |= 1u << type;
	}
}

/* A key of a type that the order does not take would be refused, one after the other. */
static int check_key_type(const struct line_run *run)
{
	enum key_type wanted = (enum key_type)run->job->config->key_type, type;
	struct buf names = {0};
	size_t i = 0;

	while (i < run->phones.count && run->phones.items[i].csr_path)
		i++;
	if (i == run->phones.count || line_run_takes_key(run, wanted))
		return EX_OK;
	for (type = 0; type < KEY_TYPE_COUNT; type++)
		if (line_run_takes_key(run, type))
			buf_printf(&names, "%s%s", names.len ? ", " : "", key_type_name(type));
	line_say("--key-type %s: order %s takes %s", key_type_name(wanted), run->job->order,
	    (const char *)names.bytes);
	buf_free(&names);
	return EX_USAGE;
}

static int compare_order(struct line_run *run, const json_t *order)
{
	const char *state = json_string_value(json_object_get(order, "state"));
	const char *model = json_string_value(json_object_get(order, "model"));
	const char *first = json_string_value(json_object_get(order, "first_mac"));
	int status;

	if (!state || !model || !first || strlen(model) >= sizeof(run->model)) {
		line_say("%s: the order's document is not what a factory front sends",
		    run->job->config->url);
		return EX_PROTOCOL;
	}
	strcpy(run->model, model);
	read_key_types(run, order);
	status = check_range(run, first, json_integer_value(json_object_get(order, "quantity")));
	if (status == EX_OK)
		status = check_key_type(run);
	if (status == EX_OK)
		status = check_window(run, order);
	return status;
}

int line_check_order(struct line_run *run)
{
	struct buf body = {0};
	char path[128];
	json_t *order;
	int status;

	snprintf(path, sizeof(path), "/v1/orders/%s", run->job->order);
	status = fetch(run, path, &body);
	if (status != EX_OK)
		return status;
	order = json_loadb((const char *)body.bytes, body.len, JSON_REJECT_DUPLICATES, NULL);
	status = compare_order(run, order);
	json_decref(order);
	buf_free(&body);
	return status == EX_OK ? fetch_chain(run) : status;
}
