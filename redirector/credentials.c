/* Reads Basic credentials, and wipes them. Pure. See credentials.h. */
#include "redirector/credentials.h"

#include <string.h>
#include <strings.h>

#include "common/base/secret.h"
#include "common/base/text.h"

enum { USER_MAX = 64, PASSWORD_MAX = 128 };

static const char KEY_LABEL[] = "firstring device credential v1";
static const char USER_LABEL[] = "firstring device user v1";

/* The base64 of "Basic ..."; empty: it is another scheme. */
static struct span after_scheme(struct span field)
{
	static const char SCHEME[] = "Basic ";
	size_t len = sizeof(SCHEME) - 1;

	if (field.len <= len || strncasecmp(field.text, SCHEME, len) != 0)
		return (struct span){"", 0};
	return (struct span){field.text + len, field.len - len};
}

static void derive(
    const char *user, size_t user_len, const struct span *password, struct credentials *credentials)
{
	/* label NUL user NUL SHA-256(password) */
	uint8_t message[sizeof(KEY_LABEL) + USER_MAX + 1 + SHA256_LEN];
	size_t len = sizeof(KEY_LABEL);

	memcpy(message, KEY_LABEL, sizeof(KEY_LABEL));
	memcpy(message + len, user, user_len);
	len += user_len;
	message[len++] = '\0';
	sha256(password->text, password->len, message + len);
	sha256(message, len + SHA256_LEN, credentials->key.bytes);
	memcpy(message, USER_LABEL, sizeof(USER_LABEL));
	memcpy(message + sizeof(USER_LABEL), user, user_len);
	sha256(message, sizeof(USER_LABEL) + user_len, credentials->user.bytes);
	bytes_wipe(message, sizeof(message));
}

static enum err split(const char *text, size_t len, struct credentials *credentials)
{
	const char *colon = memchr(text, ':', len);
	char canonical[MAC_TEXT_LEN + 1];
	struct credentials made = {0};

	if (colon == NULL || memchr(text, '\0', len) != NULL)
		return ERR_SYNTAX;
	/* "00:15:65:aa:bb:cc:password": the MAC's own colons stand first. */
	enum { COLONS_LEN = 17 };
	if (len > COLONS_LEN && text[COLONS_LEN] == ':' &&
	    mac_parse(text, COLONS_LEN, &made.mac) == ERR_OK)
		colon = text + COLONS_LEN;
	const char *user = text;
	size_t user_len = (size_t)(colon - text);
	struct span password = {colon + 1, len - user_len - 1};
	if (user_len == 0 || user_len > USER_MAX || password.len == 0 ||
	    password.len > PASSWORD_MAX)
		return ERR_SYNTAX;
	if (mac_parse(user, user_len, &made.mac) == ERR_OK) {
		mac_format(&made.mac, canonical);
		user = canonical;
		user_len = MAC_TEXT_LEN;
	}
	derive(user, user_len, &password, &made);
	*credentials = made;
	return ERR_OK;
}

enum err credentials_read(struct span field, struct credentials *credentials)
{
	struct span encoded = after_scheme(field);
	struct buf decoded = {.max = USER_MAX + 1 + PASSWORD_MAX};
	enum err err = ERR_SYNTAX;

	if (encoded.len > 0 && base64_decode(encoded.text, encoded.len, &decoded) == ERR_OK &&
	    decoded.len > 0)
		err = split((const char *)decoded.bytes, decoded.len, credentials);
	buf_wipe(&decoded);
	return err;
}
