/*
 * A PKCS#11 token for tests: SoftHSM with a folder of its own. Header-only.
 */
#ifndef FIRSTRING_TESTS_LIB_SOFTHSM_H
#define FIRSTRING_TESTS_LIB_SOFTHSM_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/err.h"

#define SOFTHSM_MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define SOFTHSM_PIN "pin-4711"
#define SOFTHSM_URI "pkcs11:token=firstring?module-path=" SOFTHSM_MODULE

/* Makes one more token of that label; the first time also the configuration, which SOFTHSM2_CONF
 * names from here on. */
static inline void softhsm_make_token(const char *folder, const char *label)
{
	char path[1024], command[2048];
	FILE *file;

	CHECK(snprintf(path, sizeof(path), "%s/tokens", folder) < (int)sizeof(path));
	(void)mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/softhsm2.conf", folder);
	file = fopen(path, "w");
	CHECK(file != NULL);
	fprintf(file, "directories.tokendir = %s/tokens\nobjectstore.backend = file\n", folder);
	CHECK(fclose(file) == 0);
	CHECK(setenv("SOFTHSM2_CONF", path, 1) == 0);
	snprintf(command, sizeof(command),
	    "softhsm2-util --init-token --free --label %s --pin " SOFTHSM_PIN
	    " --so-pin so-4711 > /dev/null",
	    label);
	CHECK(system(command) == 0);
}

#endif
