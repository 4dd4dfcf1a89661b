-- Whom a one-time link is for.
-- caller: portal-api worker, POST /v1/links
-- role: firstring_portal
-- $1 link_hash bytea: SHA-256 of the link's token
-- -> email text
-- -> display_name text
-- -> expires_at timestamptz
-- rows: 0 or 1
-- plan: index lookup of user_link_pkey
select email, display_name, expires_at
from firstring.user_link_show($1::bytea);
