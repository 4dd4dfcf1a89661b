-- Wrong codes of the authenticator, counted over an account, stop strangers alone: a source from which
-- the person has signed in within 30 days is not held to them, and neither is a recovery code, which
-- nobody guesses. Each source is slowed down by its own attempts as before (sign_in_wait).

-- Internal. Whether this source has signed in to this account within 30 days.
create function sign_in_is_known(source cidr, account_hash bytea) returns boolean
language sql stable set search_path = firstring, pg_temp
as $$
  select exists (select from sign_in_attempt a where a.source = $1 and a.account_hash = $2
    and a.succeeded_at > clock_timestamp() - interval '30 days')
$$;

create or replace function sign_in_wait(source cidr, account_hash bytea) returns integer
language plpgsql set search_path = firstring, pg_temp
as $$
declare
  everything constant bytea := decode(repeat('00', 32), 'hex');
  is_known boolean := sign_in_is_known($1, $2);
  wait integer := sign_in_count($1, $2, 5);
begin
  if wait = 0 and not is_known then
    wait := sign_in_count($1, everything, 50);
  end if;
  return wait;
end
$$;

create or replace function sign_in_begin(email text, account_hash bytea, source_ip inet)
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
    case when known.second_factor_failures >= 10 and not sign_in_is_known(sign_in_source($3), $2)
      then greatest(0, ceil(extract(epoch from
        known.second_factor_failed_at + interval '15 minutes' - clock_timestamp())))::integer
      else 0 end;
end
$$;

-- As before, but the strangers' wrong codes stay counted: whoever may sign in is not held to them,
-- and a sign-in is no leave to guess ten times more.
create or replace function sign_in_finish(user_id uuid, account_hash bytea, password_hash text,
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

-- Internal. Counts a stranger's wrong code; the tenth is told of: who sends it knows the password.
create function second_factor_failed(user_id uuid, source_ip inet) returns void
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  failed portal_user;
begin
  update portal_user u
  set second_factor_failures = case
      when u.second_factor_failed_at < clock_timestamp() - interval '15 minutes' then 1
      else u.second_factor_failures + 1 end,
    second_factor_failed_at = clock_timestamp()
  where u.id = $1
  returning u.* into failed;
  if failed.second_factor_failures = 10 then
    insert into security_event (event_id, at, kind, itsp_id, source_ip, detail)
    values (gen_random_uuid(), clock_timestamp(), 'second_factor_guessing', failed.itsp_id, $2,
      jsonb_build_object('user_id', failed.id, 'failures', failed.second_factor_failures));
  end if;
end
$$;

create or replace function sign_in_refuse(user_id uuid, account_hash bytea, reason text,
  actor_kind text, actor_id text, source_ip inet, request_id text) returns text
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
  if $3 = 'wrong_code' and not sign_in_is_known(sign_in_source($6), $2) then
    perform second_factor_failed($1, $6);
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
