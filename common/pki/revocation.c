/* The names of reasons. Pure. */
#include "common/pki/revocation.h"

#include <string.h>

static const struct {
	enum revocation_reason reason;
	const char *name;
} REASONS[] = {
    {REVOCATION_UNSPECIFIED, "unspecified"},
    {REVOCATION_KEY_COMPROMISE, "keyCompromise"},
    {REVOCATION_AFFILIATION_CHANGED, "affiliationChanged"},
    {REVOCATION_SUPERSEDED, "superseded"},
    {REVOCATION_CESSATION_OF_OPERATION, "cessationOfOperation"},
    {REVOCATION_PRIVILEGE_WITHDRAWN, "privilegeWithdrawn"},
};
enum { REASON_COUNT = sizeof(REASONS) / sizeof(REASONS[0]) };

const char *revocation_reason_name(enum revocation_reason reason)
{
	size_t i;

	for (i = 0; i < REASON_COUNT; i++)
		if (REASONS[i].reason == reason)
			return REASONS[i].name;
	return NULL;
}

enum err revocation_reason_parse(const char *text, size_t len, enum revocation_reason *reason)
{
	size_t i;

	for (i = 0; i < REASON_COUNT; i++) {
		if (strlen(REASONS[i].name) == len && memcmp(REASONS[i].name, text, len) == 0) {
			*reason = REASONS[i].reason;
			return ERR_OK;
		}
	}
	return ERR_SYNTAX;
}
