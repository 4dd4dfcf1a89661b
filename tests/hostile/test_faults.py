#!/usr/bin/env python3
"""What breaks around the daemon and inside its records: releases between lookup and answer, records that cannot be, 64
descriptors, no memory, a log that cannot be written. Answers may be lost, never given to the wrong one."""
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
from tests.hostile.raw import Raw, workers  # noqa: E402
from tests.lib.redirector import Redirector, eventually  # noqa: E402


def status(phone, path="/v1/bootstrap"):
    return phone.boot(path).status


class Records(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.redirector = Redirector().__enter__()
        cls.addClassCleanup(cls.redirector.__exit__, None, None, None)
        cls.good = cls.redirector.phone()

    def tearDown(self):
        self.assertEqual(status(self.good), 200)

    def test_a_claim_released_between_lookup_and_answer(self):
        """Boots run all the while; one that begins after the release was acknowledged is not told the old thing."""
        for _ in range(5):
            phone, boots, stop = self.redirector.phone(), [], threading.Event()

            def boot(phone=phone, boots=boots, stop=stop):
                while not stop.is_set():
                    begun = time.monotonic()
                    boots.append((begun, status(phone)))

            threads = [threading.Thread(target=boot) for _ in range(4)]
            for thread in threads:
                thread.start()
            eventually(lambda boots=boots: len(boots) > 8, 20)
            self.redirector.psql(f"update firstring.claim set state = 'released', released_at = clock_timestamp(),"
                                 f" sealed_password = null, password_purged_at = clock_timestamp()"
                                 f" where id = '{phone.claim}'")
            released = time.monotonic()
            eventually(lambda boots=boots, released=released: sum(b > released for b, _ in boots) > 8, 20)
            stop.set()
            for thread in threads:
                thread.join()
            self.assertEqual({told for begun, told in boots if begun > released}, {404})
            self.assertTrue({told for _, told in boots} <= {200, 404})

    def test_columns_that_are_too_long_or_null_harm_that_phone_alone(self):
        """As after a hand in the database: the constraints that forbid it are taken away first."""
        before = workers(self.redirector)
        self.redirector.psql("""
            do $$ declare one record; begin
              for one in select conrelid::regclass as place, conname from pg_constraint
                where conrelid in ('firstring.device'::regclass, 'firstring.claim'::regclass,
                  'firstring.provisioning_profile'::regclass) and contype = 'c' loop
                execute format('alter table %s drop constraint %I', one.place, one.conname);
              end loop; end $$;
            alter table firstring.device alter serial_number drop not null;
            alter table firstring.provisioning_profile alter provisioning_url drop not null;""")
        long, null, odd = (self.redirector.phone() for _ in range(3))
        self.redirector.psql(f"""
            update firstring.device set serial_number = repeat('9', 5000) where mac = '{long.mac}';
            update firstring.device set serial_number = null where mac = '{null.mac}';
            update firstring.claim set sealed_password = decode(repeat('ff', 3000), 'hex') where mac = '{odd.mac}';""")
        for phone in (long, odd):
            self.assertEqual([status(phone) for _ in range(3)], [503] * 3)
        self.assertIn(status(null), (200, 503))
        itsp, profile = self.redirector.itsp, self.redirector.profile
        self.redirector.make_itsp()
        lost = self.redirector.phone()
        self.redirector.psql(f"update firstring.provisioning_profile set provisioning_url = null"
                             f" where id = '{self.redirector.profile}'")
        self.redirector.itsp, self.redirector.profile = itsp, profile
        self.assertEqual(status(lost), 503)
        self.assertEqual(workers(self.redirector), before, "a worker was lost")
        self.assertTrue(any(line["event"] == "record_broken" for line in self.redirector.log()))


class Resources(unittest.TestCase):

    def setUp(self):
        self.redirector = Redirector(limits={"handshake": "3s", "head": "3s", "idle": "3s"})
        self.addCleanup(self.redirector.__exit__, None, None, None)

    def start(self, command=None):
        if command:
            plain = self.redirector.command
            self.redirector.command = lambda: command(plain())
        self.redirector.__enter__()
        self.phone = self.redirector.phone()

    def test_sixty_four_descriptors(self):
        self.start(lambda words: ["prlimit", "--nofile=64:64", *words])
        held = []
        for _ in range(150):
            try:
                held.append(Raw(self.redirector, handshake=False, timeout=2))
            except OSError:
                break
        # Who waits in the queue is served when the silent ones are cut.
        eventually(lambda: status(self.phone) == 200, 30)
        for raw in held:
            raw.socket.close()
        eventually(lambda: status(self.phone) == 200, 30)
        complaints = [line for line in self.redirector.log() if line["level"] in ("warn", "error")]
        self.assertLess(len(complaints), 200, "the log is flooded")

    def test_out_of_memory_ends_a_worker_and_another_takes_its_place(self):
        self.redirector.config["workers"] = 1
        self.start()
        before = workers(self.redirector)
        for pid in before:
            # Little more than it has: it runs out at some allocation, whichever.
            with open(f"/proc/{pid}/statm") as file:
                size = int(file.read().split()[0]) * resource.getpagesize()
            resource.prlimit(pid, resource.RLIMIT_AS, (size + 300_000, size + 300_000))
        held = []
        for _ in range(400):
            try:
                held.append(Raw(self.redirector, self.phone, timeout=5))
            except OSError:
                break
        eventually(lambda: not before <= workers(self.redirector), 30, "it never ran out of memory")
        for raw in held:
            raw.socket.close()
        eventually(lambda: self.try_boot() == 200, 30)
        self.assertEqual([status(self.phone) for _ in range(10)], [200] * 10)

    def try_boot(self):
        try:
            return status(self.phone)
        except OSError:
            return None

    def test_a_log_that_cannot_be_written_costs_no_answer(self):
        self.start()
        self.redirector.stop()
        full = open("/dev/full", "w")
        self.addCleanup(full.close)
        self.redirector.process = subprocess.Popen(self.redirector.command(), stdin=subprocess.DEVNULL, stdout=full,
                                                   stderr=full)
        eventually(self.redirector.is_ready, 30)
        self.assertEqual([status(self.phone) for _ in range(20)], [200] * 20)
        # Nor does a reader of the log that is gone.
        self.assertEqual(self.redirector.stop(), 0)
        reader, writer = os.pipe()
        self.redirector.process = subprocess.Popen(self.redirector.command(), stdin=subprocess.DEVNULL, stdout=writer,
                                                   stderr=writer)
        os.close(writer)
        eventually(self.redirector.is_ready, 30)
        os.close(reader)
        self.assertEqual([status(self.phone) for _ in range(20)], [200] * 20)
        self.assertEqual(self.redirector.stop(), 0)

    def test_a_full_spool_disk_costs_no_answer(self):
        """A file may grow no further than a few events; SIGXFSZ is what a process gets that does not expect it."""
        os.makedirs(self.redirector.path("spool"))
        self.redirector.config.update(event_spool=self.redirector.path("spool"), workers=1)
        self.start()
        for pid in workers(self.redirector):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (700, 700))
        self.redirector.crash()
        try:
            self.assertEqual([status(self.phone, "/001565ffffff.cfg") for _ in range(12)], [403] * 12)
            eventually(lambda: sum(os.path.getsize(self.redirector.path("spool", name))
                                   for name in os.listdir(self.redirector.path("spool"))) > 300)
            for name in os.listdir(self.redirector.path("spool")):
                self.assertLessEqual(os.path.getsize(self.redirector.path("spool", name)), 700)
        finally:
            self.redirector.revive()
        eventually(lambda: len(self.redirector.security_events(self.phone)) == 12, 30)
        self.assertEqual(status(self.phone), 200)

    def test_a_worker_killed_under_load_is_replaced(self):
        self.start()
        stop, answers, lost = threading.Event(), [], []

        def boots():
            while not stop.is_set():
                try:
                    answers.append(status(self.phone))
                except OSError as error:
                    lost.append(error)

        threads = [threading.Thread(target=boots) for _ in range(4)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(answers) > 20, 20)
        victim = sorted(workers(self.redirector))[0]
        os.kill(victim, signal.SIGKILL)
        seen = len(answers)
        eventually(lambda: len(answers) > seen + 40, 30)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(set(answers), {200})
        # What it was about to answer is lost, once a phone at most.
        self.assertLessEqual(len(lost), 8)
        eventually(lambda: victim not in workers(self.redirector) and len(workers(self.redirector)) >= 3, 20)


if __name__ == "__main__":
    unittest.main()
