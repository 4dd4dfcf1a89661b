-- The tenant's claims that are not released, by MAC. The cursor is the last MAC of the page before.
-- caller: portal-api worker, GET /v1/claims
-- role: firstring_portal
-- $1 after_mac macaddr: null is the first page
-- $2 limit bigint
-- $3 state text: live, suspended; null is both
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
-- plan: index scan of claim_itsp_mac_idx under row-level security. `= any` keeps the planner from
--   taking itsp_id for a constant: else it may walk all tenants' claims in the order of the MACs
select claim_id, mac, model, format, serial_number, profile_id, state, claimed_at, contacted_at,
  contacted_before_claim, delivered_at, armed_at, once_started_at, pending_since, version
from firstring.claim_document
where itsp_id = any (array[firstring.current_itsp()])
  and mac > (select coalesce($1::macaddr, '00:00:00:00:00:00'))
  and ($3::text is null or state = $3::text)
order by itsp_id, mac
limit $2::bigint;
