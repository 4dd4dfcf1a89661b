-- A phone and its certificate, for an operator who has its MAC or its certificate's serial.
-- caller: factory-ca rekey, factory-ca revoke
-- role: firstring_factory
-- $1 mac macaddr: null is by serial; then the live certificate is shown, else the latest
-- $2 serial bytea: null is by MAC
-- -> mac macaddr
-- -> serial_number text
-- -> model text
-- -> order_reference text: null for a phone made elsewhere
-- -> serial bytea
-- -> status text: live, revoked, superseded
-- -> not_before timestamptz
-- -> revoked_at timestamptz
-- -> revoke_reason text
-- -> rekey_granted boolean: a grant waits for its key
-- rows: 0 or 1
-- plan: index lookups
select mac, serial_number, model, order_reference, serial, status, not_before, revoked_at,
  revoke_reason, rekey_granted
from firstring.phone_get($1::macaddr, $2::bytea);
