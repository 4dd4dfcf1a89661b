/* Files of events on a real disk: read back whole, cut, damaged, full, left by a dead process. */
#include "redirector/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/unit.h"

enum { MUCH = 1 << 20 };

static char folder[64];
static struct spool *spool;

static struct spool *open_spool(uint64_t file_max, uint64_t folder_max)
{
	struct spool *made = NULL;
	char why[256] = "";

	ck_assert_msg(
	    spool_new(folder, file_max, folder_max, &made, why, sizeof why) == ERR_OK, "%s", why);
	return made;
}

static void setup(void)
{
	snprintf(folder, sizeof folder, "/tmp/firstring-spool-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	spool = open_spool(MUCH, MUCH);
}

static void teardown(void)
{
	char command[128];

	spool_free(spool);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

/* The name of the folder's one file; how many there are. */
static int files(char name[128])
{
	DIR *open_folder = opendir(folder);
	const struct dirent *entry;
	int count = 0;

	while ((entry = readdir(open_folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, 128, "%s/%.60s", folder, entry->d_name);
		count++;
	}
	closedir(open_folder);
	return count;
}

static struct event_record event(int number)
{
	struct event_record made = {.type = number % 2 ? EVENT_SECURITY : EVENT_DEVICE,
	    .at_us = 1000000 + number,
	    .id = {(uint8_t)number, (uint8_t)(number >> 8)},
	    .kind = "contacted",
	    .source = "2001:db8::1",
	    .detail = "answer",
	    .has_claim = 1,
	    .claim_id = {9},
	    .password_version = number};

	return made;
}

static void append(struct spool *to, int first, int count)
{
	for (int i = first; i < first + count; i++) {
		struct event_record made = event(i);
		ck_assert_int_eq(spool_append(to, &made), ERR_OK);
	}
}

/* Takes all; they are `count` from `first` on, in order. */
static void take_all(struct spool *from, int first, int count)
{
	struct event_record found;

	for (int i = first; i < first + count; i++) {
		struct event_record made = event(i);
		ck_assert_msg(spool_take(from, &found) == ERR_OK, "event %d", i);
		ck_assert_mem_eq(found.id, made.id, sizeof made.id);
		ck_assert_int_eq(found.at_us, made.at_us);
		ck_assert_int_eq(found.type, made.type);
		ck_assert_int_eq(found.password_version, made.password_version);
		ck_assert_str_eq(found.source, made.source);
	}
	ck_assert_int_eq(spool_take(from, &found), ERR_NOT_FOUND);
}

static void leave_file(int count)
{
	append(spool, 0, count);
	spool_free(spool);
	spool = open_spool(MUCH, MUCH);
}

START_TEST(reads_back_and_removes)
{
	struct event_record found;
	char name[128];

	append(spool, 0, 3000);
	take_all(spool, 0, 3000);
	/* Only when it is durable elsewhere. */
	ck_assert_int_eq(files(name), 1);
	/* What comes meanwhile is in another file. */
	append(spool, 3000, 5);
	ck_assert_int_eq(spool_take(spool, &found), ERR_NOT_FOUND);
	spool_settle(spool);
	take_all(spool, 3000, 5);
	spool_settle(spool);
	ck_assert_int_eq(spool_take(spool, &found), ERR_NOT_FOUND);
	ck_assert_int_eq(files(name), 0);
	ck_assert_int_eq(spool_has_more(spool), 0);
}
END_TEST

START_TEST(what_was_not_settled_is_read_again)
{
	struct event_record found;

	leave_file(10);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(spool_take(spool, &found), ERR_OK);
	spool_settle(spool);
	spool_free(spool);
	spool = open_spool(MUCH, MUCH);
	take_all(spool, 0, 10);
}
END_TEST

START_TEST(a_killed_process_leaves_its_file_and_a_living_one_keeps_it)
{
	struct event_record found;
	int told[2];
	char byte = 0;

	ck_assert_int_eq(pipe(told), 0);
	pid_t child = fork();
	if (child == 0) {
		struct spool *theirs = open_spool(MUCH, MUCH);
		append(theirs, 0, 7);
		if (write(told[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(told[0], &byte, 1), 1);
	ck_assert_int_eq(spool_take(spool, &found), ERR_NOT_FOUND);
	ck_assert_int_eq(spool_has_more(spool), 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	spool_look_again(spool);
	take_all(spool, 0, 7);
}
END_TEST

START_TEST(a_cut_tail_is_left_out)
{
	char name[128];
	struct stat found;

	leave_file(10);
	ck_assert_int_eq(files(name), 1);
	ck_assert_int_eq(stat(name, &found), 0);
	ck_assert_int_eq(truncate(name, found.st_size - 5), 0);
	take_all(spool, 0, 9);
	spool_settle(spool);
	ck_assert_int_eq(files(name), 0);
}
END_TEST

START_TEST(a_damaged_file_is_set_aside)
{
	static const off_t AT[] = {3, 19 + 2, 19 + 6, 500};
	static const int GOOD[] = {0, 0, 0, 3};
	char name[128];

	leave_file(10);
	ck_assert_int_eq(files(name), 1);
	int fd = open(name, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "\xff\xff", 2, AT[_i]), 2);
	close(fd);
	take_all(spool, 0, GOOD[_i]);
	spool_settle(spool);
	ck_assert_int_eq(files(name), 1);
	ck_assert_msg(strstr(name, ".spool.damaged") != NULL, "%s", name);
	/* It is not looked at again. */
	spool_look_again(spool);
	take_all(spool, 0, 0);
}
END_TEST

START_TEST(no_file_of_ours_is_no_harm)
{
	char command[256];

	snprintf(command, sizeof command,
	    "cd %s && touch empty.spool && mkdir folder.spool && ln -s /etc/passwd link.spool && "
	    "mkfifo pipe.spool && echo x >other",
	    folder);
	ck_assert_int_eq(system(command), 0);
	spool_look_again(spool);
	take_all(spool, 0, 0);
	spool_settle(spool);
	take_all(spool, 0, 0);
}
END_TEST

START_TEST(bounds_hold)
{
	struct event_record made = event(1);
	char name[128];
	struct stat found;
	int count = 0;

	spool_free(spool);
	spool = open_spool(1000, MUCH);
	while (spool_append(spool, &made) == ERR_OK)
		count++;
	ck_assert_int_eq(spool_append(spool, &made), ERR_FULL);
	ck_assert_int_eq(files(name), 1);
	ck_assert_int_eq(stat(name, &found), 0);
	ck_assert_int_gt(count, 3);
	ck_assert_int_le(found.st_size, 1000);
	/* The folder's bound counts what others left. */
	spool_free(spool);
	spool = open_spool(1000, 500);
	ck_assert_int_eq(spool_append(spool, &made), ERR_FULL);
}
END_TEST

START_TEST(a_full_disk_cuts_no_record)
{
	struct rlimit limit = {1000, 1000};
	struct event_record made = event(1);
	int count = 0;

	/* A file may grow no further: write() takes a part, then nothing. */
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	while (spool_append(spool, &made) == ERR_OK)
		count++;
	ck_assert_int_gt(count, 3);
	ck_assert_int_eq(spool_append(spool, &made), ERR_IO);
	struct event_record found;
	for (int i = 0; i < count; i++)
		ck_assert_int_eq(spool_take(spool, &found), ERR_OK);
	ck_assert_int_eq(spool_take(spool, &found), ERR_NOT_FOUND);
	spool_settle(spool);
	char name[128];
	ck_assert_int_eq(files(name), 0);
}
END_TEST

START_TEST(a_folder_that_cannot_be_used_is_told)
{
	struct spool *made = NULL;
	char why[256] = "";

	ck_assert_int_eq(spool_new("/nowhere/spool", MUCH, MUCH, &made, why, sizeof why), ERR_IO);
	ck_assert_str_eq(why, "/nowhere/spool: No such file or directory");
	ck_assert_int_eq(spool_new("/etc/passwd", MUCH, MUCH, &made, why, sizeof why), ERR_IO);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spool");
	TCase *cases = tcase_create("files");

	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_test(cases, reads_back_and_removes);
	tcase_add_test(cases, what_was_not_settled_is_read_again);
	tcase_add_test(cases, a_killed_process_leaves_its_file_and_a_living_one_keeps_it);
	tcase_add_test(cases, a_cut_tail_is_left_out);
	tcase_add_loop_test(cases, a_damaged_file_is_set_aside, 0, 4);
	tcase_add_test(cases, no_file_of_ours_is_no_harm);
	tcase_add_test(cases, bounds_hold);
	tcase_add_test(cases, a_full_disk_cuts_no_record);
	tcase_add_test(cases, a_folder_that_cannot_be_used_is_told);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
