/*
 * Who may do what at the factory front. Pure: a table and a few comparisons.
 *
 * The caller is what the database says of the certificate that TLS verified; that certificate says
 * by its extended key usage whether it is a station's or an operator's, and both must agree.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_REQUEST_H
#define FIRSTRING_FACTORY_CA_FRONT_REQUEST_H

#include "factory-ca/statement.h"

enum request_role { ROLE_NOBODY, ROLE_STATION, ROLE_OPERATOR };

struct caller {
	enum request_role role; /* by the certificate's EKU; ROLE_NOBODY: it carries neither */
	int presented; /* a certificate that verified */
	int live; /* on record under that role, and neither revoked nor removed */
	char name[STATEMENT_NAME_MAX + 1]; /* "" unless live */
};

enum operation {
	OPERATION_CACERTS,
	OPERATION_CSRATTRS,
	OPERATION_ENROLL,
	OPERATION_KEYGEN,
	OPERATION_REENROLL,
	OPERATION_BATCH,
	OPERATION_ORDER_READ,
	OPERATION_DEVICE_READ,
	OPERATION_CODE_ROTATE,
	OPERATION_ORDER_OPEN,
	OPERATION_ORDER_CLOSE,
	OPERATION_ORDER_EXTEND,
	OPERATION_STATEMENT, /* grants, revocations, removals */
	OPERATION_CRL,
	OPERATION_RECORDS_READ, /* reports, phones and certificates of any order, operators */
	OPERATION_MODEL_READ,
	OPERATION_COUNT,
};

enum request_refusal {
	REQUEST_ALLOWED,
	REQUEST_NO_CERTIFICATE, /* 401 */
	REQUEST_NOT_A_ROLE, /* 403: the certificate is neither a station's nor an operator's */
	REQUEST_NOT_LIVE, /* 403: unknown, revoked, expired on record */
	REQUEST_WRONG_ROLE, /* 403: a station asked for what operators do, or the reverse */
	REQUEST_STATION_NOT_ON_ORDER, /* 403 */
	REQUEST_REFUSAL_COUNT,
};

/* 1 when the operation needs no certificate at all (RFC 7030 section 4.1.1: cacerts). */
int request_is_public(enum operation operation);
enum request_refusal request_check(enum operation operation, const struct caller *caller);

/* Status, stable code and sentence of a refusal. */
int request_refusal_status(enum request_refusal refusal);
const char *request_refusal_code(enum request_refusal refusal);
const char *request_refusal_detail(enum request_refusal refusal);

#endif
