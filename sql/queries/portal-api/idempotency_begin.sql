-- First transaction of a request with an Idempotency-Key; commits before the effect begins.
-- caller: portal-api worker, either pool
-- role: firstring_portal firstring_admin
-- $1 principal uuid: the token's or user's id
-- $2 route text: method and path pattern
-- $3 key text: up to 255 bytes
-- $4 request_hash bytea: SHA-256 of method, path and body
-- -> outcome text: new (go on), in_progress, differs (the key with another request), replay (answer
--    what is stored), effect_done (the effect is committed, its answer was never stored: rebuild it
--    from object_id)
-- -> object_id text: for effect_done
-- -> status integer: for replay
-- -> response text: for replay; null where had_secret
-- -> had_secret boolean: say secret_already_shown
-- rows: 1
-- plan: index lookup of idempotency_pkey
select outcome, object_id, status, response, had_secret
from firstring.idempotency_begin($1::uuid, $2::text, $3::text, $4::bytea);
