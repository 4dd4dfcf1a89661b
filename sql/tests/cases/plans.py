#!/usr/bin/env python3
"""The hot statements on 100,000 phones (PLAN_ROWS sets another number, such as 1000000): no sequential scan of a table that grows, with fresh
statistics and with none, with plans made for the values and with generic ones. auto_explain tells
the plans inside the functions."""
import os, pathlib, re, subprocess, sys

ROWS = int(os.environ.get("PLAN_ROWS", 100_000))
GROWING = {"device", "certificate", "device_key", "claim", "shipment", "audit_log", "security_event", "api_token",
           "claim_job", "claim_job_row", "idempotency", "provisioning_profile", "stage_token"}
queries = pathlib.Path(os.environ["SQL_ROOT"]) / "sql" / "queries"


def psql(script, user="postgres"):
    done = subprocess.run(["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-U", user], input=script, text=True,
                          capture_output=True)
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
    return done


subprocess.run(["psql", "-X", "-q", "-o", "/dev/null", "-f", os.environ["SQL_ROOT"] + "/sql/tests/lib.sql"], check=True)
psql(f"""
\\o /dev/null
-- The statistics stay those of empty tables until this test says otherwise.
do $$ declare r regclass; begin
  for r in select oid::regclass from pg_class where relnamespace = 'firstring'::regnamespace and relkind = 'r' loop
    execute format('alter table %s set (autovacuum_enabled = off)', r);
  end loop;
end $$;
""")

# A daemon's connection plans its statements while the tables are empty, and keeps the plans.
early = subprocess.Popen(["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1"], stdin=subprocess.PIPE, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
EARLY = """
select firstring.device_lookup(array['\\x00'::bytea]);
select firstring.certificates_existing('O', array['10:20:30:00:00:2a']::macaddr[], array['\\x00'::bytea]);
select firstring.events_insert(array[now()], array[gen_random_uuid()], array['10:20:30:00:00:2a']::macaddr[], array['refused'],
  array[null::uuid], array[null::bigint], array[null], array[null]);
select set_config('firstring.itsp', t.id('Alpha')::text, false);
select firstring.claims_check_each(array['10:20:30:00:00:2a']::macaddr[], array['CODE000000000'], array[t.id('Alpha profile')], 10,
  array['token'], array['T'], array[null]::inet[], array['request']);
"""
early.stdin.write("set statement_timeout = '20s';" + EARLY * 6 + "select 'planned';\n")
early.stdin.flush()
while early.stdout.readline() not in ("planned\n", ""):
    pass

psql(f"""
\\o /dev/null
select t.world(), t.phones(0, 10), t.tenant('Alpha'), t.tenant('Beta');
set session_replication_role = replica; -- no foreign key checks while filling
insert into firstring.device (mac, serial_number, model, source, order_id, claim_code_hash)
select t.mac(x'102030000000'::bigint + n), 'S' || n, 'M', 'factory', 1, t.code_hash(t.mac(x'102030000000'::bigint + n), 'CODE000000000')
from generate_series(1, {ROWS}) n;
insert into firstring.device_key select t.digest('k' || n), t.mac(x'102030000000'::bigint + n) from generate_series(1, {ROWS}) n;
insert into firstring.certificate (fingerprint, mac, serial, spki_sha256, der, order_id, station_fingerprint, not_before)
select t.digest('c' || n), t.mac(x'102030000000'::bigint + n), substring(t.digest('s' || n) for 16), t.digest('k' || n), 'der', 1,
  t.digest('line-1'), now() from generate_series(1, {ROWS}) n;
insert into firstring.claim (id, mac, itsp_id, profile_id, proof, sealed_password, claimed_at)
select case n when 42 then t.id('the claim') else gen_random_uuid() end, t.mac(x'102030000000'::bigint + n), t.id(case n % 2 when 0 then 'Alpha' else 'Beta' end),
  t.id(case n % 2 when 0 then 'Alpha' else 'Beta' end || ' profile'), 'code', t.sealed('x'), now() - interval '1 day'
from generate_series(1, {ROWS} - 1000) n;
-- Rare ones at the far end of Alpha's MACs: who filters its claims one by one reads nearly all of them.
insert into firstring.provisioning_profile (id, itsp_id, name, provisioning_url) values (t.id('Alpha rare'), t.id('Alpha'), 'rare', 'https://itsp.example/');
update firstring.claim set state = 'suspended' where mac between t.mac(x'102030000000'::bigint + {ROWS} - 1100) and t.mac(x'102030000000'::bigint + {ROWS} - 1080);
update firstring.claim set profile_id = t.id('Alpha rare'), contacted_at = now()
where itsp_id = t.id('Alpha') and mac between t.mac(x'102030000000'::bigint + {ROWS} - 1060) and t.mac(x'102030000000'::bigint + {ROWS} - 1040);
update firstring.claim set contacted_at = now(), delivered_at = now()
where itsp_id = t.id('Alpha') and mac between t.mac(x'102030000000'::bigint + {ROWS} - 1020) and t.mac(x'102030000000'::bigint + {ROWS} - 1000);
insert into firstring.device_event (at, event_id, mac, kind, itsp_id, xid)
select now() - n * interval '5 seconds', gen_random_uuid(), t.mac(x'102030000000'::bigint + n), 'contacted',
  t.id(case n % 2 when 0 then 'Alpha' else 'Beta' end), (n / 50 + 3)::text::xid8
from generate_series(1, {ROWS}) n;
insert into firstring.audit_log (actor_kind, actor_id, action, object_kind, object_id)
select 'test', 'test', 'test', 'claim', n::text from generate_series(1, {ROWS}) n;
insert into firstring.security_event (event_id, at, kind, mac)
select gen_random_uuid(), now(), 'scan_' || chr(97 + n % 26) || chr(97 + n % 19), t.mac(x'102030000000'::bigint + n) from generate_series(1, {ROWS}) n;
insert into firstring.api_token (id, kind, itsp_id, name, token_hash, scopes)
select gen_random_uuid(), 'itsp', t.id('Alpha'), 'token ' || n, t.digest('token ' || n), array['claims:read']
from generate_series(1, 20000) n;
insert into firstring.provisioning_profile (id, itsp_id, name, provisioning_url)
select gen_random_uuid(), t.id('Beta'), 'profile ' || n, 'https://itsp.example/' from generate_series(1, 20000) n;
insert into firstring.shipment (mac, itsp_id)
select t.mac(x'102030000000'::bigint + n), t.id('Alpha') from generate_series(1, {ROWS}, 2) n;
insert into firstring.claim_job (id, itsp_id, state, dry_run, atomic, actor_kind, actor_id, total, prepared, worker)
select t.id('job ' || n), t.id('Alpha'), 'running', false, true, 'test', 'test', 500, n % 2 * 500, 'w' from generate_series(1, 100) n;
insert into firstring.claim_job_row (job_id, line, mac, profile, phone, claim_id, proof_code, profile_id, sealed_password)
select t.id('job ' || n % 100 + 1), n, 'x', 'x', t.mac(x'102030000000'::bigint + {ROWS} - n % 499), gen_random_uuid(), 'CODE000000000',
  t.id('Alpha profile'), t.sealed('x')
from generate_series(1, 50000) n where n % 2 = 0; -- the others wait to be checked
insert into firstring.claim_job_row (job_id, line, mac, profile)
select t.id('job ' || n % 100 + 1), n, 'x', 'x' from generate_series(1, 50000) n where n % 2 = 1;
insert into firstring.claim_job (id, itsp_id, state, dry_run, atomic, actor_kind, actor_id, total, worker)
select t.id('plain job'), t.id('Alpha'), 'running', false, false, 'test', 'test', 500, 'w';
insert into firstring.claim_job_row (job_id, line, mac, profile) select t.id('plain job'), n, 'x', 'x' from generate_series(1, 500) n;
insert into firstring.stage_token (token_hash, claim_id, fingerprint, expires_at)
select t.digest('token ' || n), gen_random_uuid(), t.digest('c' || n), now() + interval '1 day' from generate_series(1, 20000) n;
""")

psql("""
create function t.macs(first bigint) returns macaddr[] language sql as
$$ select array_agg(t.mac(first + n)) from generate_series(1, 100) n $$;
create function t.digests(prefix text) returns bytea[] language sql as
$$ select array_agg(t.digest(prefix || n)) from generate_series(1, 100) n $$;
create function t.times(what anyelement) returns anyarray language sql as
$$ select array_agg(what) from generate_series(1, 100) n $$;
create function t.lines() returns bigint[] language sql as
$$ select array_agg(n) from generate_series(1, 100) n $$;
create function t.ids() returns uuid[] language sql as
$$ select array_agg(gen_random_uuid()) from generate_series(1, 100) n $$;
create function t.serials(prefix text) returns bytea[] language sql as
$$ select array_agg(substring(t.digest(prefix || n) for 16)) from generate_series(1, 100) n $$;
""")

phone = "'10:20:30:00:00:2a'"
free = f"t.mac(x'102030000000'::bigint + {ROWS} - 5)"
who = "'test', 'test', null, null"
# query, parameters, indexes that the plan must use
CASES = [
    ("redirector/device_lookup", "t.digests('c')",
     ["certificate_pkey", "device_credential_key_idx", "device_pkey", "claim_one_live_per_mac",
      "provisioning_profile_pkey"]),
    ("redirector/events_insert", "t.times(clock_timestamp()), t.ids(), t.macs(x'102030000000'::bigint), "
     "t.times('delivered'::text), t.times(null::uuid), t.times(null::bigint), t.times(null::text), t.times(null::text)",
     ["device_pkey", "claim_mac_idx"]),
    ("redirector/delivery_advance", "t.id('the claim'), 1, 1, 900, null, null, gen_random_uuid(), null",
     ["claim_pkey", "device_pkey"]),
    ("redirector/delivery_advance", "t.id('the claim'), 1, 1, 900, t.digest('token 7'), t.digest('c7'), gen_random_uuid(), "
     "null", ["claim_pkey", "stage_token_"]),
    ("redirector/delivery_stage", "t.id('the claim'), 1, 1, false, t.digest('new'), t.digest('c42'), 86400, "
     "gen_random_uuid(), null", ["claim_pkey", "stage_token_claim_idx"]),
    ("factory-ca/certificates_existing", "'O', t.macs(x'102030000000'::bigint), t.digests('k')",
     ["device_key_pkey", "certificate_mac_idx", "device_pkey"]),
    ("factory-ca/certificates_store", "'O', t.digest('line-1'), t.macs(x'001565000100'::bigint), t.times('S'::text), "
     "t.digests('new'), t.serials('news'), t.times('d'::bytea), t.digests('newc'), t.times(now()), t.digests('h'), "
     f"t.times(0::bigint), {who}, false", ["device_key_pkey", "device_pkey"]),
    # Phones that are on record are looked at one by one.
    ("factory-ca/certificates_store", "'O', t.digest('line-1'), t.macs(x'102030000000'::bigint), t.times('S'::text), "
     "t.digests('k'), t.serials('news'), t.times('d'::bytea), t.digests('newc'), t.times(now()), t.digests('h'), "
     f"t.times(0::bigint), {who}, false", ["device_key_pkey", "device_pkey", "certificate_mac_idx"]),
    ("factory-ca/phone_get", f"{phone}, null", ["device_pkey", "certificate_mac_idx"]),
    ("factory-ca/device_get", f"'O', {phone}", ["device_pkey", "certificate_mac_idx"]),
    ("factory-ca/claim_code_rotate", f"'O', {phone}, 0, 1, t.digest('h'), {who}", ["device_pkey", "certificate_one_live_per_mac"]),
    ("factory-ca/station_by_fingerprint", "t.digest('line-1')", []),
    ("status/certificate_status", "substring(t.digest('s7') for 16)", ["certificate_serial_key"]),
    ("portal-api/tokens_authenticate", "t.digests('token ')", ["api_token_token_hash_key"]),
    ("portal-api/claims_check_each", f"t.macs(x'102030000000'::bigint + {ROWS} - 500), t.times('CODE000000000'::text), "
     "t.times(t.id('Alpha profile')), 1000000, t.times('token'::text), t.times('T'::text), t.times('192.0.2.1'::text), "
     "t.times('request'::text)", ["device_pkey", "claim_one_live_per_mac", "shipment_one_live_per_mac"]),
    ("portal-api/claims_put", f"t.ids(), t.macs(x'102030000000'::bigint + {ROWS} - 500), t.times('CODE000000000'::text), "
     "t.times(t.id('Alpha profile')), t.times(t.sealed('x')), 1000000, t.times('token'::text), t.times('T'::text), "
     "t.times('192.0.2.1'::text), t.times('request'::text)",
     ["device_pkey", "claim_one_live_per_mac", "shipment_one_live_per_mac"]),
    ("portal-api/claim_put", f"gen_random_uuid(), {free}, 'CODE000000000', t.id('Alpha profile'), t.sealed('x'), 1000000, {who}",
     ["device_pkey", "claim_one_live_per_mac"]),
    ("portal-api/claims_check", f"t.macs(x'102030000000'::bigint + {ROWS} - 500), t.times('CODE000000000'::text), "
     f"t.times('Alpha profile'::text), 1000000, {who}", ["device_pkey", "claim_one_live_per_mac", "shipment_one_live_per_mac"]),
    ("portal-api/claim_job_rows_take", "t.id('plain job'), 'w', 30, t.lines(), t.ids(), "
     f"t.macs(x'102030000000'::bigint + {ROWS} - 500), t.times('CODE000000000'::text), t.times(t.id('Alpha profile')), "
     "t.times(t.sealed('x')), 1000000",
     ["device_pkey", "claim_one_live_per_mac", "shipment_one_live_per_mac", "claim_job_row_pkey"]),
    ("portal-api/claim_job_rows_next", "t.id('job 2'), 'w', 30, 100, 0", ["claim_job_row_pkey"]),
    ("portal-api/claim_job_claim", "t.id('job 3'), 'w', 30, 1000000, 1, 'text'",
     ["claim_job_row_prepared_idx", "device_pkey", "claim_one_live_per_mac"]),
    ("portal-api/sealed_elsewhere", "1, 100", ["claim_key_idx", "claim_pending_key_idx"]),
    ("portal-api/claim_timeline", phone, ["device_pkey", "claim_mac_idx"]),
    ("portal-api/admin_device_history", phone, ["device_pkey", "claim_mac_idx", "shipment_mac_idx"]),
    ("portal-api/claim_get", phone, ["device_pkey"]),
    ("portal-api/claim_list", f"{phone}, 100, null, null, null, null, null", ["claim_itsp_idx", "device_pkey"]),
    ("portal-api/claim_list", "null, 100, 'live', '10:20:30:00:10:00', '10:20:30:00:1f:ff', t.id('Alpha profile'), 'waiting'",
     ["claim_profile_idx", "device_pkey"]),
    ("portal-api/claim_list", "null, 50, 'suspended', null, null, null, null", ["claim_suspended_idx", "device_pkey"]),
    ("portal-api/claim_list", "null, 50, null, null, null, null, 'contacted'", ["claim_itsp_idx", "device_pkey"]),
    ("portal-api/claim_list", "null, 50, 'live', null, null, null, 'delivered'", ["claim_itsp_idx", "device_pkey"]),
    ("portal-api/claim_list", "null, 50, null, null, null, t.id('Alpha rare'), null", ["claim_profile_idx", "device_pkey"]),
    ("portal-api/claim_list", "null, 50, null, null, null, t.id('Alpha rare'), 'contacted'", ["claim_profile_idx", "device_pkey"]),
    ("portal-api/claim_list_by_serial", "null, 100, 'S42'", ["device_serial_number_idx", "claim_"]),
    ("portal-api/claim_reveal", f"{phone}, {who}", ["claim_"]),
    ("portal-api/claim_compare", f"{phone}, {who}", ["claim_"]),
    ("portal-api/claim_patch", f"{phone}, null, null, true, null, null, {who}", ["device_pkey"]),
    ("portal-api/profile_get", "t.id('Alpha profile')", ["provisioning_profile_pkey"]),
    ("portal-api/profile_list", "'', 100", ["provisioning_profile_"]),
    ("portal-api/shipment_list", "null, 100, 'live'", ["shipment_itsp_idx"]),
    ("portal-api/admin_shipment_list", "null, 100, null, 'live'", ["shipment_state_idx"]),
    ("portal-api/admin_shipment_list", "1000, 100, t.id('Alpha'), 'consumed'", ["shipment_itsp_idx", "shipment_pkey"]),
    ("portal-api/events_list", "1000, 0, 100", ["_itsp_id_xid_seq_idx"]),
    ("portal-api/audit_of_tenant", "null, 100, null, null", ["audit_log_itsp_idx"]),
    ("portal-api/audit_of_tenant", "1000, 100, 'claim', '77'", ["audit_log_"]),
    ("portal-api/events_latest", "null, null, 100", ["_itsp_id_xid_seq_idx"]),
    ("portal-api/events_latest", "1000, 0, 100", ["_itsp_id_xid_seq_idx"]),
    ("portal-api/security_events_list", "null, 100, null, null", ["security_event_pkey"]),
    ("portal-api/security_events_list", "null, 100, 'scan_aa', null", ["security_event_kind_idx"]),
    ("portal-api/security_events_list", f"null, 100, null, {phone}", ["security_event_mac_idx"]),
    ("portal-api/security_events_of_tenant", "null, 100, null, null", ["security_event_itsp_idx", "security_event_holder_idx"]),
    ("portal-api/audit_list", "null, 100, null, null", ["audit_log_pkey"]),
    ("portal-api/audit_list", "null, 100, 'claim', '77'", ["audit_log_object_idx"]),
    ("portal-api/admin_device_get", phone, ["device_pkey"]),
    ("portal-api/admin_device_list_by_serial", "null, 100, 'S42'", ["device_serial_number_idx"]),
    ("factory-ca/audit_chain", "100", ["audit_log_unchained_idx"]),
    ("auditor/audit_rows", "1000, 100", ["audit_log_chain_seq_key"]),
]
problems = []


def scans(plans):
    """Tables that grow and that a plan reads whole: sequentially, or along an index without a condition."""
    lines = plans.splitlines()
    for line, following in zip(lines, lines[1:] + [""]):
        if (m := re.search(r"Seq Scan on (?:firstring\.)?(\w+)", line)) or (
                (m := re.search(r"Index (?:Only )?Scan (?:Backward )?using \w+ on (?:firstring\.)?(\w+)", line))
                and "Index Cond" not in following):
            if m[1] in GROWING or m[1].startswith("device_event_2"):
                yield m[1]



def filtered(plans):
    """Rows that a plan read and threw away, all its parts together."""
    return sum(int(n) for n in re.findall(r"Rows Removed by (?:Index Recheck|Filter): (\d+)", plans))


def look(statistics, generic):
    for path, values, needed in CASES:
        text = "\n".join(line for line in (queries / (path + ".sql")).read_text().splitlines() if not line.startswith("--"))
        roles = re.search(r"^-- role: (\w+)", (queries / (path + ".sql")).read_text(), re.M)[1]
        script = f"""
load 'auto_explain';
set auto_explain.log_min_duration = 0;
set auto_explain.log_nested_statements = on;
set auto_explain.log_level = warning;
set auto_explain.log_analyze = on;
set auto_explain.log_timing = off;
set auto_explain.log_buffers = on;
set plan_cache_mode = {'force_generic_plan' if generic else 'auto'};
begin;
prepare q as {text}
select set_config('firstring.itsp', t.id('Alpha')::text, true) \\g /dev/null
set local role {roles};
execute q({values}) \\g /dev/null
rollback;
"""
        plans = psql(script).stderr
        where = f"{path} ({statistics}, {'generic' if generic else 'custom'})"
        for table in scans(plans):
            # A page of the newest rows, or of those not chained yet, is read along its key and ends after a hundred.
            if (path, table) not in (("portal-api/audit_list", "audit_log"), ("factory-ca/audit_chain", "audit_log"),
                                     ("portal-api/security_events_list", "security_event")):
                problems.append(f"{where}: reads all of {table}")
        # What an index passes over without a word shows in the pages that it reads.
        read = [int(n) for n in re.findall(r"claim_(?:itsp|profile|suspended)_idx on .*\n(?:.*\n){0,3}?\s+Buffers: shared hit=(\d+)", plans)]
        if path == "portal-api/claim_list" and "100" not in values.split(", ") and max(read, default=999) > 250:
            problems.append(f"{where}: reads {read} pages: {values}")
        if path == "portal-api/claim_list" and (thrown := filtered(plans)) > 200:
            problems.append(f"{where}: reads {thrown} claims that are not asked for: {values}")
        for name in needed:
            if name not in plans:
                problems.append(f"{where}: does not use {name}")


_, plans = early.communicate("""
load 'auto_explain';
set auto_explain.log_min_duration = 0;
set auto_explain.log_nested_statements = on;
set auto_explain.log_level = warning;
""" + EARLY)
problems += [f"planned while empty: reads all of {table}" for table in scans(plans)]
for beginning in ("with proven", "select i.ordinal, x.status"):
    batch = next((plan for plan in plans.split("Query Text: ") if plan.startswith(beginning)), "")
    if "claim_one_live_per_mac" not in batch:
        problems.append(f"planned while empty: {beginning} looks for one phone's claim among all tenants'")
if early.returncode or "device_lookup" not in plans:
    problems.append("planned while empty: " + plans[-500:])

# Right after a rush of new rows: what must not depend on statistics.
everything = CASES
CASES = [c for c in CASES if c[0].split("/")[0] in ("redirector", "factory-ca")]
look("no statistics", False)
look("no statistics", True)
CASES = everything
psql("analyze")
look("analyzed", False)
look("analyzed", True)
print("\n".join(problems))
sys.exit(1 if problems else 0)
