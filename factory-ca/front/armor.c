/* PEM and base64, read leniently in white space and strictly in all else. Pure. */
#include "factory-ca/front/armor.h"

#include <string.h>

#include "common/base/text.h"

static int is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void trim(const char **text, size_t *len)
{
	while (*len > 0 && is_space((*text)[0])) {
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && is_space((*text)[*len - 1]))
		(*len)--;
}

/* Takes `line` off the front (or the back); 0 when it does not stand there. */
static int strip_front(const char **text, size_t *len, const char *line)
{
	size_t line_len = strlen(line);

	if (*len < line_len || memcmp(*text, line, line_len) != 0)
		return 0;
	*text += line_len;
	*len -= line_len;
	return 1;
}

static int strip_back(const char *text, size_t *len, const char *line)
{
	size_t line_len = strlen(line);

	if (*len < line_len || memcmp(text + *len - line_len, line, line_len) != 0)
		return 0;
	*len -= line_len;
	return 1;
}

enum err armor_read_csr(const char *text, size_t len, struct buf *der)
{
	trim(&text, &len);
	if (strip_front(&text, &len, "-----BEGIN CERTIFICATE REQUEST-----")) {
		if (!strip_back(text, &len, "-----END CERTIFICATE REQUEST-----"))
			return ERR_SYNTAX;
	} else if (strip_front(&text, &len, "-----BEGIN NEW CERTIFICATE REQUEST-----")) {
		if (!strip_back(text, &len, "-----END NEW CERTIFICATE REQUEST-----"))
			return ERR_SYNTAX;
	}
	if (len == 0)
		return ERR_SYNTAX;
	return base64_decode(text, len, der);
}

void armor_write_certificate(struct buf *out, const void *der, size_t len)
{
	buf_put_str(out, "-----BEGIN CERTIFICATE-----\n");
	base64_encode(out, der, len, 64);
	if (out->len > 0 && out->bytes[out->len - 1] != '\n')
		buf_put_u8(out, '\n');
	buf_put_str(out, "-----END CERTIFICATE-----\n");
}
