/*
 * Posting with libcurl on libevent; see post.h. Reads what webhooks' servers send: TLS, head and a
 * bounded body, by libcurl. The address that a name was resolved to is looked at when the socket to
 * it is opened, so that no second lookup can tell another one. Runs in the courier.
 */
#include "portal-api/courier/post.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "portal-api/webhooks/address.h"

enum { CONNECT_MS = 5000, ANSWER_MAX = 64 * 1024 };

/* One post in flight. */
struct flight {
	struct poster *poster;
	struct flight *next, **link;
	CURL *easy;
	struct curl_slist *headers;
	struct buf body;
	size_t answered; /* bytes of the answer */
	int is_refused; /* the address is none to post to */
	int64_t began_ms;
	char error[CURL_ERROR_SIZE];
	void (*done)(const struct post_result *result, void *ctx);
	void *ctx;
};

struct poster {
	struct poster_config config;
	CURLM *multi;
	struct event *timer;
	struct flight *first;
};

static void flight_free(struct flight *flight)
{
	*flight->link = flight->next;
	if (flight->next)
		flight->next->link = flight->link;
	curl_multi_remove_handle(flight->poster->multi, flight->easy);
	curl_easy_cleanup(flight->easy);
	curl_slist_free_all(flight->headers);
	buf_free(&flight->body);
	free(flight);
}

static void land(struct flight *flight, CURLcode code)
{
	struct post_result result = {
	    .took_ms = (unsigned)(clock_monotonic_ms() - flight->began_ms)};
	if (flight->is_refused)
		result.error = "the address is not a public one";
	else if (code != CURLE_OK)
		result.error = flight->error[0] ? flight->error : curl_easy_strerror(code);
	else
		curl_easy_getinfo(flight->easy, CURLINFO_RESPONSE_CODE, &result.status);
	flight->done(&result, flight->ctx);
	flight_free(flight);
}

static void take_landed(struct poster *poster)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(poster->multi, &left))) {
		struct flight *flight = NULL;
		CURLcode code = message->data.result;
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &flight);
		land(flight, code);
	}
}

/* --- libcurl's sockets and timer on the loop --- */

static void on_socket_event(evutil_socket_t fd, short events, void *ctx)
{
	struct poster *poster = ctx;
	int running, what = 0;
	if (events & EV_READ)
		what |= CURL_CSELECT_IN;
	if (events & EV_WRITE)
		what |= CURL_CSELECT_OUT;
	curl_multi_socket_action(poster->multi, fd, what, &running);
	take_landed(poster);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
	struct poster *poster = ctx;
	struct event *event = known;
	short events = EV_PERSIST;
	(void)easy;
	if (event)
		event_free(event);
	if (what == CURL_POLL_REMOVE) {
		curl_multi_assign(poster->multi, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= EV_READ;
	if (what & CURL_POLL_OUT)
		events |= EV_WRITE;
	event = event_new(poster->config.base, fd, events, on_socket_event, poster);
	CHECK(event && event_add(event, NULL) == 0);
	curl_multi_assign(poster->multi, fd, event);
	return 0;
}

static void on_timeout(evutil_socket_t fd, short events, void *ctx)
{
	struct poster *poster = ctx;
	int running;
	(void)fd;
	(void)events;
	curl_multi_socket_action(poster->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	take_landed(poster);
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
	struct poster *poster = ctx;
	struct timeval delay = {ms / 1000, (ms % 1000) * 1000};
	(void)multi;
	if (ms < 0)
		event_del(poster->timer);
	else
		event_add(poster->timer, &delay);
	return 0;
}

/* --- One post --- */

/* The door: what may be connected to is decided on the address itself. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct flight *flight = ctx;
	(void)purpose;
	if (!address_is_public(&address->addr) &&
	    !(flight->poster->config.allow_loopback && address_is_loopback(&address->addr))) {
		flight->is_refused = 1;
		return CURL_SOCKET_BAD;
	}
	return socket(
	    address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
}

static size_t on_answer(char *bytes, size_t size, size_t count, void *ctx)
{
	struct flight *flight = ctx;
	(void)bytes;
	flight->answered += size * count;
	return flight->answered > ANSWER_MAX ? 0 : size * count;
}

static void set_options(struct flight *flight, const struct post *post)
{
	const struct poster_config *config = &flight->poster->config;
	CURL *easy = flight->easy;
	curl_easy_setopt(easy, CURLOPT_PRIVATE, flight);
	curl_easy_setopt(easy, CURLOPT_URL, post->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_CAINFO, config->authorities);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)config->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, flight);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, flight);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, flight->error);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, flight->headers);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)flight->body.len);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, flight->body.bytes);
}

void poster_post(struct poster *poster, const struct post *post)
{
	struct flight *flight = calloc(1, sizeof(*flight));
	CHECK(flight);
	flight->poster = poster;
	flight->easy = curl_easy_init();
	flight->began_ms = clock_monotonic_ms();
	flight->done = post->done;
	flight->ctx = post->ctx;
	CHECK(flight->easy);
	for (const char *const *line = post->headers; *line; line++) {
		flight->headers = curl_slist_append(flight->headers, *line);
		CHECK(flight->headers);
	}
	buf_put(&flight->body, post->body, post->body_len);
	set_options(flight, post);
	flight->next = poster->first;
	flight->link = &poster->first;
	if (flight->next)
		flight->next->link = &flight->next;
	poster->first = flight;
	CHECK(curl_multi_add_handle(poster->multi, flight->easy) == CURLM_OK);
}

struct poster *poster_new(const struct poster_config *config)
{
	struct poster *made = calloc(1, sizeof(*made));
	CHECK(made && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	made->config = *config;
	made->multi = curl_multi_init();
	made->timer = event_new(config->base, -1, 0, on_timeout, made);
	CHECK(made->multi && made->timer);
	curl_multi_setopt(made->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(made->multi, CURLMOPT_SOCKETDATA, made);
	curl_multi_setopt(made->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(made->multi, CURLMOPT_TIMERDATA, made);
	return made;
}

void poster_free(struct poster *poster)
{
	for (struct flight *flight = poster->first, *next; flight; flight = next) {
		next = flight->next;
		flight_free(flight);
	}
	curl_multi_cleanup(poster->multi);
	event_free(poster->timer);
	curl_global_cleanup();
	free(poster);
}
