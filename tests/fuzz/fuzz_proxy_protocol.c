/*
 * Fuzz target: a PROXY header is read within its bytes, and never differently when more follow.
 */
#include <stdlib.h>
#include <string.h>

#include "common/net/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header whole, part;
	enum err err = proxy_protocol_parse(data, size, &whole);
	if (err != ERR_OK)
		return 0;
	if (whole.len > size || whole.len > PROXY_PROTOCOL_MAX)
		abort();
	/* Of exactly the header's bytes it makes the same; of fewer, that more are needed. */
	if (proxy_protocol_parse(data, whole.len, &part) != ERR_OK || part.len != whole.len ||
	    proxy_protocol_parse(data, whole.len - 1, &part) != ERR_MORE)
		abort();
	return 0;
}
