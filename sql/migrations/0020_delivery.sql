-- Deliveries that are written before they are answered: once, and in two stages.

alter table claim add column once_until timestamptz;
comment on column claim.once_until is
  'End of the grace that began at once_started_at: from then on nothing is delivered until re-armed.';
update claim set once_until = once_started_at + interval '15 minutes' where once_started_at is not null;
alter table claim add constraint once_whole
  check ((once_started_at is null) = (once_until is null) and once_until >= once_started_at);

create table stage_token (
  token_hash bytea primary key check (octet_length(token_hash) = 32),
  claim_id uuid not null references claim (id),
  fingerprint bytea not null check (octet_length(fingerprint) = 32),
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  check (expires_at > created_at)
);
comment on table stage_token is
  'Where stage one of a staged delivery sent a phone, by the SHA-256 of the token in that URL. Only '
  'the phone with this certificate, and only for this claim, gets stage two with it.';
create index stage_token_claim_idx on stage_token (claim_id, created_at);
create index stage_token_expires_idx on stage_token (expires_at);

-- The claim as it was looked up, phone and claim locked; null id when it is not so any more.
-- Internal.
create function delivery_lock(claim_id uuid, claim_version integer, password_version integer)
returns claim
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  held claim;
begin
  perform from device d where d.mac = (select c.mac from claim c where c.id = $1)
  for no key update;
  select c.* into held
  from claim c
  where c.id = $1 and c.state = 'live' and c.version = $2
    and $3 = coalesce(c.pending_version, c.password_version)
    and not exists (select from itsp t where t.id = c.itsp_id and t.suspended)
  for no key update;
  return held;
end
$$;

-- That a locked claim's phone is given its password of that version now: the feed, the phone's and
-- the claim's contact, the password that it has from now on. Internal.
create function delivery_note(held claim, kind text, password_version integer, event_id uuid,
  source_ip text) returns void
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  at timestamptz := clock_timestamp();
begin
  insert into device_event (at, event_id, mac, kind, claim_id, itsp_id, source_ip, detail)
  values (at, $4, held.mac, $2, held.id, held.itsp_id, $5::inet,
    jsonb_build_object('reason', 'answer'));
  update device d set contacted_at = greatest(d.contacted_at, at) where d.mac = held.mac;
  update claim c
  set contacted_at = greatest(c.contacted_at, at),
    delivered_at = case when $2 = 'delivered' then at else c.delivered_at end
  where c.id = held.id;
  perform claim_note_delivered(held.id, $3, at);
end
$$;

drop function delivery_advance(uuid, integer, integer, integer);
create function delivery_advance(claim_id uuid, claim_version integer, password_version integer,
  grace_s integer, token_hash bytea, fingerprint bytea, event_id uuid, source_ip text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  held claim := delivery_lock($1, $2, $3);
begin
  if held.id is null then
    return query select 'changed';
    return;
  end if;
  if $5 is not null and not exists (select from stage_token t
    where t.token_hash = $5 and t.claim_id = held.id and t.fingerprint = $6
      and t.expires_at > clock_timestamp()) then
    return query select 'not_staged';
    return;
  end if;
  if $4 is not null and held.once_until <= clock_timestamp() then
    return query select 'locked';
    return;
  end if;
  if $4 is not null and held.once_started_at is not null then
    return query select 'repeated';
    return;
  end if;
  if $4 is not null then
    update claim c
    set once_started_at = clock_timestamp(),
      once_until = clock_timestamp() + make_interval(secs => $4)
    where c.id = held.id;
  end if;
  perform delivery_note(held, 'delivered', $3, $7, $8);
  return query select 'granted';
end
$$;

create function delivery_stage(claim_id uuid, claim_version integer, password_version integer,
  is_once boolean, token_hash bytea, fingerprint bytea, valid_s integer, event_id uuid,
  source_ip text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  held claim := delivery_lock($1, $2, $3);
begin
  if held.id is null then
    return query select 'changed';
    return;
  end if;
  if $4 and held.once_until <= clock_timestamp() then
    return query select 'locked';
    return;
  end if;
  -- A phone that asks again and again is sent to a new place each time; its last eight are good.
  delete from stage_token t
  where t.claim_id = held.id and (t.expires_at <= clock_timestamp() or t.token_hash not in (
    select n.token_hash from stage_token n where n.claim_id = held.id
    order by n.created_at desc limit 7));
  insert into stage_token (token_hash, claim_id, fingerprint, expires_at)
  values ($5, held.id, $6, clock_timestamp() + make_interval(secs => $7));
  perform delivery_note(held, 'staged', $3, $8, $9);
  return query select 'staged';
end
$$;

create function stage_tokens_sweep(rows bigint) returns bigint
language plpgsql security definer set search_path = firstring, pg_temp
as $$
declare
  swept bigint;
begin
  delete from stage_token t
  where t.token_hash in (select e.token_hash from stage_token e
    where e.expires_at <= clock_timestamp() order by e.expires_at limit stage_tokens_sweep.rows);
  get diagnostics swept = row_count;
  return swept;
end
$$;
