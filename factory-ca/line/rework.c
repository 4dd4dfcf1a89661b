/*
 * A new key in place of one that has a certificate, or may have: a board was replaced, a key was
 * lost, a run before made keys of another type. It is
 * made, sent and certified in a folder beside the phone's (MAC.rework), which takes the phone's
 * place when all in it is durable; what was there is kept (MAC.before-1). A power cut at any moment
 * leaves the one, the other, or both, and what the factory has as live tells which one counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/text.h"
#include "factory-ca/line/run_state.h"
#include "factory-ca/line/say.h"

enum { SERIAL_LEN = 16 };

static int is_certificate_of_record(X509 *certificate, const struct line_phone *phone)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	char text[2 * SERIAL_LEN + 1] = "";
	uint8_t bytes[SERIAL_LEN];

	CHECK(number != NULL);
	if (BN_bn2binpad(number, bytes, sizeof(bytes)) == SERIAL_LEN)
		hex_encode(bytes, sizeof(bytes), text);
	BN_free(number);
	return strcmp(text, phone->certificate_serial) == 0;
}

/* Taken the place of the old one, and the journal was not told: line_refresh_run() does. */
static int is_finished(const struct line_run *run, const struct line_phone *phone)
{
	X509 *certificate = store_read_certificate(&run->store, phone);
	int is_other = certificate && phone->state == PHONE_DONE &&
		       !is_certificate_of_record(certificate, phone);

	X509_free(certificate);
	return is_other;
}

/* A run before made a key of another type, and stopped. If it has a certificate, it stays: the
 * factory takes no second one without a grant. */
static int has_key_of_other_type(const struct line_run *run, const struct line_phone *phone)
{
	const struct line_config *config = run->job->config;
	enum key_type type;

	if (phone->state == PHONE_DONE || phone->csr_path ||
	    store_key_type(&run->store, phone, &type))
		return 0;
	/* A key that the signer made is of the type that was asked for when it made it. */
	return config->server_keys ? !line_run_takes_key(run, type)
				   : type != (enum key_type)config->key_type;
}

size_t line_rework_begin(struct line_run *run)
{
	size_t i, other_type = 0, marked = 0;

	for (i = 0; i < run->phones.listed; i++) {
		struct line_phone *phone = &run->phones.items[i];
		int is_other = has_key_of_other_type(run, phone);

		phone->is_rework = is_other || (run->job->rework && phone->state != PHONE_NEW &&
						   !is_finished(run, phone));
		other_type += is_other != 0;
		marked += phone->is_rework != 0;
	}
	if (other_type)
		line_say(
		    "%zu phones have a key of another type from a run before: new ones are made, "
		    "the old ones are kept (MAC.before-1)",
		    other_type);
	return marked;
}

enum err rework_finish(const struct store *store, struct line_phone *phone, char why[STORE_WHY_LEN])
{
	char mac[MAC_TEXT_LEN + 1], beside[STORE_NAME_LEN], before[STORE_NAME_LEN];
	unsigned n = 1;

	mac_format(&phone->mac, mac);
	snprintf(beside, sizeof(beside), "%s.rework", mac);
	/* The run alone makes names here. */
	do {
		snprintf(before, sizeof(before), "%s.before-%u", mac, n++);
	} while (faccessat(store->fd, before, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	if ((renameat(store->fd, mac, store->fd, before) != 0 && errno != ENOENT) ||
	    renameat(store->fd, beside, store->fd, mac) != 0) {
		snprintf(why, STORE_WHY_LEN, "%s: %s", beside, strerror(errno));
		return ERR_IO;
	}
	phone->is_rework = 0;
	return ERR_OK;
}

void rework_drop(const struct store *store, struct line_phone *phone)
{
	char name[STORE_NAME_LEN];

	store_name(phone, "key.pem", name);
	unlinkat(store->fd, name, 0);
	*strchr(name, '/') = '\0';
	unlinkat(store->fd, name, AT_REMOVEDIR);
}
