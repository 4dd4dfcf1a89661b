-- The latest first.
-- caller: portal-api worker, GET /v1/admin/security-events
-- role: firstring_admin
-- $1 before_id bigint: null is the first page
-- $2 limit bigint
-- $3 kind text: null is all
-- $4 mac macaddr: null is all
-- -> id bigint
-- -> at timestamptz
-- -> kind text
-- -> mac macaddr
-- -> itsp_id uuid
-- -> fingerprint bytea
-- -> source_ip inet
-- -> detail jsonb
-- plan: index scan of security_event_pkey backwards
select id, at, kind, mac, itsp_id, fingerprint, source_ip, detail
from firstring.security_event
where ($1::bigint is null or id < $1::bigint)
  and ($3::text is null or kind = $3::text)
  and ($4::macaddr is null or mac = $4::macaddr)
order by id desc
limit $2::bigint;
