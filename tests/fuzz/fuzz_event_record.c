/*
 * Fuzz target: an event is read from a spool within its bytes; what is read is written back as the
 * same bytes, and of fewer bytes it says that more are needed.
 */
#include <stdlib.h>
#include <string.h>

#include "redirector/event_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event_record record, part;
	struct buf again = {0};
	size_t used = 0, less = 0;

	if (event_record_take(data, size, &record, &used) != ERR_OK)
		return 0;
	if (used > size || event_record_take(data, used - 1, &part, &less) != ERR_MORE)
		abort();
	event_record_put(&record, &again);
	if (again.len != used || memcmp(again.bytes, data, used) != 0)
		abort();
	buf_free(&again);
	return 0;
}
