-- One person.
-- caller: portal-api worker, /v1/admin/users/{id}
-- role: firstring_admin
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
-- plan: index scan of portal_user_pkey
select id as user_id, itsp_id, email, display_name, role, state, has_password, second_factor_at,
  last_sign_in_at, created_at, version
from firstring.portal_user
where id = $1::uuid;
