#!/usr/bin/env python3
"""Claims: one winner, and nothing told to those who cannot prove that they hold the phone."""
import threading
import time
import unittest

from tests.lib.instance import Instance, Phone


def setUpModule():
    global firstring, order, phones
    firstring = Instance().__enter__()
    firstring.model("model-json", "json")
    macs = firstring.macs(7)
    order = firstring.order("model-json", macs)
    phones = [Phone(firstring, mac, f"SN{mac}") for mac in macs]
    firstring.issue(order, phones)


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


class Race(unittest.TestCase):

    def test_sixteen_itsps_with_the_right_code(self):
        phone = phones[0]
        itsps = [firstring.new_itsp(f"Racer {i}") for i in range(16)]
        profiles = [firstring.profile(itsp, "p") for itsp in itsps]
        answers, barrier = [], threading.Barrier(16)

        def claim(itsp, profile):
            barrier.wait()
            answers.append(itsp.request("PUT", f"/v1/claims/{phone.mac}", {
                "claim_code": phone.claim_code, "profile_id": profile}))

        threads = [threading.Thread(target=claim, args=pair) for pair in zip(itsps, profiles)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(answer.status for answer in answers), [201] + [409] * 15)
        self.assertEqual({answer.json()["code"] for answer in answers if answer.status == 409},
                         {"claimed_elsewhere"})


class WhatIsTold(unittest.TestCase):

    def test_a_wrong_code_and_an_unknown_mac_look_alike(self):
        claimed, free = phones[1], phones[2]
        holder = firstring.new_itsp("Holder")
        firstring.claim(holder, claimed, firstring.profile(holder, "p"))
        asker = firstring.new_itsp("Asker")
        profile = firstring.profile(asker, "p")
        wrong = phones[3].claim_code  # well-formed, and another phone's
        answers = [asker.request("PUT", f"/v1/claims/{mac}", {"claim_code": wrong, "profile_id": profile})
                   for mac in (claimed.mac, free.mac, "0015650FFFFF")]
        self.assertEqual([answer.status for answer in answers], [403] * 3)
        documents = []
        for answer, mac in zip(answers, (claimed.mac, free.mac, "0015650FFFFF")):
            document = answer.json()
            self.assertEqual(document["code"], "possession_not_proven")
            document.pop("instance", None)
            document.pop("request_id", None)
            documents.append({k: str(v).replace(mac, "MAC") for k, v in document.items()})
        self.assertEqual(documents[0], documents[1])
        self.assertEqual(documents[1], documents[2])

    def test_another_tenants_claim_is_not_there(self):
        phone = phones[4]
        holder, other = firstring.new_itsp("Keeper"), firstring.new_itsp("Curious")
        firstring.claim(holder, phone, firstring.profile(holder, "p"))
        for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/reveal"),
                             ("POST", "/rearm"), ("POST", "/rotate")):
            body = {"suspended": True} if method == "PATCH" else None
            theirs = other.request(method, f"/v1/claims/{phone.mac}{path}", body)
            nobodys = other.request(method, f"/v1/claims/0015650FFFFE{path}", body)
            self.assertEqual(theirs.status, 404, (method, path, theirs))
            self.assertEqual(nobodys.status, 404, (method, path, nobodys))


class Feed(unittest.TestCase):

    def test_contact_and_delivery_are_seen_within_seconds(self):
        phone = phones[5]
        itsp = firstring.new_itsp("Watcher")
        before = phone.boot("/v1/bootstrap")
        self.assertEqual(before.status, 404)
        firstring.claim(itsp, phone, firstring.profile(itsp, "p"))
        start = itsp.ok("GET", "/v1/events")["next"]
        self.assertEqual(phone.boot("/v1/bootstrap").status, 200)
        deadline, kinds = time.monotonic() + 5, []
        while time.monotonic() < deadline and "delivered" not in kinds:
            page = itsp.ok("GET", f"/v1/events?after={start}")
            start = page["next"]
            kinds += [event["kind"] for event in page["events"] if event["mac"] == phone.mac]
            time.sleep(0.1)
        self.assertIn("delivered", kinds)
        claim = itsp.ok("GET", f"/v1/claims/{phone.mac}")
        self.assertIsNotNone(claim["delivered_at"])


class Audit(unittest.TestCase):

    def test_every_mutation_and_reveal_leaves_a_row(self):
        rows = firstring.admin.ok("GET", "/v1/admin/audit")
        self.assertTrue(rows["audit"] if "audit" in rows else rows)
        with self.assertRaises(AssertionError):
            firstring.psql("set role firstring_portal; delete from firstring.audit_log")


class Transfer(unittest.TestCase):
    """The code of its label, its reset seen at the redirector, the owner's word; and the redirector gives the new
    holder's answer from then on."""

    def test_from_one_provider_to_the_next(self):
        phone = phones[6]
        mac = phone.mac
        owner, requester = firstring.itsp, firstring.new_itsp("Next Telephony")
        firstring.claim(owner, phone, firstring.profile(owner, "before", "https://before.itsp.example/{mac}"))
        after = firstring.profile(requester, "after", "https://after.itsp.example/{mac}")
        first = phone.boot("/v1/bootstrap")
        self.assertIn("https://before.itsp.example/", first.body.decode())
        eventually(lambda: owner.ok("GET", f"/v1/claims/{mac}")["delivered_at"])

        taken = requester.request("PUT", f"/v1/claims/{mac}", {"claim_code": phone.claim_code, "profile_id": after})
        self.assertEqual((taken.status, taken.json()["code"]), (409, "claimed_elsewhere"))
        transfer = requester.ok("POST", "/v1/transfers", {
            "mac": mac, "claim_code": phone.claim_code, "profile_id": after}, status=(201,))
        path = f"/v1/transfers/{transfer['id']}"
        self.assertEqual(transfer["state"], "requested")

        # The phone is reset to factory settings, and is served for its owner meanwhile.
        self.assertEqual(phone.boot("/v1/bootstrap").body, first.body)
        eventually(lambda: requester.ok("GET", path)["state"] == "seen_reset", what="the reset was not seen")
        told = [event["kind"] for event in owner.ok("GET", "/v1/events?limit=200")["events"] if event["mac"] == mac]
        self.assertEqual([kind for kind in told if kind.startswith("transfer")], ["transfer_requested", "transfer_seen_reset"])
        self.assertEqual(phone.boot("/v1/bootstrap").body, first.body)

        # Gone over: not one more answer of the old holder's.
        self.assertEqual(owner.ok("POST", f"{path}/consent")["state"], "done")
        second = phone.boot("/v1/bootstrap")
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
        # The manufacturer makes the label's next code, and that one proves possession.
        code = ["code", "--reference", order, "--mac", mac]
        asked = firstring.factory_ca(*code, check=False)
        self.assertEqual((asked.returncode, asked.stdout), (65, b""))
        self.assertIn("--rotate", asked.stderr.decode())
        new_code = firstring.factory_ca(*code, "--rotate").stdout.decode().strip()
        self.assertEqual(firstring.factory_ca(*code).stdout.decode().strip(), new_code)
        third = firstring.new_itsp("Third Telephony")
        profile = firstring.profile(third, "third")
        back = third.request("PUT", f"/v1/claims/{mac}", {"claim_code": phone.claim_code, "profile_id": profile})
        self.assertEqual((back.status, back.json()["code"]), (403, "possession_not_proven"))
        third.ok("PUT", f"/v1/claims/{mac}", {"claim_code": new_code, "profile_id": profile}, status=(201,))
        states = firstring.admin.ok("GET", f"/v1/admin/devices/{mac}/history")["states"]
        self.assertEqual([state["itsp"] for state in states if state["kind"] == "claimed"], ["Example Telephony", "Next Telephony", "Third Telephony"])


if __name__ == "__main__":
    unittest.main()
