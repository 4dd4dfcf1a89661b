-- Takes an approval back, unless a profile uses a host under it that no other approval covers.
-- caller: portal-api worker, DELETE /v1/admin/itsps/{id}/domains/{domain}
-- role: firstring_admin
-- $1 itsp_id uuid
-- $2 domain text
-- $3 actor_kind text
-- $4 actor_id text
-- $5 source_ip inet
-- $6 request_id text
-- -> outcome text: removed, not_found, in_use (a profile needs it)
-- rows: 1
-- plan: index lookup
select outcome
from firstring.itsp_domain_remove($1::uuid, $2::text, $3::text, $4::text, $5::inet, $6::text);
