/*
 * Spells the head of an HTTP/1.1 answer.
 *
 * Values of fields may carry text from outside: what could end a line is replaced, so that no
 * handler can be talked into a second field or answer. It chooses no status and no content.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/net/connection.h"

static const struct {
	int status;
	const char *phrase;
} PHRASES[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {303, "See Other"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

static const char *phrase_of(int status)
{
	for (size_t i = 0; i < sizeof(PHRASES) / sizeof(PHRASES[0]); i++) {
		if (PHRASES[i].status == status)
			return PHRASES[i].phrase;
	}
	return "Status";
}

/* IMF-fixdate, RFC 9110 section 5.6.7; spelled once a second. */
static const char *date_text(void)
{
	static char text[32];
	static int64_t spelled_s = -1;
	int64_t now_s = clock_unix_s();
	if (now_s != spelled_s) {
		struct tm tm;
		time_t now = (time_t)now_s;
		gmtime_r(&now, &tm);
		strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		spelled_s = now_s;
	}
	return text;
}

static void put_value(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		buf_put_u8(out, c == '\t' || (c >= 0x20 && c != 0x7f) ? c : '?');
	}
}

static void put_field(struct buf *out, const char *name, const char *value)
{
	buf_put_str(out, name);
	buf_put_str(out, ": ");
	put_value(out, value, strlen(value));
	buf_put_str(out, "\r\n");
}

int answer_has_body(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

void answer_put_head(struct buf *out, const struct server_answer *answer,
    const struct answer_traits *traits, const size_t *content_length)
{
	CHECK(answer->status >= 200 && answer->status <= 599);
	CHECK(answer->header_count <= sizeof(answer->headers) / sizeof(answer->headers[0]));
	buf_printf(out, "HTTP/1.1 %d %s\r\n", answer->status, phrase_of(answer->status));
	put_field(out, "Date", date_text());
	if (answer->content_type != NULL)
		put_field(out, "Content-Type", answer->content_type);
	if (content_length != NULL && answer_has_body(answer->status))
		buf_printf(out, "Content-Length: %zu\r\n", *content_length);
	if (traits->chunked)
		put_field(out, "Transfer-Encoding", "chunked");
	if (!traits->keep_alive)
		put_field(out, "Connection", "close");
	else if (traits->minor_version == 0)
		put_field(out, "Connection", "keep-alive");
	if (traits->request_id != NULL)
		put_field(out, "X-Request-Id", traits->request_id);
	for (size_t i = 0; i < answer->header_count; i++) {
		const struct http1_field *field = &answer->headers[i];
		put_value(out, field->name.text, field->name.len);
		buf_put_str(out, ": ");
		put_value(out, field->value.text, field->value.len);
		buf_put_str(out, "\r\n");
	}
	buf_put_str(out, "\r\n");
}
