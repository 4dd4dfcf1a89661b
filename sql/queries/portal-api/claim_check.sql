-- Would this claim be granted? The checks of claim_put in the same order, wrong codes recorded and
-- counted the same, nothing claimed. Tells model and format, so that the caller can refuse what the
-- format cannot carry. Also the dry run of claim jobs.
-- caller: portal-api worker, before claim_put
-- role: firstring_portal
-- $1 mac macaddr
-- $2 claim_code text: 13 normalised symbols; null: under a ship notice, or one's own claim
-- $3 profile_id uuid
-- $4 failures_allowed integer: wrong codes an hour of this ITSP before rate_limited (10 or more)
-- $5 actor_kind text
-- $6 actor_id text
-- $7 source_ip inet
-- $8 request_id text
-- -> outcome text: possible (proven and free), same, claim_differs, unknown_profile,
--    itsp_suspended, rate_limited, possession_not_proven, claimed_elsewhere
-- -> retry_after_s integer: for rate_limited
-- -> model text: for possible, same, claim_differs; else null
-- -> format text
-- -> serial_number text
-- -> admin_user text
-- -> password_alphabet text
-- rows: 1
-- plan: index lookups, as many for an unknown MAC as for a known one
select outcome, retry_after_s, model, format, serial_number, admin_user, password_alphabet
from firstring.claim_check($1::macaddr, $2::text, $3::uuid, $4::integer,
  $5::text, $6::text, $7::inet, $8::text);
