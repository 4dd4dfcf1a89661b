/* Who may do what. Pure. */
#include "factory-ca/front/request.h"

enum { STATIONS = 1 << ROLE_STATION, OPERATORS = 1 << ROLE_OPERATOR };

/* The roles that each operation is for; none: public. */
static const unsigned ROLES[OPERATION_COUNT] = {
    [OPERATION_CACERTS] = 0,
    [OPERATION_CSRATTRS] = STATIONS,
    [OPERATION_ENROLL] = STATIONS,
    [OPERATION_KEYGEN] = STATIONS,
    [OPERATION_REENROLL] = STATIONS,
    [OPERATION_BATCH] = STATIONS,
    [OPERATION_ORDER_READ] = STATIONS | OPERATORS,
    [OPERATION_DEVICE_READ] = STATIONS | OPERATORS,
    [OPERATION_CODE_ROTATE] = OPERATORS,
    [OPERATION_ORDER_OPEN] = OPERATORS,
    [OPERATION_ORDER_CLOSE] = OPERATORS,
    [OPERATION_ORDER_EXTEND] = OPERATORS,
    [OPERATION_STATEMENT] = OPERATORS,
    [OPERATION_CRL] = OPERATORS,
    [OPERATION_RECORDS_READ] = OPERATORS,
    [OPERATION_MODEL_READ] = OPERATORS,
};

static const struct {
	int status;
	const char *code, *detail;
} REFUSALS[REQUEST_REFUSAL_COUNT] = {
    [REQUEST_ALLOWED] = {200, "", ""},
    [REQUEST_NO_CERTIFICATE] = {401, "certificate_required",
	"present a station's or an operator's certificate in the TLS handshake"},
    [REQUEST_NOT_A_ROLE] = {403, "not_a_line_certificate",
	"this certificate is neither a station's nor an operator's"},
    [REQUEST_NOT_LIVE] = {403, "certificate_not_live",
	"this certificate is not on record as live; have an operator add the station again"},
    [REQUEST_WRONG_ROLE] = {403, "wrong_role",
	"stations enrol phones, operators open and close orders: this certificate is the other"
	" kind"},
    [REQUEST_STATION_NOT_ON_ORDER] = {403, "station_not_on_order",
	"the order does not name this station"},
};

int request_is_public(enum operation operation)
{
	return ROLES[operation] == 0;
}

enum request_refusal request_check(enum operation operation, const struct caller *caller)
{
	if (request_is_public(operation))
		return REQUEST_ALLOWED;
	if (!caller->presented)
		return REQUEST_NO_CERTIFICATE;
	if (caller->role == ROLE_NOBODY)
		return REQUEST_NOT_A_ROLE;
	if (!caller->live)
		return REQUEST_NOT_LIVE;
	if ((ROLES[operation] & (1u << caller->role)) == 0)
		return REQUEST_WRONG_ROLE;
	return REQUEST_ALLOWED;
}

int request_refusal_status(enum request_refusal refusal)
{
	return REFUSALS[refusal].status;
}

const char *request_refusal_code(enum request_refusal refusal)
{
	return REFUSALS[refusal].code;
}

const char *request_refusal_detail(enum request_refusal refusal)
{
	return REFUSALS[refusal].detail;
}
