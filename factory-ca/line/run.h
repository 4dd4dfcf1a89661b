/*
 * A run of factory-line: the phones of one order, from a list to a folder each.
 */
#ifndef FIRSTRING_FACTORY_CA_LINE_RUN_H
#define FIRSTRING_FACTORY_CA_LINE_RUN_H

#include "factory-ca/line/config.h"
#include "factory-ca/line/phones.h"

struct line_job {
	const struct line_config *config;
	const char *order, *folder;
	const char *list_path; /* CSV; NULL: the range */
	const char *serial_format;
	struct mac first_mac;
	int has_first_mac;
	size_t count;
	int dry_run, verify, rework;
};

/* An exit status of sysexits.h, told in words on stderr. */
int line_run(const struct line_job *job);

#endif
