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
    macs = firstring.macs(6)
    order = firstring.order("model-json", macs)
    phones = [Phone(firstring, mac, f"SN{mac}") for mac in macs]
    firstring.issue(order, phones)


def tearDownModule():
    firstring.__exit__(None, None, None)


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


if __name__ == "__main__":
    unittest.main()
