-- The person behind a session.
-- caller: portal-api worker, GET /v1/session
-- role: firstring_portal firstring_admin
-- $1 session_hash bytea: of the session that asks
-- -> id uuid
-- -> email text
-- -> display_name text
-- -> role text
-- -> itsp_id uuid: null: of the manufacturer
-- -> itsp_name text
-- -> itsp_suspended boolean
-- -> second_factor_at timestamptz: null: none set up
-- -> recovery_codes_left integer
-- -> session_expires_at timestamptz
-- rows: 0 or 1
-- plan: index lookups
select id, email, display_name, role, itsp_id, itsp_name, itsp_suspended, second_factor_at,
  recovery_codes_left, session_expires_at
from firstring.own_account($1::bytea);
