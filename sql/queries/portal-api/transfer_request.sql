-- Asks for a phone that another ITSP holds. The owner goes on being served and is told by event.
-- caller: portal-api worker, POST /v1/transfers
-- role: firstring_portal
-- $1 transfer_id uuid
-- $2 new_claim_id uuid: of the claim to be, since sealed_password is bound to it
-- $3 mac macaddr
-- $4 claim_code text: 13 normalised symbols; null: under a ship notice
-- $5 profile_id uuid
-- $6 sealed_password bytea: key id first (common/pki/seal.h)
-- $7 wait_s integer: for the phone's reset, then it expires
-- $8 failures_allowed integer: as in claim_put
-- $9 actor_kind text
-- $10 actor_id text
-- $11 source_ip inet
-- $12 request_id text
-- -> outcome text: requested, or as transfer_check
-- -> retry_after_s integer: for rate_limited
-- rows: 1
-- plan: index lookups
select outcome, retry_after_s
from firstring.transfer_request($1::uuid, $2::uuid, $3::macaddr, $4::text, $5::uuid, $6::bytea, $7::integer, $8::integer,
  $9::text, $10::text, $11::inet, $12::text);
