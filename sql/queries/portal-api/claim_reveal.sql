-- The sealed passwords of the tenant's own claim; the reveal is audited before it is answered.
-- caller: portal-api worker, POST /v1/claims/{mac}/reveal
-- role: firstring_portal
-- $1 mac macaddr
-- $2 actor_kind text
-- $3 actor_id text
-- $4 source_ip inet
-- $5 request_id text
-- -> outcome text: revealed, not_found, purged
-- -> claim_id uuid: what both are bound to
-- -> admin_user text
-- -> sealed_password bytea: the one delivered, or to be delivered first
-- -> password_delivered_at timestamptz: when that one was delivered; null: not yet
-- -> pending_sealed_password bytea: null: none
-- -> pending_since timestamptz
-- rows: 1; the others are null unless revealed
-- plan: index lookups
select outcome, claim_id, admin_user, sealed_password, password_delivered_at,
  pending_sealed_password, pending_since
from firstring.claim_reveal($1::macaddr, $2::text, $3::text, $4::inet, $5::text);
