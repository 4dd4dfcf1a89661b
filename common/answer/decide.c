/* The decisions of decide.h, each in one place. Pure. */
#include "common/answer/decide.h"

#include <string.h>

#include "common/answer/request_mac.h"

static const struct {
	const char *name;
	int status;
	const char *security_kind;
} REASONS[DECIDE_REASON_COUNT] = {
    [DECIDE_ANSWER] = {"answer", 200, NULL},
    [DECIDE_METHOD] = {"method", 405, NULL},
    [DECIDE_OTHER_MAC] = {"other_mac", 403, "mac_mismatch"},
    [DECIDE_NO_CREDENTIALS] = {"no_credentials", 401, NULL},
    [DECIDE_WRONG_CREDENTIALS] = {"wrong_credentials", 401, "wrong_credentials"},
    [DECIDE_NOT_LIVE] = {"not_live", 404, "certificate_unknown"},
    [DECIDE_DEAD_CERTIFICATE] = {"dead_certificate", 404, "certificate_not_live"},
    [DECIDE_OTHER_DEVICE] = {"other_device", 404, "certificate_mac_differs"},
    [DECIDE_WRONG_LISTENER] = {"wrong_listener", 404, NULL},
    [DECIDE_WEAK_LISTENER] = {"weak_listener", 404, "weak_listener"},
    [DECIDE_UNKNOWN_FILE] = {"unknown_file", 404, NULL},
    [DECIDE_COMMON_FILE] = {"common_file", 404, NULL},
    [DECIDE_UNCLAIMED] = {"unclaimed", 404, NULL},
    [DECIDE_SUSPENDED] = {"suspended", 404, NULL},
    [DECIDE_ITSP_SUSPENDED] = {"itsp_suspended", 404, NULL},
    [DECIDE_WINDOW_CLOSED] = {"window_closed", 404, NULL},
    [DECIDE_LOCKED] = {"locked", 404, NULL},
    [DECIDE_PURGED] = {"purged", 404, NULL},
    [DECIDE_UNAVAILABLE] = {"unavailable", 503, NULL},
    [DECIDE_NO_FORMAT] = {"no_format", 503, NULL},
    [DECIDE_POLICY] = {"policy", 503, NULL},
    [DECIDE_RECORD] = {"record", 503, NULL},
};

const char *decide_reason_name(enum decide_reason reason)
{
	CHECK(reason < DECIDE_REASON_COUNT);
	return REASONS[reason].name;
}

int decide_status(enum decide_reason reason)
{
	CHECK(reason < DECIDE_REASON_COUNT);
	return REASONS[reason].status;
}

const char *decide_security_kind(enum decide_reason reason)
{
	CHECK(reason < DECIDE_REASON_COUNT);
	return REASONS[reason].security_kind;
}

static int method_is(const char *method, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(method, name, len) == 0;
}

enum decide_reason decide_before_lookup(const char *method, size_t method_len,
    const struct mac *mac, const char *path, const char *query, size_t query_len)
{
	if (!method_is(method, method_len, "GET") && !method_is(method, method_len, "HEAD"))
		return DECIDE_METHOD;
	if (mac != NULL && request_names_other_mac(mac, path, query, query_len, NULL))
		return DECIDE_OTHER_MAC;
	return DECIDE_ANSWER;
}

static enum decide_reason decide_redelivery(
    const struct decide_device *device, const struct decide_policy *policy, int64_t now_us)
{
	static const int64_t SECOND_US = INT64_C(1000000), HOUR_US = 3600 * INT64_C(1000000);

	switch (device->redelivery) {
	case REDELIVERY_ALWAYS:
		return DECIDE_ANSWER;
	case REDELIVERY_WINDOW:
		if ((now_us - device->armed_at_us) / HOUR_US < device->window_hours)
			return DECIDE_ANSWER;
		return DECIDE_WINDOW_CLOSED;
	case REDELIVERY_ONCE:
		if (device->once_started_at_us == 0 ||
		    (now_us - device->once_started_at_us) / SECOND_US < policy->once_grace_s)
			return DECIDE_ANSWER;
		return DECIDE_LOCKED;
	}
	return DECIDE_POLICY;
}

static enum decide_reason decide_claim(
    const struct decide_device *device, const struct decide_policy *policy, int64_t now_us)
{
	enum decide_reason reason;

	if (!device->claimed)
		return DECIDE_UNCLAIMED;
	if (device->itsp_suspended)
		return DECIDE_ITSP_SUSPENDED;
	if (device->suspended)
		return DECIDE_SUSPENDED;
	reason = decide_redelivery(device, policy, now_us);
	if (reason != DECIDE_ANSWER)
		return reason;
	if (!device->has_password)
		return DECIDE_PURGED;
	if (device->delivery == DELIVERY_STAGED &&
	    (!policy->can_stage || !format_can_stage(device->format)))
		return DECIDE_POLICY;
	return DECIDE_ANSWER;
}

const char *decide_path_behind_token(const char *path, const char **token)
{
	static const char PREFIX[] = "/s/";
	const char *text = path + sizeof(PREFIX) - 1;

	if (strncmp(path, PREFIX, sizeof(PREFIX) - 1) != 0 ||
	    strspn(text, "0123456789abcdef") != DECIDE_TOKEN_LEN || text[DECIDE_TOKEN_LEN] != '/')
		return path;
	*token = text;
	return text + DECIDE_TOKEN_LEN;
}

/* Which file it is. A phone that goes to the very place where stage one sent it asks for its
 * settings, by whatever name its format knows them. */
static void decide_file(
    const struct decide_request *request, const struct format *format, struct decision *decision)
{
	const char *path = decide_path_behind_token(request->path, &decision->token);

	if (decision->token != NULL && strcmp(path, "/") == 0) {
		decision->file = FILE_OWN;
		decision->body = format_settings_body(format);
	} else {
		decision->file = format_match(format, request->mac, path, request->query,
		    request->query_len, &decision->body);
	}
}

/* How the answer is given: whole or in which stage, and what must be written before. */
static void decide_delivery(const struct decide_request *request,
    const struct decide_device *device, struct decision *decision)
{
	if (!format_body_delivers(device->format, decision->body))
		return;
	if (device->delivery == DELIVERY_STAGED) {
		/* A HEAD is not looked after: it gets the head of stage one. */
		decision->stage =
		    decision->token != NULL && !request->token_is_refused && !request->is_head
			? STAGE_TWO
			: STAGE_ONE;
		decision->must_write = !request->is_head;
	} else {
		decision->must_write = device->redelivery == REDELIVERY_ONCE && !request->is_head;
	}
}

struct decision decide_answer(const struct decide_request *request,
    const struct decide_device *device, const struct decide_policy *policy, int64_t now_us)
{
	struct decision decision = {.file = FILE_UNKNOWN};

	if (device == NULL) {
		decision.reason = DECIDE_NOT_LIVE;
		return decision;
	}
	if (!mac_equal(&device->mac, request->mac)) {
		decision.reason = DECIDE_OTHER_DEVICE;
		return decision;
	}
	if (policy->refuses_model) {
		decision.reason = DECIDE_WRONG_LISTENER;
		return decision;
	}
	if (device->has_certificate || (policy->listener_compatible && !device->tls_compatible)) {
		decision.reason = DECIDE_WEAK_LISTENER;
		return decision;
	}
	/* An unclaimed phone gets the 404 whatever its model; our own lack must not tell it apart.
	 */
	if (device->format != NULL)
		decide_file(request, device->format, &decision);
	else if (device->claimed) {
		decision.reason = DECIDE_NO_FORMAT;
		return decision;
	}
	if (device->format != NULL && decision.file != FILE_OWN)
		decision.reason =
		    decision.file == FILE_COMMON ? DECIDE_COMMON_FILE : DECIDE_UNKNOWN_FILE;
	else
		decision.reason = decide_claim(device, policy, now_us);
	if (decision.reason == DECIDE_ANSWER)
		decide_delivery(request, device, &decision);
	return decision;
}
