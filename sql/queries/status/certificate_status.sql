-- What OCSP says of a certificate.
-- caller: portal-api status worker
-- role: firstring_status
-- $1 serial bytea
-- -> status text: live, revoked, superseded
-- -> revoked_at timestamptz
-- -> reason text
-- rows: 0 or 1
-- plan: index scan of certificate_serial_key
select status, revoked_at, reason
from firstring.certificate_status($1::bytea);
