/* URLs of webhooks, by the policy of provisioning URLs; see url.h. Pure. */
#include "portal-api/webhooks/url.h"

#include <stdio.h>
#include <string.h>

#include "common/answer/url_host.h"
#include "common/answer/url_policy.h"

static const char scheme[] = "https://";
enum { SCHEME_LEN = sizeof(scheme) - 1 };

static int is_localhost(const char *url)
{
	static const char start[] = "https://localhost";
	const size_t len = sizeof(start) - 1;
	return strncmp(url, start, len) == 0 && url[len] && strchr(":/", url[len]) != NULL;
}

/* "" where there is none. */
static void read_host(const char *url, char host[URL_HOST_MAX + 1])
{
	host[0] = '\0';
	if (strncmp(url, scheme, SCHEME_LEN) == 0)
		snprintf(host, URL_HOST_MAX + 1, "%.*s", (int)strcspn(url + SCHEME_LEN, ":/?#"),
		    url + SCHEME_LEN);
}

enum err webhook_url_check(const char *url, int allow_loopback, struct field_errors *errors)
{
	char host[URL_HOST_MAX + 1];
	/* Every host is approved here: which one is the ITSP's choice. */
	const char *domains[] = {host};
	read_host(url, host);
	enum url_problem problem = url_policy_check(url, strlen(url), domains, 1);
	if (problem == URL_ADDRESS && allow_loopback && is_localhost(url))
		return ERR_OK;
	/* A template's fields mean nothing here. */
	if (problem == URL_OK && strpbrk(url, "{}"))
		problem = URL_FIELD;
	if (problem == URL_OK && url_host_is_special_use(host, strlen(host))) {
		field_error_add(errors, "url", "special_use",
		    "The URL names a host under local, internal, home.arpa, test or the like.");
		return ERR_REFUSED;
	}
	if (problem == URL_OK)
		return ERR_OK;
	field_error_add(
	    errors, "url", url_problem_code(problem), "The URL %s.", url_problem_text(problem));
	return ERR_REFUSED;
}
