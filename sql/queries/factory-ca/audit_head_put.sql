-- Keeps a head of the audit chain that the signer signed.
-- caller: factory-ca front, audit worker
-- role: firstring_factory
-- $1 text text: what was signed (factory-ca/audit_head.h)
-- $2 signature bytea
-- $3 chain_seq bigint: as the text says
-- -> outcome text: stored, existing
-- rows: 1
-- plan: insert
select outcome from firstring.audit_head_put($1::text, $2::bytea, $3::bigint);
