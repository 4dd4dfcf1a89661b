/* The table of roles; see role.h. Pure. */
#include "portal-api/people/role.h"

#include <string.h>

static const struct {
	const char *name;
	uint32_t scopes;
} roles[] = {
    {"owner", SCOPE_CLAIMS_READ | SCOPE_CLAIMS_WRITE | SCOPE_CLAIMS_REVEAL | SCOPE_PROFILES_WRITE |
		  SCOPE_EVENTS_READ | SCOPE_TOKENS_WRITE | SCOPE_USERS_WRITE},
    {"engineer", SCOPE_CLAIMS_READ | SCOPE_CLAIMS_WRITE | SCOPE_CLAIMS_REVEAL |
		     SCOPE_PROFILES_WRITE | SCOPE_EVENTS_READ},
    {"support", SCOPE_CLAIMS_READ | SCOPE_CLAIMS_REVEAL | SCOPE_EVENTS_READ},
    {"read_only", SCOPE_CLAIMS_READ | SCOPE_EVENTS_READ},
    {"administrator", SCOPE_ADMIN_READ | SCOPE_ADMIN_WRITE},
    {"auditor", SCOPE_ADMIN_READ},
};

uint32_t role_scopes(const char *name)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcmp(roles[i].name, name) == 0)
			return roles[i].scopes;
	return 0;
}

const char *const *roles_of_audience(enum audience audience)
{
	static const char *const of_itsp[] = {"owner", "engineer", "support", "read_only", NULL};
	static const char *const of_manufacturer[] = {"administrator", "auditor", NULL};
	return audience == AUDIENCE_ITSP ? of_itsp : of_manufacturer;
}
