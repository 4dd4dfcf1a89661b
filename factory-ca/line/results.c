/* What a run leaves beside the phones' folders: labels, and the list of refused phones, from what
 * is durable. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/file.h"
#include "factory-ca/line/labels.h"
#include "factory-ca/line/run_state.h"
#include "factory-ca/line/say.h"

enum { PATH_LEN = 4096 };

static int write_file(const struct line_run *run, const char *file, const struct buf *bytes)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/%s", run->job->folder, file);
	if (file_write(path, 0600, bytes->bytes ? bytes->bytes : (const uint8_t *)"", bytes->len) ==
	    ERR_OK)
		return EX_OK;
	line_say(
	    "%s: %s; the certificates are safe: make room and run again", path, strerror(errno));
	return EX_IOERR;
}

int line_write_results(const struct line_run *run)
{
	struct buf csv = {.max = SIZE_MAX}, zpl = {.max = SIZE_MAX}, refused = {.max = SIZE_MAX};
	const char *template =
	    run->label_template.len ? (const char *)run->label_template.bytes : NULL;
	char mac[MAC_TEXT_LEN + 1];
	size_t i, unconfirmed = 0;
	int status;

	label_put_csv_header(&csv);
	buf_put_str(&refused, "mac,serial_number,code,detail\r\n");
	/* In an order that no list changes. */
	for (i = 0; i < run->phones.count; i++) {
		const struct line_phone *phone = run->phones.by_mac[i];

		if (phone->state == PHONE_DONE) {
			unconfirmed += !phone->is_confirmed;
			label_put_csv(&csv, phone, run->model);
			label_put_zpl(&zpl, phone, run->model, template);
		}
		if (*phone->code) {
			mac_format(&phone->mac, mac);
			buf_printf(
			    &refused, "%s,\"%s\",%s,\"", mac, phone->serial_number, phone->code);
			for (const char *c = phone->detail; c && *c; c++)
				buf_put(&refused, *c == '"' ? "'" : c, 1);
			buf_put_str(&refused, "\"\r\n");
		}
	}
	status = write_file(run, "refused.csv", &refused);
	if (unconfirmed)
		line_say(
		    "labels.csv and labels.zpl are as the run before left them: the factory was "
		    "not asked about all phones");
	if (status == EX_OK && !unconfirmed)
		status = write_file(run, "labels.csv", &csv);
	if (status == EX_OK && !unconfirmed)
		status = write_file(run, "labels.zpl", &zpl);
	buf_wipe(&csv);
	buf_wipe(&zpl);
	buf_free(&refused);
	return status;
}
