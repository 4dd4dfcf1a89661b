#!/usr/bin/env python3
"""Claims of phones with codes on their labels, through the portal, against PostgreSQL alone.

Bulk (S11): a claim job as an ITSP hands it in, each code verified and each password made, checked against the phone's
format and sealed; against psql, which copies rows that are ready made into a table of the same columns, indexes and
checks, by way of a temporary one and INSERT … ON CONFLICT. One by one (S12): PUT by eight clients that keep their
connections, against pgbench's insert of the same row by eight. Both sides on one cluster that loses nothing.

Both sides' clients are C programs that cost little: with curl, which spent more on a request than the portal, it was curl
that was measured.
"""
import json
import os
import subprocess
import sys
import time
import uuid

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration/portal-api")]
from portal import Portal, claim_code  # noqa: E402
from tests.bench.rounds import BUILD, Bench, cpu_s, postmaster, size  # noqa: E402

BULK_ROWS, SINGLE_ROWS, CLIENTS = size("CLAIM_ROWS", 20000), size("CLAIM_SINGLES", 4000), 8
SYMBOLS, LABEL = claim_code()


class Claims:
    """A portal with an ITSP; phones come on record in blocks that no round shares."""

    def __init__(self, portal):
        self.portal = portal
        self.itsp, self.model = portal.itsp(), portal.model()
        self.profile = portal.profile(self.itsp)
        self.blocks = 0
        portal.psql("create table bench_claim (like firstring.claim including all)")
        self.pids = [portal.process.pid, postmaster(portal.psql("show data_directory"))]

    def phones(self, count):
        """A new block of phones; their first MAC as a number."""
        first = 0x001565000000 + self.blocks * 0x100000
        self.blocks += 1
        self.portal.psql(f"""
            insert into firstring.device (mac, serial_number, model, source, claim_code_hash)
            select m, 'SN' || n, '{self.model}', 'import', firstring.claim_code_hash(m, 0, '{SYMBOLS}')
            from generate_series({first}, {first + count - 1}) n,
              lateral (select lpad(to_hex(n), 12, '0')::macaddr as m) x""")
        return first

    def bulk(self):
        first = self.phones(BULK_ROWS)
        body = "mac,claim_code,profile\n" + "".join(
            f"{number:012X},{LABEL},{self.profile}\n" for number in range(first, first + BULK_ROWS))
        cpu, began = cpu_s(*self.pids), time.monotonic()
        job = self.itsp.request("POST", "/v1/claim-jobs", body.encode(), content_type="text/csv")
        assert job.status == 202, job
        while (state := self.itsp.ok("GET", job.headers["Location"]))["state"] != "done":
            time.sleep(0.02)
        seconds = time.monotonic() - began
        assert state["failed"] == 0, state
        return {"rows_per_s": BULK_ROWS / seconds, "cpu_us": 1e6 * (cpu_s(*self.pids) - cpu) / BULK_ROWS}

    def ready_rows(self, first, count):
        sealed = os.urandom(46).hex()
        return "".join(f"{uuid.uuid4()}\t{number:012x}\t{self.itsp.itsp_id}\t{self.profile}\tcode\t\\\\x0001{sealed}\n"
                       for number in range(first, first + count))

    def psql(self):
        first = 0x001565000000 + self.blocks * 0x100000
        self.blocks += 1
        script = ("begin; create temporary table t (id uuid, mac macaddr, itsp_id uuid, profile_id uuid, proof text, "
                  "sealed_password bytea) on commit drop;\ncopy t from stdin;\n" + self.ready_rows(first, BULK_ROWS) +
                  "\\.\ninsert into bench_claim (id, mac, itsp_id, profile_id, proof, sealed_password) select * from t "
                  "on conflict do nothing; commit;\n")
        began = time.monotonic()
        subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", self.portal.database], input=script.encode(),
                       stdout=subprocess.DEVNULL, check=True)
        return {"rows_per_s": BULK_ROWS / (time.monotonic() - began)}

    def singles(self):
        first = self.phones(SINGLE_ROWS)
        done = subprocess.run([os.path.join(BUILD, "bin/claimstorm"), "--url", f"https://localhost:{self.portal.port}",
                               "--ca", self.portal.path("server.pem"), "--token", self.itsp.token, "--profile", self.profile,
                               "--code", LABEL, "--first", f"{first:012X}", "--count", str(SINGLE_ROWS),
                               "--connections", str(CLIENTS)], stdout=subprocess.PIPE, check=True)
        told = json.loads(done.stdout)
        return {"rows_per_s": told["done"] / told["seconds"], "p50_us": told["p50_us"], "p99_us": told["p99_us"]}

    def pgbench(self):
        script = self.portal.path("insert.sql")
        with open(script, "w") as file:
            file.write("\\set low random(1, 16777215)\n\\set high random(1, 16777215)\n"
                       "insert into bench_claim (id, mac, itsp_id, profile_id, proof, sealed_password) values (gen_random_uuid(), "
                       "(lpad(to_hex(:high::int), 6, '0') || lpad(to_hex(:low::int), 6, '0'))::macaddr, "
                       f"'{self.itsp.itsp_id}', '{self.profile}', 'code', '\\x0001{os.urandom(46).hex()}') on conflict do nothing;\n")
        began = time.monotonic()
        subprocess.run(["/usr/lib/postgresql/15/bin/pgbench", "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-t",
                        str(SINGLE_ROWS // CLIENTS), "-f", script, self.portal.database],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        return {"rows_per_s": SINGLE_ROWS // CLIENTS * CLIENTS / (time.monotonic() - began)}


def main():
    bench = Bench(__file__, "Claims: bulk and single")
    # Claims of one worker go together, and one worker takes more of them than eight clients bring.
    with Portal(durable=True, database_deadline="30s", workers=1,
                limits="\n  requests_per_second: 1000000\n  request_burst: 1000000") as portal:
        claims = Claims(portal)
        bench.rounds({"job": claims.bulk, "psql": claims.psql}, phase="bulk")
        bench.rounds({"put": claims.singles, "pgbench": claims.pgbench}, phase="single")
    bench.goal("S11", bench.ratios("rows_per_s", "job", "psql", "bulk"))
    bench.goal("S12", bench.ratios("rows_per_s", "put", "pgbench", "single"))
    bench.note(f"{BULK_ROWS} rows a bulk round, {SINGLE_ROWS} single claims a round, {CLIENTS} clients")
    bench.finish()


main()
