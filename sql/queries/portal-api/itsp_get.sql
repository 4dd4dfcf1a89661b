-- caller: portal-api worker, GET /v1/admin/itsps/{id}
-- role: firstring_admin
-- $1 itsp_id uuid
-- -> id uuid
-- -> name text
-- -> suspended boolean
-- -> created_at timestamptz
-- -> domains text[]
-- -> version integer
-- rows: 0 or 1
-- plan: index scan of itsp_pkey
select i.id, i.name, i.suspended, i.created_at,
  array(select d.domain from firstring.itsp_domain d where d.itsp_id = i.id order by d.domain)
    as domains, i.version
from firstring.itsp i
where i.id = $1::uuid;
