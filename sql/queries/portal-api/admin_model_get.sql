-- One model.
-- caller: portal-api worker, GET, POST and PATCH /v1/admin/models
-- role: firstring_admin
-- $1 name text
-- -> name text
-- -> format text
-- -> key_types text[]
-- -> authentication text
-- -> encrypt_answers boolean
-- -> tls_floor text
-- -> password_alphabet text
-- -> admin_user text
-- -> created_at timestamptz
-- -> version integer
-- rows: 0 or 1
-- plan: index scan of device_model_pkey
select name, format, key_types, authentication, encrypt_answers, tls_floor, password_alphabet,
  admin_user, created_at, version
from firstring.device_model
where name = $1::text;
