/*
 * The words behind `factory-ca order`, `code`, `rekey`, `revoke`, `operator remove` and `crl`, read
 * into a statement to be signed.
 * Pure; the words are an engineer's: every mistake is told with what would be right.
 */
#ifndef FIRSTRING_FACTORY_CA_COMMANDS_ORDER_OPTIONS_H
#define FIRSTRING_FACTORY_CA_COMMANDS_ORDER_OPTIONS_H

#include "common/base/err.h"
#include "common/base/mac.h"
#include "factory-ca/statement.h"

enum { ORDER_WHY_LEN = 256, ORDER_PHONES_MAX = 64 };

/* Bits of what an option may belong to. */
enum order_verb {
	ORDER_OPEN = 1,
	ORDER_CLOSE = 2,
	ORDER_SHOW = 4,
	ORDER_CODE = 8, /* factory-ca code */
	ORDER_EXTEND = 16,
	ORDER_SIGN = 32,
	ORDER_REPORT = 64,
	ORDER_REKEY = 128, /* factory-ca rekey */
	ORDER_REVOKE = 256, /* factory-ca revoke */
	ORDER_REMOVE = 512, /* factory-ca operator remove */
	ORDER_CRL = 1024, /* factory-ca crl */
};

struct order_options {
	int help;
	const char *url, *server_ca; /* NULL: not given */
	/* Key types are the model's and stay empty here. Times that are not given are "none", so
	 * that the same words always make the same statement. */
	struct statement_order order;
	int has_profile; /* --profile was given; else it is the model's, too */
	int has_closes; /* --closes was given, perhaps as "none" */
	int has_mac; /* --mac */
	struct mac mac;
	struct mac phones[ORDER_PHONES_MAX]; /* ORDER_CODE: each --mac, in order */
	size_t phone_count;
	int rotate; /* ORDER_CODE */
	int has_serial; /* ORDER_REVOKE: --serial */
	uint8_t serial[STATEMENT_SERIAL_LEN];
	char note[STATEMENT_NOTE_MAX + 1]; /* ORDER_REKEY: --reason; ORDER_REVOKE: --note */
	enum revocation_reason reason; /* ORDER_REVOKE */
	const char *out; /* NULL: send it */
	const char *statement_path; /* ORDER_SIGN */
	int as_csv; /* ORDER_REPORT */
};

/* argv[0] is skipped. ERR_SYNTAX or ERR_RANGE with `why` (ORDER_WHY_LEN). */
MUST_CHECK enum err order_options_parse(
    enum order_verb verb, int argc, char **argv, struct order_options *options, char *why);

#endif
