-- The sealed passwords of the tenant's own claim, to be compared with one that was sent again; audited as
-- a comparison, and told to nobody.
-- caller: portal-api worker, PUT /v1/claims/{mac} of what is held already, with admin_password
-- role: firstring_portal
-- $1 mac macaddr
-- $2 actor_kind text
-- $3 actor_id text
-- $4 source_ip inet
-- $5 request_id text
-- -> claim_id uuid: what both are bound to; null: not held
-- -> sealed_password bytea: null: purged
-- -> pending_sealed_password bytea: null: none
-- rows: 1
-- plan: index lookup of claim_one_live_per_mac
select claim_id, sealed_password, pending_sealed_password
from firstring.claim_compare($1::macaddr, $2::text, $3::text, $4::inet, $5::text);
