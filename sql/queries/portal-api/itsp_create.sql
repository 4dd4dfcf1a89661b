-- caller: portal-api worker, POST /v1/admin/itsps
-- role: firstring_admin
-- $1 itsp_id uuid: made by the caller
-- $2 name text
-- $3 actor_kind text
-- $4 actor_id text
-- $5 source_ip inet
-- $6 request_id text
-- -> outcome text: created, name_taken
-- -> created_at timestamptz: null unless created
-- rows: 1
-- plan: insert
select outcome, created_at
from firstring.itsp_create($1::uuid, $2::text, $3::text, $4::text, $5::inet, $6::text);
