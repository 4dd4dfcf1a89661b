-- Contact and delivery events, exactly once on (at, event_id), with the facts that follow from
-- them: device.contacted_at, claim.contacted_at, claim.delivered_at, and a pending password that
-- becomes the delivered one.
-- caller: redirector worker, in batches; its spool, again
-- role: firstring_redirector
-- $1 at timestamptz[]: when it happened, by the redirector's clock
-- $2 event_ids uuid[]: made by the redirector
-- $3 macs macaddr[]: from the certificate
-- $4 kinds text[]: contacted, delivered, staged, refused, ... ([a-z_]{1,32}); the first three count as
--    a contact
-- $5 claim_ids uuid[]: the claim the answer came from; null: the one that held the MAC at that time
-- $6 password_versions bigint[]: for delivered: password_version or pending_version; else null
-- $7 source_ips text[]: elements may be null
-- $8 details text[]: JSON objects ({"format","reason",...}); elements may be null
-- -> inserted bigint: rows that were new
-- rows: 1
-- plan: inserts; index lookups of claim_mac_idx and device_pkey
select inserted
from firstring.events_insert($1::timestamptz[], $2::uuid[], $3::macaddr[], $4::text[], $5::uuid[],
  $6::bigint[], $7::text[], $8::text[]);
