#!/usr/bin/env python3
"""The database away, slow, half-open or wrong: 503 with Retry-After, nothing lost, and back by itself."""
import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
from tests.lib.faults import Link  # noqa: E402
from tests.lib.redirector import Redirector, eventually  # noqa: E402


def setUpModule():
    global redirector
    redirector = Redirector().__enter__()


def tearDownModule():
    redirector.__exit__(None, None, None)


def status(phone, path="/v1/bootstrap"):
    return phone.boot(path).status


class Away(unittest.TestCase):

    def test_down_is_503_and_back_up_is_200(self):
        phone, unclaimed = redirector.phone(), redirector.phone(claimed=False)
        self.assertEqual(status(phone), 200)
        redirector.crash()
        try:
            answers = [phone.boot("/v1/bootstrap") for _ in range(8)]
            self.assertEqual({answer.status for answer in answers}, {503})
            waits = [int(answer.headers["Retry-After"]) for answer in answers]
            self.assertTrue(all(5 <= wait <= 60 for wait in waits), waits)
            self.assertGreater(len(set(waits)), 1, "a storm would come back in step")
            self.assertEqual(status(unclaimed), 503)
            eventually(lambda: not redirector.is_ready())
            # What needs no database needs it not.
            self.assertEqual(phone.boot("/v1/bootstrap", method="PUT").status, 405)
            self.assertEqual(status(phone, "/001565ffffff.cfg"), 403)
        finally:
            redirector.revive()
        eventually(lambda: status(phone) == 200, 15)
        eventually(lambda: status(unclaimed) == 404, 15)  # each worker comes back by itself
        eventually(redirector.is_ready)
        # The refusal was seen while nobody could write it down.
        eventually(lambda: redirector.security_events(phone) == ["mac_mismatch"], 15)

    def test_silent_is_503_within_the_deadline(self):
        phone = redirector.phone()
        self.assertEqual(status(phone), 200)
        redirector.postgres(signal.SIGSTOP)
        try:
            begun = time.monotonic()
            self.assertEqual(status(phone), 503)
            self.assertLess(time.monotonic() - begun, 4)
        finally:
            redirector.postgres(signal.SIGCONT)
        eventually(lambda: status(phone) == 200, 15)

    def test_a_half_open_link_is_503_within_the_deadline_and_good_again(self):
        phone = redirector.phone()
        with Link(redirector.cluster("socket").strip()) as link:
            self.addCleanup(redirector.start)
            self.addCleanup(redirector.write_config)
            self.addCleanup(redirector.stop)
            redirector.stop()
            redirector.write_config(databases=[link.conninfo("firstring_redirector")])
            redirector.start()
            self.assertEqual(status(phone), 200)
            link.hold()
            for _ in range(3):
                begun = time.monotonic()
                answer = phone.boot("/v1/bootstrap")
                self.assertEqual((answer.status, "Retry-After" in answer.headers), (503, True))
                self.assertLess(time.monotonic() - begun, 5)
            link.release()
            eventually(lambda: status(phone) == 200, 15)
            eventually(redirector.is_ready)

    def test_a_statement_that_fails_is_503(self):
        phone = redirector.phone()
        redirector.psql("revoke execute on function firstring.device_lookup from firstring_redirector")
        try:
            self.assertEqual(status(phone), 503)
        finally:
            redirector.psql("grant execute on function firstring.device_lookup to firstring_redirector")
        eventually(lambda: status(phone) == 200, 15)

    def test_events_wait_for_a_lock_and_lookups_do_not(self):
        """Somebody holds the phone's row; its boots go on, its events come later, once each."""
        phone = redirector.phone()
        holder = subprocess.Popen(["psql", "-XAtq", redirector.url], stdin=subprocess.PIPE)
        holder.stdin.write(f"begin; select from firstring.device where mac = '{phone.mac}' for update;\n".encode())
        holder.stdin.flush()
        time.sleep(0.3)
        end = time.monotonic() + 2
        while time.monotonic() < end:
            begun = time.monotonic()
            self.assertEqual(status(phone), 200)
            self.assertLess(time.monotonic() - begun, 0.5)
            time.sleep(0.1)
        boots = int(redirector.metrics()['firstring_redirector_answers_total{reason="answer"}'])
        self.assertGreater(boots, 5)
        self.assertEqual(redirector.events(phone), [])
        holder.communicate(b"rollback;\n")
        eventually(lambda: redirector.events(phone) != [])
        time.sleep(0.5)
        kinds = [kind for kind, _ in redirector.events(phone)]
        self.assertEqual(kinds[:2], ["contacted", "delivered"])
        self.assertEqual(kinds.count("contacted"), kinds.count("delivered"))


if __name__ == "__main__":
    unittest.main()
