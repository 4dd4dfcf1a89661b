-- The tenant's claims that are not released, by MAC. The cursor is the last MAC of the page before.
-- caller: portal-api worker, GET /v1/claims
-- role: firstring_portal
-- $1 after_mac macaddr: null is the first page
-- $2 limit bigint
-- $3 state text: live, suspended; null is both
-- $4 above_mac macaddr: only MACs above it; null is all
-- $5 to_mac macaddr: only MACs up to it; null is all
-- $6 profile_id uuid: null is any
-- $7 progress text: waiting (did not come), contacted (came, got nothing), delivered; null is any
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
-- plan: of claim_itsp_idx, claim_profile_idx or claim_suspended_idx the rows of a page, of each of three
--   parts. The upper end is cut off from the page outside: what seems to leave few rows is looked for
--   elsewhere
select claim_id, mac, model, format, serial_number, profile_id, state, claimed_at, contacted_at,
  contacted_before_claim, delivered_at, armed_at, once_started_at, pending_since, version
from firstring.claims_of_tenant(greatest($1::macaddr, $4::macaddr), $2::bigint, $3::text, $6::uuid, $7::text)
where $5::macaddr is null or mac <= $5::macaddr
order by mac;
