#!/usr/bin/env python3
"""The bench's own measuring: CPU of a whole process tree, ratios of the same round, verdicts, and the report."""
import io
import os
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

from tests.bench import rounds
from tests.bench.goals import verdict


class RoundsTest(unittest.TestCase):
    def test_cpu_of_a_tree_counts_children_that_live_and_that_ended(self):
        burn = "import time\nwhile time.process_time() < 0.3: pass\n"
        script = (f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {burn!r}]);"
                  f"subprocess.Popen([sys.executable, '-c', {burn + 'time.sleep(60)'!r}]); time.sleep(60)")
        process = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
        try:
            end = time.monotonic() + 60
            while rounds.cpu_s(process.pid) < 0.55 and time.monotonic() < end:
                time.sleep(0.05)
            self.assertGreaterEqual(rounds.cpu_s(process.pid), 0.55)
            self.assertEqual(len(rounds.tree(process.pid)), 2)
            self.assertGreater(rounds.memory_kb(process.pid), 1000)
        finally:
            os.killpg(process.pid, 9)
            process.wait()

    def test_a_process_that_is_gone_costs_nothing(self):
        process = subprocess.Popen(["true"])
        process.wait()
        self.assertEqual(rounds.cpu_s(process.pid), 0)

    def test_sides_take_turns_and_ratios_are_of_one_round(self):
        order = []

        def side(name, values):
            return lambda: order.append(name) or {"cpu_us": values.pop(0)}

        with tempfile.TemporaryDirectory() as folder, mock.patch.object(rounds, "RESULTS", folder), \
                mock.patch("sys.stdout", io.StringIO()) as said:
            bench = rounds.Bench("bench_made_up.py", "Made up")
            bench.rounds({"ours": side("ours", [50, 130, 240]), "peer": side("peer", [100, 200, 400])}, count=3)
            ratio = bench.ratios("cpu_us", "ours", "peer")
            bench.goal("S1", ratio)
            bench.finish()
            self.assertTrue(os.path.exists(os.path.join(folder, "made_up.json")))
        self.assertEqual(order, ["ours", "peer", "peer", "ours", "ours", "peer"])
        self.assertEqual(ratio.values, [0.5, 0.6, 0.65])
        self.assertIn('"round": 3', said.getvalue())
        self.assertIn("| **0.6** | 0.5 | 0.65 | 3 | stretch reached |", said.getvalue())

    def test_verdicts(self):
        self.assertEqual([verdict("S1", value) for value in (0.6, 0.61, 0.71)], ["stretch reached", "reached", "missed"])
        self.assertEqual([verdict("S9", value) for value in (2.5, 1.5, 1.4)], ["stretch reached", "reached", "missed"])
        self.assertEqual([verdict("S7", value) for value in (0, 1)], ["reached", "missed"])
        self.assertEqual(verdict("S13", 3500), "told")


if __name__ == "__main__":
    unittest.main()
