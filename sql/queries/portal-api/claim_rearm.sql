-- Makes a claim deliverable again: redelivery once is unlocked, window starts anew. A claim whose
-- password was purged gets the new one that must come with it.
-- caller: portal-api worker, POST /v1/claims/{mac}/rearm
-- role: firstring_portal
-- $1 mac macaddr
-- $2 expected_version integer: null is any
-- $3 actor_kind text
-- $4 actor_id text
-- $5 source_ip inet
-- $6 request_id text
-- $7 claim_id uuid: the claim that $8 is sealed for; null: none
-- $8 sealed_password bytea: pending from now on, where the old one was purged; else not used
-- -> outcome text: rearmed, not_found, version_mismatch, needs_password (it was purged)
-- -> claim_id uuid
-- -> mac macaddr
-- -> model text
-- -> format text: of the model
-- -> serial_number text
-- -> profile_id uuid
-- -> state text: live, suspended
-- -> claimed_at timestamptz
-- -> contacted_at timestamptz: the last; one before the claim counts when nobody held the phone
-- -> contacted_before_claim boolean: contacted_at is from before the claim
-- -> delivered_at timestamptz
-- -> armed_at timestamptz
-- -> once_started_at timestamptz
-- -> pending_since timestamptz: a password waits for delivery; null: none
-- -> version integer
-- rows: 1; the claim's columns are null for not_found
-- plan: index lookups
select outcome, claim_id, mac, model, format, serial_number, profile_id, state, claimed_at, contacted_at,
  contacted_before_claim, delivered_at, armed_at, once_started_at, pending_since, version
from firstring.claim_rearm($1::macaddr, $2::integer, $3::text, $4::text, $5::inet, $6::text,
  $7::uuid, $8::bytea);
