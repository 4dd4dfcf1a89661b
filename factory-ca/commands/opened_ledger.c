/* Opening the ledger in a command, as the keeper of the state folder. See opened_ledger.h. */
#include "factory-ca/commands/opened_ledger.h"

void opened_ledger_close(struct opened_ledger *opened)
{
	ledger_free(opened->ledger);
	ledger_witness_free(opened->witness);
	X509_free(opened->line_access_ca);
	authority_close(&opened->authority);
}

enum err opened_ledger_open(const struct factory_config *config, enum ledger_age age,
    struct opened_ledger *opened, char *why)
{
	struct ledger_config wanted = {
	    .folder = config->state_dir, .takes_older = age == LEDGER_ANY_AGE};
	char path[FACTORY_PATH_MAX];
	enum err err = authority_open(config, NULL, 0, &opened->authority, why);

	factory_witness_path(config, path);
	if (!err)
		err = ledger_witness_open(path, &opened->witness, why);
	if (!err)
		err = authority_give_to_keeper(config, path, why);
	if (err)
		return err;
	factory_oid(config, FACTORY_OID_OPERATOR, opened->operator_eku);
	opened->line_access_ca = authority_certificate(&opened->authority.line_access);
	wanted.line_access_ca = opened->line_access_ca;
	wanted.operator_eku = opened->operator_eku;
	wanted.witness = opened->witness;
	err = authority_become_keeper(config, why);
	if (!err) {
		err = ledger_open(&wanted, &opened->ledger, why);
		authority_become_ourselves();
	}
	return err;
}
