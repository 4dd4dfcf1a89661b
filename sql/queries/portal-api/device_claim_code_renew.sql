-- Gives an imported phone another claim code, of the next epoch.
-- caller: portal-api worker, POST /v1/admin/devices/{mac}/claim-code
-- role: firstring_admin
-- $1 mac macaddr
-- $2 claim_code text: its 13 symbols
-- $3 actor_kind text
-- $4 actor_id text
-- $5 source_ip inet
-- $6 request_id text
-- -> outcome text: renewed, not_found, not_imported
-- -> claim_code_epoch integer: of the new code
-- rows: 1
-- plan: index lookup
select outcome, claim_code_epoch
from firstring.device_claim_code_renew($1::macaddr, $2::text, $3::text, $4::text, $5::inet, $6::text);
