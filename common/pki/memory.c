/* The three functions by which OpenSSL allocates. No input; any process. */
#include "common/pki/memory.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "common/base/err.h"

static void *get(size_t len, const char *file, int line)
{
	void *bytes = malloc(len);

	(void)file, (void)line;
	CHECK(bytes != NULL);
	return bytes;
}

static void *resize(void *bytes, size_t len, const char *file, int line)
{
	void *resized = realloc(bytes, len);

	(void)file, (void)line;
	CHECK(resized != NULL);
	return resized;
}

static void give_back(void *bytes, const char *file, int line)
{
	(void)file, (void)line;
	free(bytes);
}

void pki_memory_init(void)
{
	CHECK(CRYPTO_set_mem_functions(get, resize, give_back) == 1);
}
