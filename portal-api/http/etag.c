/* Entity tags; see etag.h. Pure. */
#include "portal-api/http/etag.h"

#include <limits.h>
#include <string.h>

#include "common/base/text.h"

enum err etag_parse(struct span value, int *version)
{
	uint64_t number;
	int weak = value.len > 2 && memcmp(value.text, "W/", 2) == 0;
	if (value.len == 1 && value.text[0] == '*') {
		*version = ETAG_ANY;
		return ERR_OK;
	}
	if (weak) {
		value.text += 2;
		value.len -= 2;
	}
	if (value.len < 2 || value.text[0] != '"' || value.text[value.len - 1] != '"' ||
	    memchr(value.text + 1, '"', value.len - 2))
		return ERR_SYNTAX;
	if (!weak && number_parse(value.text + 1, value.len - 2, INT_MAX, &number) == ERR_OK)
		*version = (int)number;
	else
		*version = ETAG_NONE;
	return ERR_OK;
}
