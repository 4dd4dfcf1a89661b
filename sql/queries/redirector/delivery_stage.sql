-- Stage one of a staged delivery: keeps the hash of the token that the answer's URL holds. The phone
-- has its password from then on, which is written with it, as is the event `staged`.
-- caller: redirector worker, before it answers; on the primary only
-- role: firstring_redirector
-- $1 claim_id uuid
-- $2 claim_version integer: as looked up
-- $3 password_version integer: of the password about to be sent
-- $4 is_once boolean: redelivery is once
-- $5 token_hash bytea: SHA-256 of a new token
-- $6 fingerprint bytea: of the phone's certificate
-- $7 valid_s integer: how long the token is good
-- $8 event_id uuid: made by the caller
-- $9 source_ip text
-- -> outcome text: staged, locked, changed (look up again)
-- rows: 1
-- plan: index scans of claim_pkey, device_pkey, stage_token_claim_idx
select outcome
from firstring.delivery_stage($1::uuid, $2::integer, $3::integer, $4::boolean, $5::bytea, $6::bytea,
  $7::integer, $8::uuid, $9::text);
