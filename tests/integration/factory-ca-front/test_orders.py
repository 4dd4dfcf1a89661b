#!/usr/bin/env python3
"""The operator's commands: order open, close, show and code, with what they say and how they exit."""
import json
import os
import re
import unittest
from concurrent.futures import ThreadPoolExecutor

from line import Line, PROGRAM, rows_for, run

USAGE, DATA, NOINPUT, UNAVAILABLE, NOPERM = 64, 65, 66, 69, 77


def setUpModule():
    global line
    line = Line().start()


def tearDownModule():
    line.stop()


class Orders(unittest.TestCase):

    def run_order(self, *words, **more):
        done = line.factory_ca("order", *words, check=False, **more)
        return done.returncode, done.stdout.decode() + done.stderr.decode()

    def terms(self, reference, macs, *more, model="T1"):
        return ["open", "--reference", reference, "--model", model, "--first-mac", macs[0], "--quantity",
                str(len(macs)), *more]

    def assertSays(self, result, status, *texts):
        self.assertEqual(result[0], status, result[1])
        for text in texts:
            self.assertIn(text, result[1])

    def test_open_again_close_again_show(self):
        macs = line.macs(10)
        line.add("station", "line-9")
        terms = self.terms("PO-A.1_b", macs, "--station", "line-1", "--station", "line-9")
        self.assertSays(self.run_order(*terms), 0, "order PO-A.1_b: open, 0 of 10")
        self.assertSays(self.run_order(*terms), 0, "order PO-A.1_b: open, 0 of 10")
        line.batch("PO-A.1_b", rows_for(macs[:3]))
        self.assertSays(self.run_order(*terms), 0, "3 of 10")
        status, text = self.run_order("show", "--reference", "PO-A.1_b")
        self.assertEqual(status, 0)
        self.assertEqual({**json.loads(text), "key_types": None}, {
            "reference": "PO-A.1_b", "model": "T1", "first_mac": macs[0], "quantity": 10, "issued": 3,
            "state": "open", "opens_at": None, "closes_at": None, "stations": ["line-1", "line-9"],
            "key_types": None, "certificate_profile": "device-1"})
        self.assertSays(self.run_order("close", "--reference", "PO-A.1_b"), 0, "closed")
        self.assertSays(self.run_order("close", "--reference", "PO-A.1_b"), 0, "closed")
        self.assertSays(self.run_order(*terms), 0, "closed, 3 of 10")
        self.assertEqual(line.station.ok("GET", "/v1/orders/PO-A.1_b")["state"], "closed")

    def test_times_and_profile(self):
        macs = line.macs(1)
        terms = self.terms("TIMED", macs, "--opens", "2017-05-01T02:00:00+02:00", "--closes",
                           "2090-01-01T00:00:00Z", "--profile", "device-1-compat")
        self.assertSays(self.run_order(*terms), 0)
        self.assertSays(self.run_order(*terms), 0)
        shown = json.loads(self.run_order("show", "--reference", "TIMED")[1])
        self.assertEqual((shown["opens_at"], shown["closes_at"], shown["certificate_profile"]),
                         ("2017-05-01T00:00:00Z", "2090-01-01T00:00:00Z", "device-1-compat"))

    def test_what_differs_or_overlaps(self):
        macs = line.macs(20)
        self.assertSays(self.run_order(*self.terms("TAKEN", macs[:10])), 0)
        self.assertSays(self.run_order(*self.terms("TAKEN", macs[:11])), DATA, "order_differs")
        self.assertSays(self.run_order(*self.terms("TAKEN", macs[:10], "--station", "line-1")), DATA,
                        "order_differs")
        self.assertSays(self.run_order(*self.terms("NEXT", macs[9:])), DATA, "order_overlaps", "TAKEN")
        self.assertSays(self.run_order("close", "--reference", "TAKEN"), 0)
        self.assertSays(self.run_order(*self.terms("NEXT", macs[9:])), 0)

    def test_mistakes_that_do_not_use_up_a_reference(self):
        macs = line.macs(2)
        self.assertSays(self.run_order(*self.terms("SLIP", macs, model="T9")), DATA, "unknown_model", "T9")
        self.assertSays(self.run_order(*self.terms("SLIP", macs, "--closes", "soon")), USAGE, "--closes soon")
        self.assertSays(self.run_order(*self.terms("SLIP", macs, "--opens", "2018-01-01T00:00:00Z", "--closes",
                                                   "2017-01-01T00:00:00Z")), USAGE)
        self.assertSays(self.run_order(*self.terms("SLIP", macs)), 0)

    def test_a_model_whose_answers_are_encrypted_has_certificates_for_that(self):
        line.model("T-SEALED", ["p256"])
        line.psql("update firstring.device_model set encrypt_answers = true where name = 'T-SEALED'")
        macs = line.macs(2)
        for profile in ("device-1", "device-1-compat"):
            self.assertSays(self.run_order(*self.terms("SEALED", macs, "--profile", profile, model="T-SEALED")), DATA,
                            f"--profile {profile}", "are encrypted", "device-1-encrypt")
        self.assertSays(self.run_order(*self.terms("SEALED", macs, "--profile", "device-1-encrypt")), DATA,
                        "are not encrypted", "device-1-compat")
        self.assertSays(self.run_order(*self.terms("SEALED", macs, model="T-SEALED")), 0)
        self.assertSays(self.run_order(*self.terms("SEALED", macs, "--profile", "device-1-encrypt", model="T-SEALED")), 0)
        row, = line.batch("SEALED", rows_for(macs[:1])).rows()
        text = run("openssl", "x509", "-noout", "-ext", "keyUsage", stdin=row["certificate"].encode()).stdout.decode()
        self.assertIn("Digital Signature, Key Agreement", text)

    def test_the_front_looks_at_the_profile_too(self):
        """A statement that was signed while the model's answers were not encrypted yet."""
        line.model("T-LATER", ["p256"])
        macs, out = line.macs(2), line.path("later.statement")
        self.assertSays(self.run_order(*self.terms("LATER", macs, "--out", out, model="T-LATER")), 0)
        line.psql("update firstring.device_model set encrypt_answers = true where name = 'T-LATER'")
        with open(out, "rb") as file:
            answer = line.operator.request("PUT", "/v1/orders/LATER", file.read(),
                                           content_type="application/octet-stream")
        self.assertEqual((answer.status, answer.json()["code"]), (422, "certificate_profile"), answer)
        self.assertIn("device-1-encrypt", answer.json()["detail"])
        self.assertSays(self.run_order(*self.terms("LATER", macs, model="T-LATER")), 0)

    def test_stations_must_be_on_record(self):
        macs = line.macs(2)
        terms = self.terms("NAMED", macs, "--station", "line-1", "--station", "line-typo")
        self.assertSays(self.run_order(*terms), DATA, "unknown_station", "there is no station line-typo",
                        "station add line-typo", "any")
        self.assertSays(self.run_order("show", "--reference", "NAMED"), DATA, "unknown_order")
        self.assertSays(self.run_order(*self.terms("HELD", macs[:1], "--station", "line-1")), 0)  # it blocked nothing
        self.assertSays(self.run_order("close", "--reference", "HELD"), 0)
        line.add("station", "line-typo")
        self.assertSays(self.run_order(*terms), 0)
        # What is on record stays so when a station goes, and the same order is opened again.
        line.factory_ca("station", "revoke", "line-typo", operator=False)
        self.assertSays(self.run_order(*terms), 0)
        self.assertSays(self.run_order(*self.terms("NAMED-2", line.macs(1), "--station", "line-typo")), DATA,
                        "unknown_station")

    def test_orders_that_are_not_there(self):
        self.assertSays(self.run_order("show", "--reference", "NONE"), DATA, "unknown_order")
        self.assertSays(self.run_order("close", "--reference", "NONE"), DATA, "unknown_order")

    def test_usage(self):
        self.assertSays(self.run_order(), USAGE, "open, close or show?", "usage:")
        self.assertSays(self.run_order("open"), USAGE, "--reference is missing", "usage:")
        self.assertSays(self.run_order("open", "--help"), 0, "usage:", "--quantity")
        self.assertSays(self.run_order("show", "--reference", "X", operator=False), USAGE, "--operator-cert")
        for words, text in ((["code"], "--mac MAC"), (["order"], "order close --reference R"),
                            (["front"], "front.listen"), (["serve"], "signer and front")):
            done = run(PROGRAM, "--config", line.config, *words, "--help")
            self.assertIn(text, done.stdout.decode())
        done = run(PROGRAM, "--config", line.config, "front", "now", check=False)
        self.assertEqual(done.returncode, USAGE)

    def test_a_front_that_is_not_there(self):
        self.assertSays(self.run_order("show", "--reference", "X", "--url", "https://localhost:1"),
                        UNAVAILABLE, "cannot connect", "is factory-ca front running there?")
        self.assertSays(self.run_order("show", "--reference", "X", "--url", "http://localhost"), USAGE,
                        "not https://host[:port]")
        self.assertSays(self.run_order("show", "--reference", "X", "--server-ca",
                                       line.path("published/root.pem")), NOPERM, "the server's certificate")

    def test_who_is_no_operator(self):
        kept = line.operator_cert, line.operator_key
        try:
            line.operator_cert, line.operator_key = line.station_cert, line.station_key
            self.assertSays(self.run_order(*self.terms("STOLEN", line.macs(1))), NOPERM, "wrong_role")
            line.operator_cert, line.operator_key = line.add("operator", "gone")
            line.psql("update firstring.operator set state = 'revoked', revoked_at = now() where name = 'gone'")
            self.assertSays(self.run_order(*self.terms("STOLEN", line.macs(1))), NOPERM, "certificate_not_live")
            line.operator_cert, line.operator_key = kept[0], line.station_key
            self.assertNotEqual(self.run_order(*self.terms("STOLEN", line.macs(1)))[0], 0)
            os.chmod(kept[1], 0o644)
            line.operator_key = kept[1]
            self.assertNotEqual(self.run_order(*self.terms("STOLEN", line.macs(1)))[0], 0)
        finally:
            os.chmod(kept[1], 0o600)
            line.operator_cert, line.operator_key = kept

    def test_a_statement_that_was_altered_on_its_way(self):
        """The front and the signer take only what the operator signed, for the order in the path."""
        for body, status in ((b"", 422), (b"\x00\x01x", 422), (b"x" * 20000, 413)):
            answer = line.operator.request("PUT", "/v1/orders/FORGED", body, content_type="application/octet-stream")
            self.assertEqual(answer.status, status, answer)
        self.assertEqual(line.operator.request("GET", "/v1/orders/FORGED").status, 404)

    def test_uses_of_keys_are_told_as_they_are_while_the_signer_runs(self):
        def uses(key):
            text = line.factory_ca("key", "list", operator=False).stdout.decode()
            return int(re.search(rf"^{key} .*uses (\d+)", text, re.M).group(1))

        macs = line.macs(40)
        order = line.order(macs)
        issuing, codes = uses("issuing"), uses("claim-code")
        line.batch(order, rows_for(macs))
        self.assertEqual(uses("claim-code"), codes + len(macs))
        # Heads of the audit log and a CRL are signed with it, too, one a second.
        self.assertIn(uses("issuing") - issuing - len(macs), range(0, 40))

    def test_a_code_for_the_label(self):
        macs = line.macs(2)
        order = line.order(macs)
        row = line.batch(order, rows_for(macs[:1])).rows()[0]
        done = line.factory_ca("code", "--reference", order, "--mac", macs[0].lower())
        self.assertEqual(done.stdout.decode().strip(), row["claim_code"])
        done = line.factory_ca("code", "--reference", order, "--mac", macs[1], check=False)
        self.assertSays((done.returncode, done.stderr.decode()), DATA, "unknown_device")

    def code(self, order, *words):
        done = line.factory_ca("code", "--reference", order, *words, check=False)
        self.output = done.stdout.decode().splitlines()
        return done.returncode, done.stderr.decode()

    def hash_matches(self, mac, code, epoch):
        return line.psql(f"select claim_code_epoch = {epoch} and claim_code_hash = firstring.claim_code_hash(mac, {epoch}, "
                         f"'{code.replace('-', '')[:13]}') from firstring.device where mac = '{mac}'") == "t"

    def test_a_code_is_rotated(self):
        macs = line.macs(3)
        order = line.order(macs)
        rows = rows_for(macs[:2])
        first, second = [row["claim_code"] for row in line.batch(order, rows).rows()]
        self.assertTrue(self.hash_matches(macs[0], first, 0))
        self.assertSays(self.code(order, "--mac", macs[0], "--rotate"), 0)
        rotated = self.output[0]
        self.assertNotEqual(rotated, first)
        self.assertTrue(self.hash_matches(macs[0], rotated, 1))
        self.assertSays(self.code(order, "--mac", macs[0]), 0)
        self.assertEqual(self.output, [rotated])
        self.assertEqual([row["claim_code"] for row in line.batch(order, rows).rows()], [rotated, second])
        self.assertEqual(line.psql(f"select actor_kind || ' ' || actor_id || ' ' || (after ->> 'claim_code_epoch') from "
                                   f"firstring.audit_log where action = 'device.claim_code_rotate' and "
                                   f"object_id::macaddr = '{macs[0]}'"), "operator chief 1")
        # Several at once; it stops at the first that is refused.
        self.assertSays(self.code(order, "--mac", macs[1], "--mac", macs[0]), 0)
        self.assertEqual(self.output, [f"{macs[1]} {second}", f"{macs[0]} {rotated}"])
        self.assertSays(self.code(order, "--rotate", "--mac", macs[1], "--mac", macs[2], "--mac", macs[0]), DATA,
                        "unknown_device", f"{macs[2]}: stopped here")
        self.assertEqual(len(self.output), 1)
        self.assertTrue(self.hash_matches(macs[1], self.output[0].split()[1], 1))
        self.assertTrue(self.hash_matches(macs[0], rotated, 1))
        with open(line.log_path) as log:
            text = log.read()
        self.assertNotIn(rotated, text)
        self.assertIn("claim_code_rotated", text)

    def test_who_rotates_no_code(self):
        macs = line.macs(2)
        order = line.order(macs)
        old = line.batch(order, rows_for(macs)).rows()[0]["claim_code"]
        path = f"/v1/orders/{order}/devices/{macs[0]}/rotate-code"
        self.assertEqual(line.station.request("POST", path).status, 403)
        self.assertEqual(line.operator.request("GET", path).status, 405)
        other = line.order(line.macs(1))
        self.assertSays(self.code(other, "--rotate", "--mac", macs[0]), DATA, "unknown_device")
        line.factory_ca("revoke", "--mac", macs[1], "--reason", "keyCompromise")
        self.assertSays(self.code(order, "--rotate", "--mac", macs[1]), DATA, "revoked")
        self.assertTrue(self.hash_matches(macs[0], old, 0))

    def test_a_phone_that_a_transfer_left_without_a_code(self):
        macs = line.macs(1)
        order = line.order(macs)
        rows = rows_for(macs)
        old = line.batch(order, rows).rows()[0]["claim_code"]
        line.psql(f"update firstring.device set claim_code_epoch = 1, claim_code_hash = null where mac = '{macs[0]}'")
        self.assertSays(self.code(order, "--mac", macs[0]), DATA, "has no claim code", "--rotate")
        self.assertEqual(self.output, [])
        again = line.batch(order, rows).rows()[0]
        self.assertEqual((again["status"], again["claim_code"]), ("existing", None))
        line.factory_ca("rekey", "--mac", macs[0], "--reason", "new board")
        again = line.batch(order, rows_for(macs)).rows()[0]
        self.assertEqual((again["status"], again["claim_code"]), ("issued", None))
        self.assertSays(self.code(order, "--rotate", "--mac", macs[0]), 0)
        self.assertNotEqual(self.output, [old])
        self.assertTrue(self.hash_matches(macs[0], self.output[0], 1))

    def test_two_rotations_at_once_leave_one_code_that_counts(self):
        macs = line.macs(1)
        order = line.order(macs)
        line.batch(order, rows_for(macs))
        path = f"/v1/orders/{order}/devices/{macs[0]}/rotate-code"
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: line.operator.request("POST", path), range(16)))
        made = [answer.json()["claim_code"] for answer in answers if answer.status == 200]
        self.assertEqual({answer.json()["code"] for answer in answers if answer.status != 200} - {"claim_code_changed"}, set())
        self.assertEqual(len(set(made)), len(made))
        self.assertEqual(sum(self.hash_matches(macs[0], code, len(made)) for code in made), 1)

    def test_models_for_the_command_line(self):
        model = line.operator.ok("GET", "/v1/models/T1")
        self.assertEqual((model["name"], model["key_types"]), ("T1", ["p256", "rsa2048"]))
        self.assertEqual(line.operator.request("GET", "/v1/models/none").status, 404)

    def test_an_order_that_the_record_lost_is_repaired_by_repeating(self):
        """Power was cut after the signer took the statement and before it was put on record."""
        macs = line.macs(1)
        terms = self.terms("HALF", macs)
        self.assertSays(self.run_order(*terms), 0)
        line.psql("delete from firstring.production_order where reference = 'HALF'")
        self.assertEqual(line.station.request("GET", "/v1/orders/HALF").status, 404)
        self.assertSays(self.run_order(*terms), 0, "order HALF: open")
        self.assertEqual(line.batch("HALF", rows_for(macs)).rows()[0]["status"], "issued")


if __name__ == "__main__":
    unittest.main()
