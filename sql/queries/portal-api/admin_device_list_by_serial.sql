-- Phones with this serial number, by MAC: usually one. Each as admin_device_get tells it.
-- caller: portal-api worker, GET /v1/admin/devices
-- role: firstring_admin
-- $1 after_mac macaddr: null is the first page
-- $2 limit bigint
-- $3 serial_number text
-- -> mac macaddr
-- -> serial_number text
-- -> model text
-- -> source text: factory, import
-- -> order_reference text
-- -> manufactured_at timestamptz
-- -> claim_code_epoch integer
-- -> certificate_status text: live, revoked, superseded; null: none
-- -> certificate_fingerprint bytea
-- -> certificate_serial bytea
-- -> shipped_to uuid: of a live ship notice
-- -> shipped_at timestamptz
-- -> itsp_id uuid: the holder; null: unclaimed
-- -> claim_state text
-- -> claimed_at timestamptz
-- -> contacted_at timestamptz: ever, whoever held it
-- -> delivered_at timestamptz: of the present claim
-- -> released_at timestamptz: of the last claim, when it is released
-- rows: up to the limit
-- plan: index scan of device_serial_number_idx; the documents of the page's phones only
select d.mac, d.serial_number, d.model, d.source, d.order_reference, d.manufactured_at, d.claim_code_epoch,
  d.certificate_status, d.certificate_fingerprint, d.certificate_serial, d.shipped_to, d.shipped_at, d.itsp_id,
  d.claim_state, d.claimed_at, d.contacted_at, d.delivered_at, d.released_at
from (
  select p.mac
  from firstring.device p
  where p.serial_number = $3::text
    and p.mac > (select coalesce($1::macaddr, '00:00:00:00:00:00'))
  order by p.mac
  limit $2::bigint) found
cross join lateral firstring.device_document(found.mac) d
order by d.mac;
