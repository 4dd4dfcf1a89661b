-- Webhooks: an ITSP's events, posted to it in order. A webhook is a position in the feed: what it
-- has confirmed. The courier takes a webhook under a lease, posts what comes next, and moves the
-- position when that was taken; nothing is lost by a failure, it only comes later or is replayed.

-- Nothing wrote to these before.
drop table webhook_delivery;
alter table webhook
  add column secret_key_id integer generated always as
    (get_byte(secret_sealed, 0) * 256 + get_byte(secret_sealed, 1)) stored,
  add column old_secret_sealed bytea,
  add column old_secret_until timestamptz,
  add column version integer not null default 1,
  add column updated_at timestamptz not null default clock_timestamp(),
  add column attempts integer not null default 0,
  add column failing_since timestamptz,
  add column next_attempt_at timestamptz not null default clock_timestamp(),
  add column test_requested_at timestamptz,
  add column worker text,
  add column lease_until timestamptz,
  drop constraint webhook_state_check,
  add constraint webhook_state_check check (state in ('live', 'paused', 'failed')),
  add constraint kinds_are_words check (cardinality(kinds) <= 32
    and array_to_string(kinds, '') ~ '^[a-z_]*$'),
  add constraint old_secret_whole
    check (num_nulls(old_secret_sealed, old_secret_until) in (0, 2));
comment on table webhook is
  'Where an ITSP wants its events; (after_xid, after_seq) is how far it confirmed them. failed: it '
  'did not take any for a day. kinds: empty is all.';
comment on column webhook.old_secret_sealed is
  'The secret before the last rotation: signs beside the new one until old_secret_until.';
create index webhook_due_idx on webhook (next_attempt_at) where state = 'live';

create table webhook_attempt (
  id bigint generated always as identity primary key,
  webhook_id uuid not null references webhook (id) on delete cascade,
  at timestamptz not null default clock_timestamp(),
  is_test boolean not null,
  events integer not null,
  taken boolean not null,
  status integer,
  error text,
  took_ms integer not null
);
comment on table webhook_attempt is 'The last hundred posts to a webhook, and what became of them.';
create index webhook_attempt_webhook_idx on webhook_attempt (webhook_id, id);

-- What of a webhook goes into the audit log. Internal.
create function webhook_facts(hook webhook) returns jsonb
language sql immutable set search_path = firstring, pg_temp
as $$
  select jsonb_build_object('url', hook.url, 'kinds', hook.kinds, 'state', hook.state)
$$;

create function webhook_create(webhook_id uuid, url text, kinds text[], sealed_secret bytea,
  most bigint, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  made webhook;
begin
  -- So that two at once do not pass the bound together.
  perform from itsp i where i.id = tenant for no key update;
  if (select count(*) from webhook w where w.itsp_id = tenant) >= $5 then
    return query select 'too_many_webhooks';
    return;
  end if;
  insert into webhook (id, itsp_id, url, kinds, secret_sealed, after_xid, after_seq)
  values ($1, tenant, $2, $3, $4,
    (pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1)::text::xid8, 9223372036854775807)
  returning * into made;
  perform audit_write('webhook.create', 'webhook', $1::text, tenant, null, webhook_facts(made),
    $6, $7, $8, $9);
  return query select 'created';
end
$$;

create function webhook_update(webhook_id uuid, expected_version integer, url text, kinds text[],
  state text, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  known webhook;
  changed webhook;
begin
  select w.* into known from webhook w where w.id = $1 and w.itsp_id = tenant for no key update;
  if not found then
    return query select 'not_found';
    return;
  end if;
  if $2 <> known.version then
    return query select 'version_mismatch';
    return;
  end if;
  if (coalesce($3, known.url), coalesce($4, known.kinds), coalesce($5, known.state))
    = (known.url, known.kinds, known.state) then
    return query select 'same';
    return;
  end if;
  update webhook w
  set url = coalesce($3, w.url), kinds = coalesce($4, w.kinds), state = coalesce($5, w.state),
    version = w.version + 1, updated_at = clock_timestamp(),
    -- Another try at once, with a day before it.
    attempts = 0, failing_since = null, next_attempt_at = clock_timestamp()
  where w.id = $1
  returning * into changed;
  perform audit_write('webhook.update', 'webhook', $1::text, tenant, webhook_facts(known),
    webhook_facts(changed), $6, $7, $8, $9);
  return query select 'updated';
end
$$;

create function webhook_delete(webhook_id uuid, actor_kind text, actor_id text, source_ip inet,
  request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  known webhook;
begin
  delete from webhook w where w.id = $1 and w.itsp_id = tenant returning * into known;
  if not found then
    return query select 'not_found';
    return;
  end if;
  perform audit_write('webhook.delete', 'webhook', $1::text, tenant, webhook_facts(known), null,
    $2, $3, $4, $5);
  return query select 'deleted';
end
$$;

create function webhook_rotate(webhook_id uuid, sealed_secret bytea, overlap_s integer,
  actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
begin
  update webhook w
  set secret_sealed = $2, old_secret_sealed = w.secret_sealed,
    old_secret_until = clock_timestamp() + make_interval(secs => $3), version = w.version + 1,
    updated_at = clock_timestamp()
  where w.id = $1 and w.itsp_id = tenant;
  if not found then
    return query select 'not_found';
    return;
  end if;
  perform audit_write('webhook.rotate_secret', 'webhook', $1::text, tenant, null,
    jsonb_build_object('overlap_s', $3), $4, $5, $6, $7);
  return query select 'rotated';
end
$$;

-- Sets the position back (or on): what comes after it is posted again. By position, or by time.
create function webhook_replay(webhook_id uuid, to_xid bigint, to_seq bigint, since timestamptz,
  actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  first record;
begin
  if not exists (select from webhook w where w.id = $1 and w.itsp_id = tenant) then
    return query select 'not_found';
    return;
  end if;
  if $4 is not null then
    select e.xid, e.seq into first from device_event e
    where e.itsp_id = tenant and e.at >= $4 order by e.xid, e.seq limit 1;
    if not found then
      return query select 'nothing_to_replay';
      return;
    end if;
    to_xid := first.xid::text::bigint;
    to_seq := first.seq - 1;
  end if;
  update webhook w
  set after_xid = to_xid::text::xid8, after_seq = to_seq, attempts = 0, failing_since = null,
    next_attempt_at = clock_timestamp(),
    state = case when w.state = 'failed' then 'live' else w.state end
  where w.id = $1;
  perform audit_write('webhook.replay', 'webhook', $1::text, tenant, null,
    jsonb_build_object('since', $4), $5, $6, $7, $8);
  return query select 'replayed';
end
$$;

create function webhook_test(webhook_id uuid, actor_kind text, actor_id text, source_ip inet,
  request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
begin
  update webhook w set test_requested_at = clock_timestamp()
  where w.id = $1 and w.itsp_id = tenant;
  if not found then
    return query select 'not_found';
    return;
  end if;
  perform audit_write('webhook.test', 'webhook', $1::text, tenant, null, null, $2, $3, $4, $5);
  return query select 'asked';
end
$$;

-- Webhooks that something is to be posted to, taken under a lease; a test goes first.
create function webhooks_take(worker text, lease_s integer, "limit" bigint)
returns table (webhook_id uuid, itsp_id uuid, url text, secret_sealed bytea,
  old_secret_sealed bytea, is_test boolean, attempts integer, after_xid bigint, after_seq bigint)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  oldest_in_flight xid8 := pg_snapshot_xmin(pg_current_snapshot());
begin
  return query
  update webhook w
  set worker = $1, lease_until = clock_timestamp() + make_interval(secs => $2)
  where w.id in (
    select d.id from webhook d
    join itsp i on i.id = d.itsp_id
    where (d.lease_until is null or d.lease_until < clock_timestamp())
      and (d.test_requested_at is not null
        or d.state = 'live' and d.next_attempt_at <= clock_timestamp() and not i.suspended
          and exists (select from device_event e
            where e.itsp_id = d.itsp_id and (e.xid, e.seq) > (d.after_xid, d.after_seq)
              and e.xid < oldest_in_flight))
    order by d.next_attempt_at
    limit $3
    for update of d skip locked)
  returning w.id, w.itsp_id, w.url, w.secret_sealed,
    case when w.old_secret_until > clock_timestamp() then w.old_secret_sealed end,
    w.test_requested_at is not null, w.attempts, w.after_xid::text::bigint, w.after_seq;
end
$$;

-- What comes next for a webhook that was taken; `wanted`: of the kinds it asks for.
create function webhook_events(webhook_id uuid, worker text, "limit" bigint)
returns table (xid bigint, seq bigint, id uuid, at timestamptz, mac macaddr, kind text,
  source_ip inet, detail jsonb, wanted boolean)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  hook webhook;
  oldest_in_flight xid8 := pg_snapshot_xmin(pg_current_snapshot());
begin
  select w.* into hook from webhook w where w.id = $1 and w.worker = $2;
  if not found then
    return;
  end if;
  return query
  select e.xid::text::bigint, e.seq, e.event_id, e.at, e.mac, e.kind, e.source_ip, e.detail,
    cardinality(hook.kinds) = 0 or e.kind = any (hook.kinds)
  from device_event e
  where e.itsp_id = hook.itsp_id and (e.xid, e.seq) > (hook.after_xid, hook.after_seq)
    and e.xid < oldest_in_flight
  order by e.xid, e.seq
  limit $3;
end
$$;

-- What became of a post. The position moves only from where it was taken: a replay asked for
-- meanwhile stands. Past `give_up_s` of failures the webhook is failed, and waits for its owner.
create function webhook_done(webhook_id uuid, worker text, is_test boolean, taken boolean,
  from_xid bigint, from_seq bigint, to_xid bigint, to_seq bigint, events integer, status integer,
  error text, took_ms integer, retry_s double precision, give_up_s integer)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  hook webhook;
begin
  update webhook w set lease_until = null, worker = null
  where w.id = $1 and w.worker = $2
  returning * into hook;
  if not found then
    return query select 'lost';
    return;
  end if;
  if $9 > 0 or $3 then
    insert into webhook_attempt (webhook_id, is_test, events, taken, status, error, took_ms)
    values ($1, $3, $9, $4, $10, $11, $12);
    delete from webhook_attempt a where a.webhook_id = $1 and a.id <= (
      select o.id from webhook_attempt o where o.webhook_id = $1
      order by o.id desc offset 100 limit 1);
  end if;
  if $3 then
    update webhook w set test_requested_at = null where w.id = $1;
    return query select 'tested';
  elsif $4 then
    update webhook w
    set after_xid = $7::text::xid8, after_seq = $8, attempts = 0, failing_since = null,
      next_attempt_at = clock_timestamp()
    where w.id = $1 and (w.after_xid, w.after_seq) = ($5::text::xid8, $6);
    return query select 'moved';
  elsif hook.failing_since < clock_timestamp() - make_interval(secs => $14) then
    update webhook w set state = 'failed', attempts = w.attempts + 1 where w.id = $1;
    perform audit_write('webhook.fail', 'webhook', $1::text, hook.itsp_id, webhook_facts(hook),
      jsonb_build_object('state', 'failed', 'error', $11), 'system', 'courier', null, null);
    return query select 'failed';
  else
    update webhook w
    set attempts = w.attempts + 1, failing_since = coalesce(w.failing_since, clock_timestamp()),
      next_attempt_at = clock_timestamp() + make_interval(secs => $13)
    where w.id = $1;
    return query select 'later';
  end if;
end
$$;
