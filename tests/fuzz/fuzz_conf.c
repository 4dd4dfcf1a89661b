/*
 * Fuzz target: configuration files. What is refused is told on one line and leaves nothing bound;
 * what is accepted prints as a text that loads as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "common/conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct item {
	char *name;
	struct conf_address address;
};

struct sample {
	char *title, *path, *url;
	int64_t workers, timeout_ms, cap;
	int verbose, floor;
	struct conf_strings tags;
	struct conf_sections items;
};

static const char *const FLOORS[] = {"modern", "compatible", NULL};
static const struct conf_field ITEM_FIELDS[] = {
    {.name = "who.name", .type = CONF_STRING, .offset = offsetof(struct item, name), .help = "n"},
    {.name = "address",
	.type = CONF_ADDRESS,
	.offset = offsetof(struct item, address),
	.default_value = "*:0",
	.help = "a"},
};
static const struct conf_table ITEM = {ITEM_FIELDS, 2, sizeof(struct item), NULL};
static const struct conf_field FIELDS[] = {
    {.name = "t",
	.type = CONF_STRING,
	.offset = offsetof(struct sample, title),
	.default_value = "",
	.help = "text"},
    {.name = "a.p",
	.type = CONF_PATH,
	.offset = offsetof(struct sample, path),
	.default_value = "x",
	.help = "path"},
    {.name = "a.u",
	.type = CONF_URL,
	.offset = offsetof(struct sample, url),
	.default_value = "https://x",
	.help = "url"},
    {.name = "n",
	.type = CONF_INT,
	.offset = offsetof(struct sample, workers),
	.default_value = "0",
	.help = "number"},
    {.name = "d",
	.type = CONF_DURATION,
	.offset = offsetof(struct sample, timeout_ms),
	.default_value = "5s",
	.help = "duration"},
    {.name = "s",
	.type = CONF_SIZE,
	.offset = offsetof(struct sample, cap),
	.default_value = "0",
	.help = "size"},
    {.name = "b",
	.type = CONF_BOOL,
	.offset = offsetof(struct sample, verbose),
	.default_value = "false",
	.help = "bool"},
    {.name = "w",
	.type = CONF_WORD,
	.offset = offsetof(struct sample, floor),
	.words = FLOORS,
	.default_value = "modern",
	.help = "word"},
    {.name = "l",
	.type = CONF_STRINGS,
	.offset = offsetof(struct sample, tags),
	.default_value = "",
	.help = "list"},
    {.name = "i",
	.type = CONF_SECTIONS,
	.offset = offsetof(struct sample, items),
	.section = &ITEM,
	.default_value = "",
	.help = "items"},
};
static const struct conf_table TABLE = {
    FIELDS, sizeof FIELDS / sizeof FIELDS[0], sizeof(struct sample), NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sample EMPTY;
	struct sample sample = {0}, again = {0};
	struct conf_error error = {""};
	char *text = NULL;
	size_t len = 0;

	if (conf_load_text(&TABLE, "x", "/", (const char *)data, size, &sample, &error) != ERR_OK) {
		CHECK(memcmp(&sample, &EMPTY, sizeof sample) == 0);
		CHECK(strncmp(error.text, "x:", 2) == 0);
		return 0;
	}
	FILE *out = open_memstream(&text, &len);
	CHECK(out != NULL);
	conf_print(&TABLE, &sample, out);
	CHECK(fclose(out) == 0);
	CHECK(conf_load_text(&TABLE, "x", "/", text, len, &again, &error) == ERR_OK);
	CHECK(conf_check_reload(&TABLE, &sample, &again, &error) == ERR_OK);
	free(text);
	conf_free(&TABLE, &sample);
	conf_free(&TABLE, &again);
	return 0;
}
