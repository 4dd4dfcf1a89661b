-- Gives a phone that has user and password another password.
-- caller: portal-api worker, POST /v1/admin/devices/{mac}/credentials
-- role: firstring_admin
-- $1 mac macaddr
-- $2 credential_hash bytea: SHA-256 of the generated password
-- $3 actor_kind text
-- $4 actor_id text
-- $5 source_ip inet
-- $6 request_id text
-- -> outcome text: renewed, not_found, no_credentials
-- -> credential_user text
-- rows: 1
-- plan: index lookup
select outcome, credential_user
from firstring.device_credentials_renew($1::macaddr, $2::bytea, $3::text, $4::text, $5::inet, $6::text);
