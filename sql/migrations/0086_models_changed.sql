-- A model can be changed after it was made, as far as phones that are claimed allow it.

alter table device_model add column version integer not null default 1;

-- As before; what was changed since is not asked for again.
create or replace function model_create(name text, format text, key_types text[], authentication text,
  encrypt_answers boolean, tls_floor text, password_alphabet text, admin_user text,
  actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, created_at timestamptz)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  wanted device_model;
  known device_model;
begin
  if not exists (select from answer_format f where f.name = $2) then
    return query select 'unknown_format', null::timestamptz;
    return;
  end if;
  if cardinality($3) = 0 or not $3 <@ array['p256', 'p384', 'rsa2048', 'rsa3072'] then
    return query select 'bad_key_type', null::timestamptz;
    return;
  end if;
  wanted.name := $1;
  wanted.format := $2;
  wanted.key_types := $3;
  wanted.authentication := $4;
  wanted.encrypt_answers := coalesce($5, false);
  wanted.tls_floor := coalesce($6, 'modern');
  wanted.password_alphabet := $7;
  wanted.admin_user := coalesce($8, 'admin');
  wanted.created_at := clock_timestamp();
  wanted.version := 1;
  insert into device_model values (wanted.*) on conflict (name) do nothing;
  if not found then
    select m.* into known from device_model m where m.name = $1;
    wanted.created_at := known.created_at;
    wanted.version := known.version;
    return query select case when known = wanted then 'existing' else 'name_taken' end,
      known.created_at;
    return;
  end if;
  perform audit_write('model.create', 'model', $1, null, null, to_jsonb(wanted),
    $9, $10, $11, $12);
  return query select 'created', wanted.created_at;
end
$$;

-- Null leaves a value; an empty alphabet is letters and digits again. What a claim was checked against and what its
-- holder was told, format and admin user, stays while any phone of the model is claimed; the rest is in force with
-- the next answer, password or order. A claim under way in this very moment may have been checked against the old
-- format: what the new one cannot carry is refused by the redirector then, and told as an event.
create function model_update(of_name text, expected_version integer, format text, key_types text[],
  encrypt_answers boolean, tls_floor text, password_alphabet text, admin_user text,
  actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known device_model;
  wanted device_model;
begin
  select m.* into known from device_model m where m.name = $1 for no key update;
  if not found then
    return query select 'not_found';
    return;
  end if;
  wanted := known;
  wanted.format := coalesce($3, known.format);
  wanted.key_types := coalesce($4, known.key_types);
  wanted.encrypt_answers := coalesce($5, known.encrypt_answers);
  wanted.tls_floor := coalesce($6, known.tls_floor);
  wanted.password_alphabet := nullif(coalesce($7, known.password_alphabet), '');
  wanted.admin_user := coalesce($8, known.admin_user);
  wanted.version := known.version + 1;
  outcome := case
    when $2 <> known.version then 'version_mismatch'
    when not exists (select from answer_format f where f.name = wanted.format) then 'unknown_format'
    when not wanted.key_types <@ array['p256', 'p384', 'rsa2048', 'rsa3072'] then 'bad_key_type'
    when wanted.encrypt_answers and known.authentication <> 'certificate' then 'needs_certificate'
    when (wanted.format, wanted.admin_user) <> (known.format, known.admin_user) and exists (
        select from claim c join device d on d.mac = c.mac
        where c.state <> 'released' and d.model = $1) then 'model_claimed'
    when (wanted.format, wanted.key_types, wanted.encrypt_answers, wanted.tls_floor,
        wanted.password_alphabet, wanted.admin_user)
      is not distinct from (known.format, known.key_types, known.encrypt_answers, known.tls_floor,
        known.password_alphabet, known.admin_user) then 'same'
    else 'updated'
  end;
  if outcome = 'updated' then
    update device_model m
    set format = wanted.format, key_types = wanted.key_types,
      encrypt_answers = wanted.encrypt_answers, tls_floor = wanted.tls_floor,
      password_alphabet = wanted.password_alphabet, admin_user = wanted.admin_user,
      version = wanted.version
    where m.name = $1;
    perform audit_write('model.update', 'model', $1, null, to_jsonb(known), to_jsonb(wanted),
      $9, $10, $11, $12);
  end if;
  return next;
end
$$;
