#!/usr/bin/env python3
"""SIGHUP and SIGTERM, and what is said of a configuration that is not right."""
import os
import signal
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
from tests.lib.instance import BUILD, run  # noqa: E402
from tests.lib.redirector import Redirector, eventually, read  # noqa: E402


def setUpModule():
    global redirector
    redirector = Redirector().__enter__()


def tearDownModule():
    redirector.__exit__(None, None, None)


def reload(event):
    """Sends SIGHUP and returns the row of that event, of this reload."""
    seen = len(redirector.log())
    redirector.process.send_signal(signal.SIGHUP)
    return eventually(lambda: [row for row in redirector.log()[seen:] if row["event"] == event])[0]


class Reload(unittest.TestCase):

    def refused(self, path, text, place):
        phone, good = redirector.phone("yealink"), read(path) if os.path.exists(path) else None
        try:
            with open(path, "w") as file:
                file.write(text)
            self.assertIn(place, reload("configuration_refused")["reason"])
            self.assertEqual(phone.boot(f"/{phone.mac.lower()}.cfg").status, 200)
        finally:
            if good is None:
                os.unlink(path)
            else:
                with open(path, "w") as file:
                    file.write(good)
        reload("serving")
        self.assertEqual(phone.boot(f"/{phone.mac.lower()}.cfg").status, 200)

    def test_broken_yaml(self):
        path = redirector.path("redirector.yaml")
        good = read(path)
        self.refused(path, good + "no_such_key: 1\n", f"redirector.yaml:{good.count(chr(10)) + 1}:1: ")
        self.refused(path, good + "workers: [\n", "redirector.yaml:")

    def test_broken_format_and_one_more(self):
        path = redirector.path("formats/yealink.format")
        good = read(path)
        self.refused(path, good.replace("{{admin_password}}", "{{admin_pasword}}"), "yealink.format:19:50: ")
        self.refused(redirector.path("formats/new.format"), "escape: html\n", "new.format:1:9: ")

    def test_a_listener_cannot_move_while_it_runs(self):
        path = redirector.path("redirector.yaml")
        self.refused(path, read(path).replace(f":{redirector.port}", ":1"), "address: ")

    def test_a_new_format_is_in_force_after_a_reload(self):
        phone = redirector.phone("snom")
        path = f"/snomD785-{phone.mac}.htm"
        self.assertEqual(phone.boot(path).status, 200)
        name = redirector.path("formats/snom.format")
        good = read(name)
        with open(name, "w") as file:
            file.write(good.replace("<settings>", "<settings><!-- new -->"))
        reload("serving")
        self.assertIn(b"<!-- new -->", eventually(lambda: phone.boot(path)).body)
        with open(name, "w") as file:
            file.write(good)
        reload("serving")

    def test_a_model_whose_format_is_gone_is_503(self):
        phone, unclaimed = redirector.phone("snom"), redirector.phone("snom", claimed=False)
        path = redirector.path("formats/snom.format")
        os.rename(path, path + ".away")
        reload("serving")
        try:
            eventually(lambda: phone.boot(f"/snomD785-{phone.mac}.htm").status == 503)
            self.assertEqual(unclaimed.boot(f"/snomD785-{unclaimed.mac}.htm").status, 404)
        finally:
            os.rename(path + ".away", path)
            reload("serving")


class Stop(unittest.TestCase):

    def test_sigterm_under_load_loses_no_answer_and_no_event(self):
        phone, stop, answers, lost = redirector.phone(), threading.Event(), [], []

        def boots():
            while not stop.is_set():
                try:
                    answers.append(phone.boot("/v1/bootstrap").status)
                except ConnectionRefusedError:
                    stop.wait(0.01)
                except OSError as error:
                    lost.append(repr(error))

        threads = [threading.Thread(target=boots) for _ in range(4)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(answers) > 20)
        status = redirector.stop()
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual((status, lost, set(answers)), (0, [], {200}))
        kinds = [kind for kind, _ in redirector.events(phone)]
        self.assertEqual(kinds.count("delivered"), len(answers))
        redirector.start()


class CommandLine(unittest.TestCase):

    def redirector(self, *words):
        return run(os.path.join(BUILD, "bin/redirector"), *words, check=False)

    def test_check_and_print_config(self):
        done = self.redirector("--config", redirector.path("redirector.yaml"), "--check-config")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        printed = self.redirector("--config", redirector.path("redirector.yaml"), "--print-config").stdout
        path = redirector.path("printed.yaml")
        with open(path, "wb") as file:
            file.write(printed)
        self.assertEqual(self.redirector("--config", path, "--print-config").stdout, printed)

    def test_what_is_wrong_is_said_with_its_place(self):
        path = redirector.path("bad.yaml")
        with open(path, "w") as file:
            file.write(read(redirector.path("redirector.yaml")) + "workers: 0\n")
        done = self.redirector("--config", path)
        self.assertEqual(done.returncode, 78)
        self.assertRegex(done.stderr.decode(), r"bad\.yaml:\d+:10: .*workers")

    def test_a_taken_port_is_said(self):
        done = subprocess.run([os.path.join(BUILD, "bin/redirector"), "--config",
                               redirector.path("redirector.yaml")], capture_output=True, timeout=20)
        self.assertEqual(done.returncode, 78)
        self.assertIn(f"port {redirector.port} on 127.0.0.1 is taken".encode(), done.stderr)

    def test_unknown_words(self):
        for words in (["--no-such"], ["serve"], ["--render"], ["--render", "x", "--mac"]):
            self.assertEqual(self.redirector(*words).returncode, 64, words)


if __name__ == "__main__":
    unittest.main()
