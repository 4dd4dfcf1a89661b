/* Signing and sending. The operator's files are the operator's; a statement file is a colleague's
 * word, shown before it is signed. */
#include "factory-ca/commands/statement_send.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/file.h"
#include "common/base/secret.h"
#include "factory-ca/commands/command.h"

enum {
	KEY_FILE_MAX = 64 * 1024,
	STATEMENT_FILE_MAX = 16 * 1024,
	PATH_MAX_LEN = 256,
	WHY_LEN = 256
};

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

/* --- to the front, or into a file ----------------------------------------------------------- */

static void path_of(const struct statement *statement, char path[PATH_MAX_LEN])
{
	static const char *const below[] = {[STATEMENT_ORDER_OPEN] = "",
	    [STATEMENT_ORDER_CLOSE] = "/close",
	    [STATEMENT_ORDER_EXTEND] = "/extend"};

	if (statement_is_of_order(statement->type))
		snprintf(path, PATH_MAX_LEN, "/v1/orders/%s%s", statement->order.reference,
		    below[statement->type]);
	else
		snprintf(path, PATH_MAX_LEN, "/v1/statements");
}

static int pass_on(const struct front_api *api, const struct statement *statement,
    const struct signed_statement *signed_statement, json_t **document)
{
	int is_open = statement->type == STATEMENT_ORDER_OPEN, status;
	char path[PATH_MAX_LEN];
	struct buf body = {0};

	path_of(statement, path);
	signed_statement_encode(&body, signed_statement);
	status = front_api_call(api, is_open ? "PUT" : "POST", path, &body, document);
	buf_free(&body);
	return status;
}

static int write_out(
    const char *path, enum statement_type type, const struct signed_statement *signed_statement)
{
	struct buf bytes = {0};
	enum err err;

	signed_statement_encode(&bytes, signed_statement);
	err = file_write_new(path, 0644, bytes.bytes, bytes.len);
	buf_free(&bytes);
	if (err) {
		command_say("%s cannot be written: %s", path,
		    err == ERR_EXISTS ? "it is there already" : strerror(errno));
		return EX_CANTCREAT;
	}
	printf("%s: signed once; another operator signs and sends it with\n"
	       "  factory-ca --operator-cert FILE --operator-key FILE %s --statement %s\n",
	    path, type == STATEMENT_LEDGER_RESTORE ? "ledger restore" : "order sign", path);
	return EX_OK;
}

static int tell(enum err err, const char *why)
{
	command_say("the statement cannot be signed: %s", why);
	return err == ERR_RANGE || err == ERR_EXISTS ? EX_USAGE : EX_NOINPUT;
}

int statement_send(const struct front_api *api, const struct statement *statement,
    const char *out_path, json_t **document)
{
	struct signed_statement signed_statement = {0};
	struct operator operator= {0};
	char why[WHY_LEN] = "";
	int status = operator_read(api, &operator);
	enum err err;

	if (status == EX_OK) {
		err = statement_sign(statement, operator.certificate, operator.key,
		    &signed_statement, why, sizeof(why));
		if (err)
			status = tell(err, why);
	}
	if (status == EX_OK)
		status = out_path ? write_out(out_path, statement->type, &signed_statement)
				  : pass_on(api, statement, &signed_statement, document);
	signed_statement_free(&signed_statement);
	operator_free(&operator);
	return status;
}

static int read_statement(
    const char *path, struct signed_statement *signed_statement, struct statement *statement)
{
	struct buf bytes = {0};
	char why[WHY_LEN] = "it is no signed statement";
	enum err err = file_read(path, STATEMENT_FILE_MAX, &bytes);

	if (err) {
		command_say("%s cannot be read: %s", path,
		    err == ERR_TOO_LONG ? "too long for a statement" : strerror(errno));
		buf_free(&bytes);
		return EX_NOINPUT;
	}
	err = signed_statement_decode(cursor_of(bytes.bytes, bytes.len), signed_statement);
	if (!err)
		err = statement_parse((const char *)signed_statement->text.bytes,
		    signed_statement->text.len, statement, why, sizeof(why));
	buf_free(&bytes);
	if (!err)
		return EX_OK;
	command_say("%s: %s", path, why);
	return EX_DATAERR;
}

/* Reads, shows, signs as the second operator. */
static int countersign(const struct front_api *api, const char *path,
    struct signed_statement *signed_statement, struct statement *statement)
{
	char why[WHY_LEN] = "", name[STATEMENT_NAME_MAX + 1];
	struct operator operator= {0};
	int status = read_statement(path, signed_statement, statement);
	enum err err;

	if (status == EX_OK)
		status = operator_read(api, &operator);
	if (status == EX_OK) {
		statement_signer_name(&signed_statement->by[0], name);
		printf("signed by %s, and now by you:\n\n%s\n", name,
		    (const char *)signed_statement->text.bytes);
		err = statement_sign_too(
		    signed_statement, operator.certificate, operator.key, why, sizeof(why));
		status = err ? tell(err, why) : EX_OK;
	}
	operator_free(&operator);
	return status;
}

int statement_countersign(
    const struct front_api *api, const char *path, json_t **document, struct statement *statement)
{
	struct signed_statement signed_statement = {0};
	int status = countersign(api, path, &signed_statement, statement);

	if (status == EX_OK)
		status = pass_on(api, statement, &signed_statement, document);
	signed_statement_free(&signed_statement);
	return status;
}

int statement_countersign_here(
    const struct front_api *api, const char *path, struct signed_statement *signed_statement)
{
	struct statement statement = {0};

	return countersign(api, path, signed_statement, &statement);
}
