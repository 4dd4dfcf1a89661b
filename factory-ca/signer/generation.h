/*
 * The generations of a factory's issuing CA, from 1 on: each has a key, a name, a certificate and a
 * CRL of its own. New phones are issued under the newest; those of an older one live on under it.
 *
 * Which generation a phone's certificate is of is told by its serial number: the first octet of
 * the first generation's is 0x40 to 0x7f, of a later one's it is the generation. So ledger,
 * statements and CRLs know it without being told. Pure.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_GENERATION_H
#define FIRSTRING_FACTORY_CA_SIGNER_GENERATION_H

#include <stdint.h>

#include "factory-ca/signer/keystore.h"

enum { GENERATION_FIRST = 1, GENERATION_MAX = 8 };
_Static_assert((int)GENERATION_MAX - 2 == CA_KEY_ISSUING_8 - CA_KEY_ISSUING_2, "one key for each");

/* A range check is the caller's, but for the last two: those take any serial number. */
enum ca_key generation_key(unsigned generation);
/* The number in the CRL's path and of published objects: 0 for the first, else the generation. */
unsigned generation_shard(unsigned generation);
/* 0: the key is no issuing CA's. */
unsigned generation_of_key(enum ca_key key);
/* Makes a random serial number one of that generation's. */
void generation_mark_serial(unsigned generation, uint8_t *serial);
/* What is of no generation counts as the first's. */
unsigned generation_of_serial(const uint8_t *serial);

#endif
