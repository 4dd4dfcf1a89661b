#!/usr/bin/env python3
"""Signals hit every process of the factory, a thousand a second, while it enrols phones, and no system call is begun
again by the kernel: nothing is lost, nobody dies, nothing is complained of."""
import os
import signal
import threading
import time
import unittest

from line import BUILD, Line, rows_for


def setUpModule():
    global line
    line = Line()
    line.environment = {"LD_PRELOAD": os.path.abspath(os.path.join(BUILD, "tests/lib/interrupted.so"))}
    line.start()


def tearDownModule():
    line.stop()


class Storm:
    """SIGALRM to each of the processes in turn, until the end of the block."""

    def __init__(self, pids):
        self.pids, self.count, self.ends = pids, 0, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()

    def run(self):
        while not self.ends.is_set():
            for pid in self.pids:
                os.kill(pid, signal.SIGALRM)
                self.count += 1
            time.sleep(0.001)


@unittest.skipIf("asan" in BUILD or "tsan" in BUILD, "the sanitizer must be loaded first")
class Interrupted(unittest.TestCase):

    def processes(self):
        return sorted(line.children("signer") + line.children("front") + line.children("worker"))

    def test_signals_cost_nothing(self):
        macs = line.macs(1640)
        order = line.order(macs)
        parts = [rows_for(macs[i:i + 400]) for i in range(0, 1600, 400)]
        parts.append([{"mac": mac, "serial_number": "SN", "key": "server"} for mac in macs[1600:]])
        received = [[] for _ in parts]
        whole = []
        stations = [threading.Thread(target=lambda rows=rows, to=to: whole.append(line.send(to, order, rows)))
                    for rows, to in zip(parts, received)]
        before, told = self.processes(), len(line.log())
        self.assertGreaterEqual(len(before), 4)
        with Storm(before) as storm:
            for station in stations:
                station.start()
            opened = line.order(line.macs(5))
            for station in stations:
                station.join(120)
                self.assertFalse(station.is_alive())
            # Heads of the audit log, a CRL, and connections that come and go.
            line.factory_ca("revoke", "--mac", macs[0], "--reason", "scrapped")
            line.factory_ca("crl")
            for _ in range(20):
                self.assertEqual(line.station.ok("GET", f"/v1/orders/{opened}")["issued"], 0)
        self.assertGreater(storm.count, 1000)
        self.assertEqual(whole, [True] * len(parts))
        for rows, answers in zip(parts, received):
            self.assertEqual([(row["mac"], row["status"]) for row in answers], [(row["mac"], "issued") for row in rows])
        self.assertEqual(line.station.ok("GET", f"/v1/orders/{order}")["issued"], len(macs))
        self.assertEqual(self.processes(), before, "somebody died of it")
        complaints = [entry for entry in line.log()[told:] if entry["level"] in ("warn", "error")]
        self.assertEqual(complaints, [])
        done = line.factory_ca("audit", "verify", operator=False, check=False)
        self.assertEqual(done.returncode, 0, done.stdout.decode() + done.stderr.decode())

    def test_z_an_orderly_end_under_signals(self):
        pids = self.processes()
        with Storm([pid for pid in pids if pid in line.children("signer")]):
            os.kill(line.process.pid, signal.SIGTERM)
            time.sleep(0.05)
        self.assertEqual(line.process.wait(45), 0)
        line.serve()


if __name__ == "__main__":
    unittest.main()
