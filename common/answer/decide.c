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
    [DECIDE_WEAK_LISTENER] = {"weak_listener", 404, "weak_listener"},
    [DECIDE_UNKNOWN_FILE] = {"unknown_file", 404, NULL},
    [DECIDE_COMMON_FILE] = {"common_file", 404, NULL},
    [DECIDE_UNCLAIMED] = {"unclaimed", 404, NULL},
    [DECIDE_SUSPENDED] = {"suspended", 404, NULL},
    [DECIDE_ITSP_SUSPENDED] = {"itsp_suspended", 404, NULL},
    [DECIDE_WINDOW_CLOSED] = {"window_closed", 404, NULL},
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

static enum decide_reason decide_redelivery(const struct decide_device *device, int64_t now_us)
{
	static const int64_t HOUR_US = 3600 * INT64_C(1000000);

	switch (device->redelivery) {
	case REDELIVERY_ALWAYS:
		return DECIDE_ANSWER;
	case REDELIVERY_WINDOW:
		if ((now_us - device->armed_at_us) / HOUR_US < device->window_hours)
			return DECIDE_ANSWER;
		return DECIDE_WINDOW_CLOSED;
	case REDELIVERY_ONCE:
		break;
	}
	return DECIDE_POLICY;
}

static enum decide_reason decide_claim(const struct decide_device *device, int64_t now_us)
{
	if (!device->claimed)
		return DECIDE_UNCLAIMED;
	if (device->itsp_suspended)
		return DECIDE_ITSP_SUSPENDED;
	if (device->suspended)
		return DECIDE_SUSPENDED;
	if (device->delivery != DELIVERY_DIRECT)
		return DECIDE_POLICY;
	return decide_redelivery(device, now_us);
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
	if (device->has_certificate || (policy->listener_compatible && !device->tls_compatible)) {
		decision.reason = DECIDE_WEAK_LISTENER;
		return decision;
	}
	/* An unclaimed phone gets the 404 whatever its model; our own lack must not tell it apart.
	 */
	if (device->format != NULL)
		decision.file = format_match(device->format, request->mac, request->path,
		    request->query, request->query_len, &decision.body);
	else if (device->claimed) {
		decision.reason = DECIDE_NO_FORMAT;
		return decision;
	}
	if (device->format != NULL && decision.file != FILE_OWN)
		decision.reason =
		    decision.file == FILE_COMMON ? DECIDE_COMMON_FILE : DECIDE_UNKNOWN_FILE;
	else
		decision.reason = decide_claim(device, now_us);
	return decision;
}
