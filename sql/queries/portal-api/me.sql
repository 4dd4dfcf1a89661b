-- The tenant as it sees itself.
-- caller: portal-api worker, GET /v1/me, tenant pool
-- role: firstring_portal
-- -> id uuid
-- -> name text
-- -> suspended boolean
-- -> domains text[]: sorted
-- rows: 0 or 1
-- plan: index scans under row-level security
select i.id, i.name, i.suspended,
  array(select d.domain from firstring.itsp_domain d where d.itsp_id = i.id order by d.domain)
    as domains
from firstring.itsp i
where i.id = firstring.current_itsp();
