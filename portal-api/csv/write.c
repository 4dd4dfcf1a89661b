/* CSV for spreadsheets; see write.h. Cells may hold what ITSPs typed. Pure. */
#include "portal-api/csv/write.h"

#include <string.h>

static int is_formula(const char *text)
{
	const char first = text[strspn(text, " ")];
	return first != '\0' && strchr("=+-@\t\r", first) != NULL;
}

void csv_put_cell(struct buf *out, const char *text)
{
	int formula = is_formula(text);
	if (!formula && !strpbrk(text, ",;\"\r\n") && text[0] != ' ') {
		buf_put_str(out, text);
		return;
	}
	buf_put_u8(out, '"');
	if (formula)
		buf_put_u8(out, '\'');
	for (const char *c = text; *c; c++) {
		if (*c == '"')
			buf_put_u8(out, '"');
		buf_put_u8(out, (uint8_t)*c);
	}
	buf_put_u8(out, '"');
}
