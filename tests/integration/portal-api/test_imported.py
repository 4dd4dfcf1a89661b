#!/usr/bin/env python3
"""Imported phones: a claim code and a password that were shown once are made anew."""
import hashlib
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from portal import Case  # noqa: E402


class Imported(Case):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.portal.model()
        cls.old_model = cls.portal.model(authentication="password")

    def imported(self, model, fingerprint=""):
        mac = self.portal.next_mac()
        answer = self.portal.import_rows([(mac, f"SN{mac}", model, fingerprint)])
        self.assertEqual(answer.status, 201)
        return mac, answer.json()["devices"][0]

    def with_certificate(self):
        return self.imported(self.model, hashlib.sha256(os.urandom(8)).hexdigest())

    def renew(self, mac, what, key=None):
        return self.portal.admin.request("POST", f"/v1/admin/devices/{mac}/{what}",
                                         headers={"Idempotency-Key": key} if key else None)

    def claim(self, itsp, mac, code):
        return itsp.request("PUT", f"/v1/claims/{mac}", {"claim_code": code, "profile_id": self.portal.profile(itsp)})

    def test_another_claim_code_and_the_old_one_is_void(self):
        mac, first = self.with_certificate()
        answer = self.renew(mac, "claim-code")
        self.assertEqual((answer.status, answer.headers["Location"]), (201, f"/v1/admin/devices/{mac}"))
        made = answer.json()
        self.assertEqual((made["mac"], made["claim_code_epoch"]), (mac, 1))
        self.assertNotEqual(made["claim_code"], first["claim_code"])
        self.assertEqual(self.portal.admin.ok("GET", f"/v1/admin/devices/{mac}")["claim_code_epoch"], 1)
        itsp = self.portal.itsp()
        self.assertProblem(self.claim(itsp, mac, first["claim_code"]), 403, "possession_not_proven")
        self.assertEqual(self.claim(itsp, mac, made["claim_code"]).status, 201)
        self.assertEqual(self.renew(mac, "claim-code").json()["claim_code_epoch"], 2)
        self.assertEqual(itsp.ok("GET", f"/v1/claims/{mac}")["state"], "live")  # a claim is no matter of its code
        self.assertNotIn(made["claim_code"], str(self.portal.log()))

    def test_after_a_transfer_there_is_a_code_again(self):
        mac, first = self.with_certificate()
        owner, requester = self.portal.itsp(), self.portal.itsp()
        self.assertEqual(self.claim(owner, mac, first["claim_code"]).status, 201)
        transfer = requester.ok("POST", "/v1/transfers", {
            "mac": mac, "claim_code": first["claim_code"], "profile_id": self.portal.profile(requester)})
        owner.ok("POST", f"/v1/transfers/{transfer['id']}/consent")
        requester.ok("DELETE", f"/v1/claims/{mac}")
        device = self.portal.admin.ok("GET", f"/v1/admin/devices/{mac}")
        self.assertIsNone(device["claim_code_epoch"])
        again = self.portal.import_rows([(mac, f"SN{mac}", self.model, device["certificate_fingerprint"])])
        self.assertNotIn("claim_code", again.json()["devices"][0])
        made = self.renew(mac, "claim-code").json()
        self.assertEqual(made["claim_code_epoch"], 2)
        self.assertEqual(self.claim(self.portal.itsp(), mac, made["claim_code"]).status, 201)

    def test_another_password(self):
        mac, first = self.imported(self.old_model)
        answer = self.renew(mac, "credentials")
        self.assertEqual((answer.status, answer.headers["Location"]), (201, f"/v1/admin/devices/{mac}"))
        made = answer.json()
        self.assertEqual((made["mac"], made["user"]), (mac, mac))
        self.assertRegex(made["password"], r"^[A-Za-z0-9]{24}$")
        self.assertNotEqual(made["password"], first["password"])
        for password, known in ((first["password"], "0"), (made["password"], "1")):
            digest = hashlib.sha256(password.encode()).hexdigest()
            self.assertEqual(known, self.portal.psql(
                "select count(*) from firstring.device_lookup(array[firstring.credential_key("
                f"'{mac}', decode('{digest}', 'hex'))]) where certificate_status = 'credential'"))
        self.assertNotIn(made["password"], str(self.portal.log()))

    def test_for_whom_there_is_none(self):
        mac, _ = self.with_certificate()
        self.assertProblem(self.renew(mac, "credentials"), 409, "no_credentials")
        for what in ("claim-code", "credentials"):
            self.assertProblem(self.renew("0015650FFFFE", what), 404, "not_found")
            self.assertProblem(self.renew("00156", what), 422, "invalid", field="mac")
            self.assertProblem(self.portal.itsp().request("POST", f"/v1/admin/devices/{mac}/{what}"), 403, "wrong_audience")
        # As if it came from the factory.
        self.portal.psql(
            "insert into firstring.operator (fingerprint, name, role, certificate) values (sha256('o'), 'Olga', 'operator', 'der');"
            "insert into firstring.production_order (reference, model, certificate_profile, key_types, first_mac, quantity, stations,"
            " statement, signatures, operator_fingerprint) values"
            f" ('R1', '{self.model}', 'device-v1', array['p256'], '00:15:65:f0:00:00', 9, '{{}}', 'statement', 'signatures', sha256('o'));"
            f"update firstring.device set source = 'factory', order_id = (select id from firstring.production_order) where mac = '{mac}'")
        self.assertProblem(self.renew(mac, "claim-code"), 409, "not_imported")

    def test_a_secret_is_shown_once(self):
        mac, _ = self.with_certificate()
        first = self.renew(mac, "claim-code", key=f"code-{mac}")
        self.assertEqual(first.status, 201)
        self.assertProblem(self.renew(mac, "claim-code", key=f"code-{mac}"), 409, "secret_already_shown")
        self.assertEqual(self.portal.admin.ok("GET", f"/v1/admin/devices/{mac}")["claim_code_epoch"], 1)
        old, _ = self.imported(self.old_model)
        password = self.renew(old, "credentials", key=f"password-{old}").json()["password"]
        self.assertProblem(self.renew(old, "credentials", key=f"password-{old}"), 409, "secret_already_shown")
        kept = self.portal.psql("select string_agg(i::text, '') from firstring.idempotency i")
        self.assertNotIn(password, kept)
        self.assertNotIn(first.json()["claim_code"], kept)


if __name__ == "__main__":
    unittest.main()
