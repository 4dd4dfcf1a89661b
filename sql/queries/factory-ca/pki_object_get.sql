-- A published object.
-- caller: factory-ca front
-- role: firstring_factory
-- $1 kind text
-- $2 shard integer
-- -> content bytea
-- -> number bigint
-- -> updated_at timestamptz
-- -> next_update timestamptz
-- rows: 0 or 1
-- plan: index scan of pki_object_pkey
select content, number, updated_at, next_update
from firstring.pki_object
where kind = $1::text and shard = $2::integer;
