/*
 * Renders a format file for a phone given on the command line, by the code that answers real ones.
 * Needs no configuration, database or key. Its arguments are the caller's own.
 */
#include "redirector/render_command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/answer/format.h"
#include "common/answer/password.h"
#include "common/answer/request_mac.h"
#include "common/answer/url_policy.h"
#include "common/base/file.h"
#include "redirector/answer.h"

static const char HELP[] =
    "usage: redirector --render FILE [--mac MAC] [--url URL] [--fallback URL]... [--path PATH]\n"
    "           [--serial TEXT] [--model TEXT] [--user TEXT] [--password TEXT] [--stage-one URL]\n"
    "\n"
    "Prints what a phone of the format FILE (such as redirector/formats/yealink.format) is told:\n"
    "the file at PATH, or the one that holds its settings. URLs may hold {mac}, {MAC}, {serial}\n"
    "and {model}. What is not given is made up. With --stage-one it is the first answer of a "
    "staged\n"
    "delivery, which sends the phone to that URL.\n"
    "\n"
    "It exits 0; 64 when the command is not right; 65 when the file is no format, the path is not\n"
    "the phone's own, or the format cannot stage or cannot carry a value, which is named.\n";

enum { FORMAT_FILE_MAX = 64 * 1024, FALLBACKS_MAX = 8, PATH_LEN = 2049 };

struct arguments {
	const char *file, *mac, *url, *path, *serial, *model, *user, *password, *stage_one;
	const char *fallbacks[FALLBACKS_MAX];
	size_t fallback_count;
};

static int parse_arguments(int argc, char **argv, struct arguments *arguments)
{
	const struct {
		const char *name;
		const char **value;
	} options[] = {{"--mac", &arguments->mac}, {"--url", &arguments->url},
	    {"--path", &arguments->path}, {"--serial", &arguments->serial},
	    {"--model", &arguments->model}, {"--user", &arguments->user},
	    {"--password", &arguments->password}, {"--stage-one", &arguments->stage_one}};

	if (argc < 2) {
		fputs(HELP, stderr);
		return 0;
	}
	arguments->file = argv[1];
	for (int i = 2; i < argc; i += 2) {
		const char **value = NULL;
		for (size_t k = 0; k < sizeof(options) / sizeof(options[0]); k++) {
			if (strcmp(argv[i], options[k].name) == 0)
				value = options[k].value;
		}
		if (strcmp(argv[i], "--fallback") == 0 && arguments->fallback_count < FALLBACKS_MAX)
			value = &arguments->fallbacks[arguments->fallback_count++];
		if (value == NULL || i + 1 == argc) {
			fprintf(stderr,
			    value == NULL ? "%s: no such option; try --render --help\n"
					  : "%s: it needs a value\n",
			    argv[i]);
			return 0;
		}
		*value = argv[i + 1];
	}
	return 1;
}

static struct format *load_format(const char *path)
{
	const char *base = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	size_t name_len = strcspn(base, ".");
	char name[64] = "", why[256] = "";
	struct format *format = NULL;
	struct buf text = {0};

	snprintf(name, sizeof(name), "%.*s", (int)name_len, base);
	if (file_read(path, FORMAT_FILE_MAX, &text) != ERR_OK)
		fprintf(stderr, "%s: %s\n", path, errno != 0 ? strerror(errno) : "too large");
	else if (format_parse(name, text.bytes != NULL ? (const char *)text.bytes : "", text.len,
		     &format, why, sizeof(why)) != ERR_OK)
		fprintf(stderr, "%s\n", why);
	buf_free(&text);
	return format;
}

/* Which body to print; 0 with a sentence on stderr when the path is not the phone's own. */
static int choose_body(
    const struct format *format, const struct mac *mac, const char *target, unsigned *body)
{
	char path[PATH_LEN];

	if (target == NULL) {
		*body = format_settings_body(format);
		return 1;
	}
	size_t len = strcspn(target, "?");
	const char *query = target[len] == '?' ? target + len + 1 : "";
	snprintf(path, sizeof(path), "%.*s", (int)len, target);
	if (request_names_other_mac(mac, path, query, strlen(query), NULL))
		fprintf(stderr, "%s: 403, it names another phone\n", target);
	else if (format_match(format, mac, path, query, strlen(query), body) != FILE_OWN)
		fprintf(stderr, "%s: 404, it is not this phone's own file\n", target);
	else
		return 1;
	return 0;
}

static int expand(const char *url, const struct url_fields *fields, struct buf *out)
{
	if (url_expand(url, fields, out) == ERR_OK)
		return 1;
	fprintf(stderr, "%s: not an https URL with fields {mac}, {MAC}, {serial}, {model}\n", url);
	return 0;
}

static int print_body(const struct arguments *arguments, const struct format *format,
    const struct mac *mac, unsigned body)
{
	struct secret admin = {0}, other = {0};
	struct buf urls[1 + FALLBACKS_MAX] = {{0}}, out = {0};
	const char *fallbacks[FALLBACKS_MAX], *field = "";
	struct answer_values values = {.mac = *mac,
	    .serial_number = arguments->serial != NULL ? arguments->serial : "SN0000001",
	    .model = arguments->model != NULL ? arguments->model : "example",
	    .admin_user = arguments->user,
	    .fallback_urls = fallbacks,
	    .fallback_count = arguments->fallback_count};
	struct url_fields fields = {
	    .mac = *mac, .serial = values.serial_number, .model = values.model};
	int status = EX_DATAERR;

	if (arguments->password != NULL)
		secret_set(&admin, arguments->password, strlen(arguments->password));
	else
		CHECK(password_generate(PASSWORD_LEN_DEFAULT, &admin) == ERR_OK);
	answer_other_password(mac, &admin, &other);
	values.admin_password = (const char *)admin.bytes;
	values.other_password = (const char *)other.bytes;
	if (!expand(arguments->url, &fields, &urls[0]))
		goto out;
	values.provisioning_url = (const char *)urls[0].bytes;
	for (size_t i = 0; i < arguments->fallback_count; i++) {
		if (!expand(arguments->fallbacks[i], &fields, &urls[i + 1]))
			goto out;
		fallbacks[i] = (const char *)urls[i + 1].bytes;
	}
	if (format_render(format, body, &values, &out, &field) != ERR_OK) {
		fprintf(stderr, "%s: the format %s cannot carry it\n", field, format_name(format));
		goto out;
	}
	if (fwrite(out.bytes, 1, out.len, stdout) == out.len && fflush(stdout) == 0)
		status = EX_OK;
out:
	secret_free(&admin);
	secret_free(&other);
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		buf_free(&urls[i]);
	buf_wipe(&out);
	return status;
}

/* Nothing of the ITSP's stands in stage one. */
static int choose_stage(struct arguments *arguments, const struct format *format, unsigned *body)
{
	if (arguments->stage_one == NULL)
		return 1;
	if (!format_can_stage(format)) {
		fprintf(stderr, "--stage-one: the format %s cannot stage\n", format_name(format));
		return 0;
	}
	arguments->url = arguments->stage_one;
	arguments->fallback_count = 0;
	*body = format_stage_one_body(format, *body);
	return 1;
}

int command_render(int argc, char **argv)
{
	struct arguments arguments = {
	    .mac = "001565AABBCC", .url = "https://prov.itsp.example/{mac}"};
	struct mac mac;
	unsigned body;
	int status = EX_DATAERR;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(HELP, stdout);
		return EX_OK;
	}
	if (!parse_arguments(argc, argv, &arguments))
		return EX_USAGE;
	if (mac_parse(arguments.mac, strlen(arguments.mac), &mac) != ERR_OK) {
		fprintf(stderr, "--mac %s: not the MAC of a phone\n", arguments.mac);
		return EX_USAGE;
	}
	struct format *format = load_format(arguments.file);
	if (format != NULL && choose_body(format, &mac, arguments.path, &body) &&
	    choose_stage(&arguments, format, &body))
		status = print_body(&arguments, format, &mac, body);
	format_free(format);
	return status;
}
