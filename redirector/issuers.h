/*
 * The pinned CAs of other makers, and where their certificates hold the MAC. From files of the
 * administrator's, read by the parent; asked by workers with a chain that was verified.
 */
#ifndef FIRSTRING_REDIRECTOR_ISSUERS_H
#define FIRSTRING_REDIRECTOR_ISSUERS_H

#include "common/pki/device_id.h"
#include "redirector/config.h"

struct issuers;

/* On failure `why` names the file. */
MUST_CHECK enum err issuers_load(
    const struct redirector_config *config, struct issuers **issuers, char *why, size_t why_len);
void issuers_free(struct issuers *issuers);

/* The layout of what this CA signed; NULL: our own. */
const struct device_id_layout *issuers_layout(const struct issuers *issuers, X509 *issuer);

#endif
