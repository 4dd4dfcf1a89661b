-- The live certificates of stations and operators.
-- caller: factory-ca front, publisher, every hour
-- role: firstring_factory
-- -> kind text: station, operator
-- -> name text
-- -> certificate bytea
-- rows: up to 10,000
-- plan: scans of station and operator, which are small
select kind, name, certificate
from firstring.line_certificates();
