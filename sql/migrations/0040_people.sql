-- People: roles, one-time links, sessions, second factors, and the slowing down of guesses.
-- A person's own account is reached by the hash of a live session, never by an id alone.

alter table portal_user
  drop column scopes,
  add column role text not null default 'read_only',
  add column version integer not null default 1,
  add column has_password boolean generated always as (password_hash is not null) stored,
  add column second_factor_at timestamptz,
  add column second_factor_step bigint,
  add column second_factor_failures integer not null default 0,
  add column second_factor_failed_at timestamptz,
  add column proposed_second_factor_sealed bytea,
  add column recovery_code_hashes bytea[] not null default '{}',
  add column last_sign_in_at timestamptz,
  add constraint role_of_audience check (
    case when itsp_id is null then role in ('administrator', 'auditor')
      else role in ('owner', 'engineer', 'support', 'read_only') end),
  add constraint second_factor_is_whole
    check ((second_factor_sealed is null) = (second_factor_at is null));
alter table portal_user alter column role drop default;
-- The lists are by address.
drop index portal_user_itsp_idx;
create index portal_user_itsp_email_idx on portal_user (itsp_id, email);
comment on column portal_user.second_factor_step is
  'The last 30 s step of RFC 6238 whose code was taken: it and earlier ones are refused.';

alter table session
  add column last_seen_at timestamptz not null default clock_timestamp();

create table user_link (
  link_hash bytea primary key check (octet_length(link_hash) = 32),
  user_id uuid not null unique references portal_user (id) on delete cascade,
  resets_second_factor boolean not null,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  check (expires_at > created_at)
);
comment on table user_link is
  'A one-time link with which a person sets a password, by its SHA-256; a newer one replaces it.';
create index user_link_expires_idx on user_link (expires_at);

create table sign_in_attempt (
  source cidr not null,
  account_hash bytea not null check (octet_length(account_hash) = 32),
  failures integer not null,
  last_at timestamptz not null,
  succeeded_at timestamptz,
  primary key (source, account_hash)
);
comment on table sign_in_attempt is
  'Attempts of one source at one account (SHA-256 of its address, whether it exists or not), and, '
  'with 32 zero bytes, at all accounts. Slows down that source alone: nobody is locked out by others.';
create index sign_in_attempt_last_idx on sign_in_attempt (last_at);

-- --- Slowing down ---

-- Internal. Counts one attempt before it is made, so that parallel ones cannot pass together, and
-- says how long to wait instead when there were too many: after `free` of them 1 s, then twice as
-- long each time, at most 15 minutes. An hour without any forgets them.
create function sign_in_count(source cidr, account_hash bytea, free integer) returns integer
language plpgsql set search_path = firstring, pg_temp
as $$
declare
  known sign_in_attempt;
  wait interval;
  now timestamptz := clock_timestamp();
begin
  insert into sign_in_attempt as a (source, account_hash, failures, last_at)
  values ($1, $2, 0, now)
  on conflict on constraint sign_in_attempt_pkey do update
    set failures = case when a.last_at < now - interval '1 hour' then 0 else a.failures end
  returning a.* into known;
  if known.failures >= $3 then
    wait := known.last_at - now + make_interval(secs => least(900, 2 ^ least(known.failures - $3, 10)));
    if wait > interval '0' then
      return ceil(extract(epoch from wait))::integer;
    end if;
  end if;
  update sign_in_attempt a set failures = known.failures + 1, last_at = now
  where a.source = $1 and a.account_hash = $2;
  return 0;
end
$$;

-- Internal: an IPv6 customer has a /64.
create function sign_in_source(source_ip inet) returns cidr
language sql immutable
return network(set_masklen(source_ip, case family(source_ip) when 6 then 64 else 32 end));

-- Internal. A source that has signed in to this account within 30 days is not held to what others
-- behind the same address did.
create function sign_in_wait(source cidr, account_hash bytea) returns integer
language plpgsql set search_path = firstring, pg_temp
as $$
declare
  everything constant bytea := decode(repeat('00', 32), 'hex');
  wait integer := 0;
begin
  if not exists (select from sign_in_attempt a where a.source = $1 and a.account_hash = $2
    and a.succeeded_at > clock_timestamp() - interval '30 days') then
    wait := sign_in_count($1, everything, 50);
  end if;
  if wait = 0 then
    wait := sign_in_count($1, $2, 5);
  end if;
  return wait;
end
$$;

-- Internal. Takes back what sign_in_wait counted: the attempt was no wrong guess.
create function sign_in_uncount(source cidr, account_hash bytea, succeeded boolean) returns void
language sql set search_path = firstring, pg_temp
as $$
  update sign_in_attempt a
  set failures = case when $3 and a.account_hash = $2 then 0 else greatest(0, failures - 1) end,
    succeeded_at = case when $3 and a.account_hash = $2 then clock_timestamp() else succeeded_at end
  where a.source = $1 and a.account_hash in ($2, decode(repeat('00', 32), 'hex'))
$$;

-- --- Signing in and out ---

-- The first question of a sign-in: what to check the password against. The same steps and one row
-- whether the account exists or not.
create function sign_in_begin(email text, account_hash bytea, source_ip inet)
returns table (wait_s integer, user_id uuid, itsp_id uuid, password_hash text,
  second_factor_sealed bytea, code_wait_s integer)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known portal_user;
  wait integer := sign_in_wait(sign_in_source($3), $2);
begin
  select u.* into known from portal_user u where u.email = $1 and u.state = 'live';
  if wait > 0 then
    known := null;
  end if;
  return query select wait, known.id, known.itsp_id, known.password_hash, known.second_factor_sealed,
    case when known.second_factor_failures >= 10
      then greatest(0, ceil(extract(epoch from
        known.second_factor_failed_at + interval '15 minutes' - clock_timestamp())))::integer
      else 0 end;
end
$$;

-- Internal. At most 20 browsers are signed in as one person; the oldest goes.
create function session_store(user_id uuid, session_hash bytea, lifetime_s integer,
  second_factor_at timestamptz) returns void
language sql set search_path = firstring, pg_temp
as $$
  delete from session s where s.id_hash in (
    select o.id_hash from session o where o.user_id = $1 order by o.created_at desc offset 19);
  insert into session (id_hash, user_id, expires_at, second_factor_at)
  values ($2, $1, clock_timestamp() + make_interval(secs => $3), $4)
$$;

-- The password was right, and so was the code where one is set up: the session begins. Everything
-- that was looked at outside is compared again.
create function sign_in_finish(user_id uuid, account_hash bytea, password_hash text,
  session_hash bytea, lifetime_s integer, code_step bigint, recovery_code_hash bytea,
  resealed bytea, actor_kind text, actor_id text, source_ip inet, request_id text)
returns text
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known portal_user;
  right_code boolean;
begin
  select u.* into known from portal_user u where u.id = $1 for update;
  if not found or known.state <> 'live' or known.password_hash is distinct from $3 then
    return 'refused';
  end if;
  if known.second_factor_sealed is not null then
    right_code := coalesce($6 > coalesce(known.second_factor_step, -1), false)
      or coalesce($7 = any (known.recovery_code_hashes), false);
    if not right_code then
      return 'refused';
    end if;
  end if;
  update portal_user u
  set second_factor_step = case when known.second_factor_sealed is null then null
      else greatest(u.second_factor_step, $6) end,
    second_factor_sealed = case when known.second_factor_sealed is null then null
      else coalesce($8, u.second_factor_sealed) end,
    second_factor_failures = 0, second_factor_failed_at = null,
    recovery_code_hashes = array_remove(u.recovery_code_hashes, $7),
    last_sign_in_at = clock_timestamp()
  where u.id = $1;
  perform session_store($1, $4, $5,
    case when known.second_factor_sealed is not null then clock_timestamp() end);
  perform sign_in_uncount(sign_in_source($11), $2, true);
  perform audit_write('user.sign_in', 'user', $1::text, known.itsp_id, null, jsonb_build_object(
    'second_factor', known.second_factor_sealed is not null, 'recovery_code', $7 is not null,
    'recovery_codes_left', cardinality(array_remove(known.recovery_code_hashes, $7))),
    $9, $10, $11, $12);
  return 'signed_in';
end
$$;

-- A sign-in that failed, or that waits for its second factor. `user_id` null: no such account; what
-- was typed as its address is not kept.
create function sign_in_refuse(user_id uuid, account_hash bytea, reason text, actor_kind text,
  actor_id text, source_ip inet, request_id text) returns text
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  failed integer;
begin
  if $3 = 'second_factor_needed' then
    perform sign_in_uncount(sign_in_source($6), $2, false);
    return 'noted';
  end if;
  if $3 = 'wrong_code' then
    update portal_user u
    set second_factor_failures = case
        when u.second_factor_failed_at < clock_timestamp() - interval '15 minutes' then 1
        else u.second_factor_failures + 1 end,
      second_factor_failed_at = clock_timestamp()
    where u.id = $1;
  end if;
  perform audit_write('user.sign_in_refused', 'user', coalesce($1::text, 'unknown'),
    (select u.itsp_id from portal_user u where u.id = $1), null,
    jsonb_build_object('reason', $3), $4, $5, $6, $7);
  select a.failures into failed from sign_in_attempt a
  where a.source = sign_in_source($6) and a.account_hash = $2;
  if failed in (5, 10) then
    insert into security_event (event_id, at, kind, itsp_id, source_ip, detail)
    values (gen_random_uuid(), clock_timestamp(), 'sign_in_guessing',
      (select u.itsp_id from portal_user u where u.id = $1), $6,
      jsonb_build_object('user_id', $1, 'failures', failed));
  end if;
  return 'noted';
end
$$;

-- Who a session's cookie is. No row: unknown, idle for too long, or past its end.
create function session_authenticate(session_hash bytea, idle_s integer)
returns table (user_id uuid, itsp_id uuid, itsp_suspended boolean, name text, role text,
  has_second_factor boolean, expires_at timestamptz)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  now timestamptz := clock_timestamp();
begin
  update session s set last_seen_at = now
  where s.id_hash = $1 and s.last_seen_at < now - interval '60 seconds'
    and s.last_seen_at > now - make_interval(secs => $2) and s.expires_at > now;
  return query
  select u.id, u.itsp_id, coalesce(i.suspended, false), u.display_name, u.role,
    s.second_factor_at is not null, s.expires_at
  from session s
  join portal_user u on u.id = s.user_id and u.state = 'live'
  left join itsp i on i.id = u.itsp_id
  where s.id_hash = $1 and s.expires_at > now
    and s.last_seen_at > now - make_interval(secs => $2);
end
$$;

create function session_end(session_hash bytea, actor_kind text, actor_id text, source_ip inet,
  request_id text) returns text
language plpgsql security definer set search_path = firstring, pg_temp
as $$
declare
  of_user portal_user;
begin
  select u.* into of_user from portal_user u join session s on s.user_id = u.id
  where s.id_hash = $1;
  delete from session s where s.id_hash = $1;
  if found then
    perform audit_write('user.sign_out', 'user', of_user.id::text, of_user.itsp_id, null, null,
      $2, $3, $4, $5);
  end if;
  return 'ended';
end
$$;

-- --- One's own account, by a live session ---

create function own_account(session_hash bytea)
returns table (id uuid, email text, display_name text, role text, itsp_id uuid, itsp_name text,
  itsp_suspended boolean, second_factor_at timestamptz, recovery_codes_left integer,
  session_expires_at timestamptz)
language sql stable security definer set search_path = firstring, pg_temp
as $$
  select u.id, u.email, u.display_name, u.role, u.itsp_id, i.name, coalesce(i.suspended, false),
    u.second_factor_at, cardinality(u.recovery_code_hashes), s.expires_at
  from session s join portal_user u on u.id = s.user_id left join itsp i on i.id = u.itsp_id
  where s.id_hash = $1
$$;

-- What a password and a proposed second factor are checked against. The attempt is counted as one
-- at signing in is.
create function own_credentials(session_hash bytea, source_ip inet)
returns table (wait_s integer, user_id uuid, email text, display_name text, password_hash text,
  proposed_second_factor_sealed bytea)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known portal_user;
begin
  select u.* into known from portal_user u join session s on s.user_id = u.id
  where s.id_hash = $1;
  return query select sign_in_wait(sign_in_source($2), sha256(convert_to(known.email, 'UTF8'))),
    known.id, known.email, known.display_name, known.password_hash,
    known.proposed_second_factor_sealed;
end
$$;

-- Internal. After a change of credentials every session ends, and the one that asked goes on under
-- a new id.
create function session_renew(session_hash bytea, new_session_hash bytea, user_id uuid,
  second_factor_at timestamptz) returns void
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  ends timestamptz;
begin
  select s.expires_at into ends from session s where s.id_hash = $1;
  delete from session s where s.user_id = $3;
  insert into session (id_hash, user_id, expires_at, second_factor_at)
  values ($2, $3, ends, $4);
end
$$;

-- Internal: the account of a session, locked; its attempt was a right one.
create function own_account_lock(session_hash bytea, source_ip inet) returns portal_user
language plpgsql set search_path = firstring, pg_temp
as $$
declare
  known portal_user;
begin
  select u.* into known from portal_user u join session s on s.user_id = u.id
  where s.id_hash = $1 and u.state = 'live' for update of u;
  if found then
    perform sign_in_uncount(sign_in_source($2), sha256(convert_to(known.email, 'UTF8')), false);
  end if;
  return known;
end
$$;

create function own_second_factor_propose(session_hash bytea, password_hash text, sealed bytea,
  actor_kind text, actor_id text, source_ip inet, request_id text) returns text
language plpgsql security definer set search_path = firstring, pg_temp
as $$
declare
  known portal_user := own_account_lock($1, $6);
begin
  if known.id is null or known.password_hash is distinct from $2 then
    return 'not_signed_in';
  end if;
  update portal_user u set proposed_second_factor_sealed = $3 where u.id = known.id;
  perform audit_write('user.second_factor_propose', 'user', known.id::text, known.itsp_id, null,
    null, $4, $5, $6, $7);
  return 'proposed';
end
$$;

create function own_second_factor_confirm(session_hash bytea, new_session_hash bytea,
  sealed bytea, code_step bigint, recovery_code_hashes bytea[], actor_kind text, actor_id text,
  source_ip inet, request_id text) returns text
language plpgsql security definer set search_path = firstring, pg_temp
as $$
declare
  known portal_user := own_account_lock($1, $8);
begin
  if known.id is null then
    return 'not_signed_in';
  end if;
  if known.proposed_second_factor_sealed is distinct from $3 then
    return 'nothing_proposed';
  end if;
  update portal_user u
  set second_factor_sealed = $3, second_factor_at = clock_timestamp(), second_factor_step = $4,
    second_factor_failures = 0, second_factor_failed_at = null,
    proposed_second_factor_sealed = null, recovery_code_hashes = $5, version = u.version + 1
  where u.id = known.id;
  perform session_renew($1, $2, known.id, clock_timestamp());
  perform audit_write('user.second_factor_set', 'user', known.id::text, known.itsp_id,
    jsonb_build_object('second_factor', known.second_factor_at is not null),
    jsonb_build_object('second_factor', true, 'recovery_codes', cardinality($5)), $6, $7, $8, $9);
  return 'confirmed';
end
$$;

create function own_password_change(session_hash bytea, new_session_hash bytea,
  old_password_hash text, password_hash text, actor_kind text, actor_id text, source_ip inet,
  request_id text) returns text
language plpgsql security definer set search_path = firstring, pg_temp
as $$
declare
  known portal_user := own_account_lock($1, $7);
  since timestamptz;
begin
  if known.id is null or known.password_hash is distinct from $3 then
    return 'not_signed_in';
  end if;
  select s.second_factor_at into since from session s where s.id_hash = $1;
  update portal_user u set password_hash = $4, version = u.version + 1 where u.id = known.id;
  delete from user_link l where l.user_id = known.id;
  perform session_renew($1, $2, known.id, since);
  perform audit_write('user.password_change', 'user', known.id::text, known.itsp_id, null, null,
    $5, $6, $7, $8);
  return 'changed';
end
$$;

-- --- One-time links ---

create function user_link_show(link_hash bytea)
returns table (email text, display_name text, expires_at timestamptz)
language sql stable security definer set search_path = firstring, pg_temp
as $$
  select u.email, u.display_name, l.expires_at
  from user_link l join portal_user u on u.id = l.user_id and u.state = 'live'
  where l.link_hash = $1 and l.expires_at > clock_timestamp()
$$;

create function user_link_use(link_hash bytea, password_hash text, source_ip inet,
  request_id text) returns text
language plpgsql security definer set search_path = firstring, pg_temp
as $$
declare
  used user_link;
  known portal_user;
begin
  delete from user_link l where l.link_hash = $1 and l.expires_at > clock_timestamp()
  returning l.* into used;
  if not found then
    return 'link_not_valid';
  end if;
  select u.* into known from portal_user u where u.id = used.user_id and u.state = 'live' for update;
  if not found then
    return 'link_not_valid';
  end if;
  update portal_user u
  set password_hash = $2, version = u.version + 1,
    second_factor_sealed = case when used.resets_second_factor then null
      else u.second_factor_sealed end,
    second_factor_at = case when used.resets_second_factor then null else u.second_factor_at end,
    second_factor_step = case when used.resets_second_factor then null
      else u.second_factor_step end,
    recovery_code_hashes = case when used.resets_second_factor then '{}'
      else u.recovery_code_hashes end
  where u.id = known.id;
  delete from session s where s.user_id = known.id;
  perform audit_write('user.link_use', 'user', known.id::text, known.itsp_id, null,
    jsonb_build_object('second_factor_reset', used.resets_second_factor), 'user', known.id::text,
    $3, $4);
  return 'used';
end
$$;

-- --- Users, by who may manage them ---

-- Internal. `only_itsp` is whose users the caller sees; `of_manufacturer`: everybody's.
create function user_find(user_id uuid, only_itsp uuid, of_manufacturer boolean)
returns portal_user
language plpgsql set search_path = firstring, pg_temp
as $$
declare
  known portal_user;
begin
  select u.* into known from portal_user u
  where u.id = $1 and ($3 or u.itsp_id = $2) for update;
  return known;
end
$$;

-- Internal.
create function user_link_store(user_id uuid, link_hash bytea, lifetime_s integer,
  resets_second_factor boolean) returns timestamptz
language plpgsql set search_path = firstring, pg_temp
as $$
declare
  ends timestamptz := clock_timestamp() + make_interval(secs => $3);
begin
  delete from user_link l where l.user_id = $1;
  insert into user_link (link_hash, user_id, resets_second_factor, expires_at)
  values ($2, $1, $4, ends);
  return ends;
end
$$;

-- Internal: both kinds of callers end here.
create function user_store(user_id uuid, itsp_id uuid, email text, display_name text, role text,
  link_hash bytea, link_lifetime_s integer, actor_kind text, actor_id text, source_ip inet,
  request_id text)
returns table (outcome text, link_expires_at timestamptz)
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  violated text;
  ends timestamptz;
begin
  begin
    insert into portal_user (id, itsp_id, email, display_name, role) values ($1, $2, $3, $4, $5);
  exception
    when unique_violation then
      get stacked diagnostics violated = constraint_name;
      if violated <> 'portal_user_email_key' then
        raise;
      end if;
      return query select 'email_taken', null::timestamptz;
      return;
    when check_violation then
      get stacked diagnostics violated = constraint_name;
      if violated <> 'role_of_audience' then
        raise;
      end if;
      return query select 'bad_role', null::timestamptz;
      return;
  end;
  ends := user_link_store($1, $6, $7, false);
  perform audit_write('user.create', 'user', $1::text, $2, null,
    jsonb_build_object('email', $3, 'display_name', $4, 'role', $5, 'link_expires_at', ends),
    $8, $9, $10, $11);
  return query select 'created', ends;
end
$$;

create function user_create(user_id uuid, email text, display_name text, role text,
  link_hash bytea, link_lifetime_s integer, actor_kind text, actor_id text, source_ip inet,
  request_id text)
returns table (outcome text, link_expires_at timestamptz)
language sql security definer set search_path = firstring, pg_temp
as $$
  select s.outcome, s.link_expires_at
  from user_store($1, required_itsp(), $2, $3, $4, $5, $6, $7, $8, $9, $10) s
$$;

create function admin_user_create(user_id uuid, itsp_id uuid, email text, display_name text,
  role text, link_hash bytea, link_lifetime_s integer, actor_kind text, actor_id text,
  source_ip inet, request_id text)
returns table (outcome text, link_expires_at timestamptz)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
begin
  if $2 is not null and not exists (select from itsp i where i.id = $2) then
    return query select 'unknown_itsp', null::timestamptz;
    return;
  end if;
  return query select s.outcome, s.link_expires_at
  from user_store($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) s;
end
$$;

-- Internal. What a person may do or whether at all is changed by somebody else: an account without
-- an owner left cannot come about.
create function user_change(user_id uuid, only_itsp uuid, of_manufacturer boolean,
  expected_version integer, display_name text, role text, state text, actor_kind text,
  actor_id text, source_ip inet, request_id text)
returns table (outcome text, version integer)
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known portal_user := user_find($1, $2, $3);
  changed portal_user;
  violated text;
begin
  if known.id is null then
    return query select 'not_found', null::integer;
    return;
  end if;
  if $4 is not null and $4 <> known.version then
    return query select 'version_mismatch', known.version;
    return;
  end if;
  if $8 = 'user' and $9 = $1::text
    and (coalesce($6, known.role), coalesce($7, known.state)) <> (known.role, known.state) then
    return query select 'own_account', known.version;
    return;
  end if;
  if (coalesce($5, known.display_name), coalesce($6, known.role), coalesce($7, known.state))
    = (known.display_name, known.role, known.state) then
    return query select 'same', known.version;
    return;
  end if;
  begin
    update portal_user u
    set display_name = coalesce($5, u.display_name), role = coalesce($6, u.role),
      state = coalesce($7, u.state), version = u.version + 1
    where u.id = $1
    returning u.* into changed;
  exception
    when check_violation then
      get stacked diagnostics violated = constraint_name;
      if violated <> 'role_of_audience' then
        raise;
      end if;
      return query select 'bad_role', known.version;
      return;
  end;
  if changed.state = 'suspended' then
    delete from session s where s.user_id = $1;
    delete from user_link l where l.user_id = $1;
  end if;
  perform audit_write('user.update', 'user', $1::text, known.itsp_id,
    jsonb_build_object('display_name', known.display_name, 'role', known.role, 'state', known.state),
    jsonb_build_object('display_name', changed.display_name, 'role', changed.role,
      'state', changed.state), $8, $9, $10, $11);
  return query select 'updated', changed.version;
end
$$;

create function user_patch(user_id uuid, expected_version integer, display_name text, role text,
  state text, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, version integer)
language sql security definer set search_path = firstring, pg_temp
as $$
  select c.outcome, c.version
  from user_change($1, required_itsp(), false, $2, $3, $4, $5, $6, $7, $8, $9) c
$$;

create function admin_user_patch(user_id uuid, expected_version integer, display_name text,
  role text, state text, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, version integer)
language sql security definer set search_path = firstring, pg_temp
as $$
  select c.outcome, c.version from user_change($1, null, true, $2, $3, $4, $5, $6, $7, $8, $9) c
$$;

-- Internal.
create function user_end(user_id uuid, only_itsp uuid, of_manufacturer boolean, actor_kind text,
  actor_id text, source_ip inet, request_id text) returns text
language plpgsql set search_path = firstring, pg_temp
as $$
declare
  known portal_user := user_find($1, $2, $3);
begin
  if known.id is null then
    return 'not_found';
  end if;
  if $4 = 'user' and $5 = $1::text then
    return 'own_account';
  end if;
  delete from portal_user u where u.id = $1;
  perform audit_write('user.remove', 'user', $1::text, known.itsp_id,
    jsonb_build_object('email', known.email, 'display_name', known.display_name,
      'role', known.role), null, $4, $5, $6, $7);
  return 'removed';
end
$$;

create function user_remove(user_id uuid, actor_kind text, actor_id text, source_ip inet,
  request_id text) returns table (outcome text)
language sql security definer set search_path = firstring, pg_temp
as $$
  select user_end($1, required_itsp(), false, $2, $3, $4, $5)
$$;

create function admin_user_remove(user_id uuid, actor_kind text, actor_id text, source_ip inet,
  request_id text) returns table (outcome text)
language sql security definer set search_path = firstring, pg_temp
as $$
  select user_end($1, null, true, $2, $3, $4, $5)
$$;

-- Internal.
create function user_link_make(user_id uuid, only_itsp uuid, of_manufacturer boolean,
  link_hash bytea, lifetime_s integer, resets_second_factor boolean, actor_kind text,
  actor_id text, source_ip inet, request_id text)
returns table (outcome text, link_expires_at timestamptz)
language plpgsql set search_path = firstring, pg_temp
as $$
declare
  known portal_user := user_find($1, $2, $3);
  ends timestamptz;
begin
  if known.id is null then
    return query select 'not_found', null::timestamptz;
    return;
  end if;
  if known.state <> 'live' then
    return query select 'user_suspended', null::timestamptz;
    return;
  end if;
  ends := user_link_store($1, $4, $5, $6);
  perform audit_write('user.link_create', 'user', $1::text, known.itsp_id, null,
    jsonb_build_object('resets_second_factor', $6, 'expires_at', ends), $7, $8, $9, $10);
  return query select 'created', ends;
end
$$;

create function user_link_create(user_id uuid, link_hash bytea, lifetime_s integer,
  resets_second_factor boolean, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, link_expires_at timestamptz)
language sql security definer set search_path = firstring, pg_temp
as $$
  select m.outcome, m.link_expires_at
  from user_link_make($1, required_itsp(), false, $2, $3, $4, $5, $6, $7, $8) m
$$;

create function admin_user_link_create(user_id uuid, link_hash bytea, lifetime_s integer,
  resets_second_factor boolean, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, link_expires_at timestamptz)
language sql security definer set search_path = firstring, pg_temp
as $$
  select m.outcome, m.link_expires_at
  from user_link_make($1, null, true, $2, $3, $4, $5, $6, $7, $8) m
$$;

-- Lets go of what is past its time: sessions, links, attempts.
create function people_sweep(rows bigint) returns bigint
language plpgsql security definer set search_path = firstring, pg_temp
as $$
declare
  one bigint;
  swept bigint := 0;
begin
  delete from session s where s.id_hash in (
    select o.id_hash from session o where o.expires_at < clock_timestamp() limit $1);
  get diagnostics one = row_count;
  swept := swept + one;
  delete from user_link l where l.link_hash in (
    select o.link_hash from user_link o where o.expires_at < clock_timestamp() limit $1);
  get diagnostics one = row_count;
  swept := swept + one;
  delete from sign_in_attempt a where (a.source, a.account_hash) in (
    select o.source, o.account_hash from sign_in_attempt o
    where o.last_at < clock_timestamp() - interval '1 day'
      and coalesce(o.succeeded_at, '-infinity') < clock_timestamp() - interval '30 days'
    order by o.last_at limit $1);
  get diagnostics one = row_count;
  return swept + one;
end
$$;
