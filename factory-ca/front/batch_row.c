/* The batch call's rows: a strict binder over jansson, and the renderer. Pure. */
#include "factory-ca/front/batch_row.h"

#include <jansson.h>
#include <string.h>

#include "common/base/text.h"
#include "common/pki/key_type.h"
#include "factory-ca/front/armor.h"
#include "factory-ca/front/json_text.h"
#include "factory-ca/signer/csr.h"

int batch_row_is_blank(const char *line, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
			return 0;
	return 1;
}

static void read_mac(const json_t *value, struct enrolment *enrolment)
{
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);

	switch (mac_parse(text, len, &enrolment->mac)) {
	case ERR_OK:
		enrolment->has_mac = 1;
		return;
	case ERR_RANGE:
		enrolment_refuse(enrolment, ENROLMENT_BAD_ROW,
		    "mac: a multicast or all-zero address is no phone's");
		break;
	default:
		enrolment_refuse(enrolment, ENROLMENT_BAD_ROW,
		    "mac: not a MAC address; write 12 hex digits, as in 001565AABBCC");
	}
	if (len <= ENROLMENT_MAC_ECHO_MAX)
		memcpy(enrolment->mac_echo, text, len + 1);
}

static void read_serial_number(const json_t *value, struct enrolment *enrolment)
{
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);

	if (!csr_serial_number_is_valid(text, len)) {
		enrolment_refuse(enrolment, ENROLMENT_BAD_ROW,
		    "serial_number: not 1 to %d letters, digits, spaces or '().-:?",
		    CSR_SERIAL_NUMBER_MAX);
		return;
	}
	memcpy(enrolment->serial_number, text, len + 1);
}

/* Learns the key's hash, by which the record is found; a CSR of another phone is told early. */
static void look_inside(struct enrolment *enrolment)
{
	char why[CSR_WHY_LEN], mac[MAC_TEXT_LEN + 1];
	struct csr csr;
	enum err err = csr_parse(enrolment->csr.bytes, enrolment->csr.len, &csr, why);

	if (err != ERR_OK) {
		enrolment_refuse_csr(enrolment, err, why);
		return;
	}
	if (!mac_equal(&csr.mac, &enrolment->mac)) {
		mac_format(&csr.mac, mac);
		enrolment_refuse(enrolment, ENROLMENT_BAD_CSR,
		    "csr: its CN is %s, another phone than the row's", mac);
		return;
	}
	enrolment->key_type = csr.key_type;
	memcpy(enrolment->spki_sha256, csr.spki_sha256, sizeof(csr.spki_sha256));
}

static void read_csr(const json_t *value, struct enrolment *enrolment)
{
	enum err err;

	enrolment->key_type = KEY_TYPE_COUNT;
	enrolment->csr.max = ENROLMENT_CSR_MAX;
	err = armor_read_csr(json_string_value(value), json_string_length(value), &enrolment->csr);
	if (err == ERR_TOO_LONG)
		enrolment_refuse(enrolment, ENROLMENT_BAD_CSR, "csr: larger than %d bytes of DER",
		    ENROLMENT_CSR_MAX);
	else if (err != ERR_OK)
		enrolment_refuse(enrolment, ENROLMENT_BAD_CSR,
		    "csr: neither PEM (BEGIN CERTIFICATE REQUEST) nor base64 of DER");
	else
		look_inside(enrolment);
}

/* "server": the signer makes the key. */
static void read_key(const json_t *value, struct enrolment *enrolment)
{
	enrolment->server_key = strcmp(json_string_value(value), "server") == 0;
	enrolment->key_type = KEY_TYPE_COUNT;
	if (!enrolment->server_key)
		enrolment_refuse(enrolment, ENROLMENT_BAD_ROW,
		    "key: only \"server\" can stand there; a phone's own key comes as csr");
}

static void read_key_type(const json_t *value, struct enrolment *enrolment)
{
	const char *text = json_string_value(value);
	enum key_type type;

	if (key_type_parse(text, json_string_length(value), &type) != ERR_OK)
		enrolment_refuse(
		    enrolment, ENROLMENT_BAD_ROW, "key_type: p256, p384, rsa2048 or rsa3072");
	else
		enrolment->key_type = type;
}

struct binding {
	const char *key;
	void (*read)(const json_t *value, struct enrolment *enrolment);
	int optional;
};
static const struct binding WITH_CSR[] = {
    {"mac", read_mac, 0},
    {"serial_number", read_serial_number, 0},
    {"csr", read_csr, 0},
};
static const struct binding WITH_SERVER_KEY[] = {
    {"mac", read_mac, 0},
    {"serial_number", read_serial_number, 0},
    {"key", read_key, 0},
    {"key_type", read_key_type, 1},
};
struct shape {
	const struct binding *bindings;
	size_t count;
};
static const struct shape CSR_SHAPE = {WITH_CSR, sizeof(WITH_CSR) / sizeof(WITH_CSR[0])};
static const struct shape SERVER_KEY_SHAPE = {
    WITH_SERVER_KEY, sizeof(WITH_SERVER_KEY) / sizeof(WITH_SERVER_KEY[0])};

#define ROW_SHAPE "a row is {\"mac\",\"serial_number\",\"csr\"}"

/* Makes a foreign key fit for a one-line detail: cut, and nothing but printable ASCII. */
static void printable_key(const char *key, char text[32])
{
	size_t i;

	for (i = 0; i < 31 && key[i] != '\0'; i++)
		text[i] = key[i] > ' ' && key[i] < 0x7f ? key[i] : '?';
	text[i] = '\0';
}

static int is_known(const struct shape *shape, const char *key)
{
	size_t i;

	for (i = 0; i < shape->count; i++)
		if (strcmp(key, shape->bindings[i].key) == 0)
			return 1;
	return 0;
}

/* The MAC is read first and whatever else is wrong, so that the answer can name the phone. */
static void bind(json_t *object, struct enrolment *enrolment)
{
	const struct shape *shape = json_object_get(object, "key") ? &SERVER_KEY_SHAPE : &CSR_SHAPE;
	const char *key;
	json_t *value;
	size_t i;

	for (i = 0; i < shape->count && enrolment->status != ENROLMENT_ERROR; i++) {
		const struct binding *binding = &shape->bindings[i];

		value = json_object_get(object, binding->key);
		if (value == NULL && !binding->optional)
			enrolment_refuse(
			    enrolment, ENROLMENT_BAD_ROW, "%s: missing; " ROW_SHAPE, binding->key);
		else if (value != NULL && !json_is_string(value))
			enrolment_refuse(
			    enrolment, ENROLMENT_BAD_ROW, "%s: not a string", binding->key);
		else if (value != NULL)
			binding->read(value, enrolment);
	}
	if (enrolment->status == ENROLMENT_ERROR)
		return;
	json_object_foreach(object, key, value) {
		char shown[32];

		if (is_known(shape, key))
			continue;
		printable_key(key, shown);
		enrolment_refuse(
		    enrolment, ENROLMENT_BAD_ROW, "unknown key \"%s\"; " ROW_SHAPE, shown);
		return;
	}
}

void batch_row_read(const char *line, size_t len, struct enrolment *enrolment)
{
	json_error_t error;
	json_t *root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);

	if (root == NULL) {
		/* The parser's text quotes the input; its code and place are enough. */
		if (json_error_code(&error) == json_error_duplicate_key)
			enrolment_refuse(enrolment, ENROLMENT_BAD_ROW, "a key is given twice");
		else
			enrolment_refuse(enrolment, ENROLMENT_BAD_ROW,
			    "not JSON (at byte %d of the line)", error.position);
	} else if (!json_is_object(root)) {
		enrolment_refuse(enrolment, ENROLMENT_BAD_ROW, "not a JSON object; " ROW_SHAPE);
	} else {
		bind(root, enrolment);
	}
	json_decref(root);
}

static void put_certificate(struct buf *out, const struct enrolment *enrolment)
{
	char serial[2 * SIGNER_SERIAL_LEN + 1];
	struct buf pem = {0};

	hex_encode(enrolment->serial, sizeof(enrolment->serial), serial);
	armor_write_certificate(&pem, enrolment->certificate.bytes, enrolment->certificate.len);
	buf_put_u8(out, ',');
	json_put_string(out, "serial", serial);
	buf_put_u8(out, ',');
	json_put_string(out, "certificate", (const char *)pem.bytes);
	buf_put_u8(out, ',');
	if (!enrolment->has_no_code)
		json_put_string(out, "claim_code", enrolment->claim_code);
	else
		buf_put_str(out, "\"claim_code\":null");
	if (enrolment->encrypted_key.len > 0) {
		buf_put_str(out, ",\"encrypted_key\":\"");
		base64_encode(out, enrolment->encrypted_key.bytes, enrolment->encrypted_key.len, 0);
		buf_put_str(out, "\"");
	}
	buf_free(&pem);
}

void batch_row_write(const struct enrolment *enrolment, struct buf *out)
{
	char mac[MAC_TEXT_LEN + 1];

	buf_put_u8(out, '{');
	if (enrolment->has_mac) {
		mac_format(&enrolment->mac, mac);
		json_put_string(out, "mac", mac);
	} else if (enrolment->mac_echo[0] != '\0') {
		json_put_string(out, "mac", enrolment->mac_echo);
	} else {
		buf_put_str(out, "\"mac\":null");
	}
	buf_put_u8(out, ',');
	json_put_string(out, "status", enrolment_status_name(enrolment->status));
	if (enrolment->status == ENROLMENT_ERROR) {
		buf_put_u8(out, ',');
		json_put_string(out, "code", enrolment_code_name(enrolment->code));
		buf_put_u8(out, ',');
		json_put_string(out, "detail", enrolment->detail);
	} else {
		put_certificate(out, enrolment);
	}
	if (enrolment->row > 0)
		buf_printf(out, ",\"row\":%u", enrolment->row);
	buf_put_str(out, "}\n");
}
