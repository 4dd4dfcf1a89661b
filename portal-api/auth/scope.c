/* Scopes by name and by bit; see scope.h. Pure. */
#include "portal-api/auth/scope.h"

#include <string.h>

static const struct {
	const char *name;
	enum audience audience;
} scopes[SCOPE_COUNT] = {
    {"claims:read", AUDIENCE_ITSP},
    {"claims:write", AUDIENCE_ITSP},
    {"claims:reveal", AUDIENCE_ITSP},
    {"profiles:write", AUDIENCE_ITSP},
    {"events:read", AUDIENCE_ITSP},
    {"tokens:write", AUDIENCE_ITSP},
    {"admin:read", AUDIENCE_MANUFACTURER},
    {"admin:write", AUDIENCE_MANUFACTURER},
    {"users:write", AUDIENCE_ITSP},
};

const char *scope_name(unsigned index)
{
	CHECK(index < SCOPE_COUNT);
	return scopes[index].name;
}

enum err scope_parse(const char *name, size_t len, enum scope *scope)
{
	for (unsigned i = 0; i < SCOPE_COUNT; i++) {
		if (len == strlen(scopes[i].name) && memcmp(name, scopes[i].name, len) == 0) {
			*scope = (enum scope)(1u << i);
			return ERR_OK;
		}
	}
	return ERR_NOT_FOUND;
}

uint32_t scopes_of_audience(enum audience audience)
{
	uint32_t set = 0;
	for (unsigned i = 0; i < SCOPE_COUNT; i++)
		if (scopes[i].audience == audience)
			set |= 1u << i;
	return set;
}

uint32_t scopes_of_tokens(enum audience audience)
{
	return scopes_of_audience(audience) & ~(uint32_t)SCOPE_USERS_WRITE;
}

void scopes_format(uint32_t set, char text[SCOPES_TEXT_MAX])
{
	size_t len = 0;
	for (unsigned i = 0; i < SCOPE_COUNT; i++) {
		if (!(set & 1u << i))
			continue;
		size_t name_len = strlen(scopes[i].name);
		CHECK(len + 1 + name_len < SCOPES_TEXT_MAX);
		if (len > 0)
			text[len++] = ' ';
		memcpy(text + len, scopes[i].name, name_len);
		len += name_len;
	}
	text[len] = '\0';
}
