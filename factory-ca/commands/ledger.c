/*
 * factory-ca ledger: show, which verifies the ledger and tells where it ends, and restore, by which
 * two operators say that a ledger put back from a backup counts. Both read the signer's own files
 * while it is stopped. What was issued after the backup is lost to the ledger, not to the database:
 * that is why it takes two. Run by the PKI officer.
 */
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "factory-ca/commands.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/commands/opened_ledger.h"
#include "factory-ca/commands/statement_send.h"
#include "factory-ca/signer/authority.h"
#include "factory-ca/signer/ledger.h"
#include "factory-ca/signer/ledger_witness.h"

static const char USAGE[] = "usage: factory-ca ledger show\n"
			    "       factory-ca [options] ledger restore --out FILE\n"
			    "       factory-ca [options] ledger restore --statement FILE\n\n"
			    "The signer does not start on a ledger that is older than what it "
			    "wrote last. Where a backup is\n"
			    "all there is, the first operator signs with --out that this ledger "
			    "counts, the second one with\n"
			    "--statement; both need --operator-cert and --operator-key before "
			    "\"ledger\". The signer must be\n"
			    "stopped. Phones issued since the backup stay in the database; their "
			    "serial numbers are not in\n"
			    "the ledger, so do not open their range again.\n";

static int show(const struct ledger *ledger)
{
	struct statement_ledger end = ledger_end(ledger);
	char hex[2 * SHA256_LEN + 1];

	printf("records %llu, open orders %zu\n", (unsigned long long)end.record_count,
	    ledger_open_orders(ledger));
	hex_encode_lower(end.record_chain, SHA256_LEN, hex);
	printf("record chain  %s\n", hex);
	hex_encode_lower(end.journal_chain, SHA256_LEN, hex);
	printf("journal chain %s\n", hex);
	return EX_OK;
}

static int restore_second(const struct factory_config *config, const struct front_api *api,
    struct ledger *ledger, const char *path)
{
	struct signed_statement signed_statement = {0};
	struct signer_statement_outcome outcome;
	char why[AUTHORITY_WHY_LEN] = "";
	int status = statement_countersign_here(api, path, &signed_statement);

	if (status == EX_OK && authority_become_keeper(config, why)) {
		command_say("ledger restore: %s", why);
		status = EX_NOPERM;
	} else if (status == EX_OK) {
		ledger_accept_restore(ledger, &signed_statement, clock_unix_s(), &outcome);
		authority_become_ourselves();
		if (outcome.outcome == STATEMENT_ACCEPTED) {
			printf("accepted; the signer can be started\n");
		} else {
			command_say("ledger restore: %s: %s", outcome.code, outcome.detail);
			status = EX_DATAERR;
		}
	}
	signed_statement_free(&signed_statement);
	return status;
}

static int restore(const struct command_context *context, struct ledger *ledger,
    const char *out_path, const char *statement_path)
{
	struct statement statement = {
	    .type = STATEMENT_LEDGER_RESTORE, .ledger = ledger_end(ledger)};
	struct front_api api = {0};
	json_t *document = NULL;
	int status = front_api_open(&api, context);

	if (status)
		return status;
	if (statement_path)
		return restore_second(context->config, &api, ledger, statement_path);
	status = statement_send(&api, &statement, out_path, &document);
	json_decref(document);
	return status;
}

static int run(
    const struct command_context *context, const char *out_path, const char *statement_path)
{
	struct opened_ledger opened = {0};
	char why[LEDGER_WHY_LEN] = "";
	enum err err = opened_ledger_open(context->config, LEDGER_ANY_AGE, &opened, why);
	int status;

	if (err) {
		command_say("ledger: %s", why);
		status = command_status(err);
	} else if (out_path || statement_path) {
		status = restore(context, opened.ledger, out_path, statement_path);
	} else {
		status = show(opened.ledger);
	}
	opened_ledger_close(&opened);
	return status;
}

int command_ledger(const struct command_context *context, int argc, char **argv)
{
	int asked = argc > 1 && strcmp(argv[argc - 1], "--help") == 0;

	if (argc == 2 && strcmp(argv[1], "show") == 0)
		return run(context, NULL, NULL);
	if (argc == 4 && strcmp(argv[1], "restore") == 0 && strcmp(argv[2], "--out") == 0)
		return run(context, argv[3], NULL);
	if (argc == 4 && strcmp(argv[1], "restore") == 0 && strcmp(argv[2], "--statement") == 0)
		return run(context, NULL, argv[3]);
	fputs(USAGE, asked ? stdout : stderr);
	return asked ? EX_OK : EX_USAGE;
}
