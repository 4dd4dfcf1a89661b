/*
 * factory-ca order open|close|show: an operator opens and closes production orders.
 *
 * Reads the operator's certificate and key, makes and signs the statement here, and has the front
 * pass it on; the key never leaves this process. The same words always make the same statement, so
 * that repeating a command whose answer was lost is safe.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/secret.h"
#include "common/pki/key_type.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/commands/front_api.h"
#include "factory-ca/commands/order_options.h"

enum { KEY_FILE_MAX = 64 * 1024, PATH_MAX_LEN = 256 };

static const char USAGE_OPEN[] =
    "usage: factory-ca [options] order open --reference R --model M --first-mac MAC --quantity N\n"
    "         [--station NAME|any]... [--opens T] [--closes T] [--profile "
    "device-1|device-1-compat|device-1-encrypt]\n"
    "         [--url URL] [--server-ca FILE]\n\n"
    "Opens a production order: N MACs from MAC on, for phones of model M, from T to T (RFC 3339; "
    "none:\n"
    "at once, and until it is closed), at the stations named (none: any). Needs --operator-cert "
    "and\n"
    "--operator-key before \"order\". The identical order again is fine (exit 0); a reference "
    "that\n"
    "names another order, or a range that overlaps with one not closed, exits 65.\n"
    "Profiles: device-1; device-1-compat, without otherNames; device-1-encrypt, for models whose\n"
    "answers are encrypted to the phone: its key may be used for that, too.\n";
static const char USAGE_CLOSE[] =
    "usage: factory-ca [options] order close --reference R [--url URL] [--server-ca FILE]\n\n"
    "Closes an order for good: nothing new is issued under it, what was issued is still shown.\n"
    "Closing it again is fine (exit 0).\n";
static const char USAGE_SHOW[] =
    "usage: factory-ca [options] order show --reference R [--url URL] [--server-ca FILE]\n\n"
    "Prints the order as JSON.\n";

/* --- the operator --------------------------------------------------------------------------- */

struct operator
{
	X509 *certificate;
	EVP_PKEY *key;
};

static void operator_free(struct operator* operator)
{
	X509_free(operator->certificate);
	EVP_PKEY_free(operator->key);
}

/* The key is read as a credential: a file that others can read is refused. */
static int operator_read(const struct front_api *api, struct operator* operator)
{
	struct secret pem = {0};
	FILE *file = fopen(api->operator_cert_path, "re");
	BIO *bio;

	if (file != NULL) {
		operator->certificate = PEM_read_X509(file, NULL, NULL, NULL);
		fclose(file);
	}
	if (operator->certificate == NULL) {
		command_say("%s: %s", api->operator_cert_path,
		    file ? "not a PEM certificate" : "cannot be read");
		ERR_clear_error();
		return EX_NOINPUT;
	}
	if (secret_read_file(api->operator_key_path, KEY_FILE_MAX, &pem) != ERR_OK) {
		command_say("%s: cannot be read as a key that is yours alone (mode 0600)",
		    api->operator_key_path);
		return EX_NOINPUT;
	}
	bio = BIO_new_mem_buf(pem.bytes, (int)pem.len);
	CHECK(bio != NULL);
	operator->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t) "");
	BIO_free(bio);
	secret_free(&pem);
	ERR_clear_error();
	if (operator->key == NULL) {
		command_say("%s: not a PEM private key without passphrase", api->operator_key_path);
		return EX_NOINPUT;
	}
	return EX_OK;
}

/* --- open and close ------------------------------------------------------------------------- */

static int send_statement(const struct front_api *api, const struct operator* operator,
    const struct statement * statement, json_t **order)
{
	struct signed_statement signed_statement = {0};
	struct buf body = {0};
	char why[ORDER_WHY_LEN], path[PATH_MAX_LEN];
	int is_open = statement->type == STATEMENT_ORDER_OPEN, status = EX_USAGE;
	enum err err = statement_sign(
	    statement, operator->certificate, operator->key, &signed_statement, why, sizeof(why));

	if (err != ERR_OK) {
		command_say("the order cannot be signed: %s",
		    err == ERR_RANGE ? why : "key and certificate do not fit each other");
		goto out;
	}
	signed_statement_encode(&body, &signed_statement);
	snprintf(path, sizeof(path), "/v1/orders/%s%s", statement->order.reference,
	    is_open ? "" : "/close");
	status = front_api_call(api, is_open ? "PUT" : "POST", path, &body, order);
out:
	buf_free(&body);
	signed_statement_free(&signed_statement);
	return status;
}

static void print_order(const json_t *order)
{
	printf("order %s: %s, %lld of %lld from %s issued, model %s\n",
	    front_api_text(order, "reference"), front_api_text(order, "state"),
	    (long long)json_integer_value(json_object_get(order, "issued")),
	    (long long)json_integer_value(json_object_get(order, "quantity")),
	    front_api_text(order, "first_mac"), front_api_text(order, "model"));
}

/* The key types of an order are those of its model. */
static int take_key_types(const struct front_api *api, struct statement_order *order)
{
	char path[PATH_MAX_LEN];
	json_t *model = NULL, *name;
	enum key_type type;
	size_t i;
	int status;

	snprintf(path, sizeof(path), "/v1/models/%s", order->model);
	status = front_api_call(api, "GET", path, NULL, &model);
	if (status != EX_OK) {
		if (status == EX_DATAERR)
			command_say("--model %s: the portal's administrator adds models"
				    " (POST /v1/admin/models)",
			    order->model);
		return status;
	}
	json_array_foreach(json_object_get(model, "key_types"), i, name) {
		const char *text = json_string_value(name);

		if (text && key_type_parse(text, strlen(text), &type) == ERR_OK)
			order->key_types |= 1u << type;
	}
	json_decref(model);
	if (order->key_types == 0) {
		command_say("model %s allows no key type", order->model);
		return EX_DATAERR;
	}
	return EX_OK;
}

static int run_statement(
    const struct front_api *api, enum order_verb verb, const struct order_options *options)
{
	struct statement statement = {
	    .type = verb == ORDER_OPEN ? STATEMENT_ORDER_OPEN : STATEMENT_ORDER_CLOSE,
	    .order = options->order};
	struct operator operator= {0};
	json_t *order = NULL;
	int status = operator_read(api, &operator);

	if (status == EX_OK && verb == ORDER_OPEN)
		status = take_key_types(api, &statement.order);
	if (status == EX_OK)
		status = send_statement(api, &operator, & statement, &order);
	if (status == EX_OK)
		print_order(order);
	json_decref(order);
	operator_free(&operator);
	return status;
}

static int run_show(const struct front_api *api, const struct order_options *options)
{
	char path[PATH_MAX_LEN];
	json_t *order = NULL;
	int status;

	snprintf(path, sizeof(path), "/v1/orders/%s", options->order.reference);
	status = front_api_call(api, "GET", path, NULL, &order);
	if (status == EX_OK) {
		json_dumpf(order, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		putchar('\n');
	}
	json_decref(order);
	return status;
}

static const struct {
	const char *name;
	enum order_verb verb;
	const char *usage;
} VERBS[] = {
    {"open", ORDER_OPEN, USAGE_OPEN},
    {"close", ORDER_CLOSE, USAGE_CLOSE},
    {"show", ORDER_SHOW, USAGE_SHOW},
};
enum { VERB_COUNT = sizeof(VERBS) / sizeof(VERBS[0]) };

static int run_verb(const struct command_context *context, unsigned verb, int argc, char **argv)
{
	struct order_options options;
	struct front_api api = {0};
	char why[ORDER_WHY_LEN];
	int status;

	if (order_options_parse(VERBS[verb].verb, argc, argv, &options, why) != ERR_OK) {
		command_say("order %s: %s", VERBS[verb].name, why);
		fputs(VERBS[verb].usage, stderr);
		return EX_USAGE;
	}
	if (options.help) {
		fputs(VERBS[verb].usage, stdout);
		return EX_OK;
	}
	api.url = options.url;
	api.server_ca = options.server_ca;
	status = front_api_open(&api, context);
	if (status != EX_OK)
		return status;
	if (VERBS[verb].verb == ORDER_SHOW)
		return run_show(&api, &options);
	return run_statement(&api, VERBS[verb].verb, &options);
}

int command_order(const struct command_context *context, int argc, char **argv)
{
	int asked = argc > 1 && strcmp(argv[1], "--help") == 0;
	unsigned i;

	for (i = 0; i < VERB_COUNT && argc > 1; i++)
		if (strcmp(argv[1], VERBS[i].name) == 0)
			return run_verb(context, i, argc - 1, argv + 1);
	if (!asked)
		command_say("order: open, close or show?");
	for (i = 0; i < VERB_COUNT; i++)
		fprintf(asked ? stdout : stderr, "%s\n", VERBS[i].usage);
	return asked ? EX_OK : EX_USAGE;
}
