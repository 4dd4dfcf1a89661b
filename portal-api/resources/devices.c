/*
 * Phones as the manufacturer sees them: one to look at, those of a serial number, and the import of
 * those made elsewhere.
 *
 * Phones without a factory certificate get a user name and a password of their own here (ITSPA rule
 * R3), and every one a claim code for its label; they are shown once and stored as SHA-256 (they
 * are random and long).
 */
#include <stdlib.h>
#include <string.h>

#include "common/answer/password.h"
#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/pki/claim_hash.h"
#include "portal-api/csv/devices.h"
#include "portal-api/http/list.h"
#include "portal-api/http/request.h"
#include "portal-api/json/rows.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

static const struct row_field fields[] = {
    {"mac", "mac", ROW_MAC},
    {"serial_number", "serial_number", ROW_TEXT},
    {"model", "model", ROW_TEXT},
    {"source", "source", ROW_TEXT},
    {"order", "order_reference", ROW_TEXT},
    {"manufactured_at", "manufactured_at", ROW_TIME},
    {"claim_code_epoch", "claim_code_epoch", ROW_INT},
    {"certificate_status", "certificate_status", ROW_TEXT},
    {"certificate_fingerprint", "certificate_fingerprint", ROW_HEX},
    {"certificate_serial", "certificate_serial", ROW_HEX},
    {"shipped_to", "shipped_to", ROW_TEXT},
    {"shipped_at", "shipped_at", ROW_TIME},
    {"itsp_id", "itsp_id", ROW_TEXT},
    {"claim_state", "claim_state", ROW_TEXT},
    {"claimed_at", "claimed_at", ROW_TIME},
    {"contacted_at", "contacted_at", ROW_TIME},
    {"delivered_at", "delivered_at", ROW_TIME},
    {"released_at", "released_at", ROW_TIME},
};

static void on_device(struct request *request, const struct pg_rows *const *results, size_t count)
{
	CHECK(count == 1);
	if (row_count(results[0]) == 0)
		request_fail_outcome(request, "not_found");
	else
		request_reply_json(request, 200,
		    row_object(results[0], 0, fields, sizeof(fields) / sizeof(fields[0])));
}

void device_get(struct request *request)
{
	struct mac mac;
	if (request_mac(request, 0, &mac))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_mac(params, &mac);
	request_query(request, &(struct pg_call){&query_admin_device_get, params}, 1, on_device);
}

static const struct list by_serial = {.name = "devices",
    .statement = &query_admin_device_list_by_serial,
    .place_column = "mac",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0])};

void device_list(struct request *request)
{
	char serial_number[DEVICE_TEXT_MAX + 1] = "";
	if (request_query_text(request, "serial_number", serial_number, sizeof(serial_number)))
		return;
	if (!serial_number[0]) {
		request_fail_field(request, "serial_number", "required",
		    "Say which: a phone is looked for by its serial number, or read by its MAC.");
		return;
	}
	struct pg_params *params = list_params(request, &by_serial);
	if (!params)
		return;
	pg_param_text(params, serial_number);
	list_run(request, &by_serial, params);
}

struct import {
	struct device_row *rows;
	struct claim_code *codes; /* by row */
	struct secret *passwords; /* by row; empty where a fingerprint is given */
	size_t count;
};

static void import_free(void *state)
{
	struct import *import = state;
	for (size_t i = 0; i < import->count; i++)
		secret_free(&import->passwords[i]);
	free(import->passwords);
	if (import->codes)
		bytes_wipe(import->codes, import->count * sizeof(*import->codes));
	free(import->codes);
	free(import->rows);
	free(import);
}

static json_t *imported_row(
    const struct import *import, size_t i, const char *outcome, int *has_secret)
{
	const struct device_row *row = &import->rows[i];
	char mac[MAC_TEXT_LEN + 1];
	mac_format(&row->mac, mac);
	json_t *item =
	    json_pack("{si ss ss}", "line", (int)row->line, "mac", mac, "status", outcome);
	if (strcmp(outcome, "created") != 0)
		return item;
	char code[CLAIM_CODE_TEXT_LEN + 1];
	claim_code_format(&import->codes[i], code);
	json_object_set_new(item, "claim_code", json_string(code));
	bytes_wipe(code, sizeof(code));
	*has_secret = 1;
	if (!row->has_fingerprint) {
		json_object_set_new(item, "user", json_string(mac));
		json_object_set_new(
		    item, "password", json_string((const char *)import->passwords[i].bytes));
	}
	return item;
}

static void on_imported(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct pg_rows *rows = results[0];
	const struct import *import = request->state;
	json_t *devices = json_array();
	int outcome = row_column(rows, "outcome"), created = 0;
	CHECK(count == 1 && row_count(rows) == import->count);
	for (size_t i = 0; i < import->count; i++) {
		const char *word = row_text(rows, i, outcome);
		json_t *item = imported_row(import, i, word, &request->holds_secret);
		if (strcmp(word, "created") == 0 && created++ == 0)
			request_set_location(request, "/v1/admin/devices/%s",
			    json_string_value(json_object_get(item, "mac")));
		json_array_append_new(devices, item);
	}
	request_reply_json(request, created ? 201 : 200, json_pack("{so}", "devices", devices));
}

static void add_columns(struct pg_params *params, const struct import *import)
{
	pg_param_array_begin(params, PG_ARRAY_MACADDR);
	for (size_t i = 0; i < import->count; i++)
		pg_param_mac(params, &import->rows[i].mac);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = 0; i < import->count; i++)
		pg_param_text(params, import->rows[i].serial_number);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = 0; i < import->count; i++)
		pg_param_text(params, import->rows[i].model);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_BYTEA);
	for (size_t i = 0; i < import->count; i++)
		pg_param_bytea(params,
		    import->rows[i].has_fingerprint ? import->rows[i].fingerprint.bytes : NULL,
		    SHA256_LEN);
	pg_param_array_end(params);
}

/* User name (the MAC) and the password's digest for each phone without a certificate. */
static void add_credentials(struct pg_params *params, const struct import *import)
{
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = 0; i < import->count; i++) {
		char mac[MAC_TEXT_LEN + 1];
		mac_format(&import->rows[i].mac, mac);
		pg_param_text(params, import->rows[i].has_fingerprint ? NULL : mac);
	}
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_BYTEA);
	for (size_t i = 0; i < import->count; i++) {
		const struct secret *password = &import->passwords[i];
		uint8_t digest[SHA256_LEN];
		sha256(password->bytes, password->len, digest);
		pg_param_bytea(params, password->len ? digest : NULL, sizeof(digest));
	}
	pg_param_array_end(params);
}

/* For the boxes' labels; the epoch of a phone that was never transferred is 0. */
static void make_codes(struct import *import)
{
	uint8_t bits[(CLAIM_CODE_BITS + 7) / 8];
	import->codes = calloc(import->count, sizeof(*import->codes));
	CHECK(import->codes);
	for (size_t i = 0; i < import->count; i++) {
		random_fill(bits, sizeof(bits));
		claim_code_from_bits(bits, &import->codes[i]);
	}
	bytes_wipe(bits, sizeof(bits));
}

static void add_code_hashes(struct pg_params *params, const struct import *import)
{
	pg_param_array_begin(params, PG_ARRAY_BYTEA);
	for (size_t i = 0; i < import->count; i++) {
		uint8_t hash[SHA256_LEN];
		claim_code_hash(&import->codes[i], &import->rows[i].mac, 0, hash);
		pg_param_bytea(params, hash, sizeof(hash));
	}
	pg_param_array_end(params);
}

void device_import(struct request *request)
{
	char why[PROBLEM_DETAIL_MAX];
	struct import *import = calloc(1, sizeof(*import));
	CHECK(import);
	request->state = import;
	request->state_free = import_free;
	if (devices_csv_read(request->body, request->body_len, &import->rows, &import->count,
		&request->problem.errors, why, sizeof(why)) != ERR_OK) {
		if (why[0])
			request_fail(request, PROBLEM_BAD_CSV, "%s", why);
		else
			request_fail_fields(request);
		return;
	}
	import->passwords = calloc(import->count, sizeof(*import->passwords));
	CHECK(import->passwords);
	for (size_t i = 0; i < import->count; i++)
		if (!import->rows[i].has_fingerprint)
			CHECK(password_generate(DEVICE_PASSWORD_LEN, &import->passwords[i]) ==
			      ERR_OK);
	make_codes(import);
	struct pg_params *params = pg_params_new();
	add_columns(params, import);
	add_credentials(params, import);
	add_code_hashes(params, import);
	request_param_actor(request, params);
	request_effect(request, &(struct pg_call){&query_devices_import, params}, 1, on_imported);
}
