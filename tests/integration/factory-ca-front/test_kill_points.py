#!/usr/bin/env python3
"""kill -9 at each step of an issuance, and at random points of many: answers are lost, nothing else.

Whatever died: every certificate that reached the station is on record, no MAC is reserved twice, no order gets more
than its quantity, the audit chain is whole, and the run completes when it is repeated.

FIRSTRING_FAULT_STEPS: how many calls of a kind are tried in a row (2; 12 reach beyond the last); FIRSTRING_FAULT_POINTS
and FIRSTRING_FAULT_ISSUANCES: the random part (4 of 300). A release is held to 12, and to 100 of 2000: `make soak`.
"""
import base64
import hashlib
import os
import random
import struct
import threading
import time
import unittest

from line import BUILD, Line, kill, rows_for, run
from tests.lib.cms import decrypt
from tests.lib.instance import der_of

STEPS = int(os.environ.get("FIRSTRING_FAULT_STEPS", "2"))
POINTS = int(os.environ.get("FIRSTRING_FAULT_POINTS", "4"))
ISSUANCES = int(os.environ.get("FIRSTRING_FAULT_ISSUANCES", "300"))
DEATH = struct.Struct("=ii16s16s16s")
SANITIZED = "asan" in BUILD or "tsan" in BUILD  # whose library must be loaded first


def setUpModule():
    global line
    line = Line()
    order = os.path.join(line.var, "die-at")
    with open(order, "wb") as file:
        file.write(bytes(DEATH.size))
    line.environment = {"FIRSTRING_DIE_AT": order}
    if not SANITIZED:
        line.environment["LD_PRELOAD"] = os.path.abspath(os.path.join(BUILD, "tests/lib/die_at.so"))
    line.start()


def tearDownModule():
    line.stop()


def die_at(role, function, when, left):
    with open(line.environment["FIRSTRING_DIE_AT"], "r+b") as file:
        file.write(DEATH.pack(0, 0, role.encode(), function.encode(), when.encode()))
        file.flush()
        file.seek(0)
        file.write(struct.pack("=i", left))


def deaths():
    """How many have died since; and nobody else will."""
    with open(line.environment["FIRSTRING_DIE_AT"], "r+b") as file:
        count = DEATH.unpack(file.read())[1]
        file.seek(0)
        file.write(bytes(DEATH.size))
    return count


def reserved(macs):
    """The MACs of the ledger's records, of these."""
    with open(line.path("state/ledger"), "rb") as file:
        file.seek(256)
        records = iter(lambda: file.read(256), b"")
        found = [record[28:34].hex().upper() for record in records if len(record) == 256]
    return [mac for mac in found if mac in set(macs)]


class Kills(unittest.TestCase):

    def complete(self, received, order, rows, seconds=90):
        """Repeats the batch until it is answered whole; returns that answer."""
        deadline = time.monotonic() + seconds
        while True:
            answer = []
            if line.send(answer, order, rows):
                return answer
            received += answer
            self.assertLess(time.monotonic(), deadline, "the batch does not complete any more")
            time.sleep(0.1)

    def check(self, order, macs, received, final):
        self.assertEqual([row["mac"] for row in final], macs)
        self.assertEqual({row["status"] for row in final} - {"issued", "existing"}, set())
        by_mac = {row["mac"]: row["certificate"] for row in final}
        on_record = set(line.psql("select encode(fingerprint, 'hex') from firstring.certificate where status = 'live' "
                                  f"and mac between '{macs[0]}' and '{macs[-1]}'").split())
        self.assertEqual(on_record, {hashlib.sha256(der_of(pem)).hexdigest() for pem in by_mac.values()})
        for row in received:
            if row["status"] != "error":
                self.assertEqual(row["certificate"], by_mac[row["mac"]])
        self.assertEqual(sorted(reserved(macs)), macs)  # each once
        self.assertEqual(line.station.ok("GET", f"/v1/orders/{order}")["issued"], len(macs))

    def check_audit(self):
        done = line.factory_ca("audit", "verify", operator=False, check=False)
        self.assertEqual(done.returncode, 0, done.stdout.decode() + done.stderr.decode())


class Steps(Kills):

    def rows(self, macs):
        return rows_for(macs)

    def step(self, role, function, when, number):
        line.wait_until_ready()
        macs = line.macs(2)
        order = line.order(macs)
        rows = self.rows(macs)
        received = []
        die_at(role, function, when, number)
        station = threading.Thread(target=lambda: line.send(received, order, rows))
        station.start()
        station.join(90)
        killed = deaths()
        final = self.complete(received, order, rows)
        self.check(order, macs, received, final)
        return killed

    def steps(self, role, function, when):
        line.restart()
        killed = [self.step(role, function, when, number) for number in range(1, STEPS + 1)]
        self.assertTrue(any(killed), f"{role} never came {when} a {function}")
        line.wait_until_ready()


@unittest.skipIf(SANITIZED, "the sanitizer must be loaded first")
class EachStep(Steps):

    def test_signer_before_the_reservation_is_durable(self):
        self.steps("signer", "fdatasync", "before")

    def test_signer_between_reserve_and_sign(self):
        self.steps("signer", "fdatasync", "after")

    def test_signer_in_the_middle_of_writing_and_answering(self):
        self.steps("signer", "write", "before")
        self.steps("signer", "send", "before")

    def test_signer_after_its_answer(self):
        self.steps("signer", "send", "after")

    def test_front_before_it_asks_signer_or_database(self):
        self.steps("front", "send", "before")

    def test_front_after_it_asked(self):
        self.steps("front", "send", "after")

    def test_front_between_their_answers_and_its_own(self):
        self.steps("front", "recv", "after")

    def test_zz_the_audit_chain_is_whole(self):
        self.check_audit()


@unittest.skipIf(SANITIZED, "the sanitizer must be loaded first")
class EachStepOfMakingKeys(Steps):
    """Rows whose keys the signer makes. What a death lost is made again, and no phone is used up by it."""

    def rows(self, macs):
        return [{"mac": mac, "serial_number": f"SN-{mac}", "key": "server"} for mac in macs]

    def check(self, order, macs, received, final):
        self.assertEqual([(row["mac"], row["status"]) for row in final], [(mac, "issued") for mac in macs])
        recorded = dict(pair.split("|") for pair in line.psql(
            "select encode(fingerprint, 'hex'), status from firstring.certificate "
            f"where mac between '{macs[0]}' and '{macs[-1]}'").split())
        live = {fingerprint for fingerprint, status in recorded.items() if status == "live"}
        self.assertEqual(live, {hashlib.sha256(der_of(row["certificate"])).hexdigest() for row in final})
        for row in received + final:
            if row["status"] == "error":
                continue
            self.assertIn(hashlib.sha256(der_of(row["certificate"])).hexdigest(), recorded)
            key = decrypt(base64.b64decode(row["encrypted_key"]), line.station_cert, line.station_key)
            self.assertEqual(run("openssl", "pkey", "-inform", "DER", "-pubout", stdin=key).stdout,
                             run("openssl", "x509", "-noout", "-pubkey", stdin=row["certificate"].encode()).stdout)
        for mac in macs:
            self.assertIn(reserved([mac]).count(mac), range(1, 4), "more keys than one death explains")
        self.assertEqual(line.station.ok("GET", f"/v1/orders/{order}")["issued"], len(macs))

    def test_signer_around_the_reservation(self):
        self.steps("signer", "fdatasync", "before")
        self.steps("signer", "fdatasync", "after")

    def test_signer_around_its_answer(self):
        self.steps("signer", "send", "before")
        self.steps("signer", "send", "after")

    def test_front_around_the_record(self):
        self.steps("front", "send", "after")
        self.steps("front", "recv", "after")

    def test_zz_the_audit_chain_is_whole(self):
        self.check_audit()


class RandomPoints(Kills):

    def victims(self):
        return {"worker": lambda: line.children("worker"), "front": lambda: line.children("front"),
                "signer": lambda: line.children("signer"), "postgres": lambda: [line.postmaster()]}

    def recover(self, name):
        deadline = time.monotonic() + 60
        while name == "postgres":
            try:
                line.start_postgres()
                break
            except AssertionError:
                # The dead server's children may still hold its memory.
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.3)
        line.wait_until_ready()

    def test_many_issuances(self):
        macs = line.macs(ISSUANCES)
        order = line.order(macs)
        rows = rows_for(macs)
        names = list(self.victims())
        received, killed = [], 0
        at = 0
        while killed < POINTS:
            # Mostly rows that are new, so that each death meets an issuance.
            part = rows[at:at + max(50, ISSUANCES // POINTS)]
            at = (at + len(part) // 2) % ISSUANCES
            station = threading.Thread(target=lambda: line.send(received, order, part))
            station.start()
            time.sleep(random.uniform(0, 0.15))
            name = names[killed % len(names)]
            try:
                kill(random.choice(self.victims()[name]()))
            except (AssertionError, IndexError, ProcessLookupError):
                pass  # it is away already
            killed += 1
            self.recover(name)
            station.join(90)
            self.assertFalse(station.is_alive())
            if killed % 8 == 0:
                line.restart()
        final = self.complete(received, order, rows)
        self.check(order, macs, received, final)
        self.check_audit()


if __name__ == "__main__":
    unittest.main()
