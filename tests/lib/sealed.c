/* Seals an admin password as the portal does, for tests that put claims into the database by hand.
 * Usage: sealed RING-FILE MAC CLAIM-UUID PASSWORD; prints hex. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "common/pki/seal.h"

static int read_uuid(const char *text, uint8_t uuid[16])
{
	char digits[32];
	size_t len = 0;

	for (; *text != '\0'; text++) {
		if (*text == '-')
			continue;
		if (len == sizeof(digits))
			return 0;
		digits[len++] = *text;
	}
	return hex_decode(digits, len, uuid, 16) == ERR_OK;
}

int main(int argc, char **argv)
{
	struct seal_ring *ring = NULL;
	struct seal_binding binding;
	struct secret password = {0};
	struct buf sealed = {0};
	char why[256], *text = NULL;

	if (argc != 5 || mac_parse(argv[2], strlen(argv[2]), &binding.mac) != ERR_OK ||
	    !read_uuid(argv[3], binding.claim_id)) {
		fprintf(stderr, "usage: sealed RING-FILE MAC CLAIM-UUID PASSWORD\n");
		return EXIT_FAILURE;
	}
	if (seal_ring_load(argv[1], &ring, why, sizeof(why)) != ERR_OK) {
		fprintf(stderr, "%s\n", why);
		return EXIT_FAILURE;
	}
	secret_set(&password, argv[4], strlen(argv[4]));
	if (seal(ring, &binding, &password, &sealed) != ERR_OK)
		return EXIT_FAILURE;
	text = malloc(2 * sealed.len + 1);
	if (text == NULL)
		return EXIT_FAILURE;
	hex_encode_lower(sealed.bytes, sealed.len, text);
	puts(text);
	free(text);
	buf_free(&sealed);
	secret_free(&password);
	seal_ring_free(ring);
	return EXIT_SUCCESS;
}
