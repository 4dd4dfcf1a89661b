/* Calls to the front, told in words. Runs in the operator's commands. */
#include "factory-ca/commands/front_api.h"

#include <signal.h>
#include <stdio.h>
#include <sysexits.h>

#include "factory-ca/commands/command.h"
#include "factory-ca/commands/https_client.h"

int front_api_open(struct front_api *api, const struct command_context *context)
{
	const struct factory_config *config = context->config;

	/* A front that hangs up while we write is an error to be told, not a silent end. */
	signal(SIGPIPE, SIG_IGN);
	if (api->url == NULL)
		api->url = config->front_url;
	if (api->server_ca == NULL)
		api->server_ca = config->front_server_ca;
	api->operator_cert_path = context->operator_cert_path;
	api->operator_key_path = context->operator_key_path;
	if (api->operator_cert_path == NULL || api->operator_key_path == NULL) {
		command_say("whose order is this? Give --operator-cert FILE and --operator-key FILE"
			    " before the command (factory-ca operator add NAME makes them)");
		return EX_USAGE;
	}
	if (api->server_ca[0] == '\0') {
		command_say("which CA vouches for the front? Set front.server_ca, or give"
			    " --server-ca FILE");
		return EX_USAGE;
	}
	return EX_OK;
}

const char *front_api_text(const json_t *document, const char *key)
{
	const char *text = json_string_value(json_object_get(document, key));

	return text ? text : "";
}

static int status_of_failure(enum err err)
{
	switch (err) {
	case ERR_SYNTAX:
		return EX_USAGE;
	case ERR_SIGNATURE:
	case ERR_DENIED:
		return EX_NOPERM;
	default:
		return EX_UNAVAILABLE;
	}
}

static int tell_refusal(int status, const json_t *problem)
{
	const char *detail = front_api_text(problem, "detail");
	const char *code = front_api_text(problem, "code");

	if (status >= 500) {
		command_say("the front cannot do it now (%d %s): %s; repeating the command is safe",
		    status, code, detail);
		return EX_UNAVAILABLE;
	}
	if (status == 401 || status == 403) {
		command_say("the front refuses this operator (%s): %s", code, detail);
		return EX_NOPERM;
	}
	command_say("refused (%d %s): %s", status, code, detail);
	return EX_DATAERR;
}

int front_api_call(const struct front_api *api, const char *method, const char *path,
    const struct buf *body, json_t **document)
{
	struct https_request request = {.url = api->url,
	    .ca_path = api->server_ca,
	    .identity = {api->operator_cert_path, api->operator_key_path},
	    .method = method,
	    .path = path,
	    .content_type = body ? "application/octet-stream" : NULL,
	    .body = body ? body->bytes : NULL,
	    .body_len = body ? body->len : 0};
	struct https_answer answer = {0};
	char why[HTTPS_WHY_LEN];
	json_t *parsed;
	int status = EX_OK;
	enum err err = https_call(&request, &answer, why);

	if (err != ERR_OK) {
		command_say("%s: %s%s", api->url, why,
		    err == ERR_UNAVAILABLE ? "; is factory-ca front running there?" : "");
		return status_of_failure(err);
	}
	parsed = json_loadb(
	    (const char *)answer.body.bytes, answer.body.len, JSON_REJECT_DUPLICATES, NULL);
	if (answer.status >= 300) {
		status = tell_refusal(answer.status, parsed);
	} else if (!json_is_object(parsed)) {
		command_say(
		    "%s: an answer that is no document; is this the factory front?", api->url);
		status = EX_UNAVAILABLE;
	} else {
		*document = json_incref(parsed);
	}
	json_decref(parsed);
	buf_wipe(&answer.body);
	return status;
}
