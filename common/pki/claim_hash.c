/*
 * The digest of a claim code, the same for the signer that makes it and the portal that checks it.
 * Pure. The code was parsed; phone and epoch are on record.
 */
#include "common/pki/claim_hash.h"

#include <string.h>

void claim_code_hash(
    const struct claim_code *code, const struct mac *mac, uint32_t epoch, uint8_t hash[SHA256_LEN])
{
	static const char purpose[] = "firstring claim code v1";
	enum { PURPOSE_LEN = sizeof(purpose) - 1 };
	uint8_t bytes[PURPOSE_LEN + MAC_LEN + 4 + CLAIM_CODE_SYMBOLS], *next = bytes;
	int i;

	memcpy(next, purpose, PURPOSE_LEN);
	next += PURPOSE_LEN;
	memcpy(next, mac->octets, MAC_LEN);
	next += MAC_LEN;
	for (i = 0; i < 4; i++)
		*next++ = (uint8_t)(epoch >> (24 - 8 * i));
	memcpy(next, code->symbols, CLAIM_CODE_SYMBOLS);
	sha256(bytes, sizeof(bytes), hash);
}
