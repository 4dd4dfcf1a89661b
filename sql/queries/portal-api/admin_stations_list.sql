-- caller: portal-api worker, GET /v1/admin/stations
-- role: firstring_admin
-- $1 limit bigint
-- -> name text
-- -> fingerprint bytea
-- -> state text
-- -> not_after timestamptz
-- -> created_at timestamptz
-- -> revoked_at timestamptz
-- plan: sort of a small table
select name, fingerprint, state, not_after, created_at, revoked_at
from firstring.station
order by name, created_at desc
limit $1::bigint;
