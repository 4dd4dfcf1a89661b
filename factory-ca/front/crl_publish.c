/* From the signer to the database. See crl_publish.h. */
#include "factory-ca/front/crl_publish.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "queries_factory-ca.h"

struct publishing {
	struct crl_publish request;
	struct buf der;
	struct crl_info info;
};

static void end(struct publishing *publishing, enum err err)
{
	publishing->request.done(err, &publishing->der, &publishing->info, publishing->request.ctx);
	buf_free(&publishing->der);
	free(publishing);
}

static void on_put(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct publishing *publishing = ctx;

	(void)rows;
	(void)count;
	if (error)
		LOG_WARN(
		    "crl_not_recorded", log_err(error->err), log_str("detail", error->message));
	end(publishing, error ? ERR_UNAVAILABLE : ERR_OK);
}

static void put(struct publishing *publishing)
{
	const struct crl_publish *request = &publishing->request;
	struct pg_call query = {.statement = &query_pki_object_put, .params = pg_params_new()};

	pg_param_text(query.params, "issuing_crl");
	pg_param_int(query.params, generation_shard(request->generation));
	pg_param_bytea(query.params, publishing->der.bytes, publishing->der.len);
	pg_param_int(query.params, publishing->info.number);
	pg_param_time_us(query.params, publishing->info.next_update_unix_s * 1000000);
	request->put_actor(query.params, request->ctx);
	pg_submit(request->pg, &query, 1, on_put, publishing);
}

static enum err on_part(enum err err, uint16_t type, struct cursor payload, void *ctx)
{
	struct publishing *publishing = ctx;
	struct signer_crl_part part;

	if (err != ERR_OK || type == SIGNER_FAILED) {
		end(publishing, ERR_UNAVAILABLE);
		return ERR_OK;
	}
	if (type != SIGNER_CRL_PART || signer_crl_part_decode(payload, &part) != ERR_OK)
		return ERR_SYNTAX;
	buf_put(&publishing->der, part.bytes, part.len);
	if (!part.last)
		return ERR_MORE;
	if (publishing->der.len == 0) {
		end(publishing, ERR_OK);
	} else if (publishing->der.err || crl_info_read(&publishing->der, &publishing->info)) {
		LOG_ERROR("crl_malformed", log_uint("bytes", publishing->der.len));
		end(publishing, ERR_IO);
	} else {
		put(publishing);
	}
	return ERR_OK;
}

void crl_publish_start(const struct crl_publish *request)
{
	struct publishing *publishing = calloc(1, sizeof(*publishing));
	struct buf frame = {0};

	CHECK(publishing != NULL);
	publishing->request = *request;
	buf_init(&publishing->der, CRL_FILE_MAX);
	signer_crl_encode(&frame, (uint8_t)request->generation, (uint64_t)request->known);
	signer_client_call(request->signer, SIGNER_CRL, &frame, on_part, publishing);
	buf_free(&frame);
}
