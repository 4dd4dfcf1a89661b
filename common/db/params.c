/*
 * Parameters of a statement: scalars as text, byte strings and arrays in PostgreSQL's binary
 * format, so that no value is ever quoted. Values may be secret (a sealed password is not, a code
 * is): they are wiped when freed. Pure.
 */
#include "common/db/params.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"

/* From pg_type.dat; they never change. */
enum oid {
	OID_BOOL = 16,
	OID_BYTEA = 17,
	OID_INT8 = 20,
	OID_TEXT = 25,
	OID_MACADDR = 829,
	OID_TIMESTAMPTZ = 1184,
	OID_UUID = 2950,
};

/* 2000-01-01 in microseconds since 1970: where PostgreSQL counts from. */
static const int64_t POSTGRES_EPOCH_US = INT64_C(946684800) * 1000000;

static const enum oid ELEMENT_OIDS[] = {
    [PG_ARRAY_TEXT] = OID_TEXT,
    [PG_ARRAY_BYTEA] = OID_BYTEA,
    [PG_ARRAY_INT8] = OID_INT8,
    [PG_ARRAY_BOOL] = OID_BOOL,
    [PG_ARRAY_MACADDR] = OID_MACADDR,
    [PG_ARRAY_TIMESTAMPTZ] = OID_TIMESTAMPTZ,
    [PG_ARRAY_UUID] = OID_UUID,
};

struct param {
	size_t offset, len; /* into bytes */
	int is_null, is_binary;
};

struct pg_params {
	struct buf bytes;
	struct param params[PG_PARAMS_MAX];
	int count;
	int in_array;
	enum pg_array array_type;
	uint32_t elements, nulls;
};

enum { ARRAY_HEADER_LEN = 20 }; /* dimensions, has-null, element type, length, lower bound */

struct pg_params *pg_params_new(void)
{
	struct pg_params *params = calloc(1, sizeof *params);

	CHECK(params != NULL);
	return params;
}

void pg_params_free(struct pg_params *params)
{
	if (params == NULL)
		return;
	buf_wipe(&params->bytes);
	free(params);
}

/* Adds a value: an element of the open array, or a parameter of its own. Text is kept with a NUL.
 */
static void param_add(struct pg_params *params, const void *bytes, size_t len, int is_binary)
{
	if (params->in_array) {
		params->elements++;
		params->nulls += bytes == NULL;
		buf_put_u32(&params->bytes, bytes != NULL ? (uint32_t)len : UINT32_MAX);
		buf_put(&params->bytes, bytes, bytes != NULL ? len : 0);
		return;
	}
	CHECK(params->count < PG_PARAMS_MAX);
	params->params[params->count++] = (struct param){.offset = params->bytes.len,
	    .len = len,
	    .is_null = bytes == NULL,
	    .is_binary = is_binary};
	buf_put(&params->bytes, bytes, bytes != NULL ? len : 0);
	buf_put_u8(&params->bytes, 0);
}

static void array_check(const struct pg_params *params, enum pg_array type)
{
	CHECK(!params->in_array || params->array_type == type);
}

void pg_param_null(struct pg_params *params)
{
	param_add(params, NULL, 0, 0);
}

void pg_param_text_len(struct pg_params *params, const char *text, size_t len)
{
	array_check(params, PG_ARRAY_TEXT);
	param_add(params, text, len, 0);
}

void pg_param_text(struct pg_params *params, const char *text)
{
	pg_param_text_len(params, text, text != NULL ? strlen(text) : 0);
}

void pg_param_int(struct pg_params *params, int64_t value)
{
	char text[24];

	array_check(params, PG_ARRAY_INT8);
	if (params->in_array) {
		struct buf binary = {0};
		buf_put_u64(&binary, (uint64_t)value);
		param_add(params, binary.bytes, binary.len, 1);
		buf_free(&binary);
		return;
	}
	snprintf(text, sizeof text, "%" PRId64, value);
	param_add(params, text, strlen(text), 0);
}

void pg_param_bool(struct pg_params *params, int value)
{
	array_check(params, PG_ARRAY_BOOL);
	if (params->in_array)
		param_add(params, value ? "\1" : "\0", 1, 1);
	else
		param_add(params, value ? "t" : "f", 1, 0);
}

void pg_param_bytea(struct pg_params *params, const void *bytes, size_t len)
{
	array_check(params, PG_ARRAY_BYTEA);
	param_add(params, bytes, len, 1);
}

void pg_param_mac(struct pg_params *params, const struct mac *mac)
{
	char text[MAC_TEXT_LEN + 1];

	array_check(params, PG_ARRAY_MACADDR);
	if (params->in_array) {
		param_add(params, mac->octets, MAC_LEN, 1);
		return;
	}
	mac_format(mac, text);
	param_add(params, text, MAC_TEXT_LEN, 0);
}

void pg_param_uuid(struct pg_params *params, const uint8_t uuid[16])
{
	char text[40];

	array_check(params, PG_ARRAY_UUID);
	if (params->in_array) {
		param_add(params, uuid, 16, 1);
		return;
	}
	char *out = text;
	for (int i = 0; i < 16; i++)
		out += sprintf(out, "%02x", uuid[i]);
	param_add(params, text, 32, 0);
}

void pg_param_time_us(struct pg_params *params, int64_t unix_us)
{
	char text[CLOCK_TEXT_LEN + 1], whole[48];

	array_check(params, PG_ARRAY_TIMESTAMPTZ);
	if (params->in_array) {
		struct buf binary = {0};
		buf_put_u64(&binary, (uint64_t)(unix_us - POSTGRES_EPOCH_US));
		param_add(params, binary.bytes, binary.len, 1);
		buf_free(&binary);
		return;
	}
	int64_t fraction_us = (unix_us % 1000000 + 1000000) % 1000000;
	clock_format_s((unix_us - fraction_us) / 1000000, text);
	text[strlen(text) - 1] = '\0'; /* the Z comes after the fraction */
	snprintf(whole, sizeof whole, "%s.%06dZ", text, (int)fraction_us);
	param_add(params, whole, strlen(whole), 0);
}

void pg_param_array_begin(struct pg_params *params, enum pg_array type)
{
	static const uint8_t header[ARRAY_HEADER_LEN];

	CHECK(!params->in_array && params->count < PG_PARAMS_MAX);
	params->params[params->count++] =
	    (struct param){.offset = params->bytes.len, .is_binary = 1};
	buf_put(&params->bytes, header, sizeof header);
	params->in_array = 1;
	params->array_type = type;
	params->elements = params->nulls = 0;
}

static void write_u32(uint8_t *place, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		place[i] = (uint8_t)(value >> (24 - 8 * i));
}

void pg_param_array_end(struct pg_params *params)
{
	struct param *param = &params->params[params->count - 1];
	uint8_t *header = params->bytes.bytes + param->offset;

	CHECK(params->in_array && params->bytes.err == ERR_OK);
	write_u32(header, params->elements > 0); /* an empty array has no dimension */
	write_u32(header + 4, params->nulls > 0);
	write_u32(header + 8, ELEMENT_OIDS[params->array_type]);
	write_u32(header + 12, params->elements);
	write_u32(header + 16, 1);
	param->len = params->bytes.len - param->offset;
	if (params->elements == 0)
		param->len = 12;
	params->in_array = 0;
	buf_put_u8(&params->bytes, 0);
}

void pg_params_view(const struct pg_params *params, struct pg_params_view *view)
{
	*view = (struct pg_params_view){0};
	if (params == NULL)
		return;
	CHECK(!params->in_array && params->bytes.err == ERR_OK);
	view->count = params->count;
	for (int i = 0; i < params->count; i++) {
		const struct param *param = &params->params[i];
		view->values[i] =
		    param->is_null ? NULL : (const char *)params->bytes.bytes + param->offset;
		view->lengths[i] = (int)param->len;
		view->formats[i] = param->is_binary;
	}
}
