/* jansson's allocator, wiping; see memory.h. */
#include "portal-api/json/memory.h"

#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>

#include "common/base/secret.h"

static void wipe_and_free(void *memory)
{
	if (memory)
		bytes_wipe(memory, malloc_usable_size(memory));
	free(memory);
}

void json_memory_wipe_on_free(void)
{
	json_set_alloc_funcs(malloc, wipe_and_free);
}
