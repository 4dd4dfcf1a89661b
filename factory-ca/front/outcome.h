/*
 * From what the record and the signer say of a phone to the row code of the wire contract. Pure.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_OUTCOME_H
#define FIRSTRING_FACTORY_CA_FRONT_OUTCOME_H

#include "factory-ca/front/enrolment.h"
#include "factory-ca/signer/protocol.h"

/* Of certificates_existing and certificates_store: any outcome but none, existing and stored. An
 * outcome that is not in the statements' heads is our own mistake and aborts. */
void outcome_refuse(struct enrolment *enrolment, const char *outcome);

/* Of the signer: any outcome but a success. Its detail is passed on. */
void outcome_refuse_issue(struct enrolment *enrolment, const struct signer_issued_row *issued);

#endif
