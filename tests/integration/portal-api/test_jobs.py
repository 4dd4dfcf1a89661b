#!/usr/bin/env python3
"""Bulk claims: handed in as a file, run by a worker, each row with its own result."""
import concurrent.futures
import json
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from portal import Case, claim_code  # noqa: E402

ATOMIC_ROWS = int(os.environ.get("ATOMIC_ROWS", "6000"))


class Jobs(Case):
    settings = {"database_deadline": "20s"}  # a hundred thousand rows are one transaction

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.portal.model()

    def setUp(self):
        self.itsp = self.portal.itsp()
        self.name = f"profile of {self.itsp.itsp_id}"
        self.profile = self.itsp.ok("POST", "/v1/profiles", {
            "name": self.name, "provisioning_url": "https://itsp.example/{mac}"})["id"]

    def hand_in(self, rows, query="", content_type="text/csv"):
        if content_type == "text/csv":
            body = "mac,claim_code,profile\n" + "".join(",".join(row) + "\n" for row in rows)
        else:
            body = "".join(json.dumps(dict(zip(("mac", "claim_code", "profile"), row))) + "\n" for row in rows)
        answer = self.itsp.request("POST", f"/v1/claim-jobs{query}", body.encode(), content_type=content_type)
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(answer.headers["Location"], f"/v1/claim-jobs/{answer.json()['id']}")
        return answer.json()["id"]

    def finished(self, job, seconds=30):
        deadline = time.monotonic() + seconds
        while True:
            state = self.itsp.ok("GET", f"/v1/claim-jobs/{job}")
            if state["state"] in ("done", "failed"):
                return state
            self.assertLess(time.monotonic(), deadline, state)
            time.sleep(0.05)

    def results(self, job):
        answer = self.itsp.request("GET", f"/v1/claim-jobs/{job}/results")
        return [(row["line"], row["mac"], row["status"], row["code"]) for row in answer.rows()]

    def run_rows(self, rows, query="", content_type="text/csv"):
        job = self.hand_in(rows, query, content_type)
        return self.finished(job), self.results(job)

    def claims(self):
        return [claim["mac"] for claim in self.itsp.ok("GET", "/v1/claims?limit=200")["claims"]]

    def test_each_row_has_its_own_result(self):
        labelled, shipped, foreign = self.portal.phone(self.model), self.portal.phone(self.model, ship_to=self.itsp), \
            self.portal.phone(self.model)
        code = self.portal.label(labelled)
        other = self.portal.itsp()
        foreign_code = self.portal.label(foreign)
        other.ok("PUT", f"/v1/claims/{foreign}", {"claim_code": foreign_code, "profile_id": self.portal.profile(other)})
        rows = [(labelled, code, self.profile), (shipped.lower(), "", self.name), ("nonsense", code, self.name),
                ("0015650FFFFF", claim_code()[1], self.name), (labelled, "12345", self.name), (foreign, foreign_code, self.name),
                (labelled, code, "no such profile")]
        state, results = self.run_rows(rows)
        self.assertEqual((state["state"], state["total"], state["done"], state["failed"]), ("done", 7, 7, 5))
        self.assertEqual(results, [
            (2, labelled, "ok", "created"), (3, shipped.lower(), "ok", "created"), (4, "nonsense", "error", "bad_mac"),
            (5, "0015650FFFFF", "error", "possession_not_proven"), (6, labelled, "error", "bad_claim_code"),
            (7, foreign, "error", "claimed_elsewhere"), (8, labelled, "error", "unknown_profile")])
        self.assertEqual(self.claims(), sorted([labelled, shipped]))
        self.assertRegex(self.itsp.ok("POST", f"/v1/claims/{labelled}/reveal")["admin_password"], r"^[A-Za-z0-9]{16}$")
        left = self.portal.psql("select count(*) from firstring.claim_job_row where claim_code is not null")
        self.assertEqual(left, "0")

    def test_ndjson_is_the_same(self):
        mac = self.portal.phone(self.model, ship_to=self.itsp)
        state, results = self.run_rows([(mac, None, self.name)], content_type="application/x-ndjson")
        self.assertEqual((state["state"], results), ("done", [(1, mac, "ok", "created")]))
        state, results = self.run_rows([(mac, "", self.name)])
        self.assertEqual(results, [(2, mac, "ok", "same")])

    def test_as_a_spreadsheet_saves_it(self):
        """A BOM, quotes, CRLF, semicolons, blank lines; and the same phone twice."""
        macs = self.portal.phones(self.model, 3, ship_to=self.itsp)
        for mac, comma in zip(macs, ",;,"):
            text = (f"\ufeff\"MAC\"{comma}\"Claim_Code\"{comma}\"Profile\"\r\n\r\n\"{mac}\"{comma}\"\"{comma}\"{self.name}\"\r\n"
                    f"{mac}{comma}{comma}{self.name}\r\n\r\n")
            answer = self.itsp.request("POST", "/v1/claim-jobs", text.encode(), content_type="text/csv; charset=utf-8")
            self.assertEqual(answer.status, 202, answer)
            self.finished(answer.json()["id"])
            self.assertEqual(sorted(code for _, _, _, code in self.results(answer.json()["id"])), ["created", "same"])
        self.assertEqual(self.claims(), macs)
        # Names in any order, with blanks; a column of one's own; what Excel puts before and behind.
        for text in (f" Profile , MAC ,note, Claim Code \n {self.name} , {macs[0]},=1+1,\n",
                     f"sep=;\r\nmac;claim_code;profile;;\r\n{macs[0]};;{self.name};;\r\n;;;;\r\n",
                     f"mac\tclaim_code\tprofile\n{macs[0]}\t\t{self.name}\n"):
            answer = self.itsp.request("POST", "/v1/claim-jobs", text.encode(), content_type="text/csv")
            self.assertEqual((answer.status, answer.json().get("total")), (202, 1), answer)
            self.finished(answer.json()["id"])
            self.assertEqual([code for _, _, _, code in self.results(answer.json()["id"])], ["same"])
        answer = self.itsp.request("POST", "/v1/claim-jobs", f"mac;codes;profile\n{macs[0]};;p\n".encode(), content_type="text/csv")
        self.assertProblem(answer, 422, "bad_csv")
        self.assertEqual(answer.json()["detail"], "Line 1: Expected: mac,claim_code,profile; found: mac,codes,profile.")
        # Formulas, NUL and a million rows: refused with the line, or as what they are, and nothing is kept.
        state, results = self.run_rows([("=cmd|' /C calc'!A0", "", self.name)])
        self.assertEqual([(status, code) for _, _, status, code in results], [("error", "bad_mac")])
        for body, status, code in ((f"mac,claim_code,profile\n{macs[0]},\0,x\n".encode(), 422, "bad_csv"),
                                   (b"mac,claim_code,profile\n" + b"x" * (10 << 20) + b",,p\n", 422, "bad_csv"),
                                   (b"mac,claim_code,profile\n" + b"a,b,c\n" * 1000000, 413, "too_large")):
            self.assertProblem(self.itsp.request("POST", "/v1/claim-jobs", body, content_type="text/csv"), status, code)

    def test_a_dry_run_claims_nothing(self):
        mac = self.portal.phone(self.model, ship_to=self.itsp)
        state, results = self.run_rows([(mac, "", self.name), ("x", "", self.name)], "?dry_run=true")
        self.assertEqual((state["dry_run"], results), (True, [(2, mac, "ok", "possible"), (3, "x", "error", "bad_mac")]))
        self.assertEqual(self.claims(), [])

    def test_an_atomic_job_claims_all_or_none(self):
        macs = self.portal.phones(self.model, 5, ship_to=self.itsp)
        rows = [(mac, "", self.name) for mac in macs]
        state, results = self.run_rows(rows + [("0015650FFFFF", "", self.name)], "?atomic=true")
        self.assertEqual((state["state"], state["failed"]), ("failed", 6))
        self.assertEqual({code for _, _, _, code in results[:5]}, {"rolled_back"})
        self.assertEqual(results[5][3], "possession_not_proven")
        self.assertEqual(self.claims(), [])
        state, results = self.run_rows(rows, "?atomic=true")
        self.assertEqual((state["state"], {code for _, _, _, code in results}), ("done", {"created"}))
        self.assertEqual(self.claims(), macs)
        state, results = self.run_rows(rows, "?atomic=true&dry_run=1")
        self.assertEqual((state["state"], {code for _, _, _, code in results}), ("done", {"same"}))

    def ship(self, count):
        return [mac for at in range(0, count, 5000)
                for mac in self.portal.phones(self.model, min(5000, count - at), ship_to=self.itsp)]

    def nothing_left_behind(self, job):
        return self.portal.psql("select count(*) from firstring.claim_job_row where job_id = "
                                f"'{job}' and num_nonnulls(claim_code, claim_id, phone, proof_code, profile_id, sealed_password) > 0") == "0"

    def test_an_atomic_job_of_many_rows(self):
        """More than fits one set: a row that fails among the last undoes none, since none was begun; then all at once."""
        macs = self.ship(ATOMIC_ROWS)
        rows = [(mac, "", self.name) for mac in macs]
        job = self.hand_in(rows[:-1] + [("0015650FFFFF", "", self.name)], "?atomic=true")
        state = self.finished(job, 60 + ATOMIC_ROWS / 100)
        self.assertEqual((state["state"], state["done"], state["failed"], state["prepared"]), ("failed", ATOMIC_ROWS, ATOMIC_ROWS, 0))
        self.assertEqual(self.claims(), [])
        self.assertTrue(self.nothing_left_behind(job))
        began = time.monotonic()
        job = self.hand_in(rows, "?atomic=true")
        state = self.finished(job, 60 + ATOMIC_ROWS / 100)
        print(f"{ATOMIC_ROWS} rows all or none: {time.monotonic() - began:.1f} s", file=sys.stderr)
        self.assertEqual((state["state"], state["done"], state["failed"], state["prepared"]), ("done", ATOMIC_ROWS, 0, 0))
        self.assertEqual({code for _, _, _, code in self.results(job)}, {"created"})
        self.assertTrue(self.nothing_left_behind(job))
        self.assertRegex(self.itsp.ok("POST", f"/v1/claims/{macs[-1]}/reveal")["admin_password"], r"^[A-Za-z0-9]{16}$")
        created = self.portal.psql(f"select count(*) from firstring.audit_log where action = 'claim.create' and itsp_id = '{self.itsp.itsp_id}'")
        self.assertEqual(created, str(ATOMIC_ROWS))
        if ATOMIC_ROWS >= 100000:
            macs = self.ship(ATOMIC_ROWS)
            began = time.monotonic()
            self.finished(self.hand_in([(mac, "", self.name) for mac in macs]), 60 + ATOMIC_ROWS / 100)
            print(f"{ATOMIC_ROWS} rows each by itself: {time.monotonic() - began:.1f} s", file=sys.stderr)

    def test_an_atomic_job_while_the_worker_is_killed(self):
        """It is held up where it would claim all, by a lock on one phone: prepared, and nothing claimed."""
        macs = self.ship(2500)
        with self.portal.locked_phone(macs[1200]):
            job = self.hand_in([(mac, "", self.name) for mac in macs], "?atomic=true")
            deadline = time.monotonic() + 30
            while self.itsp.ok("GET", f"/v1/claim-jobs/{job}")["prepared"] < 2500:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
            workers = [line["worker"] for line in self.portal.log() if line["event"] == "worker_started" and line["kind"] == "jobs"]
            os.kill(workers[-1], signal.SIGKILL)
            self.assertEqual(self.claims(), [])
            self.assertEqual(self.portal.psql("select count(*) from firstring.claim_job_row where sealed_password is not null"), "2500")
        deadline = time.monotonic() + 60
        while self.itsp.ok("GET", f"/v1/claim-jobs/{job}")["state"] != "done":
            self.assertLess(time.monotonic(), deadline)
            # What a dead worker held is taken up when its lease is over; tests do not wait for that.
            self.portal.psql("update firstring.claim_job set lease_until = now() where state = 'running' and lease_until > now() and "
                             "not exists (select from pg_stat_activity where state = 'active' and query like '%claim_job_claim%' and pid <> pg_backend_pid())")
            time.sleep(0.3)
        self.assertEqual({code for _, _, _, code in self.results(job)}, {"created"})
        self.assertTrue(self.nothing_left_behind(job))
        created = self.portal.psql(f"select count(*) from firstring.audit_log where action = 'claim.create' and itsp_id = '{self.itsp.itsp_id}'")
        self.assertEqual(created, "2500")

    def test_the_first_row_of_a_phone_comes_first(self):
        """Also where it is the last of one batch, and the next, which runs beside it, is a short one."""
        macs = self.portal.phones(self.model, 1000, ship_to=self.itsp)
        other = self.portal.profile(self.itsp)
        state, results = self.run_rows([(mac, "", self.name) for mac in macs] + [(macs[-1], "", other)])
        self.assertEqual((state["done"], state["failed"]), (1001, 1))
        self.assertEqual([code for _, _, _, code in results], ["created"] * 1000 + ["claim_differs"])

    def test_a_value_that_the_database_refuses_is_one_row_s_fault(self):
        macs = self.portal.phones(self.model, 20, ship_to=self.itsp)
        self.portal.psql(f"alter table firstring.claim add constraint not_this_one check (mac <> '{macs[11]}') not valid")
        try:
            state, results = self.run_rows([(mac, "", self.name) for mac in macs] + [("nonsense", "", self.name)])
        finally:
            self.portal.psql("alter table firstring.claim drop constraint not_this_one")
        self.assertEqual((state["state"], state["done"], state["failed"]), ("done", 21, 2))
        self.assertEqual([code for _, _, _, code in results], ["created"] * 11 + ["invalid"] + ["created"] * 8 + ["bad_mac"])
        self.assertEqual(self.claims(), macs[:11] + macs[12:])

    def test_a_thousand_rows_while_the_worker_is_killed(self):
        macs = self.portal.phones(self.model, 1000, ship_to=self.itsp)
        job = self.hand_in([(mac, "", self.name) for mac in macs])
        killed = 0
        while killed < 2:
            started = [line["worker"] for line in self.portal.log()
                       if line["event"] == "worker_started" and line["kind"] == "jobs"]
            time.sleep(0.4)
            try:
                os.kill(started[-1], signal.SIGKILL)
            except ProcessLookupError:
                pass
            killed += 1
            time.sleep(0.4)
        # What a dead worker held is taken up when its lease is over; tests do not wait for that.
        self.portal.psql("update firstring.claim_job set lease_until = now() where state = 'running'")
        state = self.finished(job, 60)
        self.assertEqual((state["state"], state["done"], state["failed"]), ("done", 1000, 0))
        created = self.portal.psql(f"select count(*) from firstring.audit_log where action = 'claim.create' and itsp_id = '{self.itsp.itsp_id}'")
        self.assertEqual(created, "1000")

    def test_idempotency_keys_go_when_their_time_is_over(self):
        self.portal.psql("insert into firstring.idempotency (principal, route, key, request_hash, created_at) "
                         "values (gen_random_uuid(), 'POST /x', 'old', sha256('x'), now() - interval '25 hours')")
        self.portal.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while self.portal.psql("select count(*) from firstring.idempotency where key = 'old'") != "0":
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)

    def test_a_worker_that_is_replaced_gives_its_job_back(self):
        """The lease is half a minute."""
        macs = self.ship(3000)
        with self.portal.locked_phone(macs[1500]):
            job = self.hand_in([(mac, "", self.name) for mac in macs])
            deadline = time.monotonic() + 30
            while self.itsp.ok("GET", f"/v1/claim-jobs/{job}")["done"] < 1000:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.02)
            self.portal.process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
        began = time.monotonic()
        self.assertEqual(self.finished(job, 60)["done"], 3000)
        self.assertLess(time.monotonic() - began, 20)

    def test_jobs_are_listed_the_latest_first(self):
        made = [self.hand_in([("nonsense", "", self.name)]) for _ in range(5)]
        seen, path = [], "/v1/claim-jobs?limit=2"
        while path:
            page = self.itsp.ok("GET", path)
            seen += [job["id"] for job in page["jobs"]]
            path = page["next"] and f"/v1/claim-jobs?limit=2&cursor={page['next']}"
        self.assertEqual(seen, made[::-1])
        self.assertEqual(self.portal.itsp().ok("GET", "/v1/claim-jobs"), {"jobs": [], "next": None})
        for job in made:
            self.finished(job)

    def test_anothers_job_is_not_there(self):
        job = self.hand_in([(self.portal.phone(self.model), "", self.name)])
        other = self.portal.itsp()
        for path in (f"/v1/claim-jobs/{job}", f"/v1/claim-jobs/{job}/results"):
            self.assertProblem(other.request("GET", path), 404, "not_found")
        self.finished(job)

    def test_so_many_open_ones_and_no_more(self):
        """Handed in one by one, or twenty at once: an ITSP has ten that wait or run, another one is not concerned."""
        elsewhere = [self.portal.job_elsewhere(self.itsp) for _ in range(7)]
        body = f"mac,claim_code,profile\n{self.portal.phone(self.model)},,{self.name}\n".encode()
        hand_in = lambda _: self.itsp.request("POST", "/v1/claim-jobs", body, content_type="text/csv")  # noqa: E731
        with self.portal.jobs_stopped(), concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(hand_in, range(20)))
            self.assertEqual(sorted(answer.status for answer in answers), [202] * 3 + [429] * 17)
            for answer in answers:
                if answer.status == 429:
                    self.assertProblem(answer, 429, "too_many_jobs")
                    self.assertGreater(int(answer.headers["Retry-After"]), 0)
            key = {"Idempotency-Key": "again"}
            refused = self.itsp.request("POST", "/v1/claim-jobs", body, content_type="text/csv", headers=key)
            self.assertProblem(refused, 429, "too_many_jobs")
            # Another ITSP's is taken, and one more when one of ours is cancelled; the key did not keep the refusal.
            other = self.portal.itsp()
            self.assertEqual(other.request("POST", "/v1/claim-jobs", body, content_type="text/csv").status, 202)
            self.assertEqual(self.itsp.request("DELETE", f"/v1/claim-jobs/{elsewhere[0]}").status, 204)
            self.assertEqual(self.itsp.request("POST", "/v1/claim-jobs", body, content_type="text/csv", headers=key).status, 202)

    def test_one_that_waits_is_cancelled(self):
        job = self.portal.job_elsewhere(self.itsp, rows=3)
        for _ in range(2):
            self.assertEqual(self.itsp.request("DELETE", f"/v1/claim-jobs/{job}").status, 204)
        state = self.finished(job)
        self.assertEqual((state["state"], state["done"], state["total"]), ("failed", 0, 3))
        self.assertIsNotNone(state["cancelled_at"])
        self.assertIn("cancelled", state["detail"])
        self.assertEqual(self.results(job), [])
        ended = self.hand_in([("nonsense", "", self.name)])
        self.finished(ended)
        self.assertProblem(self.itsp.request("DELETE", f"/v1/claim-jobs/{ended}"), 409, "job_ended")

    def test_one_that_runs_is_cancelled(self):
        """Rows that were done stay done, the batch in hand is undone whole, and the worker goes on with the next job."""
        macs = self.ship(3000)
        with self.portal.locked_phone(macs[2500]):
            job = self.hand_in([(mac, "", self.name) for mac in macs])
            deadline = time.monotonic() + 30
            while self.itsp.ok("GET", f"/v1/claim-jobs/{job}")["done"] < 2000:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.02)
            self.assertEqual(self.itsp.request("DELETE", f"/v1/claim-jobs/{job}").status, 204)
        state = self.finished(job)
        self.assertEqual((state["state"], state["done"]), ("failed", 2000))
        self.assertEqual(self.run_rows([("nonsense", "", self.name)])[0]["state"], "done")
        self.assertEqual(self.itsp.ok("GET", f"/v1/claim-jobs/{job}")["done"], 2000)
        self.assertEqual(len(self.results(job)), 2000)
        held = self.portal.psql(f"select count(*) from firstring.claim where itsp_id = '{self.itsp.itsp_id}'")
        self.assertEqual(held, "2000")

    def test_results_tell_the_profile_as_it_was_given(self):
        mac = self.portal.phone(self.model, ship_to=self.itsp)
        job = self.hand_in([(mac, "", self.profile), (mac, "", "no such one")])
        self.finished(job)
        rows = self.itsp.request("GET", f"/v1/claim-jobs/{job}/results").rows()
        self.assertEqual([row["profile"] for row in rows], [self.profile, "no such one"])

    def test_results_go_after_thirty_days(self):
        job = self.hand_in([("nonsense", "", self.name)])
        self.finished(job)
        self.portal.psql(f"update firstring.claim_job set finished_at = now() - interval '31 days' where id = '{job}'")
        self.portal.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while self.itsp.ok("GET", f"/v1/claim-jobs/{job}")["rows_kept"] != "none":
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
        self.assertProblem(self.itsp.request("GET", f"/v1/claim-jobs/{job}/results"), 410, "results_gone")
        self.assertEqual(self.itsp.ok("GET", f"/v1/claim-jobs/{job}")["failed"], 1)

    def test_files_that_are_none(self):
        for body, media, status, code in (
                (b"", "text/csv", 422, "bad_csv"), (b"mac,claim_code,profile\n", "text/csv", 422, "bad_csv"),
                (b"mac,profile\n1,2\n", "text/csv", 422, "bad_csv"), (b'mac,claim_code,profile\n"a,b,c\n', "text/csv", 422, "bad_csv"),
                (b"mac,claim_code,profile\na,b\n", "text/csv", 422, "bad_csv"),
                ("mac,claim_code,profile\n".encode("utf-16"), "text/csv", 422, "bad_csv"),
                (b"{", "application/x-ndjson", 400, "bad_json"), (b'{"mac":"a"}', "application/x-ndjson", 400, "bad_json"),
                (b"mac,claim_code,profile\n" + b"a,b,c\n" * 100001, "text/csv", 413, "too_large"),
                (b"mac,claim_code,profile\n" + b"a" * (17 << 20), "text/csv", 413, "too_large")):
            self.assertProblem(self.itsp.request("POST", "/v1/claim-jobs", body, content_type=media), status, code)
        answer = self.itsp.request("POST", "/v1/claim-jobs?dry_run=maybe", b"mac,claim_code,profile\na,b,c\n", content_type="text/csv")
        self.assertProblem(answer, 422, "invalid", field="dry_run")

    def test_a_hundred_thousand_rows_are_taken_at_once(self):
        body = b"mac,claim_code,profile\n" + b"nonsense,,p\n" * 100000
        answer = self.itsp.request("POST", "/v1/claim-jobs", body, content_type="text/csv")
        self.assertEqual((answer.status, answer.json()["total"]), (202, 100000))
        state = self.finished(answer.json()["id"], 120)
        self.assertEqual((state["done"], state["failed"]), (100000, 100000))
        self.assertEqual(len(self.results(answer.json()["id"])), 100000)


if __name__ == "__main__":
    unittest.main()
