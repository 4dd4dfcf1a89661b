/* Numbers of generations, and where they stand. See generation.h. */
#include "factory-ca/signer/generation.h"

enum ca_key generation_key(unsigned generation)
{
	CHECK(generation >= GENERATION_FIRST && generation <= GENERATION_MAX);
	return generation == GENERATION_FIRST
		   ? CA_KEY_ISSUING
		   : (enum ca_key)((unsigned)CA_KEY_ISSUING_2 + generation - 2);
}

unsigned generation_of_key(enum ca_key key)
{
	if (key == CA_KEY_ISSUING)
		return GENERATION_FIRST;
	return key >= CA_KEY_ISSUING_2 && key <= CA_KEY_ISSUING_8
		   ? (unsigned)key - (unsigned)CA_KEY_ISSUING_2 + 2
		   : 0;
}

unsigned generation_shard(unsigned generation)
{
	return generation == GENERATION_FIRST ? 0 : generation;
}

void generation_mark_serial(unsigned generation, uint8_t *serial)
{
	if (generation != GENERATION_FIRST)
		serial[0] = (uint8_t)generation;
}

unsigned generation_of_serial(const uint8_t *serial)
{
	return serial[0] > GENERATION_FIRST && serial[0] <= GENERATION_MAX ? serial[0]
									   : GENERATION_FIRST;
}
