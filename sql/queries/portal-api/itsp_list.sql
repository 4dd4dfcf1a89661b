-- caller: portal-api worker, GET /v1/admin/itsps
-- role: firstring_admin
-- $1 after_name text: '' is the first page
-- $2 limit bigint
-- -> id uuid
-- -> name text
-- -> suspended boolean
-- -> created_at timestamptz
-- -> domains text[]
-- -> version integer
-- plan: index scan of itsp_name_key
select i.id, i.name, i.suspended, i.created_at,
  array(select d.domain from firstring.itsp_domain d where d.itsp_id = i.id order by d.domain)
    as domains, i.version
from firstring.itsp i
where i.name > $1::text
order by i.name
limit $2::bigint;
