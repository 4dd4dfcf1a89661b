/* Seals admin passwords as the portal does, for tests that put claims into the database by hand.
 * Usage: sealed RING-FILE [MAC CLAIM-UUID PASSWORD]; prints hex. Without a phone it reads lines of
 * these three from standard input and answers each with a line. */
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

/* 0: the words are not what they should be. */
static int print_sealed(
    const struct seal_ring *ring, const char *mac, const char *claim, const char *password)
{
	struct seal_binding binding = {.purpose = SEAL_ADMIN_PASSWORD};
	struct secret secret = {0};
	struct buf sealed = {0};

	if (mac == NULL || claim == NULL || password == NULL ||
	    mac_parse(mac, strlen(mac), &binding.mac) != ERR_OK ||
	    !read_uuid(claim, binding.claim_id))
		return 0;
	secret_set(&secret, password, strlen(password));
	int is_sealed = seal(ring, &binding, &secret, &sealed) == ERR_OK;
	char *text = malloc(2 * sealed.len + 1);
	if (is_sealed && text != NULL) {
		hex_encode_lower(sealed.bytes, sealed.len, text);
		puts(text);
	}
	free(text);
	buf_free(&sealed);
	secret_free(&secret);
	return is_sealed;
}

int main(int argc, char **argv)
{
	struct seal_ring *ring = NULL;
	char why[256], line[256];
	int is_good = 1;

	if (argc != 2 && argc != 5) {
		fprintf(stderr, "usage: sealed RING-FILE [MAC CLAIM-UUID PASSWORD]\n");
		return EXIT_FAILURE;
	}
	if (seal_ring_load(argv[1], &ring, why, sizeof(why)) != ERR_OK) {
		fprintf(stderr, "%s\n", why);
		return EXIT_FAILURE;
	}
	if (argc == 5)
		is_good = print_sealed(ring, argv[2], argv[3], argv[4]);
	while (argc == 2 && is_good && fgets(line, sizeof line, stdin) != NULL) {
		const char *mac = strtok(line, " \n"), *claim = strtok(NULL, " \n");
		is_good = print_sealed(ring, mac, claim, strtok(NULL, " \n"));
	}
	if (!is_good)
		fprintf(stderr, "sealed: MAC CLAIM-UUID PASSWORD are wanted\n");
	seal_ring_free(ring);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
