/*
 * The pages for people: files of portal-api/web, compiled in, so that what is served is what was
 * built and tested.
 *
 * They are public and hold no data: what they show they ask the API for, as the person who is
 * signed in. They may load nothing from elsewhere and run nothing inline (Content-Security-Policy).
 */
#ifndef FIRSTRING_PORTAL_HTTP_WEB_H
#define FIRSTRING_PORTAL_HTTP_WEB_H

#include <stddef.h>

#include "common/net/http1.h"

struct request;

struct web_file {
	const char *path; /* as asked for */
	const char *type;
	const char *etag; /* with its quotes */
	const char *bytes, *end;
};

/* Made by web-to-c. */
extern const struct web_file web_files[];
extern const size_t web_file_count;

/* NULL when there is no such page. */
const struct web_file *web_find(struct span path);
/* Answers with a page, or that it has not changed. */
void web_answer(struct request *request, const struct web_file *file);

#endif
