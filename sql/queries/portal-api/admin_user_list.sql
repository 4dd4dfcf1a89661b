-- People by address: of one ITSP, of the manufacturer, or of both.
-- caller: portal-api worker, GET /v1/admin/users
-- role: firstring_admin
-- $1 after_email text: empty is the first page
-- $2 limit bigint
-- $3 itsp_id uuid: null: of the manufacturer, or of everybody
-- $4 everybody boolean
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
-- plan: index scan of portal_user_itsp_email_idx, or of portal_user_email_key for everybody
select id as user_id, itsp_id, email, display_name, role, state, has_password, second_factor_at,
  last_sign_in_at, created_at, version
from firstring.portal_user
where ($4::boolean or itsp_id is not distinct from $3::uuid) and email > coalesce($1::text, '')
order by email
limit $2::bigint;
