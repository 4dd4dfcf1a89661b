#!/usr/bin/env python3
"""How phones are delivered to, as an ITSP's engineer sets it: once, window, staged, and what is purged."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import unittest  # noqa: E402

from portal import Case  # noqa: E402
from tests.lib.redirector import eventually  # noqa: E402


class Delivery(Case):
    settings = {"housekeeping_interval": "1s"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.itsp = cls.portal.itsp()
        cls.model = cls.portal.model()

    def claim(self, profile, model=None, status=(201,), **more):
        mac = self.portal.phone(model or self.model, ship_to=self.itsp)
        return mac, self.itsp.request("PUT", f"/v1/claims/{mac}", {"profile_id": profile, **more})

    def claimed(self, profile, **more):
        mac, answer = self.claim(profile, **more)
        self.assertEqual(answer.status, 201, answer)
        return mac

    def deliver(self, mac):
        """What the redirector writes before it answers `once`."""
        return self.portal.psql(
            "select a.outcome from firstring.claim c, firstring.delivery_advance(c.id, c.version,"
            " coalesce(c.pending_version, c.password_version), 900, null, null, gen_random_uuid(), '192.0.2.7') a"
            f" where c.mac = '{mac}' and c.state <> 'released'")

    def pass_the_grace(self, mac):
        self.portal.psql("update firstring.claim set once_started_at = once_started_at - interval '1 hour',"
                         f" once_until = now() where mac = '{mac}' and once_until is not null")

    def reveal(self, mac):
        return self.itsp.request("POST", f"/v1/claims/{mac}/reveal")

    def test_a_profile_says_how(self):
        profile = self.portal.profile(self.itsp, redelivery="once", purge_after_delivery=True)
        document = self.itsp.ok("GET", f"/v1/profiles/{profile}")
        self.assertEqual((document["redelivery"], document["purge_after_delivery"]), ("once", True))
        changed = self.itsp.ok("PATCH", f"/v1/profiles/{profile}", {"purge_after_delivery": False})
        self.assertEqual((changed["purge_after_delivery"], changed["version"]), (False, 2))
        self.itsp.ok("PATCH", f"/v1/profiles/{profile}", {"purge_after_delivery": True})
        self.assertProblem(self.itsp.request("PATCH", f"/v1/profiles/{profile}", {"redelivery": "always"}),
                           422, "invalid", "purge_after_delivery")
        self.assertProblem(self.itsp.request("POST", "/v1/profiles", {
            "name": "p", "provisioning_url": "https://prov.itsp.example/", "purge_after_delivery": True}),
            422, "invalid", "purge_after_delivery")

    def test_a_delivered_password_is_purged_and_made_anew(self):
        mac = self.claimed(self.portal.profile(self.itsp, redelivery="once", purge_after_delivery=True))
        first = self.reveal(mac).json()["admin_password"]
        self.assertEqual(self.deliver(mac), "granted")
        time.sleep(2.5)  # two rounds of housekeeping
        self.assertEqual(self.reveal(mac).json()["admin_password"], first, "the phone may still ask for it")
        self.pass_the_grace(mac)
        eventually(lambda: self.reveal(mac).status == 410)
        self.assertProblem(self.reveal(mac), 410, "password_purged")
        self.assertEqual(self.portal.psql(f"select sealed_password is null from firstring.claim where mac = '{mac}'"), "t")
        self.assertEqual(self.portal.psql(
            f"select actor_kind, actor_id from firstring.audit_log where action = 'claim.purge'"
            f" and object_id::macaddr = '{mac}'"), "system|purge_after_delivery")
        eventually(lambda: [event["kind"] for event in self.itsp.ok("GET", "/v1/events?limit=1000")["events"]
                            if event["mac"] == mac][-2:] == ["delivered", "purged"])

        rearmed = self.itsp.request("POST", f"/v1/claims/{mac}/rearm")
        self.assertEqual(rearmed.status, 200, rearmed)
        self.assertIsNotNone(rearmed.json()["pending_since"])
        shown = self.reveal(mac).json()
        self.assertIsNone(shown["admin_password"])
        self.assertNotEqual(shown["pending_password"], first)
        again = self.itsp.ok("POST", f"/v1/claims/{mac}/rearm")
        self.assertEqual(self.reveal(mac).json()["pending_password"], shown["pending_password"], "not one more")
        self.assertEqual(again["version"], 3)
        self.assertEqual(self.deliver(mac), "granted")
        self.assertEqual(self.reveal(mac).json()["admin_password"], shown["pending_password"])

    def test_rotate_after_a_purge(self):
        mac = self.claimed(self.portal.profile(self.itsp, redelivery="once", purge_after_delivery=True))
        self.deliver(mac)
        self.pass_the_grace(mac)
        eventually(lambda: self.reveal(mac).status == 410)
        self.itsp.ok("POST", f"/v1/claims/{mac}/rotate")
        self.assertRegex(self.reveal(mac).json()["pending_password"], "^[A-Za-z0-9]{16}$")

    def test_without_the_option_nothing_is_purged(self):
        mac = self.claimed(self.portal.profile(self.itsp, redelivery="once"))
        self.deliver(mac)
        self.pass_the_grace(mac)
        other = self.claimed(self.portal.profile(self.itsp, redelivery="once", purge_after_delivery=True))
        self.deliver(other)
        self.pass_the_grace(other)
        eventually(lambda: self.reveal(other).status == 410)
        self.assertEqual(self.reveal(mac).status, 200)

    def test_rearm_reopens_and_keeps_the_password(self):
        mac = self.claimed(self.portal.profile(self.itsp, redelivery="once"))
        before = self.reveal(mac).json()["admin_password"]
        self.deliver(mac)
        self.assertIsNotNone(self.itsp.ok("GET", f"/v1/claims/{mac}")["once_started_at"])
        self.pass_the_grace(mac)
        self.assertEqual(self.deliver(mac), "locked")
        self.assertIsNone(self.itsp.ok("POST", f"/v1/claims/{mac}/rearm")["once_started_at"])
        self.assertEqual(self.deliver(mac), "granted")
        self.assertEqual(self.reveal(mac).json()["admin_password"], before)
        self.assertNotIn("pending_password", self.reveal(mac).json())

    def test_staged_is_for_phones_that_can(self):
        profile = self.portal.profile(self.itsp, delivery="staged")
        for name, can in (("json", True), ("yealink", True), ("snom", True), ("poly", True), ("cisco-spa", True),
                          ("cisco-mpp", True), ("grandstream", False), ("fanvil", False), ("gigaset", False),
                          ("mitel", False), ("panasonic", False), ("htek", False)):
            with self.subTest(format=name):
                _, answer = self.claim(profile, self.portal.model(name))
                if can:
                    self.assertEqual(answer.status, 201, answer)
                else:
                    self.assertProblem(answer, 422, "invalid", "profile_id")
                    self.assertEqual(answer.json()["errors"][0]["code"], "cannot_stage")

    def test_a_change_that_a_claimed_model_cannot_be_told_is_refused(self):
        profile = self.portal.profile(self.itsp)
        self.claimed(profile, model=self.portal.model("mitel"))
        self.claimed(profile, model=self.portal.model("yealink"))
        for change, field, code in (({"delivery": "staged"}, "delivery", "cannot_stage"),
                                    ({"provisioning_url": "https://prov.itsp.example/$MAC"}, "provisioning_url",
                                     "not_representable")):
            answer = self.itsp.request("PATCH", f"/v1/profiles/{profile}", change)
            self.assertProblem(answer, 422, "invalid", field)
            self.assertEqual(answer.json()["errors"][0]["code"], code)
        self.itsp.ok("PATCH", f"/v1/profiles/{profile}", {"provisioning_url": "https://prov.itsp.example/x"})


if __name__ == "__main__":
    unittest.main()
