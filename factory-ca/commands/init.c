/*
 * factory-ca init: the key ceremony on one machine. Makes the keys, the three CA certificates, the
 * root's CRL of a year, the issuing CA's first CRL and an empty ledger. With --root-only it makes a
 * root and nothing else, for a machine that is never connected (see ca.c). Run once, by the PKI
 * officer. It sends nothing anywhere: see publish.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/file.h"
#include "common/base/text.h"
#include "factory-ca/commands.h"
#include "factory-ca/commands/ceremony.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/signer/ledger_file.h"

enum { PASSPHRASE_BYTES = 32 };

static const char USAGE[] =
    "usage: factory-ca init [--root-only] [--make-passphrase FILE]\n\n"
    "Makes root, issuing CA and line-access CA in pki.state_dir, once. With --root-only the root\n"
    "alone, on a machine of its own: the issuing CAs of the factories are then made with \"ca\n"
    "request\", \"ca sign\" and \"ca import\". The passphrase that seals the keys is read from\n"
    "pki.passphrase_file; --make-passphrase writes a new one to FILE when there is none.\n";

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

static enum err make_issuing(struct ceremony *ceremony, char *why)
{
	struct ceremony_texts texts;
	struct ca_request request = ceremony_issuing_request(ceremony, &ceremony->root, &texts);
	enum err err = ca_certificate_make(ceremony->store, &request, &ceremony->issuing);

	if (err)
		keystore_say(
		    err, why, "the issuing certificate cannot be signed (%s)", err_name(err));
	return err;
}

static enum err make_all(struct ceremony *ceremony, int root_only, char *why)
{
	enum err err = ceremony_open_store(ceremony, why);
	int i;

	for (i = 0; i < CA_KEY_FIRST_COUNT && !err; i++)
		if (i == CA_KEY_ROOT || !root_only)
			err = ceremony_make_key(ceremony, (enum ca_key)i, why);
	if (!err)
		err = ceremony_make_root(ceremony, why);
	if (!err && !root_only)
		err = make_issuing(ceremony, why);
	if (!err && !root_only)
		err = ceremony_make_line_access(ceremony, why);
	if (!err && !root_only)
		err = ceremony_make_issuing_crl(ceremony, why);
	return err;
}

static void write_transcript(struct ceremony *ceremony, int root_only)
{
	int i;

	ceremony_note_begin(ceremony, root_only ? "root ceremony" : "key ceremony");
	for (i = 0; i < CA_KEY_FIRST_COUNT; i++)
		if (i == CA_KEY_ROOT || !root_only)
			ceremony_note_key(ceremony, (enum ca_key)i);
	buf_put_str(&ceremony->transcript, "\n");
	ceremony_note_hash(ceremony, "root certificate", &ceremony->root);
	if (!root_only) {
		ceremony_note_hash(ceremony, "issuing certificate", &ceremony->issuing);
		ceremony_note_hash(ceremony, "line-access certificate", &ceremony->line_access);
	}
	ceremony_note_hash(ceremony, "root CRL", &ceremony->root_crl);
	if (!root_only)
		ceremony_note_hash(ceremony, "issuing CRL, the first", &ceremony->issuing_crl);
}

static enum err write_all(struct ceremony *ceremony, int root_only, char *why)
{
	enum err err = ceremony_write_pem(ceremony, "ca/root.pem", &ceremony->root, why);

	if (!err)
		err = ceremony_write(ceremony, "ca/root.crl", &ceremony->root_crl, why);
	if (!err)
		err = ceremony_write(ceremony, "transcript.txt", &ceremony->transcript, why);
	if (err || root_only)
		return err;
	err = ceremony_write_pem(ceremony, "ca/issuing.pem", &ceremony->issuing, why);
	if (!err)
		err =
		    ceremony_write_pem(ceremony, "ca/line-access.pem", &ceremony->line_access, why);
	if (!err)
		err = ceremony_write(ceremony, "ca/issuing-0.crl", &ceremony->issuing_crl, why);
	return err ? err : ledger_files_create(ceremony->folder, why);
}

/* As the keeper of the state folder: everything in it is his from the first byte. */
static enum err fill_folder(struct ceremony *ceremony, int root_only, char *why)
{
	enum err err = authority_become_keeper(ceremony->config, why);

	if (err)
		return err;
	err = make_all(ceremony, root_only, why);
	if (!err) {
		write_transcript(ceremony, root_only);
		err = write_all(ceremony, root_only, why);
	}
	authority_become_ourselves();
	return err;
}

static enum err run_ceremony(struct ceremony *ceremony, int root_only, char *why)
{
	enum err err = ceremony_check_absent(ceremony, why);

	if (!err)
		err = ceremony_make_folder(ceremony, why);
	if (err)
		return err;
	err = fill_folder(ceremony, root_only, why);
	if (!err)
		err = ceremony_put_in_place(ceremony, why);
	if (err)
		ceremony_undo(ceremony);
	return err;
}

struct arguments {
	const char *passphrase_path;
	int root_only;
};

static int parse_arguments(int argc, char **argv, struct arguments *arguments)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--make-passphrase") == 0 && i + 1 < argc) {
			arguments->passphrase_path = argv[++i];
		} else if (strcmp(argv[i], "--root-only") == 0) {
			arguments->root_only = 1;
		} else {
			int asked = argc == 2 && strcmp(argv[1], "--help") == 0;

			fputs(USAGE, asked ? stdout : stderr);
			return asked ? -1 : EX_USAGE;
		}
	}
	return EX_OK;
}

static int tell_what_to_do(const struct ceremony *ceremony, int root_only)
{
	const struct factory_config *config = ceremony->config;

	fwrite(ceremony->transcript.bytes, 1, ceremony->transcript.len, stdout);
	if (root_only) {
		printf("\nEach factory runs \"factory-ca ca request\"; sign its request here with "
		       "\"factory-ca ca sign\".\n");
		return EX_OK;
	}
	if (!*config->pkcs11_uri)
		printf("\nThe root key is needed again only for a new issuing CA and for the "
		       "root's CRL once a year:\ntake %s/keys/root.key off this machine now.\n",
		    config->state_dir);
	return command_publish_files(config);
}

int command_init(const struct command_context *context, int argc, char **argv)
{
	const struct factory_config *config = context->config;
	struct arguments arguments = {0};
	struct ceremony ceremony;
	char why[AUTHORITY_WHY_LEN] = "";
	int status = parse_arguments(argc, argv, &arguments);
	enum err err;

	if (status)
		return status < 0 ? EX_OK : status;
	ceremony_begin(&ceremony, config, ".new");
	if (arguments.passphrase_path && make_passphrase(arguments.passphrase_path)) {
		ceremony_free(&ceremony);
		return EX_CANTCREAT;
	}
	err = run_ceremony(&ceremony, arguments.root_only, why);
	if (err) {
		command_say("init: %s", why);
		status = err == ERR_EXISTS ? EX_CANTCREAT : command_status(err);
	} else {
		status = tell_what_to_do(&ceremony, arguments.root_only);
	}
	ceremony_free(&ceremony);
	return status;
}
