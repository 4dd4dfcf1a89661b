/*
 * The words behind `factory-ca order` and `factory-ca code`, read into a statement to be signed.
 * Pure; the words are an engineer's: every mistake is told with what would be right.
 */
#ifndef FIRSTRING_FACTORY_CA_COMMANDS_ORDER_OPTIONS_H
#define FIRSTRING_FACTORY_CA_COMMANDS_ORDER_OPTIONS_H

#include "common/base/err.h"
#include "common/base/mac.h"
#include "factory-ca/statement.h"

enum { ORDER_WHY_LEN = 256 };

/* Bits of what an option may belong to. */
enum order_verb {
	ORDER_OPEN = 1,
	ORDER_CLOSE = 2,
	ORDER_SHOW = 4,
	ORDER_CODE = 8, /* factory-ca code */
};

struct order_options {
	int help;
	const char *url, *server_ca; /* NULL: not given */
	/* Key types are the model's and stay empty here. Times that are not given are "none", so
	 * that the same words always make the same statement. */
	struct statement_order order;
	int has_mac; /* ORDER_CODE: --mac */
	struct mac mac;
};

/* argv[0] is skipped. ERR_SYNTAX or ERR_RANGE with `why` (ORDER_WHY_LEN). */
MUST_CHECK enum err order_options_parse(
    enum order_verb verb, int argc, char **argv, struct order_options *options, char *why);

#endif
