#!/usr/bin/env python3
"""Stopping, reloading, coming back: what the night shift does to a running service."""
import http.client
import os
import signal
import ssl
import threading
import time
import unittest

from tests.lib.instance import Instance, Phone

PATH = "/v1/bootstrap"


def setUpModule():
    global firstring, phone
    firstring = Instance().__enter__()
    firstring.model("model-json", "json")
    mac, = firstring.macs(1)
    phone, = firstring.issue(firstring.order("model-json", [mac]), [Phone(firstring, mac, "SN-LIFE")])
    firstring.claim(firstring.itsp, phone, firstring.profile(firstring.itsp, "life"))


def tearDownModule():
    firstring.__exit__(None, None, None)


def eventually(condition, seconds=20, what="it never came true"):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError(what)


def boots():
    try:
        return phone.boot(PATH).status == 200
    except (OSError, http.client.HTTPException):
        return False


class Load:
    """Phones that boot one after another on several threads; counts how each one ended."""

    def __init__(self, threads=4):
        self.stop, self.answered, self.refused, self.lost = False, 0, 0, []
        self.threads = [threading.Thread(target=self.work) for _ in range(threads)]

    def work(self):
        while not self.stop:
            try:
                answer = phone.boot(PATH)
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


class Signals(unittest.TestCase):

    def test_1_sighup_with_broken_yaml_keeps_the_old_configuration(self):
        path = os.path.join(firstring.var, "etc", "redirector.yaml")
        with open(path) as file:
            good = file.read()
        line = good.count("\n") + 1
        try:
            with open(path, "w") as file:
                file.write(good + "no_such_key: 1\n")
            seen = len(firstring.log("redirector"))
            os.kill(firstring.parent("redirector"), signal.SIGHUP)
            eventually(lambda: any(
                row["event"] == "reload_refused" or f"redirector.yaml:{line}:1" in str(row)
                for row in firstring.log("redirector")[seen:]), what="the log does not name the line")
            self.assertTrue(boots())
        finally:
            with open(path, "w") as file:
                file.write(good)

    def test_2_sighup_under_load_loses_nobody(self):
        with Load() as load:
            time.sleep(0.5)
            os.kill(firstring.parent("redirector"), signal.SIGHUP)
            time.sleep(2)
        self.assertEqual((load.lost, load.refused), ([], 0))
        self.assertGreater(load.answered, 20)

    def test_3_a_killed_worker_comes_back(self):
        parent = firstring.parent("redirector")
        with open(f"/proc/{parent}/task/{parent}/children") as file:
            children = [int(word) for word in file.read().split()]
        self.assertTrue(children)
        for child in children:
            os.kill(child, signal.SIGKILL)
        eventually(boots)
        self.assertEqual(firstring.parent("redirector"), parent)

    def test_4_sigterm_under_load_answers_what_it_accepted(self):
        with Load() as load:
            time.sleep(0.5)
            parent = firstring.parent("redirector")
            os.kill(parent, signal.SIGTERM)
            eventually(lambda: not os.path.exists(f"/proc/{parent}"), what="it does not stop")
            time.sleep(0.2)
        self.assertEqual(load.lost, [])
        self.assertGreater(load.answered, 10)
        firstring.up()
        eventually(boots)

    def test_5_a_second_up_keeps_what_was_there(self):
        before = firstring.itsp.ok("POST", f"/v1/claims/{phone.mac}/reveal")["admin_password"]
        firstring.down()
        firstring.up()
        eventually(boots)
        after = firstring.itsp.ok("POST", f"/v1/claims/{phone.mac}/reveal")["admin_password"]
        self.assertEqual(before, after)


if __name__ == "__main__":
    unittest.main()
