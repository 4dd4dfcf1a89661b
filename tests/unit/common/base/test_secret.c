/* Secrets are locked, wiped and kept out of dumps, in workers too; a credential file is judged by
 * who can read it. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/secret.h"
#include "tests/lib/unit.h"

static char folder[] = "/tmp/firstring-secret-XXXXXX";
static char path[sizeof folder + 16];

static void begin(void)
{
	strcpy(folder, "/tmp/firstring-secret-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/key", folder);
	log_set_level(LOG_LEVEL_ERROR);
	/* What is refused is logged; these tests look at the answer. */
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

static void end(void)
{
	unlink(path);
	rmdir(folder);
}

static void write_file(mode_t mode, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

/* The flags of the mapping that holds `address`, as /proc/self/smaps tells them. */
static void mapping_flags(const void *address, char flags[256])
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	char line[1024];
	int inside = 0;
	unsigned long start = 0, stop = 0;

	ck_assert_ptr_nonnull(maps);
	flags[0] = '\0';
	while (fgets(line, sizeof line, maps) != NULL) {
		if (sscanf(line, "%lx-%lx", &start, &stop) == 2 && strchr(line, '-') < line + 17)
			inside = (uintptr_t)address >= start && (uintptr_t)address < stop;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(flags, 256, "%.255s", line + 8);
	}
	fclose(maps);
}

static int is_locked_and_undumped(const void *address)
{
	char flags[256];

	mapping_flags(address, flags);
	return strstr(flags, " lo") != NULL && strstr(flags, " dd") != NULL;
}

/* 0 where nothing can be locked, or where mlock does nothing, as under the address sanitizer. */
static int locking_shows(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert(page != MAP_FAILED);
	madvise(page, 4096, MADV_DONTDUMP);
	int shows = mlock(page, 4096) == 0 && is_locked_and_undumped(page);
	munmap(page, 4096);
	return shows;
}

static const size_t LENGTHS[] = {0, 1, 16, 63, 64, 65, 4095, 4096, 100000};

START_TEST(a_secret_is_zero_then_what_it_was_set_to)
{
	size_t len = LENGTHS[_i];
	struct secret secret = {0};

	secret_alloc(&secret, len);
	ck_assert_ptr_nonnull(secret.bytes);
	ck_assert_uint_eq(secret.len, len);
	for (size_t i = 0; i <= len; i++)
		ck_assert_uint_eq(secret.bytes[i], 0);
	memset(secret.bytes, 'x', len);
	ck_assert_uint_eq(secret.bytes[len], 0);
	if (locking_shows())
		ck_assert(is_locked_and_undumped(secret.bytes));
	secret_free(&secret);
	ck_assert_ptr_null(secret.bytes);
	ck_assert_uint_eq(secret.len, 0);
	secret_free(&secret);
}
END_TEST

START_TEST(many_secrets_do_not_touch_one_another)
{
	static struct secret secrets[1000];
	uint8_t expected[63];

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < COUNT(secrets); i++) {
			memset(expected, (int)(i % 251), sizeof expected);
			if (secrets[i].bytes == NULL)
				secret_set(&secrets[i], expected, sizeof expected);
		}
		for (size_t i = 0; i < COUNT(secrets); i++) {
			memset(expected, (int)(i % 251), sizeof expected);
			ck_assert_mem_eq(secrets[i].bytes, expected, sizeof expected);
		}
		for (size_t i = (size_t)round; i < COUNT(secrets); i += 3)
			secret_free(&secrets[i]);
	}
	for (size_t i = 0; i < COUNT(secrets); i++)
		secret_free(&secrets[i]);
}
END_TEST

START_TEST(a_freed_slot_comes_back_empty)
{
	struct secret first = {0}, second = {0};
	static const uint8_t ZERO[64];

	secret_set(&first, "correct horse", 13);
	const uint8_t *place = first.bytes;
	secret_free(&first);
	secret_alloc(&second, 13);
	ck_assert_ptr_eq(second.bytes, place);
	ck_assert_mem_eq(second.bytes, ZERO, 14);
	secret_free(&second);
}
END_TEST

START_TEST(a_worker_locks_what_it_inherits)
{
	struct secret key = {0}, file = {0};

	if (!locking_shows())
		return;
	secret_set(&key, "0123456789abcdef", 16);
	secret_alloc(&file, 5000);
	pid_t child = fork();
	if (child == 0)
		_exit(is_locked_and_undumped(key.bytes) && is_locked_and_undumped(file.bytes) &&
			      memcmp(key.bytes, "0123456789abcdef", 16) == 0
			  ? 0
			  : 1);
	int status = -1;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	secret_free(&key);
	secret_free(&file);
}
END_TEST

START_TEST(secrets_are_compared_whole)
{
	struct secret a = {0}, b = {0}, shorter = {0};

	secret_set(&a, "password", 8);
	secret_set(&b, "password", 8);
	secret_set(&shorter, "passwor", 7);
	ck_assert_int_eq(secret_equal(&a, &b), 1);
	ck_assert_int_eq(secret_equal(&a, &shorter), 0);
	b.bytes[7] = 'D';
	ck_assert_int_eq(secret_equal(&a, &b), 0);
	b.bytes[7] = 'd', b.bytes[0] = 'P';
	ck_assert_int_eq(secret_equal(&a, &b), 0);
	ck_assert_int_eq(bytes_equal_constant_time("", "", 0), 1);
	secret_free(&a);
	secret_free(&b);
	secret_free(&shorter);
}
END_TEST

START_TEST(bytes_are_wiped)
{
	char bytes[] = "secret";

	bytes_wipe(bytes, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		ck_assert_int_eq(bytes[i], 0);
	bytes_wipe(NULL, 0);
}
END_TEST

static const struct {
	const char *text;
	size_t len;
	const char *read;
} FILES[] = {
    {"passphrase\n", 11, "passphrase"},
    {"passphrase", 10, "passphrase"},
    {"two\n\n", 5, "two\n"},
    {"\n", 1, ""},
    {"", 0, ""},
    {"0123456789abcde\n", 16, "0123456789abcde"},
};

START_TEST(a_credential_is_read_without_its_newline)
{
	struct secret secret = {0};

	write_file(0600, FILES[_i].text, FILES[_i].len);
	ck_assert_int_eq(secret_read_file(path, 16, &secret), ERR_OK);
	ck_assert_str_eq((char *)secret.bytes, FILES[_i].read);
	ck_assert_uint_eq(secret.len, strlen(FILES[_i].read));
	secret_free(&secret);
}
END_TEST

static const mode_t OPEN_MODES[] = {0644, 0640, 0604, 0620, 0602, 0666, 0610, 0777};

START_TEST(what_others_can_touch_is_refused)
{
	struct secret secret = {0};

	write_file(OPEN_MODES[_i], "key", 3);
	ck_assert_int_eq(secret_read_file(path, 16, &secret), ERR_DENIED);
	ck_assert_ptr_null(secret.bytes);
	ck_assert_int_eq(chmod(path, 0400), 0);
	ck_assert_int_eq(secret_read_file(path, 16, &secret), ERR_OK);
	secret_free(&secret);
}
END_TEST

START_TEST(what_another_user_owns_is_refused)
{
	struct secret secret = {0};

	if (geteuid() != 0)
		return; /* only root can make such a file */
	write_file(0600, "key", 3);
	ck_assert_int_eq(chown(path, 65534, 65534), 0);
	ck_assert_int_eq(secret_read_file(path, 16, &secret), ERR_DENIED);
}
END_TEST

START_TEST(a_service_manager_may_show_its_access_list_as_group)
{
	struct secret secret = {0};

	if (geteuid() != 0)
		return;
	write_file(0440, "key", 3);
	ck_assert_int_eq(secret_read_file(path, 16, &secret), ERR_DENIED);
	ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
	ck_assert_int_eq(secret_read_file(path, 16, &secret), ERR_OK);
	secret_free(&secret);
	ck_assert_int_eq(chmod(path, 0444), 0);
	ck_assert_int_eq(secret_read_file(path, 16, &secret), ERR_DENIED);
	ck_assert_int_eq(chmod(path, 0460), 0);
	ck_assert_int_eq(secret_read_file(path, 16, &secret), ERR_DENIED);
	ck_assert_int_eq(chmod(path, 0440), 0);
	ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", "/run/credentials/other", 1), 0);
	ck_assert_int_eq(secret_read_file(path, 16, &secret), ERR_DENIED);
	unsetenv("CREDENTIALS_DIRECTORY");
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
	struct secret secret = {0};

	ck_assert_int_eq(secret_read_file(folder, 16, &secret), ERR_DENIED);
	ck_assert_int_eq(secret_read_file("/dev/zero", 16, &secret), ERR_DENIED);
	errno = 0;
	ck_assert_int_eq(secret_read_file(path, 16, &secret), ERR_IO);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(secret_read_file(path, 16, &secret), ERR_DENIED); /* and does not wait */
	unlink(path);
	write_file(0600, "0123456789abcdefg", 17);
	ck_assert_int_eq(secret_read_file(path, 16, &secret), ERR_DENIED);
	ck_assert_ptr_null(secret.bytes);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("secret");
	TCase *tests = tcase_create("secret");

	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_loop_test(tests, a_secret_is_zero_then_what_it_was_set_to, 0, COUNT(LENGTHS));
	tcase_add_test(tests, many_secrets_do_not_touch_one_another);
	tcase_add_test(tests, a_freed_slot_comes_back_empty);
	tcase_add_test(tests, a_worker_locks_what_it_inherits);
	tcase_add_test(tests, secrets_are_compared_whole);
	tcase_add_test(tests, bytes_are_wiped);
	tcase_add_loop_test(tests, a_credential_is_read_without_its_newline, 0, COUNT(FILES));
	tcase_add_loop_test(tests, what_others_can_touch_is_refused, 0, COUNT(OPEN_MODES));
	tcase_add_test(tests, what_another_user_owns_is_refused);
	tcase_add_test(tests, a_service_manager_may_show_its_access_list_as_group);
	tcase_add_test(tests, what_is_no_file_is_refused);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
