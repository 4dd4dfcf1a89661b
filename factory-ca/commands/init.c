/*
 * factory-ca init: the key ceremony. Makes the keys, the three CA certificates, the root's CRL of a
 * year, the issuing CA's first CRL and an empty ledger, all in a folder beside state_dir that is
 * renamed at the very end: what is interrupted left no CA behind. Run once, by the PKI officer.
 * It never overwrites, and sends nothing anywhere: see publish.c.
 */
#include <errno.h>
#include <ftw.h>
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
#include "common/net/sandbox.h"
#include "factory-ca/commands.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/signer/authority.h"
#include "factory-ca/signer/ca_profile.h"
#include "factory-ca/signer/ledger_file.h"

enum { DAY_S = 24 * 60 * 60, PASSPHRASE_BYTES = 32 };

/* What the ceremony makes, before any of it is at its place. */
struct ceremony {
	const struct factory_config *config;
	struct factory_config staged; /* the same with state_dir at its temporary place */
	char folder[FACTORY_PATH_MAX];
	struct secret opener;
	struct keystore *store;
	unsigned made; /* bit 1 << enum ca_key: keys to be taken back when a later step fails */
	int64_t now_unix_s;
	struct buf root, issuing, line_access, root_crl, issuing_crl;
	struct buf transcript;
};

static enum err make_passphrase(const char *path)
{
	uint8_t bytes[PASSPHRASE_BYTES];
	struct buf text = {0};
	enum err err;

	random_fill(bytes, sizeof(bytes));
	base64url_encode(&text, bytes, sizeof(bytes));
	buf_put_str(&text, "\n");
	err = file_write_new(path, 0600, text.bytes, text.len);
	if (err == ERR_EXISTS) {
		/* From an init that failed later, or the officer's own: never overwritten. */
		printf("passphrase: %s is there already and is used\n", path);
		err = ERR_OK;
	} else if (err) {
		command_say("init: %s cannot be written: %s", path, strerror(errno));
	} else {
		printf("passphrase written to %s: keep a copy where this machine is not\n", path);
	}
	buf_wipe(&text);
	bytes_wipe(bytes, sizeof(bytes));
	return err;
}

static enum err make_folder(const char *path, char *why)
{
	if (mkdir(path, 0700) == 0)
		return ERR_OK;
	snprintf(why, AUTHORITY_WHY_LEN, "%s cannot be made: %s%s", path, strerror(errno),
	    errno == EEXIST ? "; it is left from an init that was interrupted: remove it" : "");
	return ERR_IO;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *place)
{
	(void)st;
	(void)kind;
	(void)place;
	return remove(path);
}

static enum err make_keys(struct ceremony *ceremony, char *why)
{
	enum err err =
	    authority_key_store(&ceremony->staged, &ceremony->opener, &ceremony->store, why);
	char uses[FACTORY_PATH_MAX];
	int i;

	factory_state_path(&ceremony->staged, "key-uses", uses);
	if (!err)
		err = keystore_count_uses(ceremony->store, uses, why);
	for (i = 0; i < CA_KEY_COUNT && !err; i++) {
		err = keystore_generate(ceremony->store, (enum ca_key)i, why);
		if (!err)
			ceremony->made |= 1U << i;
	}
	return err;
}

static enum err make_certificate(
    struct ceremony *ceremony, enum ca_certificate kind, const char *common_name, struct buf *out)
{
	const struct factory_config *config = ceremony->config;
	struct ca_request request = {.kind = kind,
	    .organisation = config->organisation,
	    .common_name = common_name,
	    .not_before_unix_s = ceremony->now_unix_s};
	char crl_url[FACTORY_URL_MAX], issuer_url[FACTORY_URL_MAX], policy[FACTORY_OID_LEN];

	if (kind == CA_CERTIFICATE_ISSUING) {
		factory_url(config, FACTORY_URL_ROOT_CRL, crl_url);
		factory_url(config, FACTORY_URL_ROOT, issuer_url);
		factory_oid(config, FACTORY_OID_POLICY, policy);
		request.crl_url = crl_url;
		request.issuer_url = issuer_url;
		CHECK(!oid_parse(policy, &request.policy));
		CHECK(!certificate_subject(ceremony->root.bytes, ceremony->root.len,
		    &request.issuer, &request.issuer_len));
	}
	return ca_certificate_make(ceremony->store, &request, out);
}

static enum err make_crl(struct ceremony *ceremony, enum ca_key key, const struct buf *certificate,
    int days, struct buf *out)
{
	struct crl_request request = {.key = key,
	    .number = (uint64_t)ceremony->now_unix_s,
	    .this_update_unix_s = ceremony->now_unix_s,
	    .next_update_unix_s = ceremony->now_unix_s + (int64_t)days * DAY_S};

	CHECK(!certificate_subject(
	    certificate->bytes, certificate->len, &request.issuer, &request.issuer_len));
	return crl_make(ceremony->store, &request, out);
}

static enum err make_all(struct ceremony *ceremony, char *why)
{
	const struct factory_config *config = ceremony->config;
	enum err err = make_keys(ceremony, why);

	if (err)
		return err;
	err = make_certificate(ceremony, CA_CERTIFICATE_ROOT, config->root_name, &ceremony->root);
	if (!err)
		err = make_certificate(
		    ceremony, CA_CERTIFICATE_ISSUING, config->issuing_name, &ceremony->issuing);
	if (!err)
		err = make_certificate(ceremony, CA_CERTIFICATE_LINE_ACCESS,
		    config->line_access_name, &ceremony->line_access);
	if (!err)
		err = make_crl(ceremony, CA_KEY_ROOT, &ceremony->root, 365, &ceremony->root_crl);
	if (!err)
		err = make_crl(
		    ceremony, CA_KEY_ISSUING, &ceremony->issuing, 30, &ceremony->issuing_crl);
	if (err)
		snprintf(why, AUTHORITY_WHY_LEN, "a certificate or CRL cannot be signed (%s)",
		    err_name(err));
	return err;
}

/* One line of the transcript: what it is, and SHA-256 of its DER. */
static void put_hash(struct buf *out, const char *what, const struct buf *der)
{
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	sha256(der->bytes, der->len, digest);
	hex_encode_lower(digest, sizeof(digest), hex);
	buf_printf(out, "%-24s sha256 %s\n", what, hex);
}

static void write_transcript(struct ceremony *ceremony)
{
	const struct factory_config *config = ceremony->config;
	struct buf *out = &ceremony->transcript;
	char at[CLOCK_TEXT_LEN + 1], why[KEYSTORE_WHY_LEN] = "";
	struct ca_key_info info = {0};
	char id[2 * CA_KEY_ID_LEN + 1];
	int i;

	clock_format_s(ceremony->now_unix_s, at);
	buf_printf(out, "factory-ca %s, key ceremony of %s\norganisation %s\n\n", FIRSTRING_VERSION,
	    at, config->organisation);
	for (i = 0; i < CA_KEY_COUNT; i++) {
		CHECK(!keystore_describe(ceremony->store, (enum ca_key)i, &info, why));
		hex_encode_lower(info.id, sizeof(info.id), id);
		buf_printf(out, "key %-20s %s, id %s\n", ca_key_name((enum ca_key)i),
		    ca_key_algorithm_name(info.algorithm), id);
	}
	buf_put_str(out, "\n");
	put_hash(out, "root certificate", &ceremony->root);
	put_hash(out, "issuing certificate", &ceremony->issuing);
	put_hash(out, "line-access certificate", &ceremony->line_access);
	put_hash(out, "root CRL", &ceremony->root_crl);
	put_hash(out, "issuing CRL, the first", &ceremony->issuing_crl);
}

static enum err write_file(
    const struct ceremony *ceremony, const char *name, const struct buf *bytes, char *why)
{
	char path[FACTORY_PATH_MAX];
	enum err err;

	factory_state_path(&ceremony->staged, name, path);
	err = file_write_new(path, 0600, bytes->bytes, bytes->len);
	if (err)
		snprintf(why, AUTHORITY_WHY_LEN, "%s cannot be written: %s", path, strerror(errno));
	return err;
}

static enum err write_pem(
    const struct ceremony *ceremony, const char *name, const struct buf *der, char *why)
{
	struct buf pem = {0};
	enum err err;

	command_put_pem(&pem, "CERTIFICATE", der);
	err = write_file(ceremony, name, &pem, why);
	buf_free(&pem);
	return err;
}

static enum err write_all(struct ceremony *ceremony, char *why)
{
	enum err err = write_pem(ceremony, "ca/root.pem", &ceremony->root, why);

	if (!err)
		err = write_pem(ceremony, "ca/issuing.pem", &ceremony->issuing, why);
	if (!err)
		err = write_pem(ceremony, "ca/line-access.pem", &ceremony->line_access, why);
	if (!err)
		err = write_file(ceremony, "ca/root.crl", &ceremony->root_crl, why);
	if (!err)
		err = write_file(ceremony, "ca/issuing-0.crl", &ceremony->issuing_crl, why);
	if (!err)
		err = write_file(ceremony, "transcript.txt", &ceremony->transcript, why);
	if (!err)
		err = ledger_files_create(ceremony->folder, why);
	return err;
}

/* As the keeper of the state folder: everything in it is his from the first byte. */
static enum err fill_folder(struct ceremony *ceremony, char *why)
{
	char path[FACTORY_PATH_MAX];
	enum err err = authority_become_keeper(ceremony->config, why);

	if (err)
		return err;
	factory_state_path(&ceremony->staged, "keys", path);
	err = make_folder(path, why);
	factory_state_path(&ceremony->staged, "ca", path);
	if (!err)
		err = make_folder(path, why);
	if (!err)
		err = make_all(ceremony, why);
	if (!err) {
		write_transcript(ceremony);
		err = write_all(ceremony, why);
	}
	authority_become_ourselves();
	return err;
}

static enum err put_in_place(struct ceremony *ceremony, char *why)
{
	if (rename(ceremony->folder, ceremony->config->state_dir) != 0 ||
	    file_sync_folder(ceremony->config->state_dir)) {
		snprintf(why, AUTHORITY_WHY_LEN, "%s cannot be renamed to %s: %s", ceremony->folder,
		    ceremony->config->state_dir, strerror(errno));
		return ERR_IO;
	}
	return ERR_OK;
}

/* A token keeps its keys whatever becomes of the folder. */
static void undo(struct ceremony *ceremony)
{
	int i;

	for (i = 0; i < CA_KEY_COUNT; i++)
		if (ceremony->made & 1U << i)
			keystore_discard(ceremony->store, (enum ca_key)i);
	nftw(ceremony->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static enum err run_ceremony(struct ceremony *ceremony, char *why)
{
	const struct factory_config *config = ceremony->config;
	enum err err;

	if (access(config->state_dir, F_OK) == 0) {
		snprintf(why, AUTHORITY_WHY_LEN,
		    "%s is there already: a CA is made once and never overwritten",
		    config->state_dir);
		return ERR_EXISTS;
	}
	err = authority_opener(config, &ceremony->opener, why);
	if (!err)
		err = make_folder(ceremony->folder, why);
	if (err)
		return err;
	err = authority_give_to_keeper(config, ceremony->folder, why);
	if (!err)
		err = fill_folder(ceremony, why);
	if (!err)
		err = put_in_place(ceremony, why);
	if (err)
		undo(ceremony);
	return err;
}

static int parse_arguments(int argc, char **argv, const char **passphrase_path)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--make-passphrase") == 0 && i + 1 < argc) {
			*passphrase_path = argv[++i];
			continue;
		}
		command_say("init: %s: usage: factory-ca init [--make-passphrase FILE]", argv[i]);
		return EX_USAGE;
	}
	return EX_OK;
}

static void free_ceremony(struct ceremony *ceremony)
{
	struct buf *bytes[] = {&ceremony->root, &ceremony->issuing, &ceremony->line_access,
	    &ceremony->root_crl, &ceremony->issuing_crl, &ceremony->transcript};
	size_t i;

	keystore_free(ceremony->store);
	secret_free(&ceremony->opener);
	for (i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
		buf_free(bytes[i]);
}

int command_init(const struct command_context *context, int argc, char **argv)
{
	const struct factory_config *config = context->config;
	struct ceremony ceremony = {.config = config, .staged = *config};
	char why[AUTHORITY_WHY_LEN] = "";
	const char *passphrase_path = NULL;
	int status = parse_arguments(argc, argv, &passphrase_path);
	enum err err;

	if (status)
		return status;
	sandbox_harden();
	if (passphrase_path && make_passphrase(passphrase_path))
		return EX_CANTCREAT;
	/* Locking failing was logged; the ceremony's machine is the officer's choice. */
	err = authority_lock_memory();
	(void)err;
	snprintf(ceremony.folder, sizeof(ceremony.folder), "%s.new", config->state_dir);
	ceremony.staged.state_dir = ceremony.folder;
	ceremony.now_unix_s = clock_unix_s();
	umask(077);
	err = run_ceremony(&ceremony, why);
	if (err) {
		command_say("init: %s", why);
		status = err == ERR_EXISTS ? EX_CANTCREAT : command_status(err);
	} else {
		fwrite(ceremony.transcript.bytes, 1, ceremony.transcript.len, stdout);
		if (!*config->pkcs11_uri)
			printf("\nThe root key is needed again only for a new issuing CA and for "
			       "the root's CRL once a year:\ntake %s/keys/root.key off this "
			       "machine now.\n",
			    config->state_dir);
		status = command_publish_files(config);
	}
	free_ceremony(&ceremony);
	return status;
}
