-- Claims many phones, each with an outcome of its own; see claim_put for each.
-- caller: portal-api job worker
-- role: firstring_portal
-- $1 claim_ids uuid[]: up to 5,000
-- $2 macs macaddr[]
-- $3 claim_codes text[]: null elements: under a ship notice
-- $4 profile_ids uuid[]
-- $5 sealed_passwords bytea[]
-- $6 failures_allowed integer
-- $7 actor_kind text
-- $8 actor_id text
-- $9 source_ip inet
-- $10 request_id text
-- -> ordinal bigint
-- -> outcome text: as of claim_put
-- rows: one per input row, in order
-- plan: index lookups and inserts by row, of one generic plan
select ordinal, outcome
from firstring.claims_take($1::uuid[], $2::macaddr[], $3::text[], $4::uuid[], $5::bytea[],
  $6::integer, $7::text, $8::text, $9::inet, $10::text)
order by ordinal;
