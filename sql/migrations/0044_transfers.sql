-- Contested transfers: a phone that one ITSP holds on record and another one has in its hands.
--
-- The new holder shows the code (or a ship notice) and then resets the phone to factory settings,
-- which shows as a contact at the redirector. The owner is told and is served meanwhile; it
-- consents, objects (then the manufacturer decides), or stays silent until due_at. Each function
-- locks the phone, then the transfer, then claims. Nobody wrote to this table before.

alter table transfer
  add column number bigint generated always as identity unique,
  add column from_itsp_id uuid not null references itsp (id),
  add column proof text not null check (proof in ('code', 'shipment')),
  add column new_claim_id uuid not null unique,
  add column sealed_password bytea check (octet_length(sealed_password) between 31 and 512),
  add column sealed_key_id integer generated always as
    (get_byte(sealed_password, 0) * 256 + get_byte(sealed_password, 1)) stored,
  add column delivered_before_at timestamptz,
  add column due_at timestamptz,
  add column checked_at timestamptz not null default clock_timestamp(),
  add column objection text check (length(objection) between 1 and 512),
  add column decision_note text check (length(decision_note) between 1 and 512),
  add column ended_because text check (ended_because in ('consent', 'silence', 'manufacturer',
    'released', 'no_reset', 'withdrawn', 'overtaken')),
  drop constraint transfer_state_check,
  drop constraint transfer_check,
  add constraint transfer_state_check check (state in ('requested', 'seen_reset', 'objected',
    'done', 'refused', 'withdrawn', 'expired')),
  add constraint ended_whole check (case
    when state in ('done', 'refused', 'withdrawn', 'expired')
      then num_nulls(decided_at, ended_because) = 0 and num_nonnulls(sealed_password, due_at) = 0
    else num_nonnulls(decided_at, ended_because) = 0 and sealed_password is not null end),
  add constraint seen_reset_has_time check (state <> 'seen_reset' or reset_seen_at is not null),
  add constraint undisputed_is_due check (state not in ('requested', 'seen_reset')
    or due_at is not null);
comment on column transfer.due_at is
  'What happens of itself then: in requested it expires, in seen_reset the phone goes over.';
comment on column transfer.sealed_password is
  'The admin password of the claim to be, sealed for new_claim_id; gone once it is decided.';
comment on column transfer.delivered_before_at is
  'Delivery under the owner''s claim before the request: only after one is a contact a reset.';
create index transfer_from_idx on transfer (from_itsp_id, number);
create index transfer_to_idx on transfer (to_itsp_id, number);
create index transfer_profile_idx on transfer (profile_id) where decided_at is null;
create index transfer_unchecked_idx on transfer (checked_at) where decided_at is null;
create index transfer_mac_idx on transfer (mac, number);

-- An event that the portal itself tells a tenant of; it lands in the feed with the phones' own.
-- Internal.
create function tenant_event(itsp_id uuid, mac macaddr, kind text, claim_id uuid, detail jsonb)
returns void
language sql set search_path = firstring, pg_temp
as $$
  insert into device_event (at, event_id, mac, kind, claim_id, itsp_id, detail)
  values (clock_timestamp(), gen_random_uuid(), $2, $3, $4, $1, $5)
$$;

-- Both sides of a transfer are told. Internal.
create function transfer_tell(held transfer, kind text) returns void
language sql set search_path = firstring, pg_temp
as $$
  select tenant_event(held.from_itsp_id, held.mac, $2, held.from_claim_id,
    jsonb_build_object('transfer_id', held.id, 'role', 'owner'));
  select tenant_event(held.to_itsp_id, held.mac, $2, held.new_claim_id,
    jsonb_build_object('transfer_id', held.id, 'role', 'requester'));
$$;

-- The checks of a request in their order: those of a claim, but here another one holds the phone.
-- Internal.
create function transfer_possible(tenant uuid, mac macaddr, code text, profile_id uuid,
  failures_allowed integer, actor_kind text, actor_id text, source_ip inet, request_id text,
  out outcome text, out proof text, out retry_after_s integer, out open_transfer uuid)
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  decided record;
  open transfer;
begin
  select * into decided from claim_decide($1, $2, $3, $4, $5, $6, $7, $8, $9);
  proof := decided.proof;
  retry_after_s := decided.retry_after_s;
  outcome := case decided.outcome
    when 'claimed_elsewhere' then 'possible'
    when 'possible' then 'not_claimed'
    when 'same' then 'own_claim'
    when 'claim_differs' then 'own_claim'
    else decided.outcome end;
  if outcome = 'possible' then
    select t.* into open from transfer t where t.mac = $2 and t.decided_at is null;
    if found then
      outcome := case when open.to_itsp_id = $1 then 'existing' else 'transfer_open' end;
      open_transfer := case when open.to_itsp_id = $1 then open.id end;
    end if;
  end if;
end
$$;

create function transfer_check(mac macaddr, claim_code text, profile_id uuid,
  failures_allowed integer, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, retry_after_s integer, transfer_id uuid, model text, format text,
  serial_number text, admin_user text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  decided record;
begin
  select * into decided from transfer_possible(required_itsp(), $1, $2, $3, $4, $5, $6, $7, $8);
  return query
  select decided.outcome, decided.retry_after_s, decided.open_transfer, m.name, m.format,
    d.serial_number, m.admin_user
  from (values (1)) always
  left join (device d join device_model m on m.name = d.model)
    on d.mac = $1 and decided.outcome = 'possible';
end
$$;

create function transfer_request(transfer_id uuid, new_claim_id uuid, of_mac macaddr,
  claim_code text, of_profile_id uuid, sealed_password bytea, wait_s integer,
  failures_allowed integer, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, retry_after_s integer)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  decided record;
  owner claim;
  made transfer;
begin
  select * into decided
  from transfer_possible(tenant, $3, $4, $5, $8, $9, $10, $11, $12);
  if decided.outcome = 'possible' then
    perform from device d where d.mac = $3 for no key update;
    select * into decided
    from transfer_possible(tenant, $3, $4, $5, $8, $9, $10, $11, $12);
  end if;
  if decided.outcome = 'possible' then
    select c.* into owner from claim c where c.mac = $3 and c.state <> 'released';
    insert into transfer (id, mac, from_claim_id, from_itsp_id, to_itsp_id, profile_id, proof,
      new_claim_id, sealed_password, delivered_before_at, due_at)
    values ($1, $3, owner.id, owner.itsp_id, tenant, $5, decided.proof, $2, $6,
      owner.delivered_at, clock_timestamp() + make_interval(secs => $7))
    returning * into made;
    perform audit_write('transfer.request', 'transfer', $1::text, tenant, null,
      jsonb_build_object('mac', $3, 'proof', decided.proof, 'profile_id', $5,
        'from_claim_id', owner.id), $9, $10, $11, $12);
    perform transfer_tell(made, 'transfer_requested');
    decided.outcome := 'requested';
  end if;
  return query select decided.outcome, decided.retry_after_s;
end
$$;

-- A transfer with its phone locked; null id when there is none. Internal.
create function transfer_lock(transfer_id uuid) returns transfer
language plpgsql set search_path = firstring, pg_temp
as $$
declare
  held transfer;
begin
  select t.* into held from transfer t where t.id = $1;
  if found then
    perform from device d where d.mac = held.mac for no key update;
    select t.* into held from transfer t where t.id = $1 for no key update;
  end if;
  return held;
end
$$;

-- Ends a locked transfer without the phone going over. Internal.
create function transfer_end(held transfer, state text, because text, note text, actor_kind text,
  actor_id text, source_ip inet, request_id text) returns void
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  update transfer t
  set state = $2, ended_because = $3, decision_note = $4, decided_at = clock_timestamp(),
    due_at = null, sealed_password = null
  where t.id = held.id;
  perform audit_write('transfer.' || $2, 'transfer', held.id::text, held.to_itsp_id,
    jsonb_build_object('mac', held.mac, 'state', held.state),
    jsonb_build_object('mac', held.mac, 'state', $2, 'because', $3, 'note', $4), $5, $6, $7, $8);
  perform transfer_tell(held, 'transfer_' || $2);
end
$$;

-- The phone goes over: the owner's claim ends and the requester's begins in one step, and no code
-- that the old owner may know opens it again: the epoch moves on. Internal; the phone is locked.
create function transfer_complete(held transfer, because text, note text, actor_kind text,
  actor_id text, source_ip inet, request_id text) returns void
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  update claim c
  set state = 'released', released_at = clock_timestamp(), version = c.version + 1,
    sealed_password = null, password_purged_at = coalesce(c.password_purged_at,
      clock_timestamp()),
    pending_sealed_password = null, pending_version = null, pending_since = null
  where c.id = held.from_claim_id and c.state <> 'released';
  delete from claim_password_replaced r where r.claim_id = held.from_claim_id;
  insert into claim (id, mac, itsp_id, profile_id, proof, sealed_password)
  values (held.new_claim_id, held.mac, held.to_itsp_id, held.profile_id, 'transfer',
    held.sealed_password);
  update shipment s
  set state = case when s.itsp_id = held.to_itsp_id then 'consumed' else 'cancelled' end,
    claim_id = case when s.itsp_id = held.to_itsp_id then held.new_claim_id end,
    ended_at = clock_timestamp()
  where s.mac = held.mac and s.state = 'live';
  update device d
  set unclaimed_contact_at = null, claim_code_epoch = d.claim_code_epoch + 1,
    claim_code_hash = null
  where d.mac = held.mac;
  perform audit_write('claim.transfer_out', 'claim', held.mac::text, held.from_itsp_id,
    jsonb_build_object('claim_id', held.from_claim_id),
    jsonb_build_object('claim_id', held.from_claim_id, 'state', 'released', 'transfer_id',
      held.id), $4, $5, $6, $7);
  perform audit_write('claim.transfer_in', 'claim', held.mac::text, held.to_itsp_id, null,
    jsonb_build_object('claim_id', held.new_claim_id, 'profile_id', held.profile_id, 'proof',
      'transfer', 'transfer_id', held.id), $4, $5, $6, $7);
  perform transfer_end(held, 'done', $2, $3, $4, $5, $6, $7);
end
$$;

create function transfer_answer(transfer_id uuid, consents boolean, objection text,
  actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  held transfer;
begin
  if not exists (select from transfer t where t.id = $1 and t.from_itsp_id = tenant) then
    return query select case when exists (select from transfer t
      where t.id = $1 and t.to_itsp_id = tenant) then 'not_the_owner' else 'not_found' end;
    return;
  end if;
  held := transfer_lock($1);
  if held.decided_at is not null then
    return query select case when held.ended_because = 'consent' and $2 then 'same'
      else 'transfer_decided' end;
  elsif not $2 and held.state = 'objected' then
    return query select 'same';
  elsif $2 then
    update transfer t set owner_answered_at = clock_timestamp() where t.id = $1;
    perform transfer_complete(held, 'consent', null, $4, $5, $6, $7);
    return query select 'answered';
  else
    update transfer t
    set state = 'objected', objection = $3, owner_answered_at = clock_timestamp(), due_at = null
    where t.id = $1;
    perform audit_write('transfer.object', 'transfer', $1::text, tenant,
      jsonb_build_object('mac', held.mac, 'state', held.state),
      jsonb_build_object('mac', held.mac, 'state', 'objected', 'objection', $3), $4, $5, $6, $7);
    perform transfer_tell(held, 'transfer_objected');
    return query select 'answered';
  end if;
end
$$;

create function transfer_withdraw(transfer_id uuid, actor_kind text, actor_id text,
  source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  held transfer;
begin
  if not exists (select from transfer t where t.id = $1 and t.to_itsp_id = tenant) then
    return query select case when exists (select from transfer t
      where t.id = $1 and t.from_itsp_id = tenant) then 'not_the_requester' else 'not_found' end;
    return;
  end if;
  held := transfer_lock($1);
  if held.decided_at is not null then
    return query select case when held.state = 'withdrawn' then 'same' else 'transfer_decided' end;
    return;
  end if;
  perform transfer_end(held, 'withdrawn', 'withdrawn', null, $2, $3, $4, $5);
  return query select 'withdrawn';
end
$$;

create function transfer_decide(transfer_id uuid, grants boolean, note text, actor_kind text,
  actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  held transfer := transfer_lock($1);
begin
  if held.id is null then
    return query select 'not_found';
  elsif held.decided_at is not null then
    return query select case
      when held.ended_because = 'manufacturer' and (held.state = 'done') = $2 then 'same'
      else 'transfer_decided' end;
  elsif $2 then
    perform transfer_complete(held, 'manufacturer', $3, $4, $5, $6, $7);
    return query select 'decided';
  else
    perform transfer_end(held, 'refused', 'manufacturer', $3, $4, $5, $6, $7);
    return query select 'decided';
  end if;
end
$$;

-- When the phone was seen at the redirector after the request as one that lost its settings: after
-- a delivery under the owner's claim it has no reason to come again. A first delivery since the
-- request is no reset, nor what follows it closely. Internal.
create function transfer_reset_at(held transfer) returns timestamptz
language plpgsql stable set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  since timestamptz := held.requested_at;
begin
  if held.delivered_before_at is null then
    select min(e.at) + interval '15 minutes' into since from device_event e
    where e.mac = held.mac and e.at > held.requested_at and e.kind = 'delivered'
      and e.claim_id = held.from_claim_id;
  end if;
  return (select min(e.at) from device_event e
    where e.mac = held.mac and e.at > since
      and e.kind in ('contacted', 'delivered', 'staged', 'refused'));
end
$$;

-- What time and the owner's release do to a locked, undecided transfer; null: nothing. Internal.
create function transfer_step(held transfer, silence_s integer) returns text
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  holder claim;
  reset_at timestamptz;
begin
  select c.* into holder from claim c where c.mac = held.mac and c.state <> 'released';
  if holder.id is distinct from held.from_claim_id then
    if holder.id is null then
      perform transfer_complete(held, 'released', null, 'system', 'transfers', null, null);
      return 'done';
    end if;
    perform transfer_end(held, 'withdrawn', 'overtaken', null, 'system', 'transfers', null, null);
    return 'overtaken';
  end if;
  if held.state = 'requested' then
    reset_at := transfer_reset_at(held);
    if reset_at is not null then
      update transfer t
      set state = 'seen_reset', reset_seen_at = reset_at,
        due_at = clock_timestamp() + make_interval(secs => $2)
      where t.id = held.id;
      perform audit_write('transfer.seen_reset', 'transfer', held.id::text, held.to_itsp_id,
        jsonb_build_object('mac', held.mac, 'state', held.state),
        jsonb_build_object('mac', held.mac, 'state', 'seen_reset', 'reset_seen_at', reset_at),
        'system', 'transfers', null, null);
      perform transfer_tell(held, 'transfer_seen_reset');
      return 'seen_reset';
    elsif held.due_at <= clock_timestamp() then
      perform transfer_end(held, 'expired', 'no_reset', null, 'system', 'transfers', null, null);
      return 'expired';
    end if;
  elsif held.state = 'seen_reset' and held.due_at <= clock_timestamp()
    and not (select i.suspended from itsp i where i.id = held.to_itsp_id) then
    perform transfer_complete(held, 'silence', null, 'system', 'transfers', null, null);
    return 'done';
  end if;
  return null;
end
$$;

create function transfers_advance(silence_s integer, "limit" bigint)
returns table (transfer_id uuid, mac macaddr, step text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  one uuid;
  held transfer;
  stepped text;
begin
  for one in
    select d.id from (
      select t.id, t.mac from transfer t where t.decided_at is null
      order by t.checked_at limit $2) d
    order by d.mac
  loop
    held := transfer_lock(one);
    continue when held.decided_at is not null;
    update transfer t set checked_at = clock_timestamp() where t.id = one;
    stepped := transfer_step(held, $1);
    if stepped is not null then
      return query select one, held.mac, stepped;
    end if;
  end loop;
end
$$;

-- A transfer as one of its two sides sees it: neither is told who the other one is.
create function transfers_of_tenant(only_id uuid, before_number bigint, "limit" bigint,
  only_state text)
returns table (number bigint, id uuid, mac macaddr, model text, serial_number text, role text,
  state text, proof text, profile_id uuid, requested_at timestamptz, reset_seen_at timestamptz,
  owner_answered_at timestamptz, objection text, due_at timestamptz, decided_at timestamptz,
  ended_because text, decision_note text)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
begin
  return query
  select t.number, t.id, t.mac, d.model, d.serial_number,
    case when t.to_itsp_id = tenant then 'requester' else 'owner' end, t.state,
    case when t.to_itsp_id = tenant then t.proof end,
    case when t.to_itsp_id = tenant then t.profile_id end, t.requested_at, t.reset_seen_at,
    t.owner_answered_at, case when t.from_itsp_id = tenant then t.objection end, t.due_at,
    t.decided_at, t.ended_because, t.decision_note
  from transfer t join device d on d.mac = t.mac
  where (t.to_itsp_id = tenant or t.from_itsp_id = tenant) and ($1 is null or t.id = $1)
    and ($2 is null or t.number < $2) and ($4 is null or t.state = $4)
  order by t.number desc
  limit $3;
end
$$;

create function transfers_of_all(only_id uuid, before_number bigint, "limit" bigint,
  only_state text)
returns table (number bigint, id uuid, mac macaddr, model text, serial_number text,
  from_itsp_id uuid, from_itsp text, to_itsp_id uuid, to_itsp text, state text, proof text,
  requested_at timestamptz, reset_seen_at timestamptz, owner_answered_at timestamptz,
  objection text, due_at timestamptz, decided_at timestamptz, ended_because text,
  decision_note text)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  select t.number, t.id, t.mac, d.model, d.serial_number, t.from_itsp_id, f.name, t.to_itsp_id,
    g.name, t.state, t.proof, t.requested_at, t.reset_seen_at, t.owner_answered_at, t.objection,
    t.due_at, t.decided_at, t.ended_because, t.decision_note
  from transfer t
  join device d on d.mac = t.mac
  join itsp f on f.id = t.from_itsp_id
  join itsp g on g.id = t.to_itsp_id
  where ($1 is null or t.id = $1) and ($2 is null or t.number < $2)
    and ($4 is null or t.state = $4)
  order by t.number desc
  limit $3;
end
$$;

-- As before, and a transfer under way holds its profile too.
create or replace function profile_delete(profile_id uuid, expected_version integer,
  actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  known provisioning_profile;
begin
  -- Claims take the profile's key share: none slips in after the check.
  select p.* into known from provisioning_profile p
  where p.id = $1 and p.itsp_id = tenant and p.deleted_at is null for update;
  if not found then
    return query select 'not_found';
  elsif $2 <> known.version then
    return query select 'version_mismatch';
  elsif exists (select from claim c where c.profile_id = $1 and c.state <> 'released')
    or exists (select from transfer t where t.profile_id = $1 and t.decided_at is null) then
    return query select 'in_use';
  else
    update provisioning_profile p set deleted_at = clock_timestamp() where p.id = $1;
    perform audit_write('profile.delete', 'profile', $1::text, tenant, to_jsonb(known), null,
      $3, $4, $5, $6);
    return query select 'deleted';
  end if;
end
$$;

-- What became of a phone, across its owners: states with time and source, oldest first.
-- `for_tenant` null: for the manufacturer, with everybody's names; else for that tenant, of its own
-- time only (and of the phone itself), with nobody else's. Internal.
create function device_states(mac macaddr, for_tenant uuid)
returns table (at timestamptz, kind text, source text, itsp_id uuid, detail jsonb)
language plpgsql stable set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  select s.* from (
    select d.manufactured_at, case d.source when 'factory' then 'manufactured'
        else 'imported' end, d.source, null::uuid,
      jsonb_strip_nulls(jsonb_build_object('order', case when $2 is null then o.reference end))
    from device d left join production_order o on o.id = d.order_id where d.mac = $1
    union all
    select h.created_at, 'shipped', 'manufacturer', h.itsp_id, null
    from shipment h where h.mac = $1 and ($2 is null or h.itsp_id = $2)
    union all
    select h.ended_at, 'shipment_cancelled', 'manufacturer', h.itsp_id, null
    from shipment h where h.mac = $1 and h.state = 'cancelled' and ($2 is null or h.itsp_id = $2)
    union all
    select c.contacted_before_at, 'contacted', 'redirector', c.itsp_id,
      '{"before_claim": true}'::jsonb
    from claim c where c.mac = $1 and c.contacted_before_at is not null
      and ($2 is null or c.itsp_id = $2)
    union all
    select c.claimed_at, 'claimed', c.proof, c.itsp_id, null
    from claim c where c.mac = $1 and ($2 is null or c.itsp_id = $2)
    union all
    select c.contacted_at, 'contacted', 'redirector', c.itsp_id, null
    from claim c where c.mac = $1 and c.contacted_at is not null and ($2 is null or c.itsp_id = $2)
    union all
    select c.delivered_at, 'delivered', 'redirector', c.itsp_id, null
    from claim c where c.mac = $1 and c.delivered_at is not null and ($2 is null or c.itsp_id = $2)
    union all
    select c.released_at, 'released', case when t.id is null then 'holder' else 'transfer' end,
      c.itsp_id, null
    from claim c left join transfer t on t.from_claim_id = c.id and t.state = 'done'
    where c.mac = $1 and c.released_at is not null and ($2 is null or c.itsp_id = $2)
    union all
    select t.requested_at, 'transfer_requested', t.proof,
      case when $2 is null then t.to_itsp_id end, jsonb_build_object('transfer_id', t.id)
    from transfer t where t.mac = $1 and ($2 is null or $2 in (t.from_itsp_id, t.to_itsp_id))
    union all
    select t.decided_at, 'transfer_' || t.state, t.ended_because,
      case when $2 is null then t.to_itsp_id end, jsonb_build_object('transfer_id', t.id)
    from transfer t where t.mac = $1 and t.decided_at is not null
      and ($2 is null or $2 in (t.from_itsp_id, t.to_itsp_id))
    union all
    select x.recorded_at, 'certificate_recorded', d.source, null, null
    from certificate x join device d on d.mac = x.mac where x.mac = $1 and $2 is null
    union all
    select x.revoked_at, 'certificate_' || x.status, 'factory', null,
      jsonb_build_object('reason', x.revoke_reason)
    from certificate x where x.mac = $1 and x.status <> 'live' and $2 is null
  ) s (at, kind, source, itsp_id, detail)
  order by s.at, s.kind;
end
$$;

create function device_history(of_mac macaddr)
returns table (at timestamptz, kind text, source text, itsp_id uuid, itsp text, detail jsonb)
language sql stable security definer set search_path = firstring, pg_temp
as $$
  select s.at, s.kind, s.source, s.itsp_id, i.name, s.detail
  from device_states($1, null) s left join itsp i on i.id = s.itsp_id
  order by s.at, s.kind
$$;

create function claim_timeline(of_mac macaddr)
returns table (at timestamptz, kind text, source text, detail jsonb)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
begin
  -- Only who holds the phone, or held it, is told anything of it.
  if exists (select from claim c where c.mac = $1 and c.itsp_id = tenant) then
    return query select s.at, s.kind, s.source, s.detail from device_states($1, tenant) s
    order by s.at, s.kind;
  end if;
end
$$;
