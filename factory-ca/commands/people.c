/*
 * factory-ca operator add, operator remove, station add, station revoke: who may open orders and
 * who may ask for certificates. Makes key and certificate in the folder named, puts the certificate
 * on record, and gives the files only then. Run by the PKI officer. A key is written for its owner
 * to carry away and is kept nowhere.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "common/db/row.h"
#include "common/net/sandbox.h"
#include "factory-ca/commands.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/commands/custodians.h"
#include "factory-ca/commands/order_options.h"
#include "factory-ca/commands/statement_send.h"
#include "factory-ca/signer/authority.h"
#include "factory-ca/signer/ca_profile.h"
#include "factory-ca/statement.h"
#include "queries_factory-ca.h"

enum person_kind { PERSON_OPERATOR, PERSON_STATION };

static const char *const kind_names[] = {
    [PERSON_OPERATOR] = "operator", [PERSON_STATION] = "station"};

struct person {
	enum person_kind kind;
	const char *name;
	const char *folder;
	EVP_PKEY *pair;
	struct buf spki, certificate; /* DER */
	struct buf key_pem, certificate_pem;
	int64_t not_after_unix_s;
	char outcome[32]; /* what the database said */
};

static enum err make_pair(struct person *person)
{
	unsigned char *der = NULL;
	char *pem = NULL;
	BIO *bio = BIO_new(BIO_s_secmem());
	enum err err = ERR_CRYPTO;
	long pem_len;
	int len;

	person->pair = EVP_EC_gen("P-256");
	len = person->pair ? i2d_PUBKEY(person->pair, &der) : 0;
	if (len > 0 && bio &&
	    PEM_write_bio_PKCS8PrivateKey(bio, person->pair, NULL, NULL, 0, NULL, NULL) == 1) {
		pem_len = BIO_get_mem_data(bio, &pem);
		buf_put(&person->spki, der, (size_t)len);
		buf_put(&person->key_pem, pem, (size_t)pem_len);
		err = ERR_OK;
	}
	OPENSSL_free(der);
	BIO_free(bio);
	return err;
}

static enum err certify(
    const struct factory_config *config, struct person *person, char why[AUTHORITY_WHY_LEN])
{
	const enum ca_key key = CA_KEY_LINE_ACCESS;
	int is_station = person->kind == PERSON_STATION;
	struct access_request request = {
	    .organisation = config->organisation, .name = person->name};
	char usage[FACTORY_OID_LEN];
	struct authority authority = {0};
	enum err err = custodians_open_authority(config, &key, 1, &authority, why);

	if (err)
		return err;
	factory_oid(config, is_station ? FACTORY_OID_STATION : FACTORY_OID_OPERATOR, usage);
	CHECK(!oid_parse(usage, &request.usage));
	request.may_agree_keys = is_station;
	CHECK(!certificate_subject(authority.line_access.bytes, authority.line_access.len,
	    &request.issuer, &request.issuer_len));
	err = make_pair(person);
	if (!err) {
		request.spki = person->spki.bytes;
		request.spki_len = person->spki.len;
		request.not_before_unix_s = clock_unix_s();
		request.not_after_unix_s =
		    request.not_before_unix_s +
		    (is_station ? config->station_lifetime_ms : config->operator_lifetime_ms) /
			1000;
		person->not_after_unix_s = request.not_after_unix_s;
		err = access_certificate_make(authority.store, &request, &person->certificate);
	}
	if (err)
		snprintf(
		    why, AUTHORITY_WHY_LEN, "the certificate cannot be made (%s)", err_name(err));
	authority_close(&authority);
	return err;
}

static void person_path(
    const struct person *person, const char *suffix, char path[FACTORY_PATH_MAX])
{
	int n = snprintf(path, FACTORY_PATH_MAX, "%s/%s.%s", person->folder, person->name, suffix);

	CHECK(n > 0 && n < FACTORY_PATH_MAX);
}

/* Certificate and key; a name that is taken in that folder stays as it is. */
static enum err write_person(struct person *person, char why[AUTHORITY_WHY_LEN])
{
	char cert_path[FACTORY_PATH_MAX], key_path[FACTORY_PATH_MAX];
	const char *path = key_path;
	enum err err;

	person_path(person, "key", key_path);
	person_path(person, "pem", cert_path);
	command_put_pem(&person->certificate_pem, "CERTIFICATE", &person->certificate);
	err = file_write_new(key_path, 0600, person->key_pem.bytes, person->key_pem.len);
	if (!err) {
		path = cert_path;
		err = file_write_new(
		    cert_path, 0644, person->certificate_pem.bytes, person->certificate_pem.len);
		if (err)
			unlink(key_path);
	}
	if (err)
		snprintf(why, AUTHORITY_WHY_LEN, "%s cannot be written: %s", path,
		    err == ERR_EXISTS ? "it is there already" : strerror(errno));
	return err;
}

static void take_outcome(const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct person *person = ctx;

	if (count == 1 && row_count(rows[0]) == 1)
		snprintf(person->outcome, sizeof(person->outcome), "%s",
		    row_text(rows[0], 0, row_column(rows[0], "outcome")));
}

static enum err put_on_record(const struct factory_config *config, struct person *person)
{
	struct pg_params *params = pg_params_new();
	uint8_t fingerprint[SHA256_LEN];
	const struct pg_statement *statement = &query_station_upsert;
	enum err err;

	sha256(person->certificate.bytes, person->certificate.len, fingerprint);
	pg_param_bytea(params, fingerprint, sizeof(fingerprint));
	pg_param_text(params, person->name);
	if (person->kind == PERSON_OPERATOR) {
		statement = &query_operator_upsert;
		pg_param_text(params, "operator");
		pg_param_bytea(params, person->certificate.bytes, person->certificate.len);
	} else {
		pg_param_bytea(params, person->certificate.bytes, person->certificate.len);
		pg_param_time_us(params, person->not_after_unix_s * 1000000);
	}
	command_actor_params(params);
	err = command_query(config, statement, params, take_outcome, person);
	if (!err && strcmp(person->outcome, "created") != 0) {
		command_say("the database has this certificate already: %s", person->outcome);
		err = ERR_EXISTS;
	}
	return err;
}

static void remove_files(const struct person *person)
{
	char path[FACTORY_PATH_MAX];

	person_path(person, "key", path);
	unlink(path);
	person_path(person, "pem", path);
	unlink(path);
}

static int add_person(const struct factory_config *config, struct person *person)
{
	char why[AUTHORITY_WHY_LEN] = "", at[CLOCK_TEXT_LEN + 1];
	enum err err;

	sandbox_harden();
	err = authority_lock_memory();
	(void)err;
	err = certify(config, person, why);
	if (!err && mkdir(person->folder, 0700) != 0 && errno != EEXIST) {
		snprintf(
		    why, sizeof(why), "%s cannot be made: %s", person->folder, strerror(errno));
		err = ERR_IO;
	}
	if (!err)
		err = write_person(person, why);
	if (err) {
		command_say("%s add: %s", kind_names[person->kind], why);
	} else {
		err = put_on_record(config, person);
		if (err)
			remove_files(person);
	}
	if (!err) {
		clock_format_s(person->not_after_unix_s, at);
		printf("%s %s: %s/%s.key, %s/%s.pem, valid until %s\n", kind_names[person->kind],
		    person->name, person->folder, person->name, person->folder, person->name, at);
	}
	EVP_PKEY_free(person->pair);
	buf_free(&person->spki);
	buf_free(&person->certificate);
	buf_wipe(&person->key_pem);
	buf_free(&person->certificate_pem);
	return command_status(err);
}

static const char *const usages[] = {
    [PERSON_OPERATOR] =
	"usage: factory-ca operator add NAME [--out DIR]\n"
	"       factory-ca [options] operator remove NAME [--out FILE] [--url URL] [--server-ca "
	"FILE]\n\n"
	"add     make a key and a certificate for an operator, in DIR/NAME.key and DIR/NAME.pem "
	"(the\n"
	"        folder at hand without --out), and put the certificate on record. NAME is 1 to "
	"64\n"
	"        letters, digits, '.', '_' and '-', and not \"any\". Carry the key to its owner: "
	"it "
	"is\n"
	"        kept nowhere else. Who has an operator already gets one more certificate\n"
	"remove  another operator signs that he is none any more: needs --operator-cert and\n"
	"        --operator-key before \"operator\". --out writes the signed statement to FILE, "
	"for "
	"a\n"
	"        second operator: see order sign\n",
    [PERSON_STATION] =
	"usage: factory-ca station add NAME [--out DIR]\n"
	"       factory-ca station revoke NAME\n\n"
	"add     make a key and a certificate for a station of the line, in DIR/NAME.key and\n"
	"        DIR/NAME.pem (the folder at hand without --out), and put the certificate on "
	"record.\n"
	"        NAME is 1 to 64 letters, digits, '.', '_' and '-', and not \"any\"; orders name\n"
	"        stations by it. A name that is there gets one more certificate\n"
	"revoke  all certificates of that name: the front refuses them from now on\n",
};

static int usage(enum person_kind kind)
{
	fputs(usages[kind], stderr);
	return EX_USAGE;
}

static int tell_help(enum person_kind kind)
{
	fputs(usages[kind], stdout);
	return EX_OK;
}

static int asks_for_help(int argc, char **argv)
{
	return argc > 1 && strcmp(argv[argc - 1], "--help") == 0;
}

static int name_is_valid(const char *name)
{
	return statement_word_is_valid(name, strlen(name), STATEMENT_NAME_MAX) && name[0] != '.' &&
	       strcmp(name, "any") != 0;
}

static int run_add(
    enum person_kind kind, const struct factory_config *config, int argc, char **argv)
{
	struct person person = {.kind = kind, .folder = "."};
	int has_out = argc == 5 && strcmp(argv[3], "--out") == 0;

	if ((argc != 3 && !has_out) || !name_is_valid(argv[2]))
		return usage(kind);
	person.name = argv[2];
	if (has_out)
		person.folder = argv[4];
	if (strlen(person.folder) > FACTORY_PATH_MAX / 2) {
		command_say("--out: the folder's name is too long");
		return EX_USAGE;
	}
	return add_person(config, &person);
}

/* One statement for each of his certificates that is live. */
static int remove_certificates(
    const struct front_api *api, const struct order_options *options, const json_t *person)
{
	struct statement statement = {.type = STATEMENT_OPERATOR_REMOVE};
	json_t *certificate, *document;
	int status = EX_OK, count = 0;
	const char *hex;
	size_t i;

	json_array_foreach(json_object_get(person, "certificates"), i, certificate) {
		hex = front_api_text(certificate, "fingerprint");
		if (status != EX_OK || strcmp(front_api_text(certificate, "state"), "live") != 0 ||
		    hex_decode(hex, strlen(hex), statement.operator_certificate.bytes, SHA256_LEN))
			continue;
		if (count++ > 0 && options->out) {
			command_say(
			    "operator remove: another certificate of this operator is live; "
			    "run the command again with another --out for it");
			break;
		}
		document = NULL;
		status = statement_send(api, &statement, options->out, &document);
		if (document)
			printf("operator %s: %s\n", front_api_text(person, "name"),
			    front_api_text(document, "outcome"));
		json_decref(document);
	}
	if (count == 0)
		printf("operator %s: already_revoked\n", front_api_text(person, "name"));
	return status;
}

/* argv[0] is the name. */
static int remove_operator(const struct command_context *context, int argc, char **argv)
{
	struct order_options options = {0};
	struct front_api api = {0};
	char why[ORDER_WHY_LEN], path[128];
	json_t *person = NULL;
	int status;

	if (order_options_parse(ORDER_REMOVE, argc, argv, &options, why)) {
		command_say("operator remove: %s", why);
		return usage(PERSON_OPERATOR);
	}
	api.url = options.url;
	api.server_ca = options.server_ca;
	status = front_api_open(&api, context);
	if (status != EX_OK)
		return status;
	snprintf(path, sizeof(path), "/v1/operators/%s", argv[0]);
	status = front_api_call(&api, "GET", path, NULL, &person);
	if (status == EX_OK)
		status = remove_certificates(&api, &options, person);
	json_decref(person);
	return status;
}

int command_operator(const struct command_context *context, int argc, char **argv)
{
	if (asks_for_help(argc, argv))
		return tell_help(PERSON_OPERATOR);
	if (argc > 2 && strcmp(argv[1], "remove") == 0 && name_is_valid(argv[2]))
		return remove_operator(context, argc - 2, argv + 2);
	if (argc < 2 || strcmp(argv[1], "add") != 0)
		return usage(PERSON_OPERATOR);
	return run_add(PERSON_OPERATOR, context->config, argc, argv);
}

static int revoke_station(const struct factory_config *config, const char *name)
{
	struct pg_params *params = pg_params_new();
	struct person person = {.kind = PERSON_STATION, .name = name};
	enum err err;

	pg_param_null(params);
	pg_param_text(params, name);
	pg_param_text(params, "revoked by command");
	command_actor_params(params);
	err = command_query(config, &query_station_revoke, params, take_outcome, &person);
	if (err)
		return command_status(err);
	if (strcmp(person.outcome, "unknown_station") == 0) {
		command_say("station revoke: there is no station %s", name);
		return EX_DATAERR;
	}
	printf("station %s: %s\n", name, person.outcome);
	return EX_OK;
}

int command_station(const struct command_context *context, int argc, char **argv)
{
	if (asks_for_help(argc, argv))
		return tell_help(PERSON_STATION);
	if (argc == 3 && strcmp(argv[1], "revoke") == 0 && name_is_valid(argv[2]))
		return revoke_station(context->config, argv[2]);
	if (argc < 2 || strcmp(argv[1], "add") != 0)
		return usage(PERSON_STATION);
	return run_add(PERSON_STATION, context->config, argc, argv);
}
