/* Requests to the signer. Runs in the front's workers, on their event loop. */
#include "factory-ca/front/signer_client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/net/ipc.h"

enum {
	RECONNECT_MIN_MS = 100,
	RECONNECT_MAX_MS = 2000,
	GREETING_MS = 5000,
	LOCKED_MS = 500,
	GREETING_ID = 0
};

struct signer_call {
	LIST_ENTRY(signer_call) entry;
	struct signer_client *client;
	uint32_t id;
	enum err on_timer; /* what the timer tells the caller */
	struct event *timer;
	signer_answer_fn *on_answer;
	void *ctx;
};

struct signer_client {
	struct signer_client_config config;
	struct ipc *ipc; /* NULL: not connected */
	int ready; /* greeted */
	int told_to_wait; /* the signer is there, and its keys are locked */
	char last_said[SIGNER_DETAIL_MAX + 1]; /* why: logged when it changes */
	struct event *reconnect; /* while connected and not greeted: the greeting's deadline */
	unsigned reconnect_ms;
	uint32_t next_id;
	size_t pending;
	LIST_HEAD(, signer_call) calls;
	uint8_t generations; /* as the signer last told */
};

static void set_timer(struct event *timer, unsigned ms)
{
	struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	CHECK(evtimer_add(timer, &delay) == 0);
}

static void call_free(struct signer_call *call)
{
	LIST_REMOVE(call, entry);
	call->client->pending--;
	event_free(call->timer);
	free(call);
}

static void call_fail(struct signer_call *call, enum err err)
{
	signer_answer_fn *on_answer = call->on_answer;
	void *ctx = call->ctx;

	call_free(call);
	(void)on_answer(err, 0, cursor_of("", 0), ctx);
}

static void on_call_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct signer_call *call = ctx;

	(void)fd;
	(void)what;
	call_fail(call, call->on_timer);
}

/* The callers hear of it from the loop, not from inside a callback of the connection. */
static void fail_all_soon(struct signer_client *client, enum err err)
{
	struct signer_call *call;

	LIST_FOREACH(call, &client->calls, entry)
	{
		if (call->id == GREETING_ID)
			continue;
		call->id = GREETING_ID;
		call->on_timer = err;
		set_timer(call->timer, 0);
	}
}

static void set_ready(struct signer_client *client, int ready)
{
	if (client->ready == ready)
		return;
	client->ready = ready;
	if (client->config.on_state)
		client->config.on_state(ready, client->config.ctx);
}

/* It will greet when its custodians have come: ask again when the greeting's time is over. */
static enum err on_not_yet(struct signer_client *client, struct cursor payload)
{
	struct signer_failed failed;
	enum err err = signer_failed_decode(payload, &failed);

	if (err)
		return err;
	if (strcmp(failed.detail, client->last_said) != 0)
		LOG_WARN("signer_not_ready", log_str("detail", failed.detail));
	strcpy(client->last_said, failed.detail);
	client->told_to_wait = 1;
	set_timer(client->reconnect, LOCKED_MS);
	return ERR_OK;
}

static enum err on_welcome(struct signer_client *client, uint16_t type, struct cursor payload)
{
	static struct log_gate gate;
	struct signer_welcome welcome;

	if (type == SIGNER_FAILED)
		return on_not_yet(client, payload);
	if (type != SIGNER_WELCOME || signer_welcome_decode(payload, &welcome) != ERR_OK)
		return ERR_SYNTAX;
	if (welcome.version != SIGNER_PROTOCOL_VERSION ||
	    memcmp(welcome.issuing_ca.bytes, client->config.issuing_ca.bytes, SHA256_LEN) != 0) {
		if (log_gate_open(&gate))
			LOG_ERROR("signer_is_another", log_uint("version", welcome.version),
			    log_hex("issuing_ca", welcome.issuing_ca.bytes, SHA256_LEN),
			    log_hex("expected", client->config.issuing_ca.bytes, SHA256_LEN));
		return ERR_DENIED;
	}
	client->generations = welcome.generations;
	client->reconnect_ms = RECONNECT_MIN_MS;
	evtimer_del(client->reconnect);
	client->last_said[0] = '\0';
	LOG_INFO("signer_connected", log_uint("open_orders", welcome.open_orders));
	set_ready(client, 1);
	return ERR_OK;
}

static struct signer_call *find_call(struct signer_client *client, uint32_t id)
{
	struct signer_call *call;

	LIST_FOREACH(call, &client->calls, entry)
	if (call->id == id)
		return call;
	return NULL;
}

static enum err on_frame(
    struct ipc *ipc, uint16_t type, uint32_t id, struct cursor payload, void *ctx)
{
	struct signer_client *client = ctx;
	struct signer_call *call;
	signer_answer_fn *on_answer;
	void *call_ctx;
	enum err err;

	(void)ipc;
	if (id == GREETING_ID)
		return client->ready ? ERR_SYNTAX : on_welcome(client, type, payload);
	call = find_call(client, id);
	if (call == NULL)
		return ERR_OK; /* its deadline passed before the answer came */
	on_answer = call->on_answer;
	call_ctx = call->ctx;
	err = on_answer(ERR_OK, type, payload, call_ctx);
	if (err == ERR_MORE)
		return ERR_OK;
	if (err != ERR_OK) {
		LOG_ERROR("signer_answer_malformed", log_uint("type", type), log_err(err));
		return err; /* the call fails with the connection */
	}
	call_free(call);
	return ERR_OK;
}

static void schedule_reconnect(struct signer_client *client)
{
	set_timer(client->reconnect, client->reconnect_ms / 2 + random_below(client->reconnect_ms));
	client->reconnect_ms *= 2;
	if (client->reconnect_ms > RECONNECT_MAX_MS)
		client->reconnect_ms = RECONNECT_MAX_MS;
}

static void on_close(struct ipc *ipc, void *ctx)
{
	static struct log_gate gate;
	struct signer_client *client = ctx;

	(void)ipc;
	client->ipc = NULL;
	if (log_gate_open(&gate))
		LOG_WARN("signer_lost", log_uint("waiting", client->pending),
		    log_uint("suppressed", gate.suppressed));
	set_ready(client, 0);
	fail_all_soon(client, ERR_UNAVAILABLE);
	schedule_reconnect(client);
}

static const struct ipc_handler HANDLER = {.on_frame = on_frame, .on_close = on_close};

static void connect_now(struct signer_client *client)
{
	static struct log_gate gate;
	struct buf hello = {0};
	enum err err;

	err = ipc_connect(
	    client->config.base, client->config.socket_path, &HANDLER, client, &client->ipc);
	if (err != ERR_OK) {
		client->ipc = NULL;
		if (log_gate_open(&gate))
			LOG_WARN("signer_unreachable",
			    log_str("socket", client->config.socket_path), log_err(err),
			    log_uint("suppressed", gate.suppressed));
		schedule_reconnect(client);
		return;
	}
	signer_hello_encode(&hello);
	err = ipc_send(client->ipc, SIGNER_HELLO, GREETING_ID, hello.bytes, hello.len);
	CHECK(err == ERR_OK || err == ERR_CLOSED);
	buf_free(&hello);
	set_timer(client->reconnect, GREETING_MS);
}

static void on_reconnect(evutil_socket_t fd, short what, void *ctx)
{
	struct signer_client *client = ctx;

	(void)fd;
	(void)what;
	if (client->ipc != NULL) {
		if (!client->told_to_wait)
			LOG_WARN(
			    "signer_did_not_greet", log_str("socket", client->config.socket_path));
		ipc_free(client->ipc);
		client->ipc = NULL;
	}
	client->told_to_wait = 0;
	connect_now(client);
}

struct signer_client *signer_client_new(const struct signer_client_config *config)
{
	struct signer_client *client = calloc(1, sizeof(*client));

	CHECK(client != NULL);
	client->config = *config;
	client->reconnect_ms = RECONNECT_MIN_MS;
	LIST_INIT(&client->calls);
	client->reconnect = evtimer_new(config->base, on_reconnect, client);
	CHECK(client->reconnect != NULL);
	set_timer(client->reconnect, 0);
	return client;
}

void signer_client_free(struct signer_client *client)
{
	struct signer_call *call;

	if (client == NULL)
		return;
	event_free(client->reconnect);
	if (client->ipc)
		ipc_free(client->ipc);
	/* clang-tidy does not see that LIST_REMOVE took the freed one out. */
	while ((call = LIST_FIRST(&client->calls)) != NULL)
		call_fail(call, ERR_CLOSED); /* NOLINT(clang-analyzer-unix.Malloc) */
	free(client);
}

unsigned signer_client_next_generation(const struct signer_client *client, unsigned generation)
{
	for (generation++; generation <= GENERATION_MAX; generation++)
		if (client->generations & 1U << (generation - 1))
			return generation;
	return 0;
}

int signer_client_is_ready(const struct signer_client *client)
{
	return client->ready;
}

void signer_client_call(struct signer_client *client, enum signer_message type,
    const struct buf *payload, signer_answer_fn *on_answer, void *ctx)
{
	struct signer_call *call = calloc(1, sizeof(*call));
	enum err err = ERR_OK;

	CHECK(call != NULL);
	call->client = client;
	call->on_answer = on_answer;
	call->ctx = ctx;
	call->on_timer = ERR_TIMEOUT;
	call->timer = evtimer_new(client->config.base, on_call_timer, call);
	CHECK(call->timer != NULL);
	if (!client->ready)
		err = ERR_UNAVAILABLE;
	else if (client->pending >= client->config.pending_max)
		err = ERR_FULL;
	client->pending++;
	LIST_INSERT_HEAD(&client->calls, call, entry);
	if (err == ERR_OK) {
		if (++client->next_id == GREETING_ID)
			client->next_id++;
		call->id = client->next_id;
		err = ipc_send(client->ipc, type, call->id, payload->bytes, payload->len);
		CHECK(err != ERR_TOO_LONG);
	}
	if (err != ERR_OK) {
		call->id = GREETING_ID;
		call->on_timer = err;
	}
	set_timer(call->timer, err == ERR_OK ? client->config.deadline_ms : 0);
}
