-- A new webhook, which begins with the events after this moment.
-- caller: portal-api worker, POST /v1/webhooks
-- role: firstring_portal
-- $1 webhook_id uuid
-- $2 url text: passed the portal's checks
-- $3 kinds text[]: empty is all
-- $4 sealed_secret bytea: key id first
-- $5 most bigint: webhooks that an ITSP may have
-- $6 actor_kind text
-- $7 actor_id text
-- $8 source_ip inet
-- $9 request_id text
-- -> outcome text: created, too_many_webhooks
-- rows: 1
-- plan: index scan of webhook_itsp_idx
select outcome from firstring.webhook_create($1::uuid, $2::text, $3::text[], $4::bytea, $5::bigint, $6::text, $7::text,
  $8::inet, $9::text);
