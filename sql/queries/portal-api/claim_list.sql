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
-- plan: index scan of claim_itsp_mac_idx under row-level security. `= any` keeps the planner from
--   taking itsp_id for a constant: else it may walk all tenants' claims in the order of the MACs. For
--   the same reason the upper end is cut off from the page outside, and filters stand in coalesce: what
--   seems to leave few rows is looked for elsewhere
select claim_id, mac, model, format, serial_number, profile_id, state, claimed_at, contacted_at,
  contacted_before_claim, delivered_at, armed_at, once_started_at, pending_since, version
from (
  select *
  from firstring.claim_document
  where itsp_id = any (array[firstring.current_itsp()])
    and mac > (select greatest(coalesce($1::macaddr, '00:00:00:00:00:00'), $4::macaddr))
    and coalesce(state = $3::text, true)
    and coalesce(profile_id = $6::uuid, true)
    and coalesce($7::text = case when delivered_at is not null then 'delivered'
      when contacted_at is not null then 'contacted' else 'waiting' end, true)
  order by itsp_id, mac
  limit $2::bigint) page
where $5::macaddr is null or mac <= $5::macaddr
order by mac;
