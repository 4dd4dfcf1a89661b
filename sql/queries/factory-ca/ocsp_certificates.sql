-- The certificates of the OCSP responder, one of each issuing CA.
-- caller: factory-ca front, publisher, every hour
-- role: firstring_factory
-- -> shard integer: 0 for the first issuing CA, else its generation
-- -> content bytea
-- rows: up to 8
-- plan: scan of pki_object, which is small
select shard, content
from firstring.pki_object
where kind = 'ocsp_certificate'
order by shard;
