-- The tenant's people by address.
-- caller: portal-api worker, GET /v1/users, tenant pool
-- role: firstring_portal
-- $1 after_email text: empty is the first page
-- $2 limit bigint
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
-- rows: up to the limit
-- plan: index scan of portal_user_itsp_email_idx under row-level security
select id as user_id, itsp_id, email, display_name, role, state, has_password, second_factor_at,
  last_sign_in_at, created_at, version
from firstring.portal_user
where itsp_id = firstring.current_itsp() and email > coalesce($1::text, '')
order by email
limit $2::bigint;
