-- A CRL as published.
-- caller: portal-api status worker
-- role: firstring_status
-- $1 ca text: root, issuing
-- $2 shard integer
-- -> content bytea: DER
-- -> number bigint
-- -> updated_at timestamptz
-- -> next_update timestamptz
-- rows: 0 or 1
-- plan: index scan of pki_object_pkey
select content, number, updated_at, next_update
from firstring.pki_object
where kind = $1::text || '_crl' and shard = $2::integer;
