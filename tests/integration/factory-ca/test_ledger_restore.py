#!/usr/bin/env python3
"""A ledger put back from a backup: the signer notices, refuses, and takes it when two operators sign."""
import json
import os
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "factory-ca-front"))
from line import PROGRAM, Line, rows_for  # noqa: E402


def setUpModule():
    global line, order, macs, early, second
    line = Line().start()
    second = line.add("operator", "deputy")
    macs = line.macs(16)
    order = line.order(macs)
    early = rows_for(macs[:2])
    assert issue(early) == ["issued", "issued"]
    stop()
    shutil.copytree(line.path("state"), line.path("backup"))
    line.serve()
    assert issue(rows_for([macs[5]])) == ["issued"]
    stop()


def tearDownModule():
    line.stop()


def issue(rows):
    return [json.loads(text)["status"] for text in line.batch(order, rows).body.splitlines()]


def stop():
    line.process.send_signal(signal.SIGTERM)
    line.process.wait(60)


def put_back():
    shutil.rmtree(line.path("state"))
    shutil.copytree(line.path("backup"), line.path("state"))


def ledger(*words, operator=None):
    identity = ["--operator-cert", operator[0], "--operator-key", operator[1]] if operator else []
    return subprocess.run([PROGRAM, "--config", line.config, *identity, "ledger", *words],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60)


def signer_says():
    done = subprocess.run([PROGRAM, "--config", line.config, "signer"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    return done.returncode, done.stderr


class Restore(unittest.TestCase):

    def test_1_an_older_ledger_is_refused(self):
        done = ledger("show")
        self.assertIn("records 3, open orders 1", done.stdout)
        put_back()
        status, said = signer_says()
        self.assertEqual(status, 78)
        self.assertIn("is older than what this signer wrote", said)
        self.assertIn("ledger (2 records)", said)

    def test_2_so_is_one_whose_witness_was_removed(self):
        os.rename(line.path("state.witness"), line.path("kept"))
        status, said = signer_says()
        self.assertEqual(status, 78)
        self.assertIn("is older than what this signer wrote", said)
        os.rename(line.path("kept"), line.path("state.witness"))
        with open(line.path("state.witness"), "r+b") as file:
            first = file.read(1)
            file.seek(0)
            file.write(bytes([first[0] ^ 1]))
            file.flush()
            status, said = signer_says()
            file.seek(0)
            file.write(first)
        self.assertEqual(status, 78)
        self.assertIn("was altered", said)

    def test_3_one_operator_is_not_enough(self):
        chief = (line.operator_cert, line.operator_key)
        done = ledger("restore", "--out", line.path("statement"), operator=chief)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("ledger restore --statement", done.stdout)
        done = ledger("restore", "--statement", line.path("statement"), operator=chief)
        self.assertNotEqual(done.returncode, 0)
        done = ledger("restore", "--statement", line.path("statement"),
                      operator=(line.station_cert, line.station_key))
        self.assertEqual(done.returncode, 65)
        self.assertIn("bad_signature", done.stderr)
        self.assertEqual(signer_says()[0], 78)

    def test_4_two_operators_are(self):
        done = ledger("restore", "--statement", line.path("statement"), operator=second)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("type: ledger-restore", done.stdout)
        self.assertIn("records: 2", done.stdout)
        # Once is once.
        done = ledger("restore", "--statement", line.path("statement"), operator=second)
        self.assertEqual(done.returncode, 65)
        self.assertIn("ledger_differs", done.stderr)
        line.serve()
        self.assertEqual(issue(early), ["existing", "existing"])
        self.assertEqual(issue(rows_for([macs[9]])), ["issued"])
        stop()
        line.serve()
        stop()

    def test_5_the_statement_holds_for_that_one_time(self):
        put_back()
        done = ledger("restore", "--statement", line.path("statement"), operator=second)
        self.assertEqual(done.returncode, 65)
        self.assertIn("ledger_differs", done.stderr)
        self.assertEqual(signer_says()[0], 78)
        chief = (line.operator_cert, line.operator_key)
        done = ledger("restore", "--out", line.path("again"), operator=chief)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = ledger("restore", "--statement", line.path("again"), operator=second)
        self.assertEqual(done.returncode, 0, done.stderr)
        line.serve()
        self.assertEqual(issue(early), ["existing", "existing"])
        stop()

    def test_6_while_the_signer_runs_nothing_is_put_back(self):
        line.serve()
        done = ledger("show")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("another signer", done.stderr)
        stop()

    def test_7_what_is_not_understood(self):
        for words in ([], ["restore"], ["restore", "--out"], ["show", "more"], ["drop"]):
            self.assertEqual(ledger(*words).returncode, 64, words)
        self.assertIn("usage", ledger("--help").stdout)
        self.assertEqual(ledger("restore", "--out", line.path("x")).returncode, 64)


if __name__ == "__main__":
    unittest.main()
