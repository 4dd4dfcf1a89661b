-- The checks of a transfer's request, without asking for it: those of a claim (claim_put), but here
-- another ITSP must hold the phone. A wrong code is counted as there.
-- caller: portal-api worker, POST /v1/transfers
-- role: firstring_portal
-- $1 mac macaddr
-- $2 claim_code text: 13 normalised symbols; null: under a ship notice
-- $3 profile_id uuid
-- $4 failures_allowed integer: wrong codes an hour of this ITSP before rate_limited (10 or more)
-- $5 actor_kind text
-- $6 actor_id text
-- $7 source_ip inet
-- $8 request_id text
-- -> outcome text: possible, existing (its own request is open), transfer_open (another one's),
--    not_claimed, own_claim, unknown_profile, itsp_suspended, rate_limited, possession_not_proven
-- -> retry_after_s integer: for rate_limited
-- -> transfer_id uuid: for existing
-- -> model text: for possible, as what follows
-- -> format text
-- -> serial_number text
-- -> admin_user text
-- -> password_alphabet text: what the model can type; null: letters and digits
-- rows: 1
-- plan: index lookups, as many for an unknown MAC as for a known one
select c.outcome, c.retry_after_s, c.transfer_id, c.model, c.format, c.serial_number, c.admin_user,
  (select m.password_alphabet from firstring.device_model m where m.name = c.model) as password_alphabet
from firstring.transfer_check($1::macaddr, $2::text, $3::uuid, $4::integer, $5::text, $6::text, $7::inet, $8::text) c;
