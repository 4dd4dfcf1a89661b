-- Leave to deliver a claim's answer where that must be written first: redelivery once (the first
-- answer starts the grace; within it the same bytes may go out again; then it is locked) and stage
-- two of a staged delivery. `granted` is the delivery: it is in the feed, and the password is the
-- delivered one, in the same transaction.
-- caller: redirector worker, before it answers; on the primary only
-- role: firstring_redirector
-- $1 claim_id uuid
-- $2 claim_version integer: as looked up
-- $3 password_version integer: of the password about to be sent (pending_version when pending)
-- $4 grace_s integer: once_grace_s; null: redelivery is not once
-- $5 token_hash bytea: SHA-256 of the token that the phone came with; null: delivery is direct
-- $6 fingerprint bytea: of its certificate; null with token_hash
-- $7 event_id uuid: made by the caller
-- $8 source_ip text
-- -> outcome text: granted, repeated (within the grace), locked, not_staged (the token is not good),
--    changed (released, suspended or edited since: look up again)
-- rows: 1
-- plan: index scans of claim_pkey, device_pkey, stage_token_pkey
select outcome
from firstring.delivery_advance($1::uuid, $2::integer, $3::integer, $4::integer, $5::bytea, $6::bytea,
  $7::uuid, $8::text);
