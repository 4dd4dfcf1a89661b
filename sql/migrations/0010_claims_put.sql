-- Claims many phones or none: what an atomic claim job ends with.

-- Each row as claim_put does it, in order of the MACs, so that two jobs never wait crosswise. When
-- one row is not granted all are undone, and those that would have been are told as rolled_back.
create function claims_put(claim_ids uuid[], macs macaddr[], claim_codes text[],
  profile_ids uuid[], sealed_passwords bytea[], failures_allowed integer, actor_kind text,
  actor_id text, source_ip inet, request_id text)
returns table (ordinal bigint, outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  outcomes text[] := array_fill(null::text, array[cardinality($1)]);
  one record;
  granted boolean := true;
begin
  if cardinality($1) > 5000 then
    raise exception 'up to 5,000 phones at once' using errcode = 'data_exception';
  end if;
  begin
    for one in
      select r.*, r.ordinal::integer as at from unnest($1, $2, $3, $4, $5)
        with ordinality r (claim_id, mac, claim_code, profile_id, sealed_password, ordinal)
      order by r.mac, r.ordinal
    loop
      outcomes[one.at] := (
        select p.outcome
        from claim_put(one.claim_id, one.mac, one.claim_code, one.profile_id,
          one.sealed_password, $6, $7, $8, $9, $10) p);
      granted := granted and outcomes[one.at] in ('created', 'same');
    end loop;
    if not granted then
      raise exception 'not all were granted';
    end if;
  exception when raise_exception then
    -- What the rows were told outlives the claims that are undone here.
    null;
  end;
  return query
  select o.ordinal, case when not granted and o.outcome in ('created', 'same') then 'rolled_back'
    else o.outcome end
  from unnest(outcomes) with ordinality o (outcome, ordinal)
  order by o.ordinal;
end
$$;
