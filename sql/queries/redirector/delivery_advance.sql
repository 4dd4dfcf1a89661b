-- Leave to give the answer of a claim whose policy must be written first (redelivery once): the
-- first answer starts the grace time, within it the same bytes may go out again, then it is locked.
-- caller: redirector worker, before it answers; on the primary only
-- role: firstring_redirector
-- $1 claim_id uuid
-- $2 claim_version integer: as looked up
-- $3 password_version integer: of the password about to be sent (pending_version when pending)
-- $4 grace_s integer: once_grace_s
-- -> outcome text: granted, locked, changed (released, suspended or edited since: look up again)
-- -> once_started_at timestamptz
-- rows: 1
-- plan: index scan of claim_pkey
select outcome, once_started_at
from firstring.delivery_advance($1::uuid, $2::integer, $3::integer, $4::integer);
