#!/usr/bin/env python3
"""A contested transfer, with a real phone: the code of its label, its reset seen at the redirector, the
owner's word; and the redirector gives the new holder's answer from then on, and nothing else of the old one's."""
import time
import unittest

from tests.lib.instance import Instance, Phone

PATH = "/v1/bootstrap"


def setUpModule():
    global firstring
    firstring = Instance().__enter__()
    firstring.model("model-json", "json")


def tearDownModule():
    firstring.__exit__(None, None, None)


def eventually(condition, seconds=60, what="it never came true"):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(what)


class Transfer(unittest.TestCase):

    def test_from_one_provider_to_the_next(self):
        mac, = firstring.macs(1)
        phone, = firstring.issue(firstring.order("model-json", [mac]), [Phone(firstring, mac, "SN-TRANSFER")])
        owner, requester = firstring.itsp, firstring.new_itsp("Next Telephony")
        firstring.claim(owner, phone, firstring.profile(owner, "before", "https://before.itsp.example/{mac}"))
        after = firstring.profile(requester, "after", "https://after.itsp.example/{mac}")
        first = phone.boot(PATH)
        self.assertIn("https://before.itsp.example/", first.body.decode())
        eventually(lambda: owner.ok("GET", f"/v1/claims/{mac}")["delivered_at"])

        taken = requester.request("PUT", f"/v1/claims/{mac}", {"claim_code": phone.claim_code, "profile_id": after})
        self.assertEqual((taken.status, taken.json()["code"]), (409, "claimed_elsewhere"))
        transfer = requester.ok("POST", "/v1/transfers", {
            "mac": mac, "claim_code": phone.claim_code, "profile_id": after}, status=(201,))
        path = f"/v1/transfers/{transfer['id']}"
        self.assertEqual(transfer["state"], "requested")

        # The phone is reset to factory settings, and is served for its owner meanwhile.
        self.assertEqual(phone.boot(PATH).body, first.body)
        eventually(lambda: requester.ok("GET", path)["state"] == "seen_reset", what="the reset was not seen")
        told = [event["kind"] for event in owner.ok("GET", "/v1/events?limit=200")["events"] if event["mac"] == mac]
        self.assertEqual([kind for kind in told if kind.startswith("transfer")], ["transfer_requested", "transfer_seen_reset"])
        self.assertEqual(phone.boot(PATH).body, first.body)

        # Gone over: not one more answer of the old holder's.
        self.assertEqual(owner.ok("POST", f"{path}/consent")["state"], "done")
        second = phone.boot(PATH)
        self.assertEqual(second.status, 200)
        document = second.json()
        self.assertEqual(document["provisioning_urls"], [f"https://after.itsp.example/{mac.lower()}"])
        shown = requester.ok("POST", f"/v1/claims/{mac}/reveal")
        self.assertEqual(document["admin_password"], shown["admin_password"])
        self.assertNotEqual(document["admin_password"], first.json()["admin_password"])
        self.assertEqual(owner.request("POST", f"/v1/claims/{mac}/reveal").status, 404)
        eventually(lambda: requester.ok("GET", f"/v1/claims/{mac}")["delivered_at"])

        # The label's code is void: who had it once cannot take the phone back.
        requester.ok("DELETE", f"/v1/claims/{mac}", status=(204,))
        back = owner.request("PUT", f"/v1/claims/{mac}", {
            "claim_code": phone.claim_code, "profile_id": firstring.profile(owner, "again")})
        self.assertEqual((back.status, back.json()["code"]), (403, "possession_not_proven"))
        states = firstring.admin.ok("GET", f"/v1/admin/devices/{mac}/history")["states"]
        self.assertEqual([state["itsp"] for state in states if state["kind"] == "claimed"], ["Example Telephony", "Next Telephony"])


if __name__ == "__main__":
    unittest.main()
