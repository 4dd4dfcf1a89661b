-- What stands in the way of a removal, for the words of its refusal: each kind with how many there are
-- (1001: more than 1000) and the first of them.

create function profile_dependents(profile_id uuid)
returns table (kind text, total bigint, first text[])
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
begin
  return query
  select 'claim', count(*), (array_agg(upper(replace(c.mac::text, ':', ''))))[:3]
  from (select c.mac from claim c
    where c.profile_id = $1 and c.state <> 'released' and c.itsp_id = tenant limit 1001) c
  having count(*) > 0
  union all
  select 'transfer', count(*), (array_agg(upper(replace(t.mac::text, ':', ''))))[:3]
  from (select t.mac from transfer t
    where t.profile_id = $1 and t.decided_at is null and t.to_itsp_id = tenant limit 1001) t
  having count(*) > 0;
end
$$;

-- Profiles with a host under the domain that no other approval covers.
create function itsp_domain_dependents(itsp_id uuid, domain text)
returns table (kind text, total bigint, first text[])
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  select 'profile', count(*), (array_agg(p.name order by p.name))[:3]
  from (select p.name from provisioning_profile p
    where p.itsp_id = $1 and p.deleted_at is null and exists (
      select from unnest(p.provisioning_url || p.fallback_urls) u
      where not exists (select from itsp_domain d where d.itsp_id = $1 and d.domain <> $2
        and (url_host(u) = d.domain or right(url_host(u), length(d.domain) + 1) = '.' || d.domain)))
    limit 1001) p
  having count(*) > 0;
end
$$;
