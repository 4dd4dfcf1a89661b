-- The tenant's claims that are not released of phones with this serial number, by MAC: usually one.
-- caller: portal-api worker, GET /v1/claims?serial_number=
-- role: firstring_portal
-- $1 after_mac macaddr: null is the first page
-- $2 limit bigint
-- $3 serial_number text
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
-- rows: up to the limit
-- plan: index scan of device_serial_number_idx under row-level security
select claim_id, mac, model, format, serial_number, profile_id, state, claimed_at, contacted_at,
  contacted_before_claim, delivered_at, armed_at, once_started_at, pending_since, version
from firstring.claim_document
where itsp_id = any (array[firstring.current_itsp()])
  and serial_number = $3::text
  and mac > (select coalesce($1::macaddr, '00:00:00:00:00:00'))
order by mac
limit $2::bigint;
