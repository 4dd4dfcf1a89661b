-- Renames or suspends an ITSP. All its phones get the common 404 from the next lookup on.
-- caller: portal-api worker, PATCH /v1/admin/itsps/{id}
-- role: firstring_admin
-- $1 itsp_id uuid
-- $2 expected_version integer: null is any
-- $3 name text: null leaves it
-- $4 suspended boolean: null leaves it
-- $5 actor_kind text
-- $6 actor_id text
-- $7 source_ip inet
-- $8 request_id text
-- -> outcome text: updated, same, not_found, version_mismatch, name_taken
-- -> version integer: null for not_found
-- rows: 1
-- plan: index lookup
select outcome, version
from firstring.itsp_patch($1::uuid, $2::integer, $3::text, $4::boolean,
  $5::text, $6::text, $7::inet, $8::text);
