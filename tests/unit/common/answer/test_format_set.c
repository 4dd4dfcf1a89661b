/* Loading a folder of formats; and of the formats that we ship, which paths of real phones are
 * theirs. That a parser of each vendor's syntax reads the answers is shown in tests/integration. */
#include "common/answer/format_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/unit.h"

static const char FOLDER[] = "redirector/formats";
static const struct mac PHONE = {{0x00, 0x04, 0x13, 0x92, 0x2d, 0x24}};

static const struct {
	const char *format, *path, *query;
	enum file_kind kind;
} FILES[] = {
    {"yealink", "/000413922d24.cfg", "", FILE_OWN},
    {"yealink", "/000413922d24.boot", "", FILE_OWN},
    {"yealink", "/y000000000028.cfg", "", FILE_COMMON},
    {"yealink", "/y000000000000.boot", "", FILE_COMMON},
    {"yealink", "/000413922d24-contacts.xml", "", FILE_UNKNOWN},
    {"snom", "/snomD785-000413922D24.htm", "", FILE_OWN},
    {"snom", "/snomD785.htm", "mac=000413922D24", FILE_OWN},
    {"snom", "/snomD785/snomD785.php", "mac=000413922D24", FILE_OWN},
    {"snom", "/", "mac=000413922D24", FILE_OWN},
    {"snom", "/snomD785.htm", "", FILE_COMMON},
    {"grandstream", "/cfg000413922d24", "", FILE_OWN},
    {"grandstream", "/gs/cfg000413922d24.xml", "", FILE_OWN},
    {"grandstream", "/cfg.xml", "", FILE_COMMON},
    {"grandstream", "/cfggrp2614.xml", "", FILE_COMMON},
    {"poly", "/000413922d24.cfg", "", FILE_OWN},
    {"poly", "/000413922d24-settings.cfg", "", FILE_OWN},
    {"poly", "/000413922d24-phone.cfg", "", FILE_UNKNOWN},
    {"poly", "/000413922d24-directory.xml", "", FILE_UNKNOWN},
    {"poly", "/000000000000.cfg", "", FILE_COMMON},
    {"cisco-mpp", "/Cisco/CP-8841-3PCC/000413922d24.cfg", "", FILE_OWN},
    {"cisco-mpp", "/CP-8841-3PCC.xml", "", FILE_COMMON},
    {"cisco-spa", "/000413922d24.xml", "", FILE_OWN},
    {"cisco-spa", "/spa000413922D24.cfg", "", FILE_OWN},
    {"cisco-spa", "/spa504G.cfg", "", FILE_COMMON},
    {"cisco-spa", "/init.cfg", "", FILE_UNKNOWN},
    {"fanvil", "/000413922d24.cfg", "", FILE_OWN},
    {"fanvil", "/fanvil/f0X5U-V2000000.cfg", "", FILE_COMMON},
    {"fanvil", "/000413922d24.xml", "", FILE_UNKNOWN},
    {"gigaset", "/42/2/000413922D24.xml", "", FILE_OWN},
    {"gigaset", "/42/2/master.xml", "", FILE_COMMON},
    {"gigaset", "/42/2/000413922D24.bin", "", FILE_UNKNOWN},
    {"mitel", "/000413922D24.cfg", "", FILE_OWN},
    {"mitel", "/aastra.cfg", "", FILE_COMMON},
    {"mitel", "/startup.cfg", "", FILE_COMMON},
    {"mitel", "/6920.cfg", "", FILE_COMMON},
    {"mitel", "/security.tuz", "", FILE_UNKNOWN},
    {"panasonic", "/Config000413922D24.cfg", "", FILE_OWN},
    {"panasonic", "/Panasonic/ConfigCommon.cfg", "", FILE_COMMON},
    {"panasonic", "/KX-UT113.cfg", "", FILE_COMMON},
    {"panasonic", "/000413922D24.fw", "", FILE_UNKNOWN},
    {"htek", "/cfg000413922d24.xml", "", FILE_OWN},
    {"htek", "/cfgUC903.xml", "", FILE_COMMON},
    {"htek", "/fw000413922d24.rom", "", FILE_UNKNOWN},
    {"json", "/v1/bootstrap", "", FILE_OWN},
    {"json", "/v1/bootstrap", "mac=000413922D24", FILE_OWN},
    {"json", "/000413922d24.cfg", "", FILE_UNKNOWN},
};

static struct format_set *set;

static void setup(void)
{
	char why[256] = "";

	ck_assert_msg(format_set_load(FOLDER, &set, why, sizeof(why)) == ERR_OK, "%s", why);
}

static void teardown(void)
{
	format_set_free(set);
}

START_TEST(knows_the_files_of_real_phones)
{
	const struct format *format = format_set_find(set, FILES[_i].format);
	unsigned body;

	ck_assert_ptr_nonnull(format);
	ck_assert_msg(format_match(format, &PHONE, FILES[_i].path, FILES[_i].query,
			  strlen(FILES[_i].query), &body) == FILES[_i].kind,
	    "%s %s?%s", FILES[_i].format, FILES[_i].path, FILES[_i].query);
}
END_TEST

START_TEST(is_sorted_and_finds_by_name)
{
	ck_assert_uint_eq(format_set_count(set), 12);
	for (size_t i = 1; i < format_set_count(set); i++)
		ck_assert_int_lt(strcmp(format_name(format_set_at(set, i - 1)),
				     format_name(format_set_at(set, i))),
		    0);
	ck_assert_ptr_null(format_set_find(set, "no-such"));
}
END_TEST

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(one_bad_file_refuses_the_whole_and_is_named)
{
	static const char GOOD[] =
	    "content-type: text/plain\nescape: line\nown: {mac}.cfg\n--- main\n"
	    "{{admin_password}} {{other_password}} {{provisioning_url}}\n";
	char folder[] = "/tmp/firstring-formats-XXXXXX", why[256] = "", path[256];
	struct format_set *made = NULL;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(format_set_load(folder, &made, why, sizeof(why)), ERR_NOT_FOUND);
	write_file(folder, "good.format", GOOD);
	write_file(folder, "notes.txt", "not a format");
	write_file(folder, ".good.format.swp", "not a format");
	ck_assert_int_eq(format_set_load(folder, &made, why, sizeof(why)), ERR_OK);
	ck_assert_uint_eq(format_set_count(made), 1);
	format_set_free(made);
	made = NULL;
	write_file(folder, "bad.format", "escape: html\n");
	ck_assert_int_eq(format_set_load(folder, &made, why, sizeof(why)), ERR_SYNTAX);
	ck_assert_ptr_null(made);
	ck_assert_ptr_nonnull(strstr(why, "bad.format:1:9: "));
	for (const char *const *name = (const char *const[]){"good.format", "notes.txt",
		 ".good.format.swp", "bad.format", NULL};
	     *name != NULL; name++) {
		snprintf(path, sizeof(path), "%s/%s", folder, *name);
		unlink(path);
	}
	rmdir(folder);
	ck_assert_int_eq(format_set_load(folder, &made, why, sizeof(why)), ERR_IO);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("format_set");
	TCase *tests = tcase_create("all");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, knows_the_files_of_real_phones, 0, COUNT(FILES));
	tcase_add_test(tests, is_sorted_and_finds_by_name);
	tcase_add_test(tests, one_bad_file_refuses_the_whole_and_is_named);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
