/* An HTTP/1.1 answer (RFC 9112) with Content-Length or chunked, cut into lines. Pure. */
#include "factory-ca/line/answer_stream.h"

#include <string.h>
#include <strings.h>

#include "common/base/text.h"

/* The value of a head's field, without white space around it; NULL: not there. */
static const char *find_field(const char *head, const char *name, size_t *len)
{
	size_t name_len = strlen(name);
	const char *line;

	for (line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
			continue;
		line += name_len + 1;
		line += strspn(line, " \t");
		*len = strcspn(line, "\r");
		return line;
	}
	return NULL;
}

static enum err read_head(struct answer_stream *stream)
{
	const char *head = (const char *)stream->text.bytes, *value;
	uint64_t number;
	size_t len;

	if (strncmp(head, "HTTP/1.1 ", 9) != 0 || strlen(head) < 13 ||
	    number_parse(head + 9, 3, 599, &number) || number < 100)
		return ERR_SYNTAX;
	stream->status = (int)number;
	value = find_field(head, "Retry-After", &len);
	if (value && number_parse(value, len, 86400, &number) == ERR_OK)
		stream->retry_after_s = (unsigned)number;
	value = find_field(head, "Transfer-Encoding", &len);
	stream->chunked = value && len == 7 && strncasecmp(value, "chunked", 7) == 0;
	if (value && !stream->chunked)
		return ERR_SYNTAX;
	value = find_field(head, "Content-Length", &len);
	if (stream->chunked == (value != NULL))
		return ERR_SYNTAX;
	if (value && number_parse(value, len, UINT32_MAX, &stream->left))
		return ERR_SYNTAX;
	buf_clear(&stream->text);
	if (stream->status == 100)
		stream->part = ANSWER_HEAD;
	else if (stream->chunked)
		stream->part = ANSWER_CHUNK_SIZE;
	else
		stream->part = stream->left ? ANSWER_BODY : ANSWER_COMPLETE;
	return ERR_OK;
}

static enum err read_chunk_size(struct answer_stream *stream)
{
	const char *text = (const char *)stream->small.bytes;
	size_t len = stream->small.len - 2, i;

	if (len == 0 || len > 8)
		return ERR_SYNTAX;
	stream->left = 0;
	for (i = 0; i < len; i++) {
		const char *digits = "0123456789abcdef", *digit;
		char c = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] + 32 : text[i]);

		digit = strchr(digits, c);
		if (!digit || !c)
			return ERR_SYNTAX;
		stream->left = stream->left * 16 + (uint64_t)(digit - digits);
	}
	stream->part = stream->left ? ANSWER_BODY : ANSWER_TRAILER;
	return ERR_OK;
}

/* Text up to and with `end`, over calls: ERR_MORE until it is there. */
static enum err gather(
    struct buf *text, const char **next, const char *stop, const char *end, size_t max)
{
	size_t end_len = strlen(end);

	while (*next < stop) {
		buf_put(text, (*next)++, 1);
		if (text->len >= end_len &&
		    memcmp(text->bytes + text->len - end_len, end, end_len) == 0)
			return ERR_OK;
		if (text->len > max)
			return ERR_SYNTAX;
	}
	return ERR_MORE;
}

static enum err take_body(struct answer_stream *stream, struct buf *line, const char **next,
    const char *stop, answer_line_fn *on_line, void *ctx)
{
	size_t len = (size_t)(stop - *next);
	const char *end;
	enum err err = ERR_OK;

	if (len > stream->left)
		len = (size_t)stream->left;
	stream->left -= len;
	stop = *next + len;
	while (!err && (end = memchr(*next, '\n', (size_t)(stop - *next))) != NULL) {
		buf_put(line, *next, (size_t)(end - *next));
		*next = end + 1;
		err = line->len > ANSWER_LINE_MAX
			  ? ERR_SYNTAX
			  : on_line((const char *)line->bytes, line->len, ctx);
		buf_clear(line);
	}
	if (err)
		return err;
	buf_put(line, *next, (size_t)(stop - *next));
	*next = stop;
	return line->len > ANSWER_LINE_MAX ? ERR_SYNTAX : ERR_OK;
}

static enum err take_part(struct answer_stream *stream, const char **next, const char *stop,
    answer_line_fn *on_line, void *ctx)
{
	enum err err;

	switch (stream->part) {
	case ANSWER_HEAD:
		err = gather(&stream->text, next, stop, "\r\n\r\n", ANSWER_HEAD_MAX);
		return err ? err : read_head(stream);
	case ANSWER_CHUNK_SIZE:
		err = gather(&stream->small, next, stop, "\r\n", 32);
		if (err)
			return err;
		err = read_chunk_size(stream);
		buf_clear(&stream->small);
		return err;
	case ANSWER_BODY:
		err = take_body(stream, &stream->text, next, stop, on_line, ctx);
		if (!err && stream->left == 0)
			stream->part = stream->chunked ? ANSWER_CHUNK_END : ANSWER_COMPLETE;
		return err;
	case ANSWER_CHUNK_END:
	case ANSWER_TRAILER:
		err = gather(&stream->small, next, stop, "\r\n", 2);
		if (err)
			return err;
		if (stream->small.len != 2)
			return ERR_SYNTAX;
		buf_clear(&stream->small);
		stream->part = stream->part == ANSWER_TRAILER ? ANSWER_COMPLETE : ANSWER_CHUNK_SIZE;
		return ERR_OK;
	case ANSWER_COMPLETE:
		return ERR_SYNTAX; /* nothing may follow */
	}
	return ERR_SYNTAX;
}

enum err answer_stream_feed(
    struct answer_stream *stream, const void *bytes, size_t len, answer_line_fn *on_line, void *ctx)
{
	const char *next = bytes, *stop = next + len;
	enum err err = ERR_OK;

	while (next < stop && !err)
		err = take_part(stream, &next, stop, on_line, ctx);
	if (err == ERR_MORE)
		err = ERR_OK;
	/* A body may end without a last newline. */
	if (!err && stream->part == ANSWER_COMPLETE && stream->text.len) {
		err = on_line((const char *)stream->text.bytes, stream->text.len, ctx);
		buf_clear(&stream->text);
	}
	return err;
}

void answer_stream_free(struct answer_stream *stream)
{
	buf_wipe(&stream->text);
	buf_free(&stream->small);
}
