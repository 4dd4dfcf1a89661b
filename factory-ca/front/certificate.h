/* Out of a certificate of our own making, read back from the record. Pure. */
#ifndef FIRSTRING_FACTORY_CA_FRONT_CERTIFICATE_H
#define FIRSTRING_FACTORY_CA_FRONT_CERTIFICATE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "factory-ca/signer/protocol.h"

/* The serial number, 16 octets by our profile; ERR_SYNTAX for anything else. */
MUST_CHECK enum err certificate_serial(
    const void *der, size_t len, uint8_t serial[SIGNER_SERIAL_LEN]);

/* notAfter of any certificate; ERR_SYNTAX. */
MUST_CHECK enum err certificate_not_after(const void *der, size_t len, int64_t *unix_s);

#endif
