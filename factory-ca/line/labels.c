/*
 * Labels. Values are checked before they come here (MACs, serial numbers and models have alphabets
 * without the control characters of ZPL); the template is the engineer's. Pure.
 */
#include "factory-ca/line/labels.h"

#include <stdio.h>
#include <string.h>

/* ^BQ: QR code, model 2, magnification 4; "QA," error correction Q, automatic input. */
static const char default_template[] = "^XA^CI28^PW400^LL240\n"
				       "^FO20,20^A0N,30,30^FD{model}^FS\n"
				       "^FO20,60^A0N,22,22^FDMAC {mac}^FS\n"
				       "^FO20,90^A0N,22,22^FDS/N {serial_number}^FS\n"
				       "^FO20,190^A0N,30,30^FD{claim_code}^FS\n"
				       "^FO270,20^BQN,2,4^FDQA,{mac},{claim_code}^FS\n"
				       "^XZ\n";

static const char *const fields[] = {"mac", "serial_number", "model", "claim_code"};
enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

static void put_quoted(struct buf *out, const char *text)
{
	buf_put_str(out, "\"");
	for (; *text; text++) {
		if (*text == '"')
			buf_put_str(out, "\"");
		buf_put(out, text, 1);
	}
	buf_put_str(out, "\"");
}

void label_put_csv_header(struct buf *out)
{
	buf_put_str(out, "mac,serial_number,model,claim_code,certificate_serial\r\n");
}

void label_put_csv(struct buf *out, const struct line_phone *phone, const char *model)
{
	char mac[MAC_TEXT_LEN + 1];

	mac_format(&phone->mac, mac);
	buf_printf(out, "%s,", mac);
	put_quoted(out, phone->serial_number);
	buf_put_str(out, ",");
	put_quoted(out, model);
	buf_printf(out, ",%s,%s\r\n", phone->claim_code, phone->certificate_serial);
}

/* The field that begins here: its index, and the length with braces; -1: none of ours. */
static int field_at(const char *text, size_t *len)
{
	int i;

	for (i = 0; i < FIELD_COUNT; i++) {
		size_t name_len = strlen(fields[i]);

		*len = name_len + 2;
		if (text[0] == '{' && strncmp(text + 1, fields[i], name_len) == 0 &&
		    text[name_len + 1] == '}')
			return i;
	}
	return -1;
}

void label_put_zpl(
    struct buf *out, const struct line_phone *phone, const char *model, const char *template)
{
	char mac[MAC_TEXT_LEN + 1];
	const char *values[FIELD_COUNT] = {mac, phone->serial_number, model, phone->claim_code};
	const char *next = template ? template : default_template;
	size_t len;

	mac_format(&phone->mac, mac);
	while (*next) {
		int field = field_at(next, &len);

		if (field < 0) {
			buf_put(out, next++, 1);
			continue;
		}
		buf_put_str(out, values[field]);
		next += len;
	}
}

enum err label_check_template(const char *template, char *name)
{
	const char *brace;
	int used = 0;
	size_t len;

	for (brace = strchr(template, '{'); brace; brace = strchr(brace + 1, '{')) {
		if (field_at(brace, &len) < 0) {
			snprintf(name, 32, "%.*s", (int)(strcspn(brace, "}\n") + 1), brace);
			return ERR_SYNTAX;
		}
		used++;
	}
	*name = '\0';
	return used ? ERR_OK : ERR_SYNTAX;
}
