-- What the chain does not cover yet.
-- caller: factory-ca audit verify
-- role: firstring_auditor
-- -> unchained bigint
-- -> oldest_id bigint: null when there is none
-- -> oldest_age_s bigint
-- rows: 1
-- plan: audit_log_unchained_idx
select count(*) as unchained, min(id) as oldest_id,
  extract(epoch from clock_timestamp() - min(at))::bigint as oldest_age_s
from firstring.audit_log
where chain_seq is null;
