-- What the password of the person behind a session is checked against; the attempt is counted as
-- one at signing in is.
-- caller: portal-api worker, /v1/session/...
-- role: firstring_portal firstring_admin
-- $1 session_hash bytea: of the session that asks
-- $2 source_ip inet
-- -> wait_s integer: above 0: too many attempts
-- -> user_id uuid: null: the session has ended
-- -> email text
-- -> display_name text
-- -> password_hash text
-- -> proposed_second_factor_sealed bytea: null: none proposed
-- rows: 1
-- plan: index lookups
select wait_s, user_id, email, display_name, password_hash, proposed_second_factor_sealed
from firstring.own_credentials($1::bytea, $2::inet);
