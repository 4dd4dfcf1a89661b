-- Keeps the answer for replays, 24 hours. Never pass a document that holds a secret.
-- caller: portal-api worker, either pool, after the effect
-- role: firstring_portal firstring_admin
-- $1 principal uuid
-- $2 route text
-- $3 key text
-- $4 status integer
-- $5 response text: null when had_secret
-- $6 had_secret boolean
-- -> stored boolean
-- rows: 1
-- plan: index lookup
select firstring.idempotency_finish($1::uuid, $2::text, $3::text, $4::integer, $5::text,
  $6::boolean) as stored;
