/*
 * Runs a fuzz target without a fuzzer: on every file of its corpus, and on what is left of each
 * when it is cut short. Linked into each target in every mode but fuzz.
 *
 * Without arguments the corpus is tests/fuzz/corpus/<target>, where <target> is the program's name
 * without fuzz_; else the arguments are files. A target without a corpus has failed.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"

enum { INPUT_MAX = 1024 * 1024, CUTS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each input in memory of its own size, so that a sanitizer sees one byte too many. */
static void run(const uint8_t *bytes, size_t len)
{
	uint8_t *exact = malloc(len > 0 ? len : 1);

	CHECK(exact != NULL);
	if (len > 0)
		memcpy(exact, bytes, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
}

static void replay(const char *path)
{
	struct buf input = {0};

	if (file_read(path, INPUT_MAX, &input) != ERR_OK) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(2);
	}
	run(input.bytes, input.len);
	for (size_t i = 0; i < CUTS_MAX; i++)
		run(input.bytes, input.len * i / CUTS_MAX);
	buf_free(&input);
}

static int replay_folder(const char *folder)
{
	DIR *entries = opendir(folder);
	struct dirent *entry = NULL;
	char path[512];
	int count = 0;

	while (entries != NULL && (entry = readdir(entries)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		replay(path);
		count++;
	}
	if (entries != NULL)
		closedir(entries);
	return count;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	char folder[256];

	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	if (argc > 1)
		return 0;
	name = name != NULL ? name + 1 : argv[0];
	snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s",
	    strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name);
	if (replay_folder(folder) == 0) {
		fprintf(stderr, "%s: no corpus\n", folder);
		return 1;
	}
	return 0;
}
