-- A job worker that leaves gives back what it holds: the next one takes it up at once and not when the
-- lease is over.

create function claim_job_give_back(worker text) returns bigint
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_variable
declare
  given bigint;
begin
  update claim_job j set lease_until = clock_timestamp()
  where j.worker = worker and j.state = 'running';
  get diagnostics given = row_count;
  return given;
end
$$;
