/* JSON's escapes. Pure. */
#include "factory-ca/front/json_text.h"

static int is_plain(unsigned char c)
{
	return c >= 0x20 && c != 0x7f && c != '"' && c != '\\';
}

void json_put_string(struct buf *out, const char *key, const char *text)
{
	const unsigned char *c = (const unsigned char *)text, *plain;

	buf_put_u8(out, '"');
	buf_put_str(out, key);
	buf_put_str(out, "\":\"");
	while (*c != '\0') {
		for (plain = c; is_plain(*c); c++)
			;
		buf_put(out, plain, (size_t)(c - plain));
		if (*c == '"' || *c == '\\')
			buf_printf(out, "\\%c", *c++);
		else if (*c == '\n')
			buf_put_str(out, "\\n"), c++;
		else if (*c != '\0')
			buf_printf(out, "\\u%04x", *c++);
	}
	buf_put_u8(out, '"');
}
