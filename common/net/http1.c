/*
 * The HTTP/1.1 reader: bytes from anybody on the Internet in, request heads and body pieces out.
 *
 * The head is copied into a bounded buffer while every byte is looked at once (line ends, control
 * characters, limits), and is parsed where it lies when its last byte has come; bodies are handed
 * on as pieces of the caller's bytes. Runs in every process that serves HTTP. It does not decode
 * the target, choose a route or write an answer, and it repairs nothing: what two readers could
 * understand differently (RFC 9112 section 11.2) is refused.
 */
#include "common/net/http1.h"

#include <string.h>

#include "common/net/http1_chars.h"

enum {
	METHOD_MAX = 32,
	REQUEST_LINE_MAX = METHOD_MAX + 1 + HTTP1_TARGET_MAX + 1 + 8,
	FIELD_BYTES_MAX = HTTP1_HEAD_MAX - HTTP1_TARGET_MAX,
	LENGTH_DIGITS_MAX = 19, /* 2^63 - 1 has 19 digits */
	CHUNK_DIGITS_MAX = 16,
	CHUNK_EXTENSION_MAX = 256,
};

enum state {
	STATE_HEAD,
	STATE_AFTER_HEAD,
	STATE_BODY,
	STATE_CHUNK_SIZE,
	STATE_CHUNK_EXTENSION,
	STATE_CHUNK_SIZE_LF,
	STATE_CHUNK_DATA,
	STATE_CHUNK_DATA_CR,
	STATE_CHUNK_DATA_LF,
	STATE_LAST_CR,
	STATE_LAST_LF,
	STATE_COMPLETE,
	STATE_FAILED,
};

/* What the fields of a head say about its framing. */
struct framing {
	unsigned hosts, lengths, codings, expectations;
	struct span host, length, coding, expectation;
	int close, keep_alive; /* tokens seen in Connection */
};

static int is_token(struct span span)
{
	for (size_t i = 0; i < span.len; i++) {
		if (!is_token_char((unsigned char)span.text[i]))
			return 0;
	}
	return span.len > 0;
}

static struct span trim(struct span span)
{
	while (span.len > 0 && (*span.text == ' ' || *span.text == '\t')) {
		span.text++;
		span.len--;
	}
	while (span.len > 0 && (span.text[span.len - 1] == ' ' || span.text[span.len - 1] == '\t'))
		span.len--;
	return span;
}

static enum http1_event fail(struct http1_reader *reader, int status, const char *reason)
{
	reader->state = STATE_FAILED;
	reader->status = status;
	reader->reason = reason;
	return HTTP1_ERROR;
}

static int refuse(struct http1_reader *reader, int status, const char *reason)
{
	fail(reader, status, reason);
	return 0;
}

void http1_init(struct http1_reader *reader)
{
	memset(reader, 0, sizeof(*reader));
	/* A blank line may stand before the request line: room for it. */
	buf_init(&reader->buffer, REQUEST_LINE_MAX + FIELD_BYTES_MAX + 16);
}

void http1_free(struct http1_reader *reader)
{
	/* A head may hold a bearer token. */
	buf_wipe(&reader->buffer);
	memset(reader, 0, sizeof(*reader));
}

void http1_next(struct http1_reader *reader)
{
	http1_free(reader);
	http1_init(reader);
}

static int target_is_valid(struct span target)
{
	for (size_t i = 0; i < target.len; i++) {
		unsigned char c = (unsigned char)target.text[i];
		if (c == '%') {
			if (target.len - i < 3 ||
			    hex_digit((unsigned char)target.text[i + 1]) < 0 ||
			    hex_digit((unsigned char)target.text[i + 2]) < 0)
				return 0;
			i += 2;
		} else if (!is_target_char(c)) {
			return 0;
		}
	}
	return 1;
}

/* HTTP-version, RFC 9112 section 2.3: case-sensitive, one digit each side. */
static int parse_version(struct http1_reader *reader, struct span version)
{
	if (version.len != 8 || memcmp(version.text, "HTTP/", 5) != 0 ||
	    !is_digit((unsigned char)version.text[5]) || version.text[6] != '.' ||
	    !is_digit((unsigned char)version.text[7]))
		return refuse(reader, 400, "request_line");
	if (version.text[5] != '1' || version.text[7] > '1')
		return refuse(reader, 505, "version");
	reader->head.minor_version = version.text[7] - '0';
	return 1;
}

/* method SP origin-form SP HTTP-version, RFC 9112 section 3. */
static int parse_request_line(struct http1_reader *reader, struct span line)
{
	struct http1_head *head = &reader->head;
	const char *end = line.text + line.len;
	const char *first = memchr(line.text, ' ', line.len);
	if (first == NULL)
		return refuse(reader, 400, "request_line");
	const char *target = first + 1;
	const char *second = memchr(target, ' ', (size_t)(end - target));
	if (second == NULL)
		return refuse(reader, 400, "request_line");

	head->method = (struct span){line.text, (size_t)(first - line.text)};
	head->target = (struct span){target, (size_t)(second - target)};
	if (!is_token(head->method) || head->method.len > METHOD_MAX)
		return refuse(reader, 400, "method");
	if (!parse_version(reader, (struct span){second + 1, (size_t)(end - second - 1)}))
		return 0;
	if (head->target.len > HTTP1_TARGET_MAX)
		return refuse(reader, 414, "target_too_long");
	if (head->target.len == 0 || head->target.text[0] != '/')
		return refuse(reader, 400, "target_form");
	if (!target_is_valid(head->target))
		return refuse(reader, 400, "target_syntax");

	const char *mark = memchr(target, '?', head->target.len);
	head->path = (struct span){target, (size_t)((mark != NULL ? mark : second) - target)};
	head->query = mark == NULL ? (struct span){second, 0}
				   : (struct span){mark + 1, (size_t)(second - mark - 1)};
	return 1;
}

static void note_connection(struct framing *framing, struct span value)
{
	while (value.len > 0) {
		const char *comma = memchr(value.text, ',', value.len);
		size_t len = comma != NULL ? (size_t)(comma - value.text) : value.len;
		struct span token = trim((struct span){value.text, len});
		framing->close |= span_equal_nocase(token, "close");
		framing->keep_alive |= span_equal_nocase(token, "keep-alive");
		len += comma != NULL;
		value.text += len;
		value.len -= len;
	}
}

static void note_field(struct framing *framing, const struct http1_field *field)
{
	if (span_equal_nocase(field->name, "Host")) {
		framing->hosts++;
		framing->host = field->value;
	} else if (span_equal_nocase(field->name, "Content-Length")) {
		framing->lengths++;
		framing->length = field->value;
	} else if (span_equal_nocase(field->name, "Transfer-Encoding")) {
		framing->codings++;
		framing->coding = field->value;
	} else if (span_equal_nocase(field->name, "Expect")) {
		framing->expectations++;
		framing->expectation = field->value;
	} else if (span_equal_nocase(field->name, "Connection")) {
		note_connection(framing, field->value);
	}
}

/* field-name ":" OWS field-value OWS, RFC 9112 section 5; no white space before the colon. */
static int parse_field(struct http1_reader *reader, struct span line, struct framing *framing)
{
	if (line.text[0] == ' ' || line.text[0] == '\t')
		return refuse(reader, 400, "folded_line");
	const char *colon = memchr(line.text, ':', line.len);
	if (colon == NULL)
		return refuse(reader, 400, "field_syntax");
	struct http1_field *field = &reader->head.fields[reader->head.field_count];
	field->name = (struct span){line.text, (size_t)(colon - line.text)};
	if (!is_token(field->name))
		return refuse(reader, 400, "field_name");
	field->value = trim((struct span){colon + 1, line.len - field->name.len - 1});
	reader->head.field_count++;
	note_field(framing, field);
	return 1;
}

/* One value of digits, below 2^63. */
static int parse_content_length(struct http1_reader *reader, struct span value)
{
	uint64_t length = 0;
	if (value.len == 0 || value.len > LENGTH_DIGITS_MAX)
		return refuse(reader, 400, "content_length");
	for (size_t i = 0; i < value.len; i++) {
		if (!is_digit((unsigned char)value.text[i]))
			return refuse(reader, 400, "content_length");
		length = length * 10 + (uint64_t)(value.text[i] - '0');
	}
	if (length > INT64_MAX)
		return refuse(reader, 400, "content_length");
	reader->head.content_length = length;
	return 1;
}

static int check_host(struct http1_reader *reader, const struct framing *framing)
{
	if (framing->hosts > 1)
		return refuse(reader, 400, "host_repeated");
	if (framing->hosts == 0)
		return reader->head.minor_version == 0 || refuse(reader, 400, "host_missing");
	for (size_t i = 0; i < framing->host.len; i++) {
		if (!is_host_char((unsigned char)framing->host.text[i]))
			return refuse(reader, 400, "host_syntax");
	}
	return framing->host.len > 0 || refuse(reader, 400, "host_missing");
}

/* RFC 9112 section 6.3, but nothing is repaired: one framing field of one kind, or an error. */
static int check_framing(struct http1_reader *reader, const struct framing *framing)
{
	struct http1_head *head = &reader->head;
	if (!check_host(reader, framing))
		return 0;
	if (framing->lengths > 0 && framing->codings > 0)
		return refuse(reader, 400, "length_and_coding");
	if (framing->lengths > 1)
		return refuse(reader, 400, "content_length_repeated");
	if (framing->lengths == 1 && !parse_content_length(reader, framing->length))
		return 0;
	if (framing->codings > 0) {
		if (framing->codings > 1 || head->minor_version == 0 ||
		    !span_equal_nocase(framing->coding, "chunked"))
			return refuse(reader, 400, "transfer_coding");
		head->chunked = 1;
	}
	if (framing->expectations > 0 && head->minor_version == 1) {
		if (framing->expectations > 1 ||
		    !span_equal_nocase(framing->expectation, "100-continue"))
			return refuse(reader, 417, "expectation");
		head->expect_continue = 1;
	}
	head->has_body = head->chunked || head->content_length > 0;
	head->keep_alive = !framing->close && (head->minor_version == 1 || framing->keep_alive);
	return 1;
}

/* The buffer holds whole lines, each ended by CRLF, the last one empty. */
static enum http1_event parse_head(struct http1_reader *reader)
{
	struct framing framing = {0};
	const char *next = (const char *)reader->buffer.bytes;
	const char *end = next + reader->buffer.len;
	for (size_t number = 0;; number++) {
		const char *cr = memchr(next, '\r', (size_t)(end - next));
		struct span line = {next, (size_t)(cr - next)};
		if (line.len == 0)
			break;
		int ok = number == 0 ? parse_request_line(reader, line)
				     : parse_field(reader, line, &framing);
		if (!ok)
			return HTTP1_ERROR;
		next = cr + 2;
	}
	if (!check_framing(reader, &framing))
		return HTTP1_ERROR;
	reader->state = STATE_AFTER_HEAD;
	return HTTP1_HEAD;
}

/* The limits, looked at with every byte: what comes too long is refused before it is kept. */
static int head_fits(struct http1_reader *reader)
{
	if (reader->lines == 0)
		return reader->line_len <= REQUEST_LINE_MAX ||
		       refuse(reader, 414, "target_too_long");
	if (reader->line_len == 0)
		return 1;
	if (reader->lines > HTTP1_FIELDS_MAX)
		return refuse(reader, 431, "too_many_fields");
	return ++reader->field_bytes <= FIELD_BYTES_MAX || refuse(reader, 431, "fields_too_long");
}

enum line_end { LINE_GOES_ON, LINE_ENDED, LINE_BLANK, LINE_FAILED };

static enum line_end scan_byte(struct http1_reader *reader, unsigned char c)
{
	if (reader->saw_cr) {
		if (c != '\n') {
			fail(reader, 400, "bare_cr");
			return LINE_FAILED;
		}
		reader->saw_cr = 0;
		if (reader->line_len == 0)
			return LINE_BLANK;
		reader->lines++;
		reader->line_len = 0;
		return LINE_ENDED;
	}
	if (c == '\r') {
		reader->saw_cr = 1;
		return LINE_GOES_ON;
	}
	if (!is_line_char(c)) {
		fail(reader, 400, c == '\n' ? "bare_lf" : "control_character");
		return LINE_FAILED;
	}
	reader->line_len++;
	return head_fits(reader) ? LINE_GOES_ON : LINE_FAILED;
}

static enum http1_event read_head(
    struct http1_reader *reader, const char *bytes, size_t len, size_t *used)
{
	size_t from = *used;
	for (size_t i = from; i < len; i++) {
		enum line_end end = scan_byte(reader, (unsigned char)bytes[i]);
		if (end == LINE_FAILED)
			return HTTP1_ERROR;
		if (end != LINE_BLANK)
			continue;
		if (reader->lines == 0) {
			/* RFC 9112 section 2.2: one blank line before the request line is let be.
			 */
			if (reader->skipped_blank)
				return fail(reader, 400, "request_line");
			reader->skipped_blank = 1;
			buf_clear(&reader->buffer);
			from = i + 1;
			continue;
		}
		buf_put(&reader->buffer, bytes + from, i + 1 - from);
		*used = i + 1;
		return parse_head(reader);
	}
	buf_put(&reader->buffer, bytes + from, len - from);
	*used = len;
	return HTTP1_NEED_MORE;
}

/* Hands on what there is of the `left` bytes; then goes to state `after`. */
static enum http1_event read_piece(
    struct http1_reader *reader, const char *bytes, size_t len, size_t *used, enum state after)
{
	size_t piece = len - *used;
	if (piece > reader->left)
		piece = (size_t)reader->left;
	if (piece == 0)
		return HTTP1_NEED_MORE;
	reader->body = (struct span){bytes + *used, piece};
	*used += piece;
	reader->left -= piece;
	if (reader->left == 0)
		reader->state = (int)after;
	return HTTP1_BODY;
}

static enum http1_event begin_body(struct http1_reader *reader)
{
	if (reader->head.chunked) {
		reader->state = STATE_CHUNK_SIZE;
		return HTTP1_NEED_MORE;
	}
	if (reader->head.content_length > reader->body_max)
		return fail(reader, 413, "body_too_large");
	reader->left = reader->head.content_length;
	reader->state = reader->left > 0 ? STATE_BODY : STATE_COMPLETE;
	return HTTP1_NEED_MORE;
}

static enum http1_event scan_chunk_size(struct http1_reader *reader, unsigned char c)
{
	int digit = hex_digit(c);
	if (digit >= 0) {
		if (++reader->line_len > CHUNK_DIGITS_MAX || reader->left > INT64_MAX >> 4)
			return fail(reader, 400, "chunk_size");
		reader->left = reader->left << 4 | (unsigned)digit;
		return HTTP1_NEED_MORE;
	}
	if (reader->line_len == 0 || (c != '\r' && c != ';'))
		return fail(reader, 400, "chunk_size");
	reader->line_len = 0;
	reader->state = c == ';' ? STATE_CHUNK_EXTENSION : STATE_CHUNK_SIZE_LF;
	return HTTP1_NEED_MORE;
}

/* RFC 9112 section 7.1.1: extensions that are not known are let be; they are not kept. */
static enum http1_event scan_chunk_extension(struct http1_reader *reader, unsigned char c)
{
	if (c == '\r') {
		reader->state = STATE_CHUNK_SIZE_LF;
		return HTTP1_NEED_MORE;
	}
	if (!is_line_char(c) || ++reader->line_len > CHUNK_EXTENSION_MAX)
		return fail(reader, 400, "chunk_extension");
	return HTTP1_NEED_MORE;
}

static enum http1_event end_chunk_size(struct http1_reader *reader)
{
	reader->line_len = 0;
	if (reader->left > reader->body_max - reader->body_seen)
		return fail(reader, 413, "body_too_large");
	reader->body_seen += reader->left;
	reader->state = reader->left > 0 ? STATE_CHUNK_DATA : STATE_LAST_CR;
	return HTTP1_NEED_MORE;
}

static enum http1_event expect_byte(
    struct http1_reader *reader, int matches, const char *reason, enum state next)
{
	if (!matches)
		return fail(reader, 400, reason);
	reader->state = (int)next;
	return HTTP1_NEED_MORE;
}

/* One byte of what stands between the data of chunks. */
static enum http1_event scan_chunk_byte(struct http1_reader *reader, unsigned char c)
{
	switch (reader->state) {
	case STATE_CHUNK_SIZE:
		return scan_chunk_size(reader, c);
	case STATE_CHUNK_EXTENSION:
		return scan_chunk_extension(reader, c);
	case STATE_CHUNK_SIZE_LF:
		return c == '\n' ? end_chunk_size(reader) : fail(reader, 400, "bare_cr");
	case STATE_CHUNK_DATA_CR:
		return expect_byte(reader, c == '\r', "chunk_end", STATE_CHUNK_DATA_LF);
	case STATE_CHUNK_DATA_LF:
		return expect_byte(reader, c == '\n', "chunk_end", STATE_CHUNK_SIZE);
	case STATE_LAST_CR:
		return expect_byte(reader, c == '\r', "trailers", STATE_LAST_LF);
	default:
		return expect_byte(reader, c == '\n', "bare_cr", STATE_COMPLETE);
	}
}

enum http1_event http1_read(
    struct http1_reader *reader, const void *bytes, size_t len, size_t *used)
{
	if (reader->state == STATE_HEAD)
		return read_head(reader, bytes, len, used);
	if (reader->state == STATE_AFTER_HEAD && begin_body(reader) == HTTP1_ERROR)
		return HTTP1_ERROR;
	for (;;) {
		switch (reader->state) {
		case STATE_BODY:
			return read_piece(reader, bytes, len, used, STATE_COMPLETE);
		case STATE_CHUNK_DATA:
			return read_piece(reader, bytes, len, used, STATE_CHUNK_DATA_CR);
		case STATE_COMPLETE:
			return HTTP1_END;
		case STATE_FAILED:
			return HTTP1_ERROR;
		default:
			if (*used == len)
				return HTTP1_NEED_MORE;
			if (scan_chunk_byte(reader, ((const unsigned char *)bytes)[(*used)++]) ==
			    HTTP1_ERROR)
				return HTTP1_ERROR;
		}
	}
}
