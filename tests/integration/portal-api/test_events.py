#!/usr/bin/env python3
"""The event feed: an ITSP's own, of the time in which it held the phone, nothing skipped."""
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from portal import Case  # noqa: E402


class Feed(Case):

    def setUp(self):
        self.itsp = self.portal.itsp()
        self.mac = self.portal.phone(self.portal.model(), ship_to=self.itsp)
        self.profile = self.portal.profile(self.itsp)
        self.start = None  # of the feed: what comes before is another test's business

    def claim(self):
        """Claims the phone; the feed begins after that."""
        self.itsp.ok("PUT", f"/v1/claims/{self.mac}", {"profile_id": self.profile})
        self.start = self.eventually(2)["next"]

    def happens(self, kind, version="null"):
        self.portal.phone_event(self.mac, kind, version)

    def feed(self, after=None, limit=200):
        after = after or self.start
        return self.itsp.ok("GET", f"/v1/events?limit={limit}" + (f"&after={after}" if after else ""))

    def eventually(self, count, after=None):
        deadline = time.monotonic() + 5
        page = self.feed(after)
        while len(page["events"]) < count and time.monotonic() < deadline:
            time.sleep(0.05)
            page = self.feed(after)
        return page

    def test_events_come_in_order_and_once(self):
        self.claim()
        for kind in ("contacted", "delivered", "contacted"):
            self.happens(kind, version="1" if kind == "delivered" else "null")
        page = self.eventually(3)
        self.assertEqual([(event["kind"], event["mac"], event["source_ip"]) for event in page["events"]],
                         [(kind, self.mac, "192.0.2.7") for kind in ("contacted", "delivered", "contacted")])
        self.assertEqual(self.feed(page["next"])["events"], [])
        self.assertEqual(self.feed(page["next"])["next"], page["next"])
        self.happens("refused")
        more = self.eventually(1, page["next"])
        self.assertEqual([event["kind"] for event in more["events"]], ["refused"])

    def test_pages(self):
        self.claim()
        for _ in range(5):
            self.happens("contacted")
        self.eventually(5)
        seen, after = [], None
        for _ in range(3):
            page = self.feed(after, limit=2)
            seen += [event["id"] for event in page["events"]]
            after = page["next"]
        self.assertEqual(len(set(seen)), 5)

    def test_the_latest_first_and_back_to_the_first(self):
        self.claim()
        for kind in ("contacted", "refused", "contacted", "delivered", "contacted"):
            self.happens(kind, version="1" if kind == "delivered" else "null")
        self.eventually(5)
        self.start = None
        wanted = [event["id"] for event in reversed(self.feed()["events"])]
        self.assertEqual(len(wanted), 7)  # shipped and claimed are the first
        seen, query = [], "limit=2"
        while query:
            page = self.itsp.ok("GET", f"/v1/events/latest?{query}")
            seen += [event["id"] for event in page["events"]]
            query = page["next"] and f"limit=2&cursor={page['next']}"
        self.assertEqual(seen, wanted)
        # The feed's cursors are not these.
        cursor = self.feed()["next"]
        self.assertProblem(self.itsp.request("GET", f"/v1/events/latest?cursor={cursor}"), 422, "bad_cursor")
        self.assertEqual(self.portal.itsp().ok("GET", "/v1/events/latest"), {"events": [], "next": None})

    def test_only_while_it_was_held_and_only_to_the_holder(self):
        self.happens("contacted")
        self.claim()
        self.happens("delivered", version="1")
        self.assertEqual(len(self.eventually(1)["events"]), 1)
        self.itsp.ok("DELETE", f"/v1/claims/{self.mac}")
        self.happens("contacted")
        time.sleep(0.3)
        self.assertEqual([event["kind"] for event in self.feed()["events"]], ["delivered", "released"])
        self.assertEqual(self.portal.itsp().ok("GET", "/v1/events")["events"], [])

    def test_every_state_of_a_phone(self):
        claim = f"/v1/claims/{self.mac}"
        self.itsp.ok("PUT", claim, {"profile_id": self.profile})
        self.itsp.ok("PUT", claim, {"profile_id": self.profile})
        self.happens("contacted")
        self.happens("delivered", version="1")
        for suspended in (True, True, False):
            self.itsp.ok("PATCH", claim, {"suspended": suspended})
        self.itsp.ok("DELETE", claim)
        self.itsp.ok("DELETE", claim)
        told = [(event["kind"], event["source_ip"], event["detail"].get("source")) for event in self.eventually(7)["events"]]
        self.assertEqual(told, [
            ("shipped", None, "manufacturer"), ("claimed", "127.0.0.1", "shipment"), ("contacted", "192.0.2.7", None),
            ("delivered", "192.0.2.7", None), ("suspended", "127.0.0.1", "holder"), ("resumed", "127.0.0.1", "holder"),
            ("released", "127.0.0.1", "holder")])
        # Beside them the timeline tells the same states, each once.
        again = self.itsp.ok("GET", f"{claim}/timeline")["states"]
        self.assertEqual([state["kind"] for state in again], ["imported", "shipped", "claimed", "contacted", "delivered", "released"])

    def test_claims_of_a_job_are_told(self):
        for query in ("", "?atomic=true"):
            macs = self.portal.phones(self.portal.model(), 3, ship_to=self.itsp)
            rows = "mac,claim_code,profile\n" + "".join(f"{mac},,{self.profile}\n" for mac in macs)
            self.start = self.eventually(4)["next"]  # the ship notices, of the test's own phone too at first
            self.itsp.request("POST", f"/v1/claim-jobs{query}", rows.encode(), content_type="text/csv")
            told = self.eventually(3)["events"]
            self.assertEqual(sorted((event["mac"], event["kind"], event["detail"]["source"]) for event in told),
                             [(mac, "claimed", "shipment") for mac in macs])
            self.start = None
            self.mac = macs[0]

    def test_an_empty_feed_has_a_cursor(self):
        self.assertTrue(self.feed()["next"])

    def test_a_delivery_shows_on_the_claim(self):
        self.happens("contacted")
        self.claim()
        claim = self.itsp.ok("GET", f"/v1/claims/{self.mac}")
        self.assertEqual((claim["contacted_before_claim"], claim["delivered_at"]), (True, None))
        self.assertIsNotNone(claim["contacted_at"])
        self.happens("delivered", version="1")
        claim = self.itsp.ok("GET", f"/v1/claims/{self.mac}")
        self.assertEqual(claim["contacted_before_claim"], False)
        self.assertIsNotNone(claim["delivered_at"])
        self.assertIsNotNone(self.itsp.ok("POST", f"/v1/claims/{self.mac}/reveal")["delivered_at"])

    def test_a_rotated_password_becomes_the_delivered_one(self):
        self.claim()
        self.happens("delivered", version="1")
        self.itsp.ok("POST", f"/v1/claims/{self.mac}/rotate")
        pending = self.itsp.ok("POST", f"/v1/claims/{self.mac}/reveal")["pending_password"]
        self.happens("delivered", version="2")
        after = self.itsp.ok("POST", f"/v1/claims/{self.mac}/reveal")
        self.assertEqual((after["admin_password"], after.get("pending_password")), (pending, None))


if __name__ == "__main__":
    unittest.main()
