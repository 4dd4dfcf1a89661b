-- caller: portal-api worker, GET /v1/admin/models
-- role: firstring_admin
-- $1 after_name text: '' is the first page
-- $2 limit bigint
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
-- plan: index scan of device_model_pkey
select name, format, key_types, authentication, encrypt_answers, tls_floor, password_alphabet,
  admin_user, created_at, version
from firstring.device_model
where name > $1::text
order by name
limit $2::bigint;
