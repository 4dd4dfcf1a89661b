-- The latest first.
-- caller: portal-api worker, GET /v1/admin/audit
-- role: firstring_admin
-- $1 before_id bigint: null is the first page
-- $2 limit bigint
-- $3 object_kind text: null is all
-- $4 object_id text: null is all; goes with object_kind
-- -> id bigint
-- -> at timestamptz
-- -> actor_kind text
-- -> actor_id text
-- -> source_ip inet
-- -> request_id text
-- -> action text
-- -> object_kind text
-- -> object_id text
-- -> itsp_id uuid
-- -> before jsonb
-- -> after jsonb
-- -> chain_seq bigint: null until chained
-- plan: the half that the parameters ask for: audit_log_pkey backwards, or audit_log_object_idx
(
  select id, at, actor_kind, actor_id, source_ip, request_id, action, object_kind, object_id,
    itsp_id, before, after, chain_seq
  from firstring.audit_log
  where $4::text is null and ($1::bigint is null or id < $1::bigint)
    and ($3::text is null or object_kind = $3::text)
  order by id desc
  limit $2::bigint
) union all (
  select id, at, actor_kind, actor_id, source_ip, request_id, action, object_kind, object_id,
    itsp_id, before, after, chain_seq
  from firstring.audit_log
  where $4::text is not null and object_kind = $3::text and object_id = $4::text
    and id < coalesce($1::bigint, 9223372036854775807)
  order by id desc
  limit $2::bigint
);
