-- Which of these names no station has whose certificate is on record and not revoked.
-- caller: factory-ca front, before an order is opened
-- role: firstring_factory
-- $1 names text[]: up to 32
-- -> name text
-- rows: one for each such name, in their order
-- plan: scan of station, which is small
select name
from firstring.stations_unknown($1::text[]);
