/* Addresses of people; see email.h. Pure. */
#include "portal-api/people/email.h"

#include <ctype.h>
#include <string.h>

size_t email_fold(const char *text, size_t len, char email[EMAIL_MAX + 1])
{
	size_t folded = len < EMAIL_MAX ? len : EMAIL_MAX;
	for (size_t i = 0; i < folded; i++)
		email[i] = (char)tolower((unsigned char)text[i]);
	email[folded] = '\0';
	return folded;
}

enum err email_parse(const char *text, size_t len, char email[EMAIL_MAX + 1])
{
	size_t at_count = 0;
	if (len > EMAIL_MAX)
		return ERR_TOO_LONG;
	for (size_t i = 0; i < len; i++) {
		at_count += text[i] == '@';
		if (strchr("()<>[]:;,\\\"", text[i]) || (unsigned char)text[i] <= ' ' ||
		    (unsigned char)text[i] >= 0x7f)
			return ERR_SYNTAX;
	}
	if (at_count != 1 || text[0] == '@' || text[len - 1] == '@')
		return ERR_SYNTAX;
	email_fold(text, len, email);
	return ERR_OK;
}
