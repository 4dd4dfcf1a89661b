-- What an ITSP sees of the audit log: what was done to its objects. Who did it is told of its own
-- people and tokens; another's hand (the manufacturer's, or the other side's of a transfer) is
-- `other`, without its name, address and words.

create index audit_log_itsp_idx on audit_log (itsp_id, id) where itsp_id is not null;

create function audit_of_tenant(before_id bigint, "limit" bigint, of_kind text, of_id text)
returns table (id bigint, at timestamptz, actor_kind text, actor_id text, source_ip inet,
  action text, object_kind text, object_id text, before jsonb, after jsonb)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
begin
  return query
  select a.id, a.at, case when o.own then a.actor_kind else 'other' end,
    case when o.own then a.actor_id else 'other' end, case when o.own then a.source_ip end,
    a.action, a.object_kind, a.object_id,
    case when o.own or a.object_kind <> 'transfer' then a.before end,
    case when o.own or a.object_kind <> 'transfer' then a.after end
  from audit_log a
  -- One's own: whoever was made as a person or token of this tenant, also when gone since.
  cross join lateral (select a.actor_kind in ('system', 'nobody') or exists (
    select from audit_log made
    where made.object_kind = a.actor_kind and made.object_id = a.actor_id
      and made.itsp_id = tenant) as own) o
  where a.itsp_id = tenant and a.id < coalesce($1, 9223372036854775807)
    and coalesce(a.object_kind = $3, true) and coalesce(a.object_id = $4, true)
  order by a.id desc
  limit $2;
end
$$;

-- Internal. As before, but an attempt that its account's counter turns away is not counted against
-- the whole source: who presses the button again and again slows down nobody beside himself.
create or replace function sign_in_wait(source cidr, account_hash bytea) returns integer
language plpgsql set search_path = firstring, pg_temp
as $$
declare
  everything constant bytea := decode(repeat('00', 32), 'hex');
  is_known boolean := exists (select from sign_in_attempt a where a.source = $1
    and a.account_hash = $2 and a.succeeded_at > clock_timestamp() - interval '30 days');
  wait integer := sign_in_count($1, $2, 5);
begin
  if wait = 0 and not is_known then
    wait := sign_in_count($1, everything, 50);
  end if;
  return wait;
end
$$;
