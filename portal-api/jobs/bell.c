/* The job worker's bell; see bell.h. Runs in the parent, API workers and the job worker. */
#include "portal-api/jobs/bell.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/err.h"

struct bell_ear {
	struct event *event;
	void (*on_ring)(void *ctx);
	void *ctx;
};

int bell_new(void)
{
	int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	CHECK(bell >= 0);
	return bell;
}

void bell_ring(int bell)
{
	/* It can only fail where it rings already. */
	(void)!eventfd_write(bell, 1);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct bell_ear *ear = ctx;
	eventfd_t rings;
	(void)what;
	if (eventfd_read(fd, &rings) == 0)
		ear->on_ring(ear->ctx);
}

struct bell_ear *bell_listen(
    int bell, struct event_base *base, void (*on_ring)(void *ctx), void *ctx)
{
	struct bell_ear *ear = calloc(1, sizeof *ear);
	CHECK(ear);
	ear->on_ring = on_ring;
	ear->ctx = ctx;
	ear->event = event_new(base, bell, EV_READ | EV_PERSIST, on_readable, ear);
	CHECK(ear->event && event_add(ear->event, NULL) == 0);
	return ear;
}

void bell_ear_free(struct bell_ear *ear)
{
	event_free(ear->event);
	free(ear);
}
