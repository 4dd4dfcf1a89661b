-- The audit log's chain, and its heads: what makes an altered, removed, reordered or cut row show.

-- One value in the canonical encoding: 0 for null, else 1, the length in 4 bytes (big-endian), and
-- the text in UTF-8.
create function audit_field(value text) returns bytea
language sql immutable parallel safe
return case when value is null then '\x00'::bytea
  else '\x01'::bytea || int4send(octet_length(convert_to(value, 'UTF8')))
    || convert_to(value, 'UTF8') end;

-- The hash of a row at its place. sql/README.md describes the encoding; factory-ca/audit_row.c
-- computes the same from what an auditor reads.
create function audit_row_hash(row_ audit_log, chain_seq bigint, prev_hash bytea) returns bytea
language sql stable
return sha256(convert_to('firstring audit row v1', 'UTF8') || prev_hash || int8send(chain_seq)
  || int8send((row_).id)
  || int8send((extract(epoch from (row_).at) * 1000000)::bigint)
  || firstring.audit_field((row_).actor_kind) || firstring.audit_field((row_).actor_id)
  || firstring.audit_field((row_).source_ip::text) || firstring.audit_field((row_).request_id)
  || firstring.audit_field((row_).action) || firstring.audit_field((row_).object_kind)
  || firstring.audit_field((row_).object_id) || firstring.audit_field((row_).itsp_id::text)
  || firstring.audit_field((row_).before::text) || firstring.audit_field((row_).after::text));

-- Chains up to `batch` rows that are not chained yet, in the order of their ids. Who comes while
-- another does it leaves with nothing done ("busy"): any number of jobs may run, and none leads.
create function audit_chain(batch bigint)
returns table (outcome text, chained bigint, unchained bigint, oldest_unchained_at timestamptz,
  head_seq bigint, head_hash bytea)
language plpgsql security definer set search_path = firstring, pg_temp set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  one audit_log;
  seq bigint := 0;
  hash bytea := decode(repeat('00', 32), 'hex');
  next_hash bytea;
  done bigint := 0;
  -- Taken first: what is read below is then what the last holder has committed.
  is_ours boolean := pg_try_advisory_xact_lock(hashtextextended('firstring audit chain', 0));
begin
  select a.chain_seq, a.row_hash into seq, hash
  from audit_log a where a.chain_seq is not null order by a.chain_seq desc limit 1;
  if not found then
    seq := 0;
    hash := decode(repeat('00', 32), 'hex');
  end if;
  for one in
    select a.* from audit_log a where a.chain_seq is null order by a.id
    limit case when is_ours then least(greatest(batch, 1), 10000) else 0 end
  loop
    seq := seq + 1;
    next_hash := audit_row_hash(one, seq, hash);
    update audit_log a set chain_seq = seq, prev_hash = hash, row_hash = next_hash
    where a.id = one.id;
    hash := next_hash;
    done := done + 1;
  end loop;
  return query
  select case when is_ours then 'chained' else 'busy' end, done,
    (select count(*) from (select from audit_log a where a.chain_seq is null limit 100000) u),
    (select a.at from audit_log a where a.chain_seq is null order by a.id limit 1),
    seq, hash;
end
$$;

create table audit_head (
  text text primary key check (text ~ '^firstring audit head v1 ' and length(text) <= 512),
  signature bytea not null check (octet_length(signature) between 8 and 1024),
  chain_seq bigint not null check (chain_seq > 0),
  stored_at timestamptz not null default clock_timestamp()
);
comment on table audit_head is
  'Signed statements of the signer: at this time the chain ended in that row. Append-only. What '
  'counts is the text; chain_seq is for finding it.';
create index audit_head_chain_seq_idx on audit_head (chain_seq);
create trigger audit_head_append_only before update or delete on audit_head
  for each row execute function audit_refuse_change();
create trigger audit_head_never_truncated before truncate on audit_head
  for each statement execute function audit_refuse_change();

create function audit_head_put(text text, signature bytea, chain_seq bigint)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  insert into audit_head (text, signature, chain_seq)
  values (audit_head_put.text, audit_head_put.signature, audit_head_put.chain_seq)
  on conflict (text) do nothing;
  return query select case when found then 'stored' else 'existing' end;
end
$$;
