-- Whether this server is a standby, and how long ago what it has replayed was true of the primary.
-- caller: redirector worker, before a lookup in the same transaction
-- role: firstring_redirector
-- -> in_recovery boolean
-- -> age_ms bigint: 0 on a primary
-- rows: 1
-- plan: one row
select in_recovery, age_ms
from firstring.replay_state();
