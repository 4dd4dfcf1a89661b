/* Credentials that phones send, and sources and networks that people name: read without reading
 * past the end, and written back as they were read. */
#include <string.h>

#include "common/base/err.h"
#include "common/net/networks.h"
#include "redirector/abuse/source.h"
#include "redirector/credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_source(const char *text)
{
	char written[SOURCE_TEXT_LEN];
	uint64_t source = 0, again = 0;
	struct network network;

	(void)!network_parse(text, &network);
	if (source_parse(text, &source) != ERR_OK)
		return;
	source_format(source, written);
	CHECK(source_parse(written, &again) == ERR_OK && again == source);
	source_format_network(source_network(source), written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct credentials credentials;
	char text[64];

	(void)!credentials_read((struct span){(const char *)data, size}, &credentials);
	if (size < sizeof(text)) {
		memcpy(text, data, size);
		text[size] = '\0';
		check_source(text);
	}
	return 0;
}
