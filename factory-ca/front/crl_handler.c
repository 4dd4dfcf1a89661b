/*
 * POST /v1/crl: an operator has the issuing CAs' CRLs as they are now published, and is given them.
 * The publisher does the same within seconds; this is for who wants to see it done.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "factory-ca/front/crl_publish.h"
#include "factory-ca/front/handlers.h"

/* One CRL after another, the newest generation's last: it stands in the answer itself. */
struct crl_round {
	struct call *call;
	unsigned generation, next; /* in hand, and the one after it; 0: none */
	struct buf older; /* objects of those that were published before */
};

static void put_actor(struct pg_params *params, void *ctx)
{
	const struct crl_round *round = ctx;

	call_put_actor(round->call, params);
}

static void put_time(struct buf *body, const char *key, int64_t unix_s)
{
	char text[CLOCK_TEXT_LEN + 1];

	clock_format_s(unix_s, text);
	buf_printf(body, ",\"%s\":\"%s\"", key, text);
}

static void round_free(struct crl_round *round)
{
	buf_free(&round->older);
	free(round);
}

static void publish_next(struct crl_round *round);

static void put_crl(
    struct buf *body, unsigned generation, const struct buf *der, const struct crl_info *info)
{
	buf_printf(body, "\"generation\":%u,\"number\":%lld,\"entries\":%zu", generation,
	    (long long)info->number, info->entries);
	put_time(body, "this_update", info->this_update_unix_s);
	put_time(body, "next_update", info->next_update_unix_s);
	buf_put_str(body, ",\"crl\":\"");
	base64_encode(body, der->bytes, der->len, 0);
	buf_put_str(body, "\"");
}

static void on_published(
    enum err err, const struct buf *der, const struct crl_info *info, void *ctx)
{
	struct crl_round *round = ctx;
	struct buf body = {0};

	if (err) {
		call_unavailable(round->call, "signer or database");
		round_free(round);
		return;
	}
	if (round->next) {
		buf_put_str(&round->older, round->older.len ? ",{" : "{");
		put_crl(&round->older, round->generation, der, info);
		buf_put_str(&round->older, "}");
		publish_next(round);
		return;
	}
	buf_put_str(&body, "{");
	put_crl(&body, round->generation, der, info);
	buf_put_str(&body, ",\"older\":[");
	buf_put(&body, round->older.bytes, round->older.len);
	buf_put_str(&body, "]}\n");
	call_answer_json(round->call, 200, &body);
	buf_free(&body);
	round_free(round);
}

static void publish_next(struct crl_round *round)
{
	struct crl_publish request = {.pg = round->call->front->pg,
	    .signer = round->call->front->signer,
	    .generation = round->next,
	    .put_actor = put_actor,
	    .done = on_published,
	    .ctx = round};

	round->generation = round->next;
	round->next = signer_client_next_generation(request.signer, round->generation);
	crl_publish_start(&request);
}

void handle_crl(struct call *call)
{
	struct crl_round *round = calloc(1, sizeof(*round));

	CHECK(round != NULL);
	round->call = call;
	round->next = signer_client_next_generation(call->front->signer, 0);
	if (round->next) {
		publish_next(round);
	} else {
		call_unavailable(call, "signer or database");
		round_free(round);
	}
}
