-- Leaves the time in the primary's WAL, at most once a second whoever asks, so that standbys can
-- tell how old their replay is.
-- caller: redirector worker, each second where standbys are configured
-- role: firstring_redirector
-- -> at timestamptz: the newest beat
-- rows: 1
-- plan: one row
select at
from firstring.replay_beat_put();
