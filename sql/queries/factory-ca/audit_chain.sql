-- Chains rows of the audit log that are not chained yet, in the order of their ids.
-- caller: factory-ca front, audit worker
-- role: firstring_factory
-- $1 batch bigint: at most 10,000
-- -> outcome text: chained; busy: another job is at it
-- -> chained bigint: by this call
-- -> unchained bigint: left for the next call, counted up to 100,000
-- -> oldest_unchained_at timestamptz: of those
-- -> head_seq bigint: of the last row of the chain; 0: no row yet
-- -> head_hash bytea
-- rows: 1
-- plan: audit_log_unchained_idx; the chain's end by its unique index, backwards
select outcome, chained, unchained, oldest_unchained_at, head_seq, head_hash
from firstring.audit_chain($1::bigint);
