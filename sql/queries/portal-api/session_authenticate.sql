-- Who a session's cookie is. No row: unknown, idle for too long, past its end, or the account is
-- suspended.
-- caller: portal-api worker, before tenant_set
-- role: firstring_portal
-- $1 session_hash bytea: SHA-256 of the cookie
-- $2 idle_s integer
-- -> user_id uuid
-- -> itsp_id uuid: null: of the manufacturer
-- -> itsp_suspended boolean
-- -> name text: display name
-- -> role text
-- -> has_second_factor boolean: used for this session
-- -> expires_at timestamptz
-- rows: 0 or 1
-- plan: index lookups of session_pkey, portal_user_pkey and itsp_pkey
select user_id, itsp_id, itsp_suspended, name, role, has_second_factor, expires_at
from firstring.session_authenticate($1::bytea, $2::integer);
