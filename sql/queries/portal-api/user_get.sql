-- One person of the tenant.
-- caller: portal-api worker, /v1/users/{id}, tenant pool
-- role: firstring_portal
-- $1 user_id uuid
-- -> user_id uuid
-- -> itsp_id uuid: null: of the manufacturer
-- -> email text
-- -> display_name text
-- -> role text
-- -> state text: live, suspended
-- -> has_password boolean: false: the invitation was not taken yet
-- -> second_factor_at timestamptz: null: none set up
-- -> last_sign_in_at timestamptz
-- -> created_at timestamptz
-- -> version integer
-- rows: 0 or 1
-- plan: index scan of portal_user_pkey under row-level security
select id as user_id, itsp_id, email, display_name, role, state, has_password, second_factor_at,
  last_sign_in_at, created_at, version
from firstring.portal_user
where id = $1::uuid and itsp_id = firstring.current_itsp();
