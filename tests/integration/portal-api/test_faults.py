#!/usr/bin/env python3
"""A database that is away or stuck, workers that die, configuration that is wrong, a stop under load."""
import http.client
import os
import signal
import ssl
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from portal import BUILD, CLUSTER, Case, run  # noqa: E402

from tests.lib.faults import Link, children, silent_clients, starve  # noqa: E402


def eventually(condition, seconds=20, what="it never came true"):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(what)
        time.sleep(0.05)


class Database(Case):
    settings = {"durable": True}

    def answers(self, client):
        return client.request("GET", "/v1/me").status

    def backends(self):
        return self.portal.psql("select count(pg_terminate_backend(pid)) from pg_stat_activity where usename like 'firstring%'")

    def test_a_database_that_is_away_is_503_and_comes_back(self):
        itsp = self.portal.itsp()
        postmaster = self.portal.psql("select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)")
        os.kill(int(postmaster), signal.SIGKILL)
        eventually(lambda: self.answers(itsp) == 503)
        answer = itsp.request("GET", "/v1/me")
        self.assertProblem(answer, 503, "unavailable")
        self.assertGreater(int(answer.headers["Retry-After"]), 0)
        self.assertFalse(self.portal.is_ready())
        self.assertEqual(itsp.request("GET", "/openapi.json").status, 200)
        eventually(lambda: self.portal.start_cluster(check=False).returncode == 0)
        eventually(lambda: self.answers(itsp) == 200)
        eventually(self.portal.is_ready)

    def test_a_lost_outcome_is_told_and_repeating_is_safe(self):
        itsp = self.portal.itsp()
        mac = self.portal.phone(self.portal.model(), ship_to=itsp)
        profile = self.portal.profile(itsp)
        # The phone's row is locked, so that the claim waits in its transaction when its backend dies.
        answers = []
        holder = threading.Thread(target=self.portal.psql, args=(
            f"begin; select from firstring.device where mac = '{mac}' for update; select pg_sleep(1.5); commit",))
        claimer = threading.Thread(target=lambda: answers.append(
            itsp.request("PUT", f"/v1/claims/{mac}", {"profile_id": profile})))
        holder.start()
        time.sleep(0.5)
        claimer.start()
        time.sleep(0.5)
        self.backends()
        claimer.join()
        holder.join()
        self.assertProblem(answers[0], 503, "outcome_unknown")
        eventually(lambda: itsp.request("PUT", f"/v1/claims/{mac}", {"profile_id": profile}).status in (200, 201))
        self.assertEqual(itsp.ok("GET", f"/v1/claims/{mac}")["version"], 1)

    def test_a_stuck_database_is_503_within_its_deadline(self):
        itsp = self.portal.itsp()
        mac = self.portal.phone(self.portal.model(), ship_to=itsp)
        profile = self.portal.profile(itsp)
        holder = threading.Thread(target=self.portal.psql, args=(
            f"begin; select from firstring.device where mac = '{mac}' for update; select pg_sleep(6); commit",))
        holder.start()
        time.sleep(0.5)
        before = time.monotonic()
        answer = itsp.request("PUT", f"/v1/claims/{mac}", {"profile_id": profile})
        self.assertEqual(answer.status, 503, answer)
        self.assertLess(time.monotonic() - before, 5)
        holder.join()
        eventually(lambda: itsp.request("PUT", f"/v1/claims/{mac}", {"profile_id": profile}).status in (200, 201))

    def test_a_half_open_link_is_503_within_its_deadline_and_good_again(self):
        """The connections of every worker go silent, new ones too; nobody is told that they are closed."""
        itsp = self.portal.itsp()
        mac = self.portal.phone(self.portal.model(), ship_to=itsp)
        profile = self.portal.profile(itsp)
        with Link(run(CLUSTER, "socket", self.portal.cluster_folder).stdout.decode().strip()) as link:
            self.restart(database="".join(f"\n  {name}: {link.conninfo(f'firstring_{role}')}" for name, role in (
                ("tenant", "portal"), ("admin", "admin"), ("status", "status"), ("courier", "courier")))
                + f"\n  deadline: {self.portal.deadline}")
            self.assertEqual(self.answers(itsp), 200)
            link.hold()
            for method, path, body in (("PUT", f"/v1/claims/{mac}", {"profile_id": profile}), ("GET", "/v1/me", None)):
                before = time.monotonic()
                answer = itsp.request(method, path, body)
                self.assertEqual((answer.status, "Retry-After" in answer.headers), (503, True), answer)
                self.assertLess(time.monotonic() - before, 5)
            self.assertEqual(itsp.request("GET", "/openapi.json").status, 200)
            link.release()
            eventually(lambda: self.answers(itsp) == 200 and self.portal.is_ready())
            eventually(lambda: itsp.request("PUT", f"/v1/claims/{mac}", {"profile_id": profile}).status in (200, 201))
            self.assertEqual(itsp.ok("GET", f"/v1/claims/{mac}")["version"], 1)
            del self.portal.settings["database"]
            self.restart()

    def restart(self, **settings):
        self.assertEqual(self.portal.stop(), 0)
        self.portal.configure(**settings)
        self.portal.start()


class Load:
    """Clients that read and write one after another; how each request ended."""

    def __init__(self, itsp, path, threads=4):
        self.itsp, self.path, self.stop, self.lost, self.refused, self.answered = itsp, path, False, [], 0, 0
        self.threads = [threading.Thread(target=self.work) for _ in range(threads)]

    def work(self):
        while not self.stop:
            try:
                answer = self.itsp.request("GET", self.path)
                if answer.status == 200:
                    self.answered += 1
                else:
                    self.lost.append(repr(answer))
            except ConnectionRefusedError:
                self.refused += 1
                time.sleep(0.01)
            except (OSError, http.client.HTTPException, ssl.SSLError) as error:
                self.lost.append(repr(error))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        for thread in self.threads:
            thread.join()


class Signals(Case):

    def setUp(self):
        self.itsp = self.portal.itsp()

    def children(self):
        return sorted(children(self.portal.process.pid))

    def test_sighup_with_broken_yaml_keeps_the_old_configuration(self):
        before = self.children()
        with open(self.portal.path("portal-api.yaml")) as file:
            line = file.read().count("\n") + 1
        self.portal.configure(no_such_key=1)
        self.portal.process.send_signal(signal.SIGHUP)
        eventually(lambda: f"portal-api.yaml:{line}:1" in str(self.portal.log()), what="the log does not name the line")
        self.assertEqual(self.itsp.request("GET", "/v1/me").status, 200)
        self.assertEqual(self.children(), before)
        del self.portal.settings["no_such_key"]
        self.portal.configure()

    def test_sighup_under_load_loses_nobody(self):
        before = self.children()
        with Load(self.itsp, "/v1/me") as load:
            time.sleep(0.5)
            self.portal.process.send_signal(signal.SIGHUP)
            eventually(lambda: self.children() and not set(self.children()) & set(before))
            time.sleep(0.5)
        self.assertEqual((load.lost, load.refused), ([], 0))
        self.assertGreater(load.answered, 20)

    def test_a_reload_is_no_reason_to_go_elsewhere(self):
        before, answers = self.children(), []
        self.portal.process.send_signal(signal.SIGHUP)
        eventually(lambda: answers.append(self.portal.readyz()) or self.children() and not set(self.children()) & set(before))
        for _ in range(20):
            answers.append(self.portal.readyz())
            time.sleep(0.02)
        self.assertEqual({answer for answer in answers if answer and answer[0] != 200}, set())

    def test_killed_workers_come_back(self):
        for child in self.children():
            os.kill(child, signal.SIGKILL)
        eventually(lambda: self.portal.is_ready() and self.itsp.request("GET", "/v1/me").status == 200)

    @unittest.skipIf("asan" in BUILD or "tsan" in BUILD, "a sanitizer's own memory has no such bound")
    def test_out_of_memory_ends_a_worker_and_another_takes_its_place(self):
        api = {line["worker"] for line in self.portal.log()
               if line["event"] == "worker_started" and line["kind"] == "api"}
        before = api & set(self.children())
        starve(before)
        with silent_clients(self.itsp, 400):
            eventually(lambda: not before <= set(self.children()), what="it never ran out of memory")
        eventually(lambda: self.try_me() == 200)
        self.portal.stop()  # those that are still short of memory
        self.portal.start()
        self.assertEqual([self.itsp.request("GET", "/v1/me").status for _ in range(10)], [200] * 10)

    def try_me(self):
        try:
            return self.itsp.request("GET", "/v1/me").status
        except OSError:
            return None

    def test_sigterm_under_load_answers_what_it_accepted(self):
        with Load(self.itsp, "/v1/claims") as load:
            time.sleep(0.5)
            self.portal.process.send_signal(signal.SIGTERM)
            self.assertEqual(self.portal.process.wait(timeout=30), 0)
            time.sleep(0.2)
        self.assertEqual(load.lost, [])
        self.assertGreater(load.answered, 10)
        self.portal.start()
        self.assertEqual(self.itsp.request("GET", "/v1/me").status, 200)

    def test_what_keeps_it_from_starting_is_told(self):
        self.portal.stop()
        try:
            for file, damage, word in (("seal.ring", "x", "seal.ring"), ("server.key", "x", "server.key")):
                with open(self.portal.path(file)) as original:
                    good = original.read()
                with open(self.portal.path(file), "w") as broken:
                    broken.write(damage)
                done = self.portal.command()
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(word.encode(), done.stderr)
                with open(self.portal.path(file), "w") as mended:
                    mended.write(good)
            os.chmod(self.portal.path("seal.ring"), 0o644)
            done = self.portal.command()
            self.assertIn(b"seal.ring", done.stderr)
            os.chmod(self.portal.path("seal.ring"), 0o600)
        finally:
            self.portal.start()


if __name__ == "__main__":
    unittest.main()
