/*
 * Fuzz target: formats and the values put into them.
 *
 * The input is a format file, a NUL, a value, a NUL, a path with its query. The file is read and,
 * if it is right, rendered and matched. The value goes into one small template of each escaping: it
 * is refused, or the document keeps the shape that it has with a harmless value.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answer/escape.h"
#include "common/answer/format.h"
#include "common/answer/request_mac.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct mac PHONE = {{0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcc}};

static const struct {
	enum escaping escaping;
	const char *template;
	const char *structural; /* characters that a value must not add */
} DOCUMENTS[] = {
    {ESCAPE_XML, "<a>{{model}}</a>", "<>\r\n"},
    {ESCAPE_XML_ATTRIBUTE, "<a b=\"{{model}}\" c='{{model}}'/>", "<>\"'\r\n"},
    {ESCAPE_JSON, "{\"a\":\"{{model}}\"}", "\r\n\t"},
    {ESCAPE_LINE, "a = {{model}}", "\r\n\t"},
    {ESCAPE_QUOTED_LINE, "a = \"{{model}}\"", "\"\\\r\n\t"},
};

static void must(int condition)
{
	if (!condition)
		abort();
}

static size_t count(const struct buf *text, const char *characters)
{
	size_t found = 0;

	for (size_t i = 0; i < text->len; i++)
		found += text->bytes[i] != '\0' && strchr(characters, text->bytes[i]) != NULL;
	return found;
}

/* Quotes of a JSON text that no backslash escapes. */
static size_t count_json_quotes(const struct buf *text)
{
	size_t found = 0;

	for (size_t i = 0; i < text->len; i++) {
		if (text->bytes[i] == '\\')
			i++;
		else
			found += text->bytes[i] == '"';
	}
	return found;
}

static enum err render(const struct format *format, const char *value, struct buf *out)
{
	const char *field = NULL, *list[] = {"https://b.example/"};
	struct answer_values values = {.mac = PHONE,
	    .serial_number = value,
	    .model = value,
	    .provisioning_url = "https://a.example/p",
	    .fallback_urls = list,
	    .fallback_count = 1,
	    .admin_user = value,
	    .admin_password = value,
	    .other_password = value,
	    .trust_anchors = &value,
	    .trust_anchor_count = 1};
	enum err first = ERR_OK;

	for (unsigned body = 0; body < format_body_count(format); body++) {
		size_t before = out->len;
		enum err err = format_render(format, body, &values, out, &field);
		must(err == ERR_OK || out->len == before);
		must(err != ERR_REFUSED || field != NULL);
		if (first == ERR_OK)
			first = err;
	}
	must(format_check_values(format, &values, &field) == first || first == ERR_TOO_LONG);
	return first;
}

static void check_value(const char *value)
{
	for (size_t i = 0; i < sizeof(DOCUMENTS) / sizeof(DOCUMENTS[0]); i++) {
		struct format *format = NULL;
		struct buf hostile = {0}, harmless = {0};
		char text[512], why[256];

		int len = snprintf(text, sizeof(text),
		    "content-type: t\nescape: %s\nown: {mac}\nother-accounts: disabled\n--- a\n"
		    "{{admin_password}} {{provisioning_url}} %s",
		    escape_name(DOCUMENTS[i].escaping), DOCUMENTS[i].template);
		text[len++] = '\n';
		must(format_parse("t", text, (size_t)len, &format, why, sizeof(why)) == ERR_OK);
		must(render(format, "x", &harmless) == ERR_OK);
		if (render(format, value, &hostile) == ERR_OK) {
			must(count(&hostile, DOCUMENTS[i].structural) ==
			     count(&harmless, DOCUMENTS[i].structural));
			must(DOCUMENTS[i].escaping != ESCAPE_JSON ||
			     count_json_quotes(&hostile) == count_json_quotes(&harmless));
		}
		buf_free(&hostile);
		buf_free(&harmless);
		format_free(format);
	}
}

static void check_path(const struct format *format, char *target)
{
	char *query = strchr(target, '?');
	unsigned body = 0;

	if (query != NULL)
		*query++ = '\0';
	else
		query = target + strlen(target);
	enum file_kind kind = format_match(format, &PHONE, target, query, strlen(query), &body);
	must(kind != FILE_OWN || body < format_body_count(format));
	(void)request_names_other_mac(&PHONE, target, query, strlen(query), NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct format *format = NULL;
	struct buf out;
	char why[256], *text = malloc(size + 3);

	must(text != NULL);
	memcpy(text, data, size);
	memset(text + size, 0, 3);
	char *value = text + strlen(text) + 1;
	char *target = value + strlen(value) + 1;
	buf_init(&out, 1 << 20);
	if (format_parse("t", text, strlen(text), &format, why, sizeof(why)) == ERR_OK) {
		must(format_body_delivers(format, format_settings_body(format)));
		for (unsigned i = 0; i < format_body_count(format); i++)
			must(format_body_delivers(format, format_stage_one_body(format, i)) ==
			     format_body_delivers(format, i));
		(void)render(format, "harmless", &out);
		(void)render(format, value, &out);
		check_path(format, target);
	} else {
		must(strncmp(why, "t.format:", 9) == 0);
	}
	check_value(value);
	buf_free(&out);
	format_free(format);
	free(text);
	return 0;
}
