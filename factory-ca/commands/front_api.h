/*
 * The front as the operator's commands see it: JSON answers, and refusals as sentences on stderr
 * with an exit status. Runs in commands only.
 */
#ifndef FIRSTRING_FACTORY_CA_COMMANDS_FRONT_API_H
#define FIRSTRING_FACTORY_CA_COMMANDS_FRONT_API_H

#include <jansson.h>

#include "factory-ca/commands.h"

/* Where the front is and who asks; options of the command go before the configuration. Borrowed. */
struct front_api {
	const char *url; /* NULL: front.url */
	const char *server_ca; /* NULL: front.server_ca */
	const char *operator_cert_path, *operator_key_path;
};

/* Fills what is NULL from the context. An exit status: 0, or 64 with a sentence on stderr when the
 * operator's certificate or key is not given. */
int front_api_open(struct front_api *api, const struct command_context *context);

/*
 * One call. 0, and `document` is the answer's (to be json_decref'ed); else an exit status, told on
 * stderr: 65 the front refuses what was asked, 69 it cannot be reached or cannot answer now, 77 it
 * does not take this operator. 404 is 65, too. `body` NULL: a call without one.
 */
int front_api_call(const struct front_api *api, const char *method, const char *path,
    const struct buf *body, json_t **document);

/* A member that must be there and be a string; "" when it is not. */
const char *front_api_text(const json_t *document, const char *key);

#endif
