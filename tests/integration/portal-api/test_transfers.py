#!/usr/bin/env python3
"""Contested transfers: a phone that one ITSP holds on record and another one has on its desk."""
import os
import sys
import time
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from portal import Case  # noqa: E402


class Transfers(Case):
    settings = {"transfers": "\n  silence: 1s\n  check: 200ms"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.portal.model()
        cls.owner, cls.requester = cls.portal.itsp("Owner"), cls.portal.itsp("Requester")
        cls.owners, cls.profile = cls.portal.profile(cls.owner), cls.portal.profile(cls.requester)

    def held(self):
        """A phone that the owner claimed by its label and that was delivered; MAC and code."""
        mac = self.portal.phone(self.model)
        code = self.portal.label(mac)
        self.owner.ok("PUT", f"/v1/claims/{mac}", {"claim_code": code, "profile_id": self.owners})
        self.portal.phone_event(mac, "delivered", version=1)
        return mac, code

    def ask(self, mac, code, client=None, **more):
        return (client or self.requester).request("POST", "/v1/transfers", {
            "mac": mac, "claim_code": code, "profile_id": self.profile, **more})

    def asked(self):
        mac, code = self.held()
        answer = self.ask(mac, code)
        self.assertEqual(answer.status, 201, answer)
        return mac, answer.json()["id"]

    def eventually(self, path, state, client=None):
        deadline = time.monotonic() + 20
        while True:
            document = (client or self.requester).ok("GET", path)
            if document["state"] == state or time.monotonic() > deadline:
                self.assertEqual(document["state"], state, document)
                return document
            time.sleep(0.1)

    def events(self, client, mac):
        return [event["kind"] for event in client.ok("GET", "/v1/events?limit=200")["events"] if event["mac"] == mac]

    def test_reset_and_silence(self):
        mac, code = self.held()
        answer = self.ask(mac, code, admin_password="Correct7HorseBattery")
        document = answer.json()
        self.assertEqual((answer.status, document["state"], document["role"], document["mac"]),
                         (201, "requested", "requester", mac))
        path = answer.headers["Location"]
        self.assertEqual(self.requester.ok("GET", path), document)
        self.assertEqual(self.ask(mac, code).status, 200)
        self.assertEqual(self.owner.ok("GET", f"/v1/claims/{mac}")["state"], "live")
        self.assertIn("transfer_requested", self.events(self.owner, mac))

        self.portal.phone_event(mac, "contacted")
        done = self.eventually(path, "done")
        self.assertEqual(done["ended_because"], "silence")
        self.assertIsNotNone(done["reset_seen_at"])
        self.assertEqual(self.requester.ok("POST", f"/v1/claims/{mac}/reveal")["admin_password"], "Correct7HorseBattery")
        self.assertEqual(self.requester.ok("GET", f"/v1/claims/{mac}")["profile_id"], self.profile)
        self.assertProblem(self.owner.request("GET", f"/v1/claims/{mac}"), 404, "not_found")
        # The label opens nothing any more: the epoch moved on.
        self.assertProblem(self.ask(mac, code, self.owner, profile_id=self.owners), 403, "possession_not_proven")
        for client in (self.owner, self.requester):
            kinds = [kind for kind in self.events(client, mac) if kind.startswith("transfer")]
            self.assertEqual(kinds, ["transfer_requested", "transfer_seen_reset", "transfer_done"])
        states = self.portal.admin.ok("GET", f"/v1/admin/devices/{mac}/history")["states"]
        self.assertEqual([(state["kind"], state["itsp"]) for state in states if state["kind"] in ("claimed", "released")],
                         [("claimed", "Owner"), ("released", "Owner"), ("claimed", "Requester")])
        timeline = self.requester.request("GET", f"/v1/claims/{mac}/timeline")
        self.assertNotIn(b"Owner", timeline.body)
        self.assertNotIn(self.owner.itsp_id.encode(), timeline.body)
        self.assertEqual([state["source"] for state in timeline.json()["states"] if state["kind"] == "claimed"], ["transfer"])

    def test_consent_is_enough(self):
        mac, transfer = self.asked()
        path = f"/v1/transfers/{transfer}"
        seen = self.owner.request("GET", path)
        self.assertEqual(seen.json()["role"], "owner")
        self.assertNotIn(self.requester.itsp_id.encode(), seen.body)
        self.assertProblem(self.requester.request("POST", path + "/consent"), 409, "not_your_side")
        self.assertEqual(self.owner.ok("POST", path + "/consent", status=(200,))["state"], "done")
        self.assertEqual(self.owner.ok("POST", path + "/consent", status=(200,))["ended_because"], "consent")
        self.assertEqual(self.requester.ok("GET", f"/v1/claims/{mac}")["state"], "live")
        self.assertProblem(self.requester.request("DELETE", path), 409, "transfer_decided")

    def test_objection_is_decided_by_the_manufacturer(self):
        for decision, holder in (("refuse", self.owner), ("transfer", self.requester)):
            mac, transfer = self.asked()
            path = f"/v1/transfers/{transfer}"
            self.assertProblem(self.owner.request("POST", path + "/object", {}), 422, "invalid", field="objection")
            document = self.owner.ok("POST", path + "/object", {"objection": "Ours, in use"}, status=(200,))
            self.assertEqual((document["state"], document["objection"], document["due_at"]), ("objected", "Ours, in use", None))
            self.portal.phone_event(mac, "contacted")
            self.assertIsNone(self.requester.ok("GET", path)["objection"])
            both = self.portal.admin.ok("GET", f"/v1/admin/transfers/{transfer}")
            self.assertEqual((both["from_itsp"], both["to_itsp"], both["state"]), ("Owner", "Requester", "objected"))
            listed = self.portal.admin.ok("GET", "/v1/admin/transfers?state=objected")["transfers"]
            self.assertIn(transfer, [one["id"] for one in listed])
            decide = f"/v1/admin/transfers/{transfer}/decide"
            self.assertProblem(self.portal.admin.request("POST", decide, {"decision": "maybe"}), 422, "invalid", field="decision")
            self.portal.admin.ok("POST", decide, {"decision": decision, "note": "by the invoice"}, status=(200,))
            self.assertEqual(holder.ok("GET", f"/v1/claims/{mac}")["state"], "live")
            self.assertEqual(self.requester.ok("GET", path)["decision_note"], "by the invoice")

    def test_who_may_ask(self):
        mac, code = self.held()
        free = self.portal.phone(self.model)
        self.assertProblem(self.ask(free, self.portal.label(free)), 409, "not_claimed")
        self.assertProblem(self.ask(mac, code, self.owner, profile_id=self.owners), 409, "own_claim")
        self.assertProblem(self.ask(mac, "ABCDE-FGHJK-MNP0"), 422, "invalid", field="claim_code")
        self.assertProblem(self.ask("nonsense", code), 422, "invalid", field="mac")
        self.assertProblem(self.ask(mac, code, itsp_id=self.owner.itsp_id), 422, "invalid", field="itsp_id")
        _, other_code = self.held()
        wrong = [self.ask(where, other_code) for where in (mac, free, "0015650FFFFF")]
        for answer in wrong:
            self.assertProblem(answer, 403, "possession_not_proven")
        stranger = self.portal.itsp()
        transfer = self.ask(mac, code).json()["id"]
        third = self.portal.profile(stranger)
        self.assertProblem(self.ask(mac, code, stranger, profile_id=third), 409, "transfer_open")
        self.assertEqual(stranger.ok("GET", "/v1/transfers")["transfers"], [])
        nowhere = f"/v1/transfers/{uuid.uuid4()}"
        for method, more, body in (("GET", "", None), ("DELETE", "", None), ("POST", "/consent", None),
                                   ("POST", "/object", {"objection": "x"})):
            answers = [stranger.request(method, path + more, body) for path in (f"/v1/transfers/{transfer}", nowhere)]
            for answer in answers:
                self.assertProblem(answer, 404, "not_found")
        self.assertEqual(self.requester.request("DELETE", f"/v1/transfers/{transfer}").status, 204)
        self.assertEqual(self.requester.request("DELETE", f"/v1/transfers/{transfer}").status, 204)

    def test_a_release_hands_it_over(self):
        mac, transfer = self.asked()
        self.owner.ok("DELETE", f"/v1/claims/{mac}", status=(204,))
        self.assertEqual(self.eventually(f"/v1/transfers/{transfer}", "done")["ended_because"], "released")
        self.assertEqual(self.requester.ok("GET", f"/v1/claims/{mac}")["state"], "live")

    def test_no_reset_no_transfer(self):
        mac, code = self.held()
        transfer = self.ask(mac, code).json()["id"]
        self.portal.psql(f"update firstring.transfer set due_at = now() where id = '{transfer}'")
        self.assertEqual(self.eventually(f"/v1/transfers/{transfer}", "expired")["ended_because"], "no_reset")
        self.assertEqual(self.owner.ok("GET", f"/v1/claims/{mac}")["state"], "live")


if __name__ == "__main__":
    unittest.main()
