-- A CA certificate as published (AIA caIssuers).
-- caller: portal-api status worker
-- role: firstring_status
-- $1 ca text: root, issuing
-- $2 shard integer
-- -> content bytea: DER
-- -> updated_at timestamptz
-- rows: 0 or 1
-- plan: index scan of pki_object_pkey
select content, updated_at
from firstring.pki_object
where kind = $1::text || '_certificate' and shard = $2::integer;
