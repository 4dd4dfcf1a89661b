#!/usr/bin/env python3
"""What operators sign after an order was opened: extensions, re-key grants, revocations, removals, with one
operator and with two; and the yield of an order."""
import csv
import io
import json
import unittest

from line import Line, rows_for

USAGE, DATA, NOPERM = 64, 65, 77


def setUpModule():
    global line
    line = Line().start()


def tearDownModule():
    line.stop()


class Case(unittest.TestCase):

    def run_command(self, *words, **more):
        done = line.factory_ca(*words, check=False, **more)
        return done.returncode, done.stdout.decode() + done.stderr.decode()

    def assertSays(self, result, status, *texts):
        self.assertEqual(result[0], status, result[1])
        for text in texts:
            self.assertIn(text, result[1])

    def enrol(self, order, rows):
        return [row.get("code", row["status"]) for row in line.batch(order, rows).rows()]


class Extend(Case):

    def test_an_order_grows(self):
        macs = line.macs(10)
        terms = ["--closes", "2090-01-01T00:00:00Z"]
        order = line.order(macs[:4], *terms)
        rows = rows_for(macs)
        self.assertEqual(self.enrol(order, rows[:6]), ["issued"] * 4 + ["out_of_range"] * 2)
        extend = ["order", "extend", "--reference", order, "--quantity"]
        self.assertSays(self.run_command(*extend, "6"), 0, "4 of 6")
        self.assertSays(self.run_command(*extend, "6"), 0, "4 of 6")
        self.assertSays(self.run_command(*extend, "5"), DATA, "order_narrower")
        self.assertSays(self.run_command("order", "open", "--reference", order, "--model", "T1", "--first-mac", macs[0],
                                         "--quantity", "4", *terms), 0, "4 of 6")
        line.kill_signer()
        self.assertEqual(self.enrol(order, rows[:6]), ["existing"] * 4 + ["issued"] * 2)
        shown = line.operator.ok("GET", f"/v1/orders/{order}")
        self.assertEqual((shown["quantity"], shown["closes_at"]), (6, "2090-01-01T00:00:00Z"))
        self.assertSays(self.run_command("order", "extend", "--reference", order, "--closes", "none"), 0)
        self.assertIsNone(line.operator.ok("GET", f"/v1/orders/{order}")["closes_at"])
        line.order(macs[6:8])
        self.assertSays(self.run_command(*extend, "7"), DATA, "order_overlaps")
        self.assertSays(self.run_command("order", "close", "--reference", order), 0)
        self.assertSays(self.run_command(*extend, "9"), DATA, "order_closed")

    def test_an_extension_that_the_record_lost_is_repaired_by_repeating(self):
        macs = line.macs(2)
        order = line.order(macs[:1])
        extend = ["order", "extend", "--reference", order, "--quantity", "2"]
        self.assertSays(self.run_command(*extend), 0)
        line.psql(f"delete from firstring.order_extension where order_id = (select id from "
                  f"firstring.production_order where reference = '{order}');"
                  f"update firstring.production_order set quantity = 1 where reference = '{order}'")
        self.assertSays(self.run_command(*extend), 0, "of 2")
        self.assertEqual(self.enrol(order, rows_for(macs)), ["issued"] * 2)

    def test_what_is_missing_is_told(self):
        self.assertSays(self.run_command("order", "extend", "--reference", "X"), USAGE, "what is to be wider?")
        self.assertSays(self.run_command("order", "extend", "--reference", "NONE", "--quantity", "3"), DATA,
                        "unknown_order")
        self.assertSays(self.run_command("order", "extend", "--help"), 0, "--quantity N")


class Rework(Case):

    def test_another_key_needs_a_grant_and_takes_the_place_of_the_old_one(self):
        macs = line.macs(2)
        order = line.order(macs)
        first, second, third = rows_for(macs), rows_for(macs), rows_for(macs)
        old = line.batch(order, first).rows()
        self.assertEqual(self.enrol(order, second[:1]), ["mac_has_other_key"])
        rekey = ["rekey", "--mac", macs[0].lower(), "--reason", "display board replaced"]
        self.assertSays(self.run_command(*rekey), 0, f"rekey {macs[0]}: granted")
        self.assertSays(self.run_command(*rekey), 0, "existing")
        self.assertEqual(self.enrol(order, first), ["existing"] * 2)  # the grant still waits
        new = line.batch(order, second[:1]).rows()[0]
        self.assertEqual(new["status"], "issued")
        self.assertEqual(new["claim_code"], old[0]["claim_code"])
        self.assertEqual(line.psql(
            f"select status || ' ' || coalesce(revoke_reason, '') from firstring.certificate where mac = '{macs[0]}' "
            f"order by recorded_at"), "superseded superseded\nlive")
        self.assertEqual(self.enrol(order, [first[0], second[0], third[0]]),
                         ["revoked", "existing", "mac_has_other_key"])
        line.kill_signer()
        self.assertEqual(self.enrol(order, [third[0], second[0], second[1]]),
                         ["mac_has_other_key", "existing", "mac_has_other_key"])
        shown = line.operator.ok("GET", f"/v1/devices/{macs[0]}")
        self.assertEqual((shown["serial"], shown["status"], shown["rekey_granted"]), (new["serial"], "live", False))

    def test_a_grant_works_in_a_closed_order_and_after_a_revocation(self):
        macs = line.macs(1)
        order = line.order(macs)
        line.batch(order, rows_for(macs))
        line.factory_ca("order", "close", "--reference", order)
        self.assertSays(self.run_command("revoke", "--mac", macs[0], "--reason", "keyCompromise", "--note",
                                         "key found on a desk"), 0, "revoked")
        again = rows_for(macs)
        self.assertEqual(self.enrol(order, again), ["mac_has_other_key"])
        self.assertSays(self.run_command("rekey", "--mac", macs[0], "--reason", "new board"), 0, "granted")
        self.assertEqual(self.enrol(order, again), ["issued"])

    def test_the_answer_of_a_rework_was_lost(self):
        """The front died between signing and storing: the same key again completes it."""
        macs = line.macs(1)
        order = line.order(macs)
        line.batch(order, rows_for(macs))
        line.factory_ca("rekey", "--mac", macs[0], "--reason", "lost answer")
        new = rows_for(macs)
        first = line.batch(order, new).rows()[0]
        line.psql(f"update firstring.rekey_grant set used_at = null, used_by = null where mac = '{macs[0]}';"
                  f"delete from firstring.certificate where serial = '\\x{first['serial']}';"
                  f"update firstring.certificate set status = 'live', revoked_at = null, revoke_reason = null "
                  f"where mac = '{macs[0]}'")
        again = line.batch(order, new).rows()[0]
        self.assertEqual((again["status"], again["serial"]), ("issued", first["serial"]))
        self.assertEqual(line.psql(f"select count(*) from firstring.certificate where mac = '{macs[0]}' and "
                                   f"status = 'live'"), "1")

    def test_phones_that_are_not_there(self):
        self.assertSays(self.run_command("rekey", "--mac", line.macs(1)[0], "--reason", "x"), DATA, "unknown_device")
        self.assertSays(self.run_command("rekey", "--mac", line.macs(1)[0]), USAGE, "--reason is missing")
        self.assertSays(self.run_command("revoke", "--mac", line.macs(1)[0], "--reason", "scrapped"), DATA,
                        "unknown_device")
        self.assertSays(self.run_command("revoke", "--serial", "40" * 16, "--reason", "scrapped"), DATA,
                        "unknown_device")
        self.assertSays(self.run_command("revoke", "--reason", "scrapped"), USAGE, "which certificate?")
        self.assertSays(self.run_command("revoke", "--mac", line.macs(1)[0], "--reason", "boredom"), USAGE,
                        "keyCompromise")


class Revoke(Case):

    def test_by_serial_and_again(self):
        macs = line.macs(1)
        order = line.order(macs)
        rows = rows_for(macs)
        row = line.batch(order, rows).rows()[0]
        revoke = ["revoke", "--serial", row["serial"], "--reason", "privilegeWithdrawn"]
        self.assertSays(self.run_command(*revoke), 0, f"revoke {macs[0]}: revoked")
        self.assertSays(self.run_command(*revoke), 0, "already_revoked")
        self.assertEqual(self.enrol(order, rows), ["revoked"])
        self.assertEqual(line.station.request("GET", f"/v1/orders/{order}/devices/{macs[0]}").status, 410)
        self.assertEqual(line.psql("select (before->>'status') || (after->>'reason') from firstring.audit_log where "
                                   "action = 'certificate.revoke' order by id desc limit 1"),
                         "liveprivilegeWithdrawn")

    def test_a_station_revokes_nothing(self):
        macs = line.macs(1)
        order = line.order(macs)
        row = line.batch(order, rows_for(macs)).rows()[0]
        for method, path in (("POST", "/v1/statements"), ("GET", f"/v1/devices/{macs[0]}"),
                             ("GET", f"/v1/certificates/{row['serial']}"), ("GET", f"/v1/orders/{order}/report"),
                             ("GET", "/v1/operators/chief"), ("POST", f"/v1/orders/{order}/extend")):
            answer = line.station.request(method, path, b"x" if method == "POST" else None)
            self.assertEqual(answer.status, 403, (path, answer))
            answer = line.client().request(method, path, b"x" if method == "POST" else None)
            self.assertEqual(answer.status, 401, (path, answer))
        answer = line.operator.request("POST", "/v1/statements", b"\x00\x01x")
        self.assertEqual((answer.status, answer.json()["code"]), (422, "bad_statement"))


class People(Case):

    def test_an_operator_who_was_removed(self):
        kept = line.operator_cert, line.operator_key
        leaver = line.add("operator", "leaver")
        self.assertSays(self.run_command("operator", "remove", "leaver"), 0, "operator leaver: revoked")
        self.assertSays(self.run_command("operator", "remove", "leaver"), 0, "already_revoked")
        self.assertSays(self.run_command("operator", "remove", "nobody"), DATA, "unknown_operator")
        try:
            line.operator_cert, line.operator_key = leaver
            self.assertSays(self.run_command("order", "show", "--reference", "X"), NOPERM, "certificate_not_live")
            # Put back on record by a hostile database: the signer remembers.
            line.psql("update firstring.operator set state = 'live', revoked_at = null, revoke_statement = null, "
                      "revoke_signatures = null where name = 'leaver'")
            line.kill_signer()
            macs = line.macs(1)
            self.assertSays(self.run_command("order", "open", "--reference", "LEFT", "--model", "T1", "--first-mac",
                                             macs[0], "--quantity", "1"), NOPERM, "bad_signature")
        finally:
            line.operator_cert, line.operator_key = kept


class Report(Case):

    def test_the_yield(self):
        macs = line.macs(6)
        order = line.order(macs[:5])
        rows = rows_for(macs)
        self.enrol(order, rows[:4] + [dict(rows[4], csr="x"), rows[5]])
        self.enrol(order, rows[:2])
        line.factory_ca("revoke", "--mac", macs[0], "--reason", "scrapped")
        line.factory_ca("rekey", "--mac", macs[1], "--reason", "board")
        self.assertEqual(self.enrol(order, rows_for(macs[1:2])), ["issued"])
        expected = {"reference": order, "quantity": 5, "issued": 4, "existing": 2, "reworked": 1, "key_repeated": 0,
                    "scrapped": 1, "revoked": 0, "refused": {"bad_csr": 1, "out_of_range": 1}}
        done = line.factory_ca("order", "report", "--reference", order)
        self.assertEqual(json.loads(done.stdout), expected)
        done = line.factory_ca("order", "report", "--reference", order, "--format", "csv")
        table = dict(csv.reader(io.StringIO(done.stdout.decode())))
        self.assertEqual(table, {"what": "count", "quantity": "5", "issued": "4", "existing": "2", "reworked": "1",
                                 "key_repeated": "0", "scrapped": "1", "revoked": "0", "refused_bad_csr": "1",
                                 "refused_out_of_range": "1"})
        self.assertSays(self.run_command("order", "report", "--reference", "NONE"), DATA, "unknown_order")
        self.assertSays(self.run_command("order", "report", "--reference", order, "--format", "xml"), USAGE)


class TwoOperators(Case):

    @classmethod
    def setUpClass(cls):
        cls.second = line.add("operator", "deputy")
        cls.ask_for(2)

    @classmethod
    def tearDownClass(cls):
        cls.ask_for(1)

    @classmethod
    def ask_for(cls, count):
        with open(line.config) as file:
            text = "".join(each for each in file if not each.startswith("  operators:"))
        with open(line.config, "w") as file:
            file.write(text.replace("signer:\n", f"signer:\n  operators: {count}\n"))
        line.kill_signer()

    def as_deputy(self, *words):
        kept = line.operator_cert, line.operator_key
        line.operator_cert, line.operator_key = self.second
        try:
            return self.run_command(*words)
        finally:
            line.operator_cert, line.operator_key = kept

    def test_one_alone_is_not_enough(self):
        macs = line.macs(1)
        terms = ["order", "open", "--reference", "DUAL", "--model", "T1", "--first-mac", macs[0], "--quantity", "1"]
        path = line.path("dual.statement")
        self.assertSays(self.run_command(*terms), NOPERM, "second_signature_needed", "--out")
        self.assertSays(self.run_command(*terms, "--out", path), 0, "order sign --statement")
        self.assertSays(self.run_command(*terms, "--out", path), 73, "there already")
        self.assertSays(self.run_command("order", "sign", "--statement", path), USAGE, "another person")
        self.assertSays(self.as_deputy("order", "sign", "--statement", path), 0, "signed by chief", "quantity: 1",
                        "order DUAL: open")
        self.assertEqual(self.enrol("DUAL", rows_for(macs)), ["issued"])
        self.assertSays(self.run_command("rekey", "--mac", macs[0], "--reason", "x"), NOPERM,
                        "second_signature_needed")
        grant = line.path("grant.statement")
        self.assertSays(self.run_command("rekey", "--mac", macs[0], "--reason", "x", "--out", grant), 0)
        self.assertSays(self.as_deputy("order", "sign", "--statement", grant), 0, "rekey: granted")
        self.assertEqual(self.enrol("DUAL", rows_for(macs)), ["issued"])

    def test_a_statement_file_that_was_altered(self):
        macs = line.macs(1)
        path = line.path("altered.statement")
        self.assertSays(self.run_command("order", "open", "--reference", "ALTERED", "--model", "T1", "--first-mac",
                                         macs[0], "--quantity", "1", "--out", path), 0)
        with open(path, "rb") as file:
            signed = file.read()
        with open(path, "wb") as file:
            file.write(signed.replace(b"quantity: 1", b"quantity: 9"))
        self.assertSays(self.as_deputy("order", "sign", "--statement", path), NOPERM, "bad_signature")
        with open(path, "wb") as file:
            file.write(signed[:-3])
        self.assertSays(self.as_deputy("order", "sign", "--statement", path), DATA, "no signed statement")
        self.assertSays(self.as_deputy("order", "sign", "--statement", path + ".none"), 66, "cannot be read")


if __name__ == "__main__":
    unittest.main()
