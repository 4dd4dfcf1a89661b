#!/usr/bin/env python3
"""Memory after many requests, failed handshakes and resets is where it was, and an office full of phones behind one
address is served without an alarm.

HOSTILE_REQUESTS, HOSTILE_FAILURES and HOSTILE_RESETS set the sizes; `make soak` is that of a release: 200000, 50000 and
10000."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
from tests.bench.rounds import cpu_s, memory_kb  # noqa: E402
from tests.bench.storm import Fleet, Ours, storm  # noqa: E402
from tests.hostile.raw import workers  # noqa: E402

REQUESTS = int(os.environ.get("HOSTILE_REQUESTS", 6000))
FAILURES = int(os.environ.get("HOSTILE_FAILURES", 1500))
RESETS = int(os.environ.get("HOSTILE_RESETS", 600))
# What two equal halves may differ by: malloc's own mood, and 16 bytes for each of them, which no leak would be less than.
ALLOWED_KB = 1024 + 16 * (REQUESTS + FAILURES + RESETS) // 2 // 1024


class Soak(unittest.TestCase):

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="firstring-fleet-", dir="/var/tmp")
        self.addCleanup(self.folder.cleanup)

    def serve(self, phones, **config):
        ours = Ours(Fleet(f"{self.folder.name}/ours", phones), **config)
        self.addCleanup(ours.__exit__, None, None, None)
        return ours.__enter__()

    def test_memory_is_where_it_was(self):
        ours = self.serve(500)
        strangers = Fleet(f"{self.folder.name}/strangers", 50)

        def half():
            told = storm(ours.fleet, ours.port, requests=REQUESTS // 2, path="/v1/bootstrap")
            self.assertEqual(told["statuses"], {"200": REQUESTS // 2})
            told = storm(strangers, ours.port, requests=FAILURES // 2, check=False)
            self.assertEqual((told["served"], told["failed"]), (0, FAILURES // 2))
            told = storm(ours.fleet, ours.port, "--reset", requests=RESETS // 2, check=False)
            self.assertEqual(told["failed"], 0)
            ours.settle()
            return memory_kb(ours.process.pid)

        seen, lived = [half()], workers(ours)
        # What waited for a slow database stays with malloc, once; what leaks grows with every half.
        while len(seen) < 2 or (len(seen) < 4 and seen[-1] - seen[-2] >= ALLOWED_KB):
            seen.append(half())
        print(f"kB after each half: {seen}; {ALLOWED_KB} more are allowed; {cpu_s(ours.process.pid):.1f} s of CPU")
        self.assertLess(seen[-1] - seen[-2], ALLOWED_KB)
        self.assertEqual(workers(ours), lived, "a worker was lost")
        refused = ours.metrics()['firstring_redirector_connections_refused_total{cause="certificate"}']
        self.assertGreaterEqual(int(refused), FAILURES // 2 * len(seen))

    def test_a_building_of_phones_behind_one_address(self):
        """BENCH_STORM=5000 tests/bench/run redirector_storm is the whole of it."""
        phones = min(5000, REQUESTS // 10)
        ours = self.serve(phones, abuse={"exempt": []})
        told = storm(ours.fleet, ours.port, requests=phones, path="/v1/bootstrap", connections=200)
        self.assertEqual(told["statuses"], {"200": phones})
        ours.settle()
        self.assertEqual(ours.psql("select kind, count(*) from firstring.security_event group by 1"), "")


if __name__ == "__main__":
    unittest.main()
