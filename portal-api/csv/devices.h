/*
 * The CSV of POST /v1/admin/devices:import: `mac,serial_number,model,fingerprint`. Pure.
 *
 * Rows that cannot be read refuse the whole file, each named by its line; whether a row can be
 * stored is the database's to say.
 */
#ifndef FIRSTRING_PORTAL_CSV_DEVICES_H
#define FIRSTRING_PORTAL_CSV_DEVICES_H

#include <stdint.h>

#include "common/base/mac.h"
#include "common/pki/digest.h"
#include "portal-api/http/problem.h"

enum { DEVICE_ROWS_MAX = 10000, DEVICE_TEXT_MAX = 64 };

struct device_row {
	size_t line;
	struct mac mac;
	char serial_number[DEVICE_TEXT_MAX + 1], model[DEVICE_TEXT_MAX + 1];
	int has_fingerprint; /* 0: the phone is to get per-device credentials */
	struct fingerprint fingerprint;
};

/* On success *rows is the caller's to free. ERR_SYNTAX: `why` holds a sentence when the file itself
 * is wrong, else it is empty and `errors` names the rows ("line 7"). */
MUST_CHECK enum err devices_csv_read(const char *text, size_t len, struct device_row **rows,
    size_t *count, struct field_errors *errors, char *why, size_t why_len);

#endif
