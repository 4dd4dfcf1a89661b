/*
 * Fuzz target: base64, hex, numbers, UTF-8 and times. What is accepted is written again as the same
 * text, but for the white space of base64 and the spelling of a time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_base64(const char *text, size_t len)
{
	struct buf bytes = {0}, again = {0};
	size_t at = 0;

	if (base64_decode(text, len, &bytes) == ERR_OK) {
		base64_encode(&again, bytes.bytes, bytes.len, 0);
		for (size_t i = 0; i < len; i++) {
			if (strchr(" \t\r\n", text[i]) == NULL || text[i] == '\0')
				CHECK(at < again.len && (char)again.bytes[at++] == text[i]);
		}
		CHECK(at == again.len);
	} else {
		CHECK(bytes.len == 0);
	}
	buf_free(&bytes);
	buf_free(&again);
}

static void check_hex(const char *text, size_t len)
{
	uint8_t *bytes = malloc(len / 2 + 1);
	char *again = malloc(len + 2);

	CHECK(bytes != NULL && again != NULL);
	if (hex_decode(text, len, bytes, len / 2) == ERR_OK) {
		hex_encode(bytes, len / 2, again);
		for (size_t i = 0; i < len; i++)
			CHECK((again[i] | 0x20) == (text[i] | 0x20));
	}
	free(bytes);
	free(again);
}

static void check_number(const char *text, size_t len)
{
	uint64_t number = 0;
	char again[32];

	if (number_parse(text, len, UINT64_MAX, &number) != ERR_OK)
		return;
	int again_len = snprintf(again, sizeof again, "%llu", (unsigned long long)number);
	CHECK((size_t)again_len == len && memcmp(again, text, len) == 0);
}

static void check_time(const char *text, size_t len)
{
	char again[CLOCK_TEXT_LEN + 1];
	int64_t unix_us = 0, second_us = 0;

	if (clock_parse(text, len, &unix_us) != ERR_OK)
		return;
	clock_format_ms(unix_us, again);
	CHECK(strlen(again) == CLOCK_TEXT_LEN);
	CHECK(clock_parse(again, CLOCK_TEXT_LEN, &second_us) == ERR_OK);
	CHECK(unix_us - second_us >= 0 && unix_us - second_us < 1000);
}

static void check_utf8(const char *text, size_t len)
{
	uint32_t code_point = 0;
	size_t at = 0, step = 0;

	while (at < len && (step = utf8_decode(text + at, len - at, &code_point)) > 0) {
		CHECK(step <= 4 && code_point <= 0x10ffff);
		at += step;
	}
	CHECK(at == len || !text_is_printable_utf8(text, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	check_base64(text, size);
	check_hex(text, size);
	check_number(text, size);
	check_time(text, size);
	check_utf8(text, size);
	return 0;
}
