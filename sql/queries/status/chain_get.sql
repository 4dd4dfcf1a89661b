-- The published factory chain, PEM, issuing CA first.
-- caller: portal-api status worker
-- role: firstring_status
-- -> content bytea
-- -> updated_at timestamptz
-- rows: 0 or 1
-- plan: index scan of pki_object_pkey
select content, updated_at
from firstring.pki_object
where kind = 'chain' and shard = 0;
