-- Chained rows of the audit log as the canonical encoding wants them, a page of them.
-- caller: factory-ca audit verify
-- role: firstring_auditor
-- $1 after bigint: chain_seq of the last row of the page before; 0 for the first page
-- $2 limit bigint
-- -> chain_seq bigint
-- -> prev_hash bytea
-- -> row_hash bytea
-- -> id bigint
-- -> at_us bigint: microseconds since 1970
-- -> actor_kind text
-- -> actor_id text
-- -> source_ip text
-- -> request_id text
-- -> action text
-- -> object_kind text
-- -> object_id text
-- -> itsp_id text
-- -> before text: jsonb as PostgreSQL writes it
-- -> after text
-- plan: audit_log_chain_seq_key
select chain_seq, prev_hash, row_hash, id, (extract(epoch from at) * 1000000)::bigint as at_us,
  actor_kind, actor_id, source_ip::text as source_ip, request_id, action, object_kind, object_id,
  itsp_id::text as itsp_id, before::text as before, after::text as after
from firstring.audit_log
where chain_seq > $1::bigint
order by chain_seq
limit $2::bigint;
