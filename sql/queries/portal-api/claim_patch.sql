-- Changes the tenant's own claim. A new admin password becomes pending: the next answer delivers it.
-- caller: portal-api worker, PATCH /v1/claims/{mac}
-- role: firstring_portal
-- $1 mac macaddr
-- $2 expected_version integer: null is any
-- $3 profile_id uuid: null leaves it
-- $4 suspended boolean: null leaves it
-- $5 claim_id uuid: what sealed_password is bound to; null when that is null
-- $6 sealed_password bytea: null leaves it
-- $7 actor_kind text
-- $8 actor_id text
-- $9 source_ip inet
-- $10 request_id text
-- -> outcome text: updated, same, not_found, version_mismatch (also: another claim than claim_id),
--    unknown_profile
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
from firstring.claim_patch($1::macaddr, $2::integer, $3::uuid, $4::boolean, $5::uuid,
  $6::bytea, $7::text, $8::text, $9::inet, $10::text);
