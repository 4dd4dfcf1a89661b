/*
 * A statement on its way through the front: what statement_handler.c checked and the signer
 * accepted, statement_record.c puts on record. Private to the two.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_STATEMENT_WORK_H
#define FIRSTRING_FACTORY_CA_FRONT_STATEMENT_WORK_H

#include "factory-ca/front/call.h"
#include "factory-ca/statement.h"

/* The work of the call. */
struct statement_work {
	struct signed_statement signed_statement;
	struct statement statement;
	struct buf encoded;
};

/* Records what the signer has accepted, in one transaction, and answers. */
void statement_record(struct call *call);
/* A refusal that counts as one of a statement. */
void statement_refuse(struct call *call, int status, const char *code, const char *detail);

#endif
