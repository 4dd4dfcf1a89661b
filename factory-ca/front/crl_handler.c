/*
 * POST /v1/crl: an operator has the issuing CA's CRL as it is now published, and is given it. The
 * publisher does the same within seconds; this is for who wants to see it done.
 */
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "factory-ca/front/crl_publish.h"
#include "factory-ca/front/handlers.h"

static void put_actor(struct pg_params *params, void *ctx)
{
	call_put_actor(ctx, params);
}

static void put_time(struct buf *body, const char *key, int64_t unix_s)
{
	char text[CLOCK_TEXT_LEN + 1];

	clock_format_s(unix_s, text);
	buf_printf(body, ",\"%s\":\"%s\"", key, text);
}

static void on_published(
    enum err err, const struct buf *der, const struct crl_info *info, void *ctx)
{
	struct call *call = ctx;
	struct buf body = {0};

	if (err) {
		call_unavailable(call, "signer or database");
		return;
	}
	buf_printf(
	    &body, "{\"number\":%lld,\"entries\":%zu", (long long)info->number, info->entries);
	put_time(&body, "this_update", info->this_update_unix_s);
	put_time(&body, "next_update", info->next_update_unix_s);
	buf_put_str(&body, ",\"crl\":\"");
	base64_encode(&body, der->bytes, der->len, 0);
	buf_put_str(&body, "\"}\n");
	call_answer_json(call, 200, &body);
	buf_free(&body);
}

void handle_crl(struct call *call)
{
	const struct crl_publish request = {.pg = call->front->pg,
	    .signer = call->front->signer,
	    .put_actor = put_actor,
	    .done = on_published,
	    .ctx = call};

	crl_publish_start(&request);
}
