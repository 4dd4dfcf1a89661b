#!/usr/bin/env python3
"""Events while the primary is away, through the daemon: spooled, written once each when it is back, whatever was
killed in between; past the bound dropped and counted."""
import errno
import os
import signal
import struct
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
from tests.lib.instance import BUILD, run  # noqa: E402
from tests.lib.redirector import Redirector, eventually  # noqa: E402


def content(path):
    with open(path, "rb") as file:
        return file.read()


class Case(unittest.TestCase):

    def setUp(self):
        self.redirector = Redirector()
        os.makedirs(self.redirector.path("spool"))
        self.redirector.config["event_spool"] = self.redirector.path("spool")
        self.redirector.config["event_interval"] = "50ms"
        self.redirector.__enter__()
        self.addCleanup(self.redirector.__exit__, None, None, None)
        self.phone = self.redirector.phone()

    def spooled(self):
        return sorted(os.listdir(self.redirector.path("spool")))

    def metric(self, name):
        return int(self.redirector.metrics()[f"firstring_redirector_{name}_total"])

    def refuse(self, times):
        """Another phone's file: a security event that needs no database to come about."""
        for _ in range(times):
            self.assertEqual(self.phone.boot("/001565ffffff.cfg").status, 403)

    def mismatches(self):
        return len(self.redirector.security_events(self.phone))


class Spooling(Case):

    def test_killed_workers_and_a_restart_lose_nothing_and_write_nothing_twice(self):
        self.redirector.crash()
        self.refuse(4)
        eventually(lambda: self.metric("events_spooled") == 4)
        workers = [line["pid"] for line in self.redirector.log() if line["event"] == "request"]
        for worker in set(workers):
            os.kill(worker, signal.SIGKILL)
        eventually(lambda: sum(line["event"] == "worker_started" and line["kind"] == "phones"
                               for line in self.redirector.log()) >= 2 + len(set(workers)), 20)
        self.refuse(3)
        eventually(lambda: self.metric("events_spooled") == 7)
        self.refuse(2)
        self.assertEqual(self.redirector.stop(), 0)
        self.assertFalse(any(line["event"] == "events_lost" for line in self.redirector.log()))
        # A reader that died after its commit and before it removed the file: all of it is read again.
        self.redirector.revive()
        for _ in range(2):
            copies = {name: content(self.redirector.path("spool", name)) for name in self.spooled()}
            self.redirector.start()
            eventually(lambda: self.mismatches() == 9, 20)
            eventually(lambda: self.spooled() == [])
            self.assertEqual(self.redirector.stop(), 0)
            for name, copy in copies.items():
                with open(self.redirector.path("spool", name), "wb") as file:
                    file.write(copy)
        self.redirector.start()
        eventually(lambda: self.spooled() == [])
        self.assertEqual(self.mismatches(), 9)

    def test_a_full_batch_does_not_wait_for_its_interval(self):
        self.redirector.config.update(event_interval="3s", workers=1)
        self.redirector.stop()
        self.redirector.write_config()
        self.redirector.start()
        client = self.phone.client()
        for _ in range(300):
            self.assertEqual(client.request("GET", "/001565ffffff.cfg").status, 403)
        eventually(lambda: self.metric("events_written") > 0, 2)
        self.assertEqual(self.metric("events_written"), 256)
        eventually(lambda: self.mismatches() == 300, 8)

    def test_past_the_bound_events_are_dropped_and_counted_and_answers_are_not(self):
        self.redirector.config.update(event_spool_max="64KiB", event_queue=100, workers=1)
        self.redirector.stop()
        self.redirector.write_config()
        self.redirector.start()
        self.redirector.crash()
        with open(self.redirector.path("spool", "left-by-another.spool"), "wb") as file:
            file.write(b"firstring events 1\n" + bytes(64 * 1024))
        self.refuse(130)
        eventually(lambda: self.metric("events_dropped") == 30)
        self.assertTrue(any(line["event"] == "events_dropped" for line in self.redirector.log()))
        self.redirector.revive()
        eventually(lambda: self.mismatches() == 100, 20)
        # What was no record of ours is kept, under a name that says so.
        eventually(lambda: self.spooled() == ["left-by-another.spool.damaged"])
        self.assertTrue(any(line["event"] == "spool_damaged" for line in self.redirector.log()))

    def test_a_folder_that_is_not_there_is_a_configuration_error(self):
        self.redirector.stop()
        self.redirector.write_config(event_spool=self.redirector.path("nowhere"))
        done = run(os.path.join(BUILD, "bin/redirector"), "--config", self.redirector.path("redirector.yaml"), check=False)
        self.assertEqual(done.returncode, 78)
        self.assertIn(b"nowhere: No such file or directory", done.stderr)
        self.redirector.write_config()
        self.redirector.start()


FAILURE = struct.Struct("=7i")


@unittest.skipIf("asan" in BUILD or "tsan" in BUILD, "a sanitizer's library must be loaded first")
class Failing(Case):
    """The disk of the spool or of the log fails for a while: no answer is lost, no event, nothing is written twice."""

    def setUp(self):
        super().setUp()
        self.redirector.stop()
        self.redirector.config["workers"] = 1
        self.redirector.write_config()
        self.fault = self.redirector.path("fail-at")
        self.fail()
        plain = self.redirector.command()
        self.redirector.command = lambda: ["env", f"FIRSTRING_FAIL_AT={self.fault}", "LD_PRELOAD=" + os.path.abspath(
            os.path.join(BUILD, "tests/lib/fail_at.so")), *plain]
        self.redirector.start()

    def fail(self, **which):
        names = ("spool_open", "spool_write", "spool_read", "spool_cut", "log_write", "short_by", "failed")
        new = not os.path.exists(self.fault)
        with open(self.fault, "wb" if new else "r+b") as file:
            file.write(FAILURE.pack(*(which.get(name, 0) for name in names)))

    def failed(self):
        return FAILURE.unpack(content(self.fault))[-1]

    def all_written(self, count):
        self.fail()
        self.redirector.revive()
        eventually(lambda: self.mismatches() == count, 20)
        eventually(lambda: self.spooled() == [])
        self.assertEqual(self.mismatches(), count)

    def test_a_spool_that_cannot_be_written_for_a_while(self):
        for count, fault in enumerate(({"spool_open": errno.EIO}, {"spool_write": errno.ENOSPC, "short_by": 20},
                                       {"spool_write": errno.EIO, "spool_cut": errno.EIO, "short_by": 20})):
            self.redirector.crash()
            if "spool_open" in fault:
                self.fail(**fault)
            # The half of a record comes behind whole ones.
            spooled = self.metric("events_spooled")
            self.refuse(3)
            if "spool_open" not in fault:
                eventually(lambda spooled=spooled: self.metric("events_spooled") == spooled + 3)
                self.fail(**fault)
            self.refuse(3)
            eventually(lambda: self.failed() > 0, what=f"{fault} does not happen")
            self.all_written(6 * (count + 1))

    def test_a_spool_that_cannot_be_read_is_set_aside_and_not_lost(self):
        self.redirector.crash()
        self.refuse(4)
        eventually(lambda: self.metric("events_spooled") == 4)
        self.fail(spool_read=errno.EIO)
        self.redirector.revive()
        eventually(lambda: self.spooled() and all(name.endswith(".damaged") for name in self.spooled()), 20)
        advice = [line["advice"] for line in self.redirector.log() if line["event"] == "spool_damaged"]
        self.assertTrue(advice and all("name it *.spool again" in text for text in advice), advice)
        self.fail()
        self.assertEqual(self.redirector.stop(), 0)
        for name in self.spooled():
            os.rename(self.redirector.path("spool", name), self.redirector.path("spool", name.removesuffix(".damaged")))
        self.redirector.start()
        self.all_written(4)

    def test_a_log_that_cannot_be_written_for_a_while(self):
        for error in (errno.EIO, errno.ENOSPC):
            self.fail(log_write=error)
            self.refuse(5)
            self.assertGreater(self.failed(), 0)
            self.fail()
            before = len(self.redirector.log())
            self.refuse(5)
            eventually(lambda before=before: len(self.redirector.log()) >= before + 5)
        eventually(lambda: self.mismatches() == 20, 20)


if __name__ == "__main__":
    unittest.main()
