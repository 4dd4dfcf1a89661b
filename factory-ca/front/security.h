/* What somebody should look at, put on record as security events: a key that two phones have (clone
 * suspicion), a weak key. Private to front/; runs in its workers. */
#ifndef FIRSTRING_FACTORY_CA_FRONT_SECURITY_H
#define FIRSTRING_FACTORY_CA_FRONT_SECURITY_H

#include "factory-ca/front/call.h"
#include "factory-ca/front/enrolment.h"

/* Notes those of the rows that are suspicious. Nobody waits for it; a database that is away costs
 * the event, which the log still has. */
void security_note(const struct call *call, const struct enrolment *rows, size_t count);

#endif
