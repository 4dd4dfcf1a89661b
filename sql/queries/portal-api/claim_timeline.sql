-- What became of a phone that this ITSP holds or held: of its own time, with nobody else's name.
-- caller: portal-api worker, GET /v1/claims/{mac}/timeline
-- role: firstring_portal
-- $1 mac macaddr
-- -> at timestamptz
-- -> kind text: manufactured, imported, shipped, claimed, contacted, delivered, released, ...
-- -> source text: who or what made it so
-- -> detail jsonb
-- plan: index lookups by MAC
select at, kind, source, detail from firstring.claim_timeline($1::macaddr);
