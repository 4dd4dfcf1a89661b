#!/usr/bin/env python3
"""Custodians: the key files split between three people of whom two must come, and a signer that waits
for them, says so, and locks itself again."""
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "factory-ca-front"))
from line import CONFIGURATION, PROGRAM, Line, rows_for, run  # noqa: E402

PASSPHRASES = ("", "the first custodian", "the second custodian", "the third custodian")


def setUpModule():
    global line
    line = Line().start()
    line.issued = rows_for(line.macs(1))
    line.reference = line.order([line.issued[0]["mac"]] + line.macs(15))
    line.first = json.loads(line.batch(line.reference, line.issued).body)
    stop()
    for number in (1, 2, 3):
        with open(passphrase_file(number), "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(PASSPHRASES[number] + "\n")
    before = set(os.listdir(line.path("state/keys")))
    refused = key("split", "--custodians", "3", "--threshold", "2", "--passphrase-file",
                  passphrase_file(1), "--passphrase-file", passphrase_file(2),
                  "--passphrase-file", line.path("nowhere"))
    assert refused.returncode != 0 and "nowhere" in refused.stderr, refused
    assert set(os.listdir(line.path("state/keys"))) == before, "a split that failed changed nothing"
    assert not os.path.exists(line.path("state/keys.new"))
    split = key("split", "--custodians", "3", "--threshold", "2",
                *[word for number in (1, 2, 3)
                  for word in ("--passphrase-file", passphrase_file(number))])
    assert split.returncode == 0, split.stderr
    os.rename(line.path("passphrase"), line.path("old-passphrase"))
    line.write_configuration(CONFIGURATION.replace("  passphrase_file: {var}/passphrase\n", ""))
    serve()


def tearDownModule():
    line.stop()


def passphrase_file(number):
    return line.path(f"custodian-{number}")


def key(*words, config=None):
    return subprocess.run([PROGRAM, "--config", config or line.config, "key", *words], cwd=line.var,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60, start_new_session=True)


def unlock(number, *words):
    return key("unlock", "--custodian", str(number), "--passphrase-file", passphrase_file(number),
               *words)


def stop():
    line.process.send_signal(signal.SIGTERM)
    line.process.wait(60)


def serve():
    """Starts without waiting until it is ready: it will not be."""
    with open(line.log_path, "a") as log:
        line.process = subprocess.Popen([PROGRAM, "--config", line.config, "serve"],
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_for(lambda: any(entry["event"] == "signer_not_ready" for entry in since_start()))


def since_start():
    entries = line.log()
    starts = [i for i, entry in enumerate(entries) if entry["event"] == "signer_started"]
    return entries[starts[-1]:] if starts else []


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come to pass")
        time.sleep(0.05)


def readiness():
    return subprocess.run(["curl", "-s", "-m", "5", "-w", "%{http_code}",
                           f"http://127.0.0.1:{line.health_port}/readyz"], stdout=subprocess.PIPE,
                          text=True).stdout


def make_locked():
    done = key("lock")
    assert (done.returncode, done.stdout) == (0, "locked\n"), done


class Custodians(unittest.TestCase):

    def setUp(self):
        make_locked()

    def test_two_of_three_open_it_and_what_was_issued_is_the_same(self):
        wait_for(lambda: readiness().endswith("503"))
        self.assertEqual(line.batch(line.reference, line.issued).status, 503)
        first = unlock(1)
        self.assertEqual((first.returncode, first.stdout), (0, "1 of 2 shares are given\n"))
        self.assertTrue(readiness().endswith("503"))
        second = unlock(3)
        self.assertEqual(second.returncode, 0, second.stderr)
        self.assertRegex(second.stdout, r"^unlocked until 2[0-9-]+T[0-9:]+Z\n$")
        line.wait_until_ready()
        again = json.loads(line.batch(line.reference, line.issued).body)
        self.assertEqual(again["status"], "existing")
        for name in ("certificate", "claim_code", "serial"):
            self.assertEqual(again[name], line.first[name])

    def test_it_says_that_it_waits(self):
        unlock(2)
        wait_for(lambda: any("1 of 2 shares" in entry.get("detail", "") for entry in since_start()
                             if entry["event"] == "signer_not_ready"))
        self.assertIn("signer", readiness())

    def test_one_custodian_cannot_do_it_alone(self):
        unlock(1)
        wait_for(lambda: readiness().endswith("503"))
        again = unlock(1)
        self.assertEqual(again.returncode, 65)
        self.assertIn("custodian 1 has given a share already", again.stderr)
        self.assertTrue(readiness().endswith("503"))

    def test_a_wrong_passphrase_and_a_wrong_file_are_told(self):
        with open(line.path("wrong"), "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write("something else entirely\n")
        done = key("unlock", "--custodian", "1", "--passphrase-file", line.path("wrong"))
        self.assertEqual(done.returncode, 65)
        self.assertIn("the passphrase is wrong", done.stderr)
        done = key("unlock", "--custodian", "9", "--passphrase-file", passphrase_file(1))
        self.assertEqual(done.returncode, 66)
        self.assertIn("custodian-9.share", done.stderr)
        done = unlock(1, "--share", line.path("wrong"))
        self.assertIn("no share of a custodian", done.stderr)
        done = key("unlock", "--custodian", "2", "--passphrase-file", passphrase_file(1),
                   "--share", line.path("state/keys/custodian-1.share"))
        self.assertIn("the share of custodian 1", done.stderr)

    def test_a_custodian_carries_his_share(self):
        shutil.move(line.path("state/keys/custodian-2.share"), line.path("stick"))
        try:
            self.assertEqual(unlock(2, "--share", line.path("stick")).returncode, 0)
            self.assertEqual(unlock(1).returncode, 0)
            line.wait_until_ready()
        finally:
            shutil.move(line.path("stick"), line.path("state/keys/custodian-2.share"))

    def test_a_passphrase_can_be_typed_and_is_not_shown(self):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(PROGRAM, [PROGRAM, "--config", line.config, "key", "unlock", "--custodian", "1"])
        shown = b""
        while b"Passphrase: " not in shown:
            shown += os.read(terminal, 1000)
        os.write(terminal, PASSPHRASES[1].encode() + b"\n")
        try:
            while True:
                more = os.read(terminal, 1000)
                if not more:
                    break
                shown += more
        except OSError:
            pass  # the other end of a terminal went away
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0, shown)
        self.assertIn(b"1 of 2 shares are given", shown)
        self.assertNotIn(PASSPHRASES[1].encode(), shown)

    def test_the_line_access_key_needs_them_too(self):
        done = subprocess.run([PROGRAM, "--config", line.config, "station", "add", "line-9", "--out",
                               line.path("station")], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              start_new_session=True)
        self.assertEqual(done.returncode, 69)
        self.assertIn("sealed for custodians", done.stderr)
        config = line.path("with-credentials.yaml")
        with open(line.config) as file:
            text = file.read()
        with open(config, "w") as file:
            file.write(text.replace("pki:\n", f"pki:\n  custodians_dir: {line.var}\n"))
        run(PROGRAM, "--config", config, "station", "add", "line-9", "--out", line.path("station"))

    def test_keys_are_listed_as_they_are(self):
        done = key("list")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("sealed for custodians"), 4)

    def test_what_is_not_understood(self):
        for words in (["split"], ["split", "--custodians", "3"],
                      ["split", "--custodians", "3", "--threshold", "4"],
                      ["split", "--custodians", "17", "--threshold", "2"],
                      ["split", "--custodians", "3", "--threshold", "1"],
                      ["split", "--custodians", "3", "--threshold", "2", "--passphrase-file", "x"],
                      ["unlock"], ["unlock", "--custodian", "x"], ["lock", "now"], ["give"]):
            self.assertEqual(key(*words).returncode, 64, words)
        self.assertIn("usage:", key("--help").stdout)


class Time(unittest.TestCase):

    def test_the_keys_close_by_themselves_and_no_secret_is_in_the_log(self):
        stop()
        with open(line.config) as file:
            text = file.read()
        with open(line.config, "w") as file:
            file.write(text.replace("signer:\n", "signer:\n  unlock_time: 3s\n"))
        try:
            serve()
            unlock(1)
            unlock(2)
            line.wait_until_ready()
            wait_for(lambda: any(entry["event"] == "keys_locked" for entry in since_start()))
            wait_for(lambda: readiness().endswith("503"))
            with open(line.log_path) as file:
                log = file.read()
            for text_of_secret in PASSPHRASES[1:]:
                self.assertNotIn(text_of_secret, log)
        finally:
            stop()
            with open(line.config, "w") as file:
                file.write(text)
            serve()

    def test_new_custodians_replace_the_old_ones(self):
        stop()
        config = line.path("with-credentials.yaml")
        with open(line.config) as file:
            text = file.read()
        with open(config, "w") as file:
            file.write(text.replace("pki:\n", f"pki:\n  custodians_dir: {line.var}\n"))
        shutil.copy(line.path("state/keys/custodian-1.share"), line.path("old-share"))
        done = key("split", "--custodians", "3", "--threshold", "2",
                   *[word for number in (1, 2, 3)
                     for word in ("--passphrase-file", passphrase_file(number))], config=config)
        self.assertEqual(done.returncode, 0, done.stderr)
        serve()
        self.assertEqual(unlock(2).returncode, 0)
        done = unlock(1, "--share", line.path("old-share"))
        self.assertEqual(done.returncode, 65)
        self.assertIn("another split", done.stderr)
        self.assertEqual(unlock(1).returncode, 0)
        line.wait_until_ready()


if __name__ == "__main__":
    unittest.main()
