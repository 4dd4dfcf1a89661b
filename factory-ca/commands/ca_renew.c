/*
 * factory-ca ca renew and ca retire: the generations of a factory's issuing CA. Renew makes the
 * next one's key and certificate, with the root's key here or, by a request, elsewhere; retire ends
 * an older one with a last CRL. Nothing that is there is replaced, but for CRLs by newer ones; a
 * step that was interrupted is repeated by the same command. Run by the PKI officer.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "factory-ca/commands/ca.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/commands/custodians.h"
#include "factory-ca/commands/opened_ledger.h"

static enum err say_not_written(enum err err, const char *path, char *why)
{
	return keystore_say(err, why, "%s cannot be written: %s", path, strerror(errno));
}

/* --- the next generation --- */

/* Its number, and that its name fits. */
static enum err find_next(struct ceremony *ceremony, char *why)
{
	char name[FACTORY_NAME_MAX + 1];
	struct authority authority;
	enum err err = authority_open(ceremony->config, NULL, 0, &authority, why);

	if (err)
		return err;
	ceremony->generation = authority.generation + 1;
	authority_close(&authority);
	if (ceremony->generation > GENERATION_MAX)
		return keystore_say(
		    ERR_FULL, why, "there are %d generations, and no more can be", GENERATION_MAX);
	if (factory_issuing_name(ceremony->config, ceremony->generation, name))
		return keystore_say(ERR_TOO_LONG, why,
		    "pki.issuing_name: \"%s G%u\" would be too long for a name",
		    ceremony->config->issuing_name, ceremony->generation);
	return ERR_OK;
}

/* The store, open for new keys. As the keeper. */
static enum err open_store(struct ceremony *ceremony, char *why)
{
	enum err err = ceremony_open_store(ceremony, why);

	return err ? err : ca_open_custody(ceremony, CA_KEY_LINE_ACCESS, why);
}

/* A key that waits, of a renewal that was interrupted or asked for elsewhere, is taken. */
static enum err make_or_take_key(struct ceremony *ceremony, char *why)
{
	enum ca_key key = generation_key(ceremony->generation);
	enum err err = keystore_load(ceremony->store, key, why);

	return err == ERR_NOT_FOUND ? ceremony_make_key(ceremony, key, why) : err;
}

enum err ca_find_waiting(struct ceremony *ceremony, char *why)
{
	struct keystore *store = NULL;
	struct ca_key_info info = {0};
	enum err err = find_next(ceremony, why);

	if (!err)
		err = authority_opener(ceremony->config, &ceremony->opener, why);
	if (!err)
		err = authority_become_keeper(ceremony->config, why);
	if (err)
		return err;
	err = authority_key_store(ceremony->config, &ceremony->opener, &store, why);
	if (!err)
		err = keystore_describe(store, generation_key(ceremony->generation), &info, why);
	keystore_free(store);
	authority_become_ourselves();
	return err;
}

enum err ca_open_waiting(struct ceremony *ceremony, char *why)
{
	enum err err = open_store(ceremony, why);

	return err ? err
		   : keystore_load(ceremony->store, generation_key(ceremony->generation), why);
}

static void note_generation(struct ceremony *ceremony, const char *what)
{
	char name[FACTORY_NAME_MAX + 1];

	CHECK(!factory_issuing_name(ceremony->config, ceremony->generation, name));
	ceremony_note_begin(ceremony, what);
	buf_printf(&ceremony->transcript, "generation %u, \"%s\"\n", ceremony->generation, name);
	ceremony_note_key(ceremony, generation_key(ceremony->generation));
}

static enum err write_crls(struct ceremony *ceremony, char *why)
{
	char path[FACTORY_PATH_MAX], name[48];
	enum err err;

	factory_state_path(ceremony->config, "ca/root.crl", path);
	err = file_write(path, 0600, ceremony->root_crl.bytes, ceremony->root_crl.len);
	if (!err) {
		snprintf(name, sizeof(name), "ca/issuing-%u.crl",
		    generation_shard(ceremony->generation));
		factory_state_path(ceremony->config, name, path);
		err =
		    file_write(path, 0600, ceremony->issuing_crl.bytes, ceremony->issuing_crl.len);
	}
	return err ? say_not_written(err, path, why) : ERR_OK;
}

enum err ca_begin_generation(struct ceremony *ceremony, const char *what, char *why)
{
	char path[FACTORY_PATH_MAX];
	struct buf pem = {0};
	enum err err = ceremony_make_issuing_crl(ceremony, why);

	if (err)
		return err;
	note_generation(ceremony, what);
	ceremony_note_hash(ceremony, "root certificate", &ceremony->root);
	ceremony_note_hash(ceremony, "issuing certificate", &ceremony->issuing);
	ceremony_note_hash(ceremony, "root CRL", &ceremony->root_crl);
	ceremony_note_hash(ceremony, "issuing CRL, the first", &ceremony->issuing_crl);
	err = write_crls(ceremony, why);
	if (!err)
		err = ceremony_append_transcript(ceremony, why);
	if (err)
		return err;
	factory_issuing_path(ceremony->config, ceremony->generation, "pem", path);
	command_put_pem(&pem, "CERTIFICATE", &ceremony->issuing);
	err = file_write_new(path, 0600, pem.bytes, pem.len);
	buf_free(&pem);
	return err ? say_not_written(err, path, why) : ERR_OK;
}

void ca_tell_renewed(const struct ceremony *ceremony)
{
	fwrite(ceremony->transcript.bytes, 1, ceremony->transcript.len, stdout);
	printf("\nNew phones get certificates of generation %u once the signer is started again. "
	       "Before that run\n\"factory-ca publish\" and have redirectors and ITSPs trust the "
	       "new chain.pem; after it reload\nthe front.\n",
	    ceremony->generation);
}

/* --- renew --- */

/* With the root's key. As the keeper. */
static enum err renew_here(struct ceremony *ceremony, char *why)
{
	struct ceremony_texts texts;
	struct ca_request request;
	enum err err = ca_open_root(ceremony, why);

	if (!err)
		err = make_or_take_key(ceremony, why);
	if (err)
		return err;
	request = ceremony_issuing_request(ceremony, &ceremony->root, &texts);
	err = ca_certificate_make(ceremony->store, &request, &ceremony->issuing);
	if (err)
		return keystore_say(
		    err, why, "the issuing certificate cannot be signed (%s)", err_name(err));
	err = ceremony_make_root_crl(ceremony, why);
	return err ? err : ca_begin_generation(ceremony, "renewal of the issuing CA", why);
}

/* By a request to where the root is. As the keeper. */
static enum err ask_root(struct ceremony *ceremony, struct buf *csr, char *why)
{
	struct ceremony_texts texts;
	struct ca_request request = ceremony_issuing_request(ceremony, NULL, &texts);
	enum err err = open_store(ceremony, why);

	if (!err)
		err = make_or_take_key(ceremony, why);
	if (!err && ca_csr_make(ceremony->store, &request, csr))
		err = keystore_say(ERR_CRYPTO, why, "the request cannot be signed");
	if (err)
		return err;
	note_generation(ceremony, "request for a renewed issuing CA");
	ceremony_note_hash(ceremony, "request", csr);
	return ceremony_append_transcript(ceremony, why);
}

/* The key that was made for nothing is taken back; one that waited stays. */
static void take_back(struct ceremony *ceremony)
{
	enum ca_key key = generation_key(ceremony->generation);

	if (ceremony->made & 1U << key)
		keystore_discard(ceremony->store, key);
}

enum err ca_run_renew(struct ceremony *ceremony, const struct ca_arguments *arguments, char *why)
{
	struct buf csr = {0}, pem = {0};
	enum err err = find_next(ceremony, why);

	if (!err && arguments->out && access(arguments->out, F_OK) == 0)
		err = keystore_say(ERR_EXISTS, why, "%s is there already", arguments->out);
	if (!err)
		err = authority_opener(ceremony->config, &ceremony->opener, why);
	if (!err)
		err = authority_become_keeper(ceremony->config, why);
	if (err)
		return err;
	err = arguments->out ? ask_root(ceremony, &csr, why) : renew_here(ceremony, why);
	authority_become_ourselves();
	if (!err && arguments->out) {
		command_put_pem(&pem, "CERTIFICATE REQUEST", &csr);
		err = ca_write_new(arguments->out, &pem, why);
	}
	if (err && ceremony->store && authority_become_keeper(ceremony->config, why) == ERR_OK) {
		take_back(ceremony);
		authority_become_ourselves();
	}
	if (!err && arguments->out)
		printf("%s\n%s is to be signed where the root is (\"factory-ca ca sign\"), then "
		       "\"factory-ca ca import\".\n",
		    (char *)ceremony->transcript.bytes, arguments->out);
	else if (!err)
		ca_tell_renewed(ceremony);
	buf_free(&csr);
	buf_free(&pem);
	return err;
}

/* --- retire --- */

static enum err check_retirable(
    const struct authority *authority, const char *text, unsigned *generation, char *why)
{
	uint64_t number = 0;

	if (number_parse(text, strlen(text), GENERATION_MAX, &number) || number == 0)
		return keystore_say(
		    ERR_RANGE, why, "--generation: a number from 1 to %d", GENERATION_MAX);
	*generation = (unsigned)number;
	if (authority_issuing(authority, *generation)->certificate.len == 0)
		return keystore_say(ERR_NOT_FOUND, why, "there is no generation %u", *generation);
	if (*generation == authority->generation)
		return keystore_say(ERR_REFUSED, why,
		    "generation %u issues: \"factory-ca ca renew\" comes first", *generation);
	return ERR_OK;
}

/* A file that says so by being there. As the keeper. */
static enum err put_mark(const struct ceremony *ceremony, const char *ending, char *why)
{
	char path[FACTORY_PATH_MAX], at[CLOCK_TEXT_LEN + 2];
	enum err err;

	clock_format_s(ceremony->now_unix_s, at);
	strcat(at, "\n");
	factory_issuing_path(ceremony->config, ceremony->generation, ending, path);
	err = file_write_new(path, 0600, at, strlen(at));
	return err && err != ERR_EXISTS ? say_not_written(err, path, why) : ERR_OK;
}

/* What is revoked until now, for as long as phones live: nobody can sign another. */
static enum err make_last_crl(struct ceremony *ceremony, const struct authority *authority,
    const struct ledger *ledger, char *why)
{
	const struct buf *certificate =
	    &authority_issuing(authority, ceremony->generation)->certificate;
	struct crl_request request = {.key = generation_key(ceremony->generation),
	    .number = (uint64_t)ceremony->now_unix_s,
	    .this_update_unix_s = ceremony->now_unix_s,
	    .next_update_unix_s = X509_NO_END};
	enum err err;

	if (ledger_clock_behind_s(ledger, ceremony->now_unix_s))
		return keystore_say(ERR_UNAVAILABLE, why,
		    "this machine's clock is behind the ledger; set it right");
	CHECK(!certificate_subject(
	    certificate->bytes, certificate->len, &request.issuer, &request.issuer_len));
	request.entries = ledger_revocations(ledger, &request.entry_count);
	err = crl_make(authority->store, &request, &ceremony->issuing_crl);
	return err ? keystore_say(err, why, "the last CRL cannot be signed (%s)", err_name(err))
		   : ERR_OK;
}

static void note_end(struct ceremony *ceremony, const struct authority *authority, size_t revoked)
{
	ceremony_note_begin(ceremony, "retirement of an issuing CA");
	buf_printf(&ceremony->transcript, "generation %u\n", ceremony->generation);
	ceremony_note_hash(ceremony, "issuing certificate",
	    &authority_issuing(authority, ceremony->generation)->certificate);
	ceremony_note_hash(ceremony, "issuing CRL, the last", &ceremony->issuing_crl);
	buf_printf(&ceremony->transcript, "%-24s %zu\n", "revoked", revoked);
}

/* As the keeper: the CRL and the record of it first, the mark that ends the key's use last. */
static enum err write_end(const struct ceremony *ceremony, char *why)
{
	char path[FACTORY_PATH_MAX], name[48];
	enum err err;

	snprintf(
	    name, sizeof(name), "ca/issuing-%u-last.crl", generation_shard(ceremony->generation));
	factory_state_path(ceremony->config, name, path);
	err = file_write(path, 0600, ceremony->issuing_crl.bytes, ceremony->issuing_crl.len);
	if (err)
		return say_not_written(err, path, why);
	err = ceremony_append_transcript(ceremony, why);
	return err ? err : put_mark(ceremony, "retired", why);
}

static enum err end_generation(struct ceremony *ceremony, char *why)
{
	static const enum ca_key keys[] = {CA_KEY_ISSUING};
	struct opened_ledger opened = {0};
	struct authority authority = {0};
	enum err err = opened_ledger_open(ceremony->config, LEDGER_NEWEST, &opened, why);

	if (!err)
		err = custodians_open_authority(ceremony->config, keys, 1, &authority, why);
	if (!err)
		err = make_last_crl(ceremony, &authority, opened.ledger, why);
	if (!err)
		note_end(ceremony, &authority,
		    ledger_revoked_count(opened.ledger, ceremony->generation));
	if (!err)
		err = authority_become_keeper(ceremony->config, why);
	if (!err) {
		err = write_end(ceremony, why);
		authority_become_ourselves();
	}
	opened_ledger_close(&opened);
	authority_close(&authority);
	return err;
}

static enum err withdraw(struct ceremony *ceremony, char *why)
{
	enum err err = authority_become_keeper(ceremony->config, why);

	if (err)
		return err;
	buf_clear(&ceremony->transcript);
	ceremony_note_begin(ceremony, "withdrawal of an issuing CA from the chain");
	buf_printf(&ceremony->transcript, "generation %u\n", ceremony->generation);
	err = ceremony_append_transcript(ceremony, why);
	if (!err)
		err = put_mark(ceremony, "withdrawn", why);
	authority_become_ourselves();
	return err;
}

enum err ca_run_retire(struct ceremony *ceremony, const struct ca_arguments *arguments, char *why)
{
	struct authority authority;
	const struct authority_issuing *issuing;
	int ends = 0, withdraws = 0;
	enum err err = authority_open(ceremony->config, NULL, 0, &authority, why);

	if (err)
		return err;
	err = check_retirable(&authority, arguments->generation, &ceremony->generation, why);
	if (!err) {
		issuing = authority_issuing(&authority, ceremony->generation);
		ends = !issuing->is_retired;
		withdraws = arguments->withdraw && !issuing->is_withdrawn;
		if (!ends && !withdraws)
			err = keystore_say(ERR_EXISTS, why, "generation %u is %s already",
			    ceremony->generation, arguments->withdraw ? "withdrawn" : "retired");
	}
	authority_close(&authority);
	if (!err && ends)
		err = end_generation(ceremony, why);
	if (!err && ends)
		fwrite(ceremony->transcript.bytes, 1, ceremony->transcript.len, stdout);
	if (!err && withdraws)
		err = withdraw(ceremony, why);
	if (!err && withdraws)
		fwrite(ceremony->transcript.bytes, 1, ceremony->transcript.len, stdout);
	if (!err)
		printf(
		    "\nRun \"factory-ca publish\" and start the signer; the key of generation %u "
		    "is not loaded any more and\ncan be taken off this machine.\n",
		    ceremony->generation);
	return err;
}
