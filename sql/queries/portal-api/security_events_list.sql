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
-- plan: the part that the parameters ask for: security_event_pkey backwards, security_event_kind_idx
--   or security_event_mac_idx
(
  select id, at, kind, mac, itsp_id, fingerprint, source_ip, detail
  from firstring.security_event
  where $3::text is null and $4::macaddr is null and ($1::bigint is null or id < $1::bigint)
  order by id desc
  limit $2::bigint
) union all (
  select id, at, kind, mac, itsp_id, fingerprint, source_ip, detail
  from firstring.security_event
  where $4::macaddr is null and kind = $3::text
    and id < coalesce($1::bigint, 9223372036854775807)
  order by id desc
  limit $2::bigint
) union all (
  select id, at, kind, mac, itsp_id, fingerprint, source_ip, detail
  from firstring.security_event
  where mac = $4::macaddr and ($3::text is null or kind = $3::text)
    and id < coalesce($1::bigint, 9223372036854775807)
  order by id desc
  limit $2::bigint
);
