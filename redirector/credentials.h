/*
 * User name and password of a phone that was made before certificates (HTTP Basic, RFC 7617).
 *
 * Pure. The field is the Internet's. What is made of it is looked up like the fingerprint of a
 * certificate: see sql/migrations/0022_credential_lookup.sql.
 */
#ifndef FIRSTRING_REDIRECTOR_CREDENTIALS_H
#define FIRSTRING_REDIRECTOR_CREDENTIALS_H

#include "common/base/mac.h"
#include "common/net/http1.h"
#include "common/pki/digest.h"

struct credentials {
	struct fingerprint key; /* what they are looked up by: as secret as the password */
	struct fingerprint user; /* a hash of the user name, to count who is guessed at */
	struct mac mac; /* zeros when the user name is none */
};

/* `field` is the value of Authorization. ERR_SYNTAX: it is not Basic with a user and a password
 * that a phone of ours could have. A user name that is a MAC may be spelled in any usual way. */
MUST_CHECK enum err credentials_read(struct span field, struct credentials *credentials);

#endif
