-- Security events that the tenant caused, or of phones while it held them; the latest first.
-- caller: portal-api worker, GET /v1/security-events
-- role: firstring_portal
-- $1 before_id bigint: null is the first page
-- $2 limit bigint
-- $3 kind text: null is all
-- $4 mac macaddr: null is all
-- -> id bigint
-- -> at timestamptz
-- -> kind text
-- -> mac macaddr
-- -> itsp_id uuid: the tenant, or null
-- -> fingerprint bytea: of a certificate of that phone
-- -> source_ip inet
-- -> detail jsonb
-- plan: backward index scans of security_event_itsp_idx and security_event_holder_idx
select id, at, kind, mac, itsp_id, fingerprint, source_ip, detail
from firstring.security_events_of_tenant($1::bigint, $2::bigint, $3::text, $4::macaddr);
