-- What a model's certificates may look like.
-- caller: factory-ca front, factory-ca order open
-- role: firstring_factory
-- $1 name text
-- -> name text
-- -> format text
-- -> key_types text[]
-- -> authentication text
-- -> encrypt_answers boolean
-- rows: 0 or 1
-- plan: index scan of device_model_pkey
select name, format, key_types, authentication, encrypt_answers
from firstring.device_model
where name = $1::text;
