-- Changes a model as far as claims allow it.
-- caller: portal-api worker, PATCH /v1/admin/models/{name}
-- role: firstring_admin
-- $1 name text
-- $2 expected_version integer: null is any
-- $3 format text: null leaves it, as of the next ones
-- $4 key_types text[]
-- $5 encrypt_answers boolean
-- $6 tls_floor text: modern, compatible
-- $7 password_alphabet text: '' is letters and digits
-- $8 admin_user text
-- $9 actor_kind text
-- $10 actor_id text
-- $11 source_ip inet
-- $12 request_id text
-- -> outcome text: updated, same, not_found, version_mismatch, unknown_format, bad_key_type,
--    needs_certificate (encrypted answers), model_claimed (format or admin user)
-- rows: 1
-- plan: index lookup; for another format or admin user, claims that are not released with their phones
select outcome
from firstring.model_update($1::text, $2::integer, $3::text, $4::text[], $5::boolean, $6::text,
  $7::text, $8::text, $9::text, $10::text, $11::inet, $12::text);
