-- How far the audit log is chained, and the head that was signed last.
-- caller: portal-api worker, GET /v1/admin/audit/state
-- role: firstring_admin
-- -> chained_to bigint: chain_seq of the newest row that is chained; null: none is
-- -> unchained bigint: rows that wait for the chain, counted up to 100,000
-- -> oldest_unchained_at timestamptz: null: none waits
-- -> head_seq bigint: up to which row the signed head answers; null, as what follows: there is none
-- -> head_signed_at timestamptz
-- -> head_key text: SHA-256 of the certificate whose key signed it, upper-case hex
-- -> head_stored_at timestamptz
-- -> head_text text: what was signed
-- -> head_signature bytea
-- rows: 1
-- plan: the ends of audit_log_chain_seq_key and audit_head_chain_seq_idx; audit_log_unchained_idx
select chained_to, unchained, oldest_unchained_at, head_seq, head_signed_at, head_key, head_stored_at,
  head_text, head_signature
from firstring.audit_state();
