#!/usr/bin/env python3
"""What dies while phones are enrolled, and what a stop or a reload costs: answers, never certificates.

After each fault: every certificate that reached the station is on record, and the batch run again
completes without a duplicate or a gap.
"""
import hashlib
import http.client
import json
import os
import random
import signal
import subprocess
import threading
import time
import unittest

from line import BUILD, CONFIGURATION, Line, PROGRAM, kill, rows_for
from tests.lib.faults import Link, silent_clients, starve
from tests.lib.instance import der_of


def setUpModule():
    global line
    line = Line().start()


def tearDownModule():
    line.stop()


def send(received, order, rows):
    return line.send(received, order, rows)


class Faults(unittest.TestCase):

    def check_record(self, order, macs, rows, received):
        deadline = time.monotonic() + 60
        final = []
        while not send(final, order, rows):
            self.assertLess(time.monotonic(), deadline, "the batch does not complete any more")
            final.clear()
            time.sleep(0.3)
        self.assertEqual([row["mac"] for row in final], macs)
        self.assertEqual({row["status"] for row in final} - {"issued", "existing"}, set())
        by_mac = {row["mac"]: row for row in final}
        on_record = set(line.psql("select encode(fingerprint, 'hex') from firstring.certificate "
                                  f"where mac between '{macs[0]}' and '{macs[-1]}'").split())
        self.assertEqual(len(on_record), len(macs))
        for row in received:
            self.assertIn(row["status"], ("issued", "existing"))
            self.assertEqual(row["certificate"], by_mac[row["mac"]]["certificate"])
            self.assertIn(hashlib.sha256(der_of(row["certificate"])).hexdigest(), on_record)
        self.assertEqual(line.station.ok("GET", f"/v1/orders/{order}")["issued"], len(macs))

    def kill_during_batches(self, victim, recover=lambda: None):
        macs = line.macs(500)
        order = line.order(macs)
        rows = rows_for(macs)
        received, answered = [], []
        for delay in (0.02, 0.08, 0.2):
            station = threading.Thread(target=lambda: answered.append(send(received, order, rows)))
            station.start()
            time.sleep(delay * random.uniform(0.5, 1.5))
            victims = victim()
            self.assertTrue(victims)
            kill(random.choice(victims))
            recover()
            station.join(90)
            self.assertFalse(station.is_alive())
            line.wait_until_ready()
        self.check_record(order, macs, rows, received)

    def test_kill_a_worker(self):
        self.kill_during_batches(lambda: line.children("worker"))

    def test_kill_the_front(self):
        self.kill_during_batches(lambda: line.children("front"))

    def test_kill_the_signer(self):
        self.kill_during_batches(lambda: line.children("signer"))

    def test_kill_postgres(self):
        def start_again():
            deadline = time.monotonic() + 30
            while True:
                try:
                    return line.start_postgres()
                except AssertionError:
                    # The dead server's children may still hold its memory.
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.3)
        self.kill_during_batches(lambda: [line.postmaster()], start_again)

    def test_kill_serve_takes_its_children_along(self):
        macs = line.macs(300)
        order = line.order(macs)
        rows = rows_for(macs)
        received = []
        below = line.children("signer") + line.children("front")
        station = threading.Thread(target=send, args=(received, order, rows))
        station.start()
        time.sleep(0.05)
        line.process.kill()
        line.process.wait()
        station.join(60)
        deadline = time.monotonic() + 30
        while any(os.path.exists(f"/proc/{pid}") for pid in below):
            self.assertLess(time.monotonic(), deadline, "children outlived serve")
            time.sleep(0.1)
        line.serve()
        self.check_record(order, macs, rows, received)

    def test_a_database_that_is_away_is_503_and_comes_back(self):
        macs = line.macs(2)
        order = line.order(macs)
        rows = rows_for(macs)
        postmaster = line.postmaster()
        os.kill(postmaster, signal.SIGSTOP)
        try:
            # The server process of our connection is another one: stop them all.
            backends = [pid for pid in line.children_of(postmaster)]
            for pid in backends:
                os.kill(pid, signal.SIGSTOP)
            answer = line.station.request("GET", f"/v1/orders/{order}")
            self.assertEqual(answer.status, 503)
            self.assertIsNotNone(answer.headers["Retry-After"])
            self.assertEqual(answer.json()["code"], "unavailable")
        finally:
            for pid in backends + [postmaster]:
                os.kill(pid, signal.SIGCONT)
        line.wait_until_ready()
        self.check_record(order, macs, rows, [])

    def test_a_half_open_link_is_503_within_its_deadline_and_good_again(self):
        """In the middle of a batch the front's connections go silent, new ones too, and nobody closes them."""
        macs = line.macs(300)
        order = line.order(macs)
        rows = rows_for(macs)
        received, answered = [], []
        with Link(line.socket) as link:
            line.write_configuration(CONFIGURATION.replace(
                'conninfo: "host={socket} dbname=firstring user=firstring_factory"',
                f'conninfo: "{link.conninfo("firstring_factory")}"'))
            line.restart()
            station = threading.Thread(target=lambda: answered.append(send(received, order, rows)))
            station.start()
            while not received and station.is_alive():
                time.sleep(0.002)
            link.hold()
            begun = time.monotonic()
            answer = line.station.request("GET", f"/v1/orders/{order}")
            self.assertEqual((answer.status, answer.json()["code"]), (503, "unavailable"), answer)
            self.assertIsNotNone(answer.headers["Retry-After"])
            self.assertLess(time.monotonic() - begun, 8)
            station.join(60)
            self.assertFalse(station.is_alive())
            link.release()
            line.wait_until_ready()
            received = [row for row in received if row["status"] != "error"]
            self.check_record(order, macs, rows, received)
            line.write_configuration()
            line.restart()

    @unittest.skipIf("asan" in BUILD or "tsan" in BUILD, "a sanitizer's own memory has no such bound")
    def test_out_of_memory_ends_a_worker_and_another_takes_its_place(self):
        macs = line.macs(50)
        order = line.order(macs)
        rows = rows_for(macs)
        before = set(line.children("worker"))
        starve(before)
        with silent_clients(line.station, 400):
            deadline = time.monotonic() + 30
            while before <= set(line.children("worker")):
                self.assertLess(time.monotonic(), deadline, "it never ran out of memory")
                time.sleep(0.05)
        self.check_record(order, macs, rows, [])
        line.restart()

    def test_a_signer_that_is_slow_is_waited_for(self):
        macs = line.macs(100)
        order = line.order(macs)
        rows = rows_for(macs)
        signer = line.children("signer")[0]
        os.kill(signer, signal.SIGSTOP)
        received, answered = [], []
        station = threading.Thread(target=lambda: answered.append(send(received, order, rows)))
        station.start()
        time.sleep(7)
        os.kill(signer, signal.SIGCONT)
        station.join(60)
        self.assertEqual((answered, len(received)), ([True], 100))


class Signals(unittest.TestCase):

    def load(self, order, rows, results, stop):
        while not stop.is_set():
            results.append(send([], order, rows))

    def under_load(self, act):
        """Runs `act` while four stations send batches; returns the answers' completeness."""
        macs = line.macs(50)
        order = line.order(macs)
        rows = rows_for(macs)
        results, stop = [], threading.Event()
        stations = [threading.Thread(target=self.load, args=(order, rows, results, stop)) for _ in range(4)]
        for station in stations:
            station.start()
        time.sleep(0.5)
        act()
        time.sleep(0.5)
        stop.set()
        for station in stations:
            station.join(60)
        return results

    def test_reload_under_load_loses_no_answer(self):
        front = line.children("front")[0]
        before = set(line.children("worker"))

        def reload():
            os.kill(front, signal.SIGHUP)
            deadline = time.monotonic() + 30
            while set(line.children("worker")) & before:
                self.assertLess(time.monotonic(), deadline, "the old workers stay")
                time.sleep(0.1)
        results = self.under_load(reload)
        self.assertGreater(len(results), 8)
        self.assertTrue(all(results), results)

    def test_a_broken_configuration_changes_nothing(self):
        before = set(line.children("worker"))
        line.write_configuration(CONFIGURATION + "  colour: green\n")
        try:
            os.kill(line.process.pid, signal.SIGHUP)  # serve passes it on
            deadline = time.monotonic() + 20
            while not any(entry["event"] == "configuration_refused" for entry in line.log()):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.1)
        finally:
            line.write_configuration()
        refused = [entry for entry in line.log() if entry["event"] == "configuration_refused"][-1]
        self.assertRegex(refused["detail"], r"factory-ca\.yaml:\d+:3: audit\.colour")
        self.assertEqual(set(line.children("worker")), before)
        self.assertEqual(line.station.request("GET", "/v1/orders/NONE").status, 404)

    def test_stop_answers_what_was_accepted(self):
        macs = line.macs(2000)
        order = line.order(macs)
        rows = rows_for(macs)
        received, answered = [], []
        station = threading.Thread(target=lambda: answered.append(send(received, order, rows)))
        station.start()
        deadline = time.monotonic() + 20
        while not received and time.monotonic() < deadline:
            time.sleep(0.005)
        line.process.send_signal(signal.SIGTERM)
        station.join(60)
        self.assertEqual(line.process.wait(45), 0)
        self.assertEqual((answered, len(received)), ([True], 2000))
        line.serve()

    def test_zz_stop_leaves_nothing_behind(self):
        pids = [line.process.pid] + line.children("signer") + line.children("front") + line.children("worker")
        line.process.send_signal(signal.SIGTERM)
        self.assertEqual(line.process.wait(45), 0)
        self.assertEqual([pid for pid in pids if os.path.exists(f"/proc/{pid}")], [])
        ends = {entry["worker"]: entry["status"] for entry in line.log() if entry["event"] == "worker_ended"}
        self.assertGreaterEqual(len(ends.keys() & set(pids)), 4)
        self.assertEqual({ends[pid] for pid in pids if pid in ends}, {0})
        line.serve()

    def test_a_port_that_is_taken_is_told(self):
        done = subprocess.run([PROGRAM, "--config", line.config, "front"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual(done.returncode, 78)
        self.assertIn("taken", done.stdout.decode())


if __name__ == "__main__":
    unittest.main()
