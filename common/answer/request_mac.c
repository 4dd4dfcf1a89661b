/* Finding MACs in what a phone asks for. Pure. */
#include "common/answer/request_mac.h"

#include <string.h>
#include <strings.h>

#include "common/base/text.h"

enum { QUERY_MAX = 2048, COLONS_LEN = 17, DOTS_LEN = 14 };

static int is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static int is_word(char c)
{
	return is_letter(c) || is_digit(c);
}

static int is_phone(const struct mac *mac)
{
	static const uint8_t zero[4];

	return memcmp(mac->octets, zero, sizeof(zero)) != 0;
}

static int has_digit(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (is_digit(text[i]))
			return 1;
	}
	return 0;
}

/* A word of letters, 12 hex digits and letters may be cut in more than one way ("spa0015..."):
 * it names another phone when one can be read in it and `mac` cannot. */
static int word_names_other(const struct mac *mac, const char *word, size_t len, struct mac *named)
{
	int other = 0;

	for (size_t start = 0; start + MAC_TEXT_LEN <= len; start++) {
		struct mac found;
		size_t tail = start + MAC_TEXT_LEN;
		while (tail < len && is_letter(word[tail]))
			tail++;
		if (tail == len && mac_parse(word + start, MAC_TEXT_LEN, &found) == ERR_OK &&
		    is_phone(&found)) {
			if (mac_equal(&found, mac))
				return 0;
			/* Letters alone are a MAC only when they are the whole word. */
			if (len == MAC_TEXT_LEN || has_digit(word + start, MAC_TEXT_LEN)) {
				other = 1;
				*named = found;
			}
		}
		if (!is_letter(word[start]))
			break;
	}
	return other;
}

/* A MAC with separators that begins at text[at]. */
static int separated_names_other(
    const struct mac *mac, const char *text, size_t len, size_t at, struct mac *named)
{
	static const size_t LENGTHS[] = {COLONS_LEN, DOTS_LEN};

	if (at > 0 && is_hex(text[at - 1]))
		return 0;
	for (size_t i = 0; i < 2; i++) {
		struct mac found;
		size_t end = at + LENGTHS[i];
		if (end <= len && (end == len || !is_hex(text[end])) &&
		    mac_parse(text + at, LENGTHS[i], &found) == ERR_OK && is_phone(&found)) {
			*named = found;
			return !mac_equal(&found, mac);
		}
	}
	return 0;
}

static int text_names_other(const struct mac *mac, const char *text, size_t len, struct mac *named)
{
	for (size_t at = 0; at < len; at++) {
		if (is_hex(text[at]) && separated_names_other(mac, text, len, at, named))
			return 1;
		if (!is_word(text[at]) || (at > 0 && is_word(text[at - 1])))
			continue;
		size_t end = at;
		while (end < len && is_word(text[end]))
			end++;
		if (word_names_other(mac, text + at, end - at, named))
			return 1;
	}
	return 0;
}

/* Percent-decodes what can be decoded: a phone's odd escape must not hide a MAC. */
static size_t query_decode(const char *query, size_t len, char decoded[QUERY_MAX])
{
	size_t out = 0;

	for (size_t i = 0; i < len && out < QUERY_MAX; i++) {
		uint8_t octet;
		if (query[i] == '%' && len - i >= 3 &&
		    hex_decode(query + i + 1, 2, &octet, 1) == ERR_OK) {
			decoded[out++] = (char)octet;
			i += 2;
		} else {
			decoded[out++] = query[i];
		}
	}
	return out;
}

int request_names_other_mac(
    const struct mac *mac, const char *path, const char *query, size_t query_len, struct mac *named)
{
	char decoded[QUERY_MAX];
	struct mac found;

	if (!text_names_other(mac, path, strlen(path), &found) &&
	    !text_names_other(mac, decoded, query_decode(query, query_len, decoded), &found))
		return 0;
	if (named != NULL)
		*named = found;
	return 1;
}

int request_query_has_mac(const struct mac *mac, const char *query, size_t query_len)
{
	static const char NAME[] = "mac=";
	const size_t name_len = sizeof(NAME) - 1;

	for (size_t start = 0; start < query_len;) {
		const char *stop = memchr(query + start, '&', query_len - start);
		size_t len = stop != NULL ? (size_t)(stop - query) - start : query_len - start;
		if (len > name_len && strncasecmp(query + start, NAME, name_len) == 0) {
			char decoded[QUERY_MAX];
			struct mac found;
			size_t decoded_len =
			    query_decode(query + start + name_len, len - name_len, decoded);
			if (mac_parse(decoded, decoded_len, &found) == ERR_OK &&
			    mac_equal(&found, mac))
				return 1;
		}
		start += len + 1;
	}
	return 0;
}
