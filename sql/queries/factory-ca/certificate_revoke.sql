-- Takes a certificate off the record of live ones, by a signed statement. The redirector's next
-- lookup no longer finds it.
-- caller: factory-ca revoke
-- role: firstring_factory
-- $1 serial bytea: null is the live certificate of the MAC
-- $2 mac macaddr: null is by serial alone
-- $3 reason text: keyCompromise, superseded, cessationOfOperation, unspecified, ...
-- $4 statement bytea
-- $5 signatures bytea
-- $6 actor_kind text
-- $7 actor_id text
-- $8 source_ip inet
-- $9 request_id text
-- -> outcome text: revoked, already_revoked, unknown_certificate
-- -> serial bytea
-- rows: 1
-- plan: index lookup
select outcome, serial
from firstring.certificate_revoke($1::bytea, $2::macaddr, $3::text, $4::bytea, $5::bytea,
  $6::text, $7::text, $8::inet, $9::text);
