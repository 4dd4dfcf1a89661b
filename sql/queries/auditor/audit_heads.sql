-- The signed heads of the audit chain, a page of them.
-- caller: factory-ca audit verify
-- role: firstring_auditor
-- $1 after text: text of the last one of the page before; '' for the first page
-- $2 limit bigint
-- -> text text
-- -> signature bytea
-- plan: audit_head_pkey
select text, signature
from firstring.audit_head
where text > $1::text
order by text
limit $2::bigint;
