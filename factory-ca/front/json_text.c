/* JSON's escapes. Pure. */
#include "factory-ca/front/json_text.h"

void json_put_string(struct buf *out, const char *key, const char *text)
{
	const unsigned char *c;

	buf_printf(out, "\"%s\":\"", key);
	for (c = (const unsigned char *)text; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			buf_printf(out, "\\%c", *c);
		else if (*c == '\n')
			buf_put_str(out, "\\n");
		else if (*c < 0x20 || *c == 0x7f)
			buf_printf(out, "\\u%04x", *c);
		else
			buf_put_u8(out, *c);
	}
	buf_put_u8(out, '"');
}
