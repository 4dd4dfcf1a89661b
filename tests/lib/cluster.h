/*
 * A throw-away PostgreSQL cluster for check programs: made before the tests fork, gone after them.
 * Header only, since a test program is one file. Needs to be run from the top folder.
 */
#ifndef FIRSTRING_TESTS_CLUSTER_H
#define FIRSTRING_TESTS_CLUSTER_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/err.h"

struct cluster {
	char folder[64];
	char url[256]; /* a connection string of the superuser */
	char socket[256]; /* the folder of the Unix socket */
};

/* Runs a shell command; its first line of output into `line` (NULL: not wanted). */
__attribute__((format(printf, 3, 4))) static inline void shell(
    char *line, size_t size, const char *format, ...)
{
	char command[2048];
	va_list args;

	va_start(args, format);
	int len = vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	CHECK(len > 0 && (size_t)len < sizeof(command));
	FILE *output = popen(command, "r");
	CHECK(output != NULL);
	if (line != NULL) {
		CHECK(fgets(line, (int)size, output) != NULL);
		line[strcspn(line, "\n")] = '\0';
	}
	int status = pclose(output);
	if (status != 0)
		fprintf(stderr, "failed with %d: %s\n", status, command);
	CHECK(status == 0);
}

static inline void cluster_start(const struct cluster *cluster)
{
	shell(NULL, 0, "deploy/dev/cluster start %s/pg >/dev/null", cluster->folder);
}

static inline void cluster_stop(const struct cluster *cluster)
{
	shell(NULL, 0, "deploy/dev/cluster stop %s/pg >/dev/null", cluster->folder);
}

static inline void cluster_new(struct cluster *cluster)
{
	snprintf(cluster->folder, sizeof(cluster->folder), "/tmp/firstring-cluster-XXXXXX");
	CHECK(mkdtemp(cluster->folder) != NULL);
	/* As root the server runs as another user, who must get here. */
	CHECK(chmod(cluster->folder, 0755) == 0);
	cluster_start(cluster);
	shell(cluster->url, sizeof(cluster->url), "deploy/dev/cluster url %s/pg", cluster->folder);
	shell(cluster->socket, sizeof(cluster->socket), "deploy/dev/cluster socket %s/pg",
	    cluster->folder);
}

static inline void cluster_free(const struct cluster *cluster)
{
	cluster_stop(cluster);
	shell(NULL, 0, "rm -rf %s", cluster->folder);
}

/* Runs SQL as the superuser with psql. */
static inline void cluster_sql(const struct cluster *cluster, const char *sql)
{
	shell(NULL, 0, "psql -qXAt -v ON_ERROR_STOP=1 -o /dev/null -d '%s' -c \"%s\"", cluster->url,
	    sql);
}

#endif
