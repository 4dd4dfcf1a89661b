/*
 * factory-ca ca: an issuing CA for a factory whose root is on another machine, which is never
 * connected. "request" makes the factory's keys and writes a request; "sign" answers it where the
 * root's key is; "import" verifies the answer and finishes what request began (ca_import.c); "crl"
 * makes the root's CRL of the next year, which import takes too. "renew" and "retire" are
 * ca_renew.c's. Files are carried by people: what comes in is believed only by the root's hash,
 * which is told on paper. Run by the PKI officer.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/text.h"
#include "factory-ca/commands.h"
#include "factory-ca/commands/ca.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/signer/ledger_file.h"

static const char USAGE[] =
    "usage: factory-ca ca request --out FILE\n"
    "       factory-ca ca sign --request FILE --out FILE\n"
    "       factory-ca ca import --bundle FILE --root-sha256 HEX\n"
    "       factory-ca ca crl --out FILE\n"
    "       factory-ca ca import --crl FILE\n"
    "       factory-ca ca renew [--out FILE]\n"
    "       factory-ca ca retire --generation N [--withdraw]\n\n"
    "For a root that is kept on a machine of its own (factory-ca init --root-only):\n"
    "request  at the factory: makes its keys and a request for its issuing CA\n"
    "sign     at the root: signs it; FILE holds the certificate, the root's and the root's CRL\n"
    "import   at the factory: verifies that and brings the CA to life; HEX is the SHA-256 of the\n"
    "         root's certificate, as the transcript of its ceremony has it\n"
    "crl      at the root: the root's CRL of another year, to be imported by each factory\n\n"
    "For an issuing CA that has served its time:\n"
    "renew    at the factory: makes a new key and certificate, the next generation; the root's "
    "key\n"
    "         is here, or with --out a request goes to the root as above (sign, import). Phones "
    "of\n"
    "         the older generations stay valid\n"
    "retire   at the factory, the signer stopped: signs the last CRL of generation N (from 1 on),\n"
    "         which never ends, and uses its key no more. Its phones stay valid, and CRL and OCSP\n"
    "         tell nothing new of them; --withdraw takes it out of chain.pem, too: its phones are\n"
    "         refused from then on\n";

/* --- request --- */

static enum err fill_pending(struct ceremony *ceremony, struct buf *csr, char *why)
{
	static const enum ca_key keys[] = {CA_KEY_ISSUING, CA_KEY_LINE_ACCESS, CA_KEY_CLAIM_CODE};
	struct ceremony_texts texts;
	struct ca_request request = ceremony_issuing_request(ceremony, NULL, &texts);
	enum err err = authority_become_keeper(ceremony->config, why);
	size_t i;

	if (err)
		return err;
	err = ceremony_open_store(ceremony, why);
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]) && !err; i++)
		err = ceremony_make_key(ceremony, keys[i], why);
	if (!err) {
		err = ca_csr_make(ceremony->store, &request, csr);
		if (err)
			keystore_say(err, why, "the request cannot be signed");
	}
	if (!err) {
		ceremony_note_begin(ceremony, "request for an issuing CA");
		for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			ceremony_note_key(ceremony, keys[i]);
		ceremony_note_hash(ceremony, "request", csr);
		err =
		    ceremony_write(ceremony, "transcript-request.txt", &ceremony->transcript, why);
	}
	authority_become_ourselves();
	return err;
}

static enum err run_request(
    struct ceremony *ceremony, const struct ca_arguments *arguments, char *why)
{
	struct buf csr = {0}, pem = {0};
	enum err err = ceremony_check_absent(ceremony, why);

	if (!err && access(arguments->out, F_OK) == 0)
		err = keystore_say(ERR_EXISTS, why, "%s is there already", arguments->out);
	if (!err)
		err = ceremony_make_folder(ceremony, why);
	if (err)
		return err;
	err = fill_pending(ceremony, &csr, why);
	if (!err) {
		command_put_pem(&pem, "CERTIFICATE REQUEST", &csr);
		err = ca_write_new(arguments->out, &pem, why);
	}
	if (err)
		ceremony_undo(ceremony);
	else
		printf("%s\n%s is to be signed where the root is (\"factory-ca ca sign\"); what is "
		       "needed\nto go on then waits in %s.\n",
		    (char *)ceremony->transcript.bytes, arguments->out, ceremony->folder);
	buf_free(&csr);
	buf_free(&pem);
	return err;
}

/* --- words --- */

static int parse_options(int argc, char **argv, struct ca_arguments *arguments)
{
	int i;

	for (i = 0; i < argc; i += 2) {
		if (strcmp(argv[i], "--withdraw") == 0) {
			arguments->withdraw = 1;
			i--;
			continue;
		}
		if (i + 1 == argc)
			return 0;
		if (strcmp(argv[i], "--out") == 0)
			arguments->out = argv[i + 1];
		else if (strcmp(argv[i], "--request") == 0)
			arguments->request = argv[i + 1];
		else if (strcmp(argv[i], "--bundle") == 0)
			arguments->bundle = argv[i + 1];
		else if (strcmp(argv[i], "--root-sha256") == 0)
			arguments->root_sha256 = argv[i + 1];
		else if (strcmp(argv[i], "--crl") == 0)
			arguments->crl = argv[i + 1];
		else if (strcmp(argv[i], "--generation") == 0)
			arguments->generation = argv[i + 1];
		else
			return 0;
	}
	return i == argc;
}

typedef enum err ca_run_fn(
    struct ceremony *ceremony, const struct ca_arguments *arguments, char *why);

/* Each word with exactly the options that it has. */
static ca_run_fn *choose(const char *word, const struct ca_arguments *given, const char **suffix)
{
	int only_out = given->out && !given->bundle && !given->root_sha256 && !given->crl;

	int no_others = !given->request && !given->bundle && !given->root_sha256 && !given->crl;

	*suffix = "";
	if (strcmp(word, "retire") == 0 && given->generation && !given->out && no_others)
		return ca_run_retire;
	if (given->generation || given->withdraw)
		return NULL;
	if (strcmp(word, "renew") == 0 && no_others)
		return ca_run_renew;
	*suffix = ".pending";
	if (strcmp(word, "request") == 0 && only_out && !given->request)
		return run_request;
	if (strcmp(word, "import") == 0 && !given->out && !given->request && given->bundle &&
	    given->root_sha256 && !given->crl)
		return ca_run_import;
	*suffix = "";
	if (strcmp(word, "sign") == 0 && only_out && given->request)
		return ca_run_sign;
	if (strcmp(word, "crl") == 0 && only_out && !given->request)
		return ca_run_sign;
	if (strcmp(word, "import") == 0 && !given->out && !given->request && !given->bundle &&
	    !given->root_sha256 && given->crl)
		return ca_run_import_crl;
	return NULL;
}

int command_ca(const struct command_context *context, int argc, char **argv)
{
	struct ca_arguments arguments = {0};
	struct ceremony ceremony;
	char why[AUTHORITY_WHY_LEN] = "";
	int asked = argc > 1 && strcmp(argv[argc - 1], "--help") == 0;
	ca_run_fn *run = NULL;
	const char *suffix = "";
	enum err err;

	if (!asked && argc > 1 && parse_options(argc - 2, argv + 2, &arguments))
		run = choose(argv[1], &arguments, &suffix);
	if (!run) {
		fputs(USAGE, asked ? stdout : stderr);
		return asked ? EX_OK : EX_USAGE;
	}
	ceremony_begin(&ceremony, context->config, suffix);
	err = run(&ceremony, &arguments, why);
	if (err)
		command_say("ca %s: %s", argv[1], why);
	ceremony_free(&ceremony);
	if (!err && (run == ca_run_import || run == ca_run_retire ||
			(run == ca_run_renew && !arguments.out)))
		return command_publish_files(context->config);
	return command_status(err);
}
