/*
 * A new key in place of one that has a certificate: a board was replaced, a key was lost. It is
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

void line_rework_begin(struct line_run *run)
{
	size_t i;

	for (i = 0; i < run->phones.listed; i++) {
		struct line_phone *phone = &run->phones.items[i];

		phone->is_rework = phone->state != PHONE_NEW && !is_finished(run, phone);
	}
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
