/*
 * Fuzz target: a provisioning URL that the policy lets through is one, and so is what it expands
 * to.
 *
 * The input is a template. Whatever passes must be printable ASCII, https, to an approved host by a
 * reading of its own here, and its expansion must keep the authority and pass the policy again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/answer/url_policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const DOMAINS[] = {"itsp.example", "b.example"};

static void must(int condition)
{
	if (!condition)
		abort();
}

/* The authority by the dumbest reading: from the third slash's predecessor to the next delimiter.
 */
static void check_shape(const char *url, size_t len)
{
	must(len >= 8 && strncasecmp(url, "https://", 8) == 0);
	for (size_t i = 0; i < len; i++)
		must(url[i] > 0x20 && url[i] < 0x7f && strchr("\"<>\\^`|#", url[i]) == NULL);
	size_t authority_len = strcspn(url + 8, "/?");
	must(memchr(url + 8, '@', authority_len) == NULL);
	must(memchr(url + 8, '%', authority_len) == NULL);
	size_t host_len = strcspn(url + 8, ":/?");
	int approved = 0;
	for (size_t i = 0; i < 2; i++) {
		size_t domain_len = strlen(DOMAINS[i]);
		if (host_len < domain_len)
			continue;
		const char *tail = url + 8 + host_len - domain_len;
		approved |= strncasecmp(tail, DOMAINS[i], domain_len) == 0 &&
			    (host_len == domain_len || tail[-1] == '.');
	}
	must(approved);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char normal[254], *text = malloc(size + 1);
	struct buf out = {0};
	struct url_fields fields = {.mac = {{0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcc}},
	    .serial = "a/b\"<\xc3\xa9",
	    .model = "T46 G{mac}"};

	must(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (url_domain_normalise(text, size, normal) == ERR_OK)
		must(strlen(normal) == size && url_host_matches(text, size, normal));
	if (url_policy_check(text, size, DOMAINS, 2) == URL_OK) {
		check_shape(text, size);
		must(url_expand(text, &fields, &out) == ERR_OK);
		const char *url = (const char *)out.bytes;
		check_shape(url, out.len);
		must(strchr(url, '{') == NULL);
		must(strncmp(url + 8, text + 8, strcspn(text + 8, "/?")) == 0);
		must(out.len > URL_TEMPLATE_MAX ||
		     url_policy_check(url, out.len, DOMAINS, 2) == URL_OK);
	} else if (strlen(text) == size && url_expand(text, &fields, &out) == ERR_OK) {
		must(strncmp((const char *)out.bytes, "https://", 8) == 0);
	}
	buf_free(&out);
	free(text);
	return 0;
}
