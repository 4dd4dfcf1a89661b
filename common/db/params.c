/*
 * Statement parameters in the forms PostgreSQL reads.
 *
 * Scalars are text, so that the statement decides the type; bytea and arrays are binary, so that no
 * byte needs quoting and a thousand certificates are not spelt in hex. Pure. Values come from
 * anywhere; they are data to PostgreSQL and never part of a statement.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/text.h"
#include "common/db/internal.h"

/* Microseconds from 1970 to 2000, where PostgreSQL's binary timestamps begin. */
#define POSTGRES_EPOCH_US INT64_C(946684800000000)

enum { ARRAY_LENGTH_OFFSET = 12, US_PER_S = 1000000 };

/* Element type OIDs, fixed for ever (PostgreSQL source, pg_type.dat). */
static const uint32_t element_oids[] = {
    [PG_ARRAY_TEXT] = 25,
    [PG_ARRAY_BYTEA] = 17,
    [PG_ARRAY_INT8] = 20,
    [PG_ARRAY_BOOL] = 16,
    [PG_ARRAY_MACADDR] = 829,
    [PG_ARRAY_TIMESTAMPTZ] = 1184,
    [PG_ARRAY_UUID] = 2950,
};

struct pg_params *pg_params_new(void)
{
	struct pg_params *params = calloc(1, sizeof(*params));

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

static void begin_value(struct pg_params *params, int is_binary)
{
	CHECK(params->count < PG_PARAMS_MAX);
	params->values[params->count] =
	    (struct pg_param){.offset = params->bytes.len, .is_binary = is_binary};
}

/* The NUL after each value ends a text and does no harm to bytes. */
static void end_value(struct pg_params *params)
{
	struct pg_param *value = &params->values[params->count++];

	if (params->bytes.err == ERR_OK)
		value->len = (int)(params->bytes.len - value->offset);
	buf_put_u8(&params->bytes, 0);
}

static void scalar(struct pg_params *params, int is_binary, const void *bytes, size_t len)
{
	begin_value(params, is_binary);
	buf_put(&params->bytes, bytes, len);
	end_value(params);
}

static void element(struct pg_params *params, enum pg_array type, const void *bytes, size_t len)
{
	CHECK(params->array_type == type);
	buf_put_u32(&params->bytes, (uint32_t)len);
	buf_put(&params->bytes, bytes, len);
	params->array_elements++;
}

static void element_u64(struct pg_params *params, enum pg_array type, uint64_t value)
{
	CHECK(params->array_type == type);
	buf_put_u32(&params->bytes, 8);
	buf_put_u64(&params->bytes, value);
	params->array_elements++;
}

void pg_param_null(struct pg_params *params)
{
	if (params->in_array) {
		buf_put_u32(&params->bytes, UINT32_MAX);
		params->array_elements++;
		return;
	}
	begin_value(params, 0);
	params->values[params->count++].is_null = 1;
}

void pg_param_text(struct pg_params *params, const char *text)
{
	pg_param_text_len(params, text, text != NULL ? strlen(text) : 0);
}

void pg_param_text_len(struct pg_params *params, const char *text, size_t len)
{
	if (text == NULL) {
		pg_param_null(params);
		return;
	}
	if (memchr(text, '\0', len) != NULL)
		params->has_nul = 1;
	if (params->in_array)
		element(params, PG_ARRAY_TEXT, text, len);
	else
		scalar(params, 0, text, len);
}

void pg_param_int(struct pg_params *params, int64_t value)
{
	char text[24];

	if (params->in_array) {
		element_u64(params, PG_ARRAY_INT8, (uint64_t)value);
		return;
	}
	scalar(params, 0, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)value));
}

void pg_param_bool(struct pg_params *params, int value)
{
	uint8_t byte = value != 0;

	if (params->in_array)
		element(params, PG_ARRAY_BOOL, &byte, 1);
	else
		scalar(params, 0, value ? "t" : "f", 1);
}

void pg_param_bytea(struct pg_params *params, const void *bytes, size_t len)
{
	if (bytes == NULL)
		pg_param_null(params);
	else if (params->in_array)
		element(params, PG_ARRAY_BYTEA, bytes, len);
	else
		scalar(params, 1, bytes, len);
}

void pg_param_mac(struct pg_params *params, const struct mac *mac)
{
	char text[MAC_TEXT_LEN + 1];

	if (params->in_array) {
		element(params, PG_ARRAY_MACADDR, mac->octets, MAC_LEN);
		return;
	}
	mac_format(mac, text);
	scalar(params, 0, text, MAC_TEXT_LEN);
}

void pg_param_uuid(struct pg_params *params, const uint8_t uuid[16])
{
	char text[33];

	if (params->in_array) {
		element(params, PG_ARRAY_UUID, uuid, 16);
		return;
	}
	hex_encode_lower(uuid, 16, text);
	scalar(params, 0, text, 32);
}

void pg_param_time_us(struct pg_params *params, int64_t unix_us)
{
	char text[64];

	if (unix_us == INT64_MIN) {
		pg_param_null(params);
		return;
	}
	if (params->in_array) {
		/* INT64_MAX is infinity in PostgreSQL's binary form too. */
		uint64_t value = unix_us == INT64_MAX ? (uint64_t)unix_us
						      : (uint64_t)(unix_us - POSTGRES_EPOCH_US);
		element_u64(params, PG_ARRAY_TIMESTAMPTZ, value);
		return;
	}
	if (unix_us == INT64_MAX) {
		scalar(params, 0, "infinity", 8);
		return;
	}
	int64_t us = unix_us % US_PER_S;
	if (us < 0)
		us += US_PER_S;
	time_t unix_s = (unix_us - us) / US_PER_S;
	struct tm tm;
	CHECK(gmtime_r(&unix_s, &tm) != NULL);
	size_t len = strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	len += (size_t)snprintf(text + len, sizeof(text) - len, ".%06d+00", (int)us);
	scalar(params, 0, text, len);
}

void pg_param_array_begin(struct pg_params *params, enum pg_array type)
{
	CHECK(!params->in_array);
	begin_value(params, 1);
	params->in_array = 1;
	params->array_type = type;
	params->array_elements = 0;
	/* Dimensions, "may hold nulls" (which the server finds out for itself), element type. */
	buf_put_u32(&params->bytes, 1);
	buf_put_u32(&params->bytes, 0);
	buf_put_u32(&params->bytes, element_oids[type]);
	/* Of the one dimension: its length, set at the end, and where it begins to count. */
	buf_put_u32(&params->bytes, 0);
	buf_put_u32(&params->bytes, 1);
}

void pg_param_array_end(struct pg_params *params)
{
	CHECK(params->in_array);
	params->in_array = 0;
	if (params->bytes.err == ERR_OK) {
		uint8_t *header = params->bytes.bytes + params->values[params->count].offset;
		uint32_t count = (uint32_t)params->array_elements;

		for (int i = 0; i < 4; i++)
			header[ARRAY_LENGTH_OFFSET + i] = (uint8_t)(count >> (24 - 8 * i));
	}
	end_value(params);
}

void pg_params_vectors(const struct pg_params *params, struct pg_param_vectors *vectors)
{
	vectors->count = params != NULL ? (int)params->count : 0;
	for (int i = 0; i < vectors->count; i++) {
		const struct pg_param *value = &params->values[i];

		vectors->values[i] =
		    value->is_null ? NULL : (const char *)params->bytes.bytes + value->offset;
		vectors->lengths[i] = value->len;
		vectors->formats[i] = value->is_binary;
	}
}

const char *pg_params_fault(const struct pg_params *params)
{
	if (params == NULL)
		return NULL;
	CHECK(!params->in_array);
	if (params->has_nul)
		return "a text parameter holds a NUL character";
	if (params->bytes.err != ERR_OK)
		return "the parameters are too large";
	return NULL;
}
