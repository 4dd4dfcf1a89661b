-- Lets a key go whose request was not carried out (a 4xx or 503 that a retry may turn).
-- caller: portal-api worker, either pool
-- role: firstring_portal firstring_admin
-- $1 principal uuid
-- $2 route text
-- $3 key text
-- -> forgotten boolean: false where the effect is committed
-- rows: 1
-- plan: index lookup
select firstring.idempotency_forget($1::uuid, $2::text, $3::text) as forgotten;
