/*
 * Keys that the factory's signer made for phones, encrypted to this station (CMS EnvelopedData, RFC
 * 5652, around PKCS #8). Pure.
 */
#ifndef FIRSTRING_FACTORY_CA_LINE_SERVER_KEY_H
#define FIRSTRING_FACTORY_CA_LINE_SERVER_KEY_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>

#include "common/base/err.h"

/* Opens the base64 text with the station's key. ERR_SYNTAX: it is not what it should be, or not for
 * this station. */
MUST_CHECK enum err server_key_open(
    const char *base64, size_t len, X509 *station, EVP_PKEY *station_key, EVP_PKEY **key);

#endif
