-- The tenant's own claim that is not released.
-- caller: portal-api worker, GET /v1/claims/{mac}
-- role: firstring_portal
-- $1 mac macaddr
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
-- -> password_purged boolean: and none is pending
-- -> password_alphabet text: what the model can type; null: letters and digits
-- rows: 0 or 1
-- plan: index scans of claim_one_live_per_mac and device_pkey under row-level security
select claim_id, mac, model, format, serial_number, profile_id, state, claimed_at, contacted_at,
  contacted_before_claim, delivered_at, armed_at, once_started_at, pending_since, version,
  password_purged,
  (select m.password_alphabet from firstring.device_model m where m.name = model) as password_alphabet
from firstring.claim_document
where mac = $1::macaddr;
