#!/usr/bin/env python3
"""Ship notices to look at: an ITSP's own, the manufacturer's all of them, and those that it takes back."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from portal import Case  # noqa: E402


class Shipments(Case):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.portal.model()

    def setUp(self):
        self.itsp, self.admin = self.portal.itsp(), self.portal.admin

    def listed(self, client, query="", prefix="/v1"):
        return client.ok("GET", f"{prefix}/shipments{query}")["shipments"]

    def all(self, query=""):
        return self.listed(self.admin, f"?itsp_id={self.itsp.itsp_id}{query}", "/v1/admin")

    def kinds(self, mac):
        return [event["kind"] for event in self.itsp.ok("GET", "/v1/events?limit=200")["events"] if event["mac"] == mac]

    def test_what_waits_and_what_became_of_it(self):
        claimed, waits = self.portal.phones(self.model, 2, ship_to=self.itsp)
        rows = self.listed(self.itsp)
        self.assertEqual([(row["mac"], row["state"], row["ended_at"]) for row in rows],
                         [(waits, "live", None), (claimed, "live", None)])
        self.assertEqual((rows[0]["model"], rows[0]["serial_number"]), (self.model, f"SN{waits}"))
        self.itsp.ok("PUT", f"/v1/claims/{claimed}", {"profile_id": self.portal.profile(self.itsp)})
        self.assertEqual([row["mac"] for row in self.listed(self.itsp)], [waits])
        self.assertEqual([row["mac"] for row in self.listed(self.itsp, "?state=consumed")], [claimed])
        self.assertIsNotNone(self.listed(self.itsp, "?state=consumed")[0]["ended_at"])
        # Sold to another one after all: what it is no longer tells of the phone.
        other = self.portal.itsp()
        self.admin.ok("POST", "/v1/admin/shipments", {"itsp_id": other.itsp_id, "macs": [waits]})
        self.assertEqual(self.listed(self.itsp), [])
        gone = self.listed(self.itsp, "?state=cancelled")
        self.assertEqual([(row["mac"], row["model"], row["serial_number"]) for row in gone], [(waits, None, None)])
        self.assertEqual([row["mac"] for row in self.listed(other)], [waits])

    def test_nobody_sees_anothers(self):
        mac = self.portal.phones(self.model, 2, ship_to=self.itsp)[0]
        stranger = self.portal.itsp()
        for state in ("", "?state=live", "?state=consumed", "?state=cancelled"):
            self.assertEqual(self.listed(stranger, state), [])
        cursor = self.itsp.ok("GET", "/v1/shipments?limit=1")["next"]
        self.assertTrue(cursor)
        self.assertProblem(stranger.request("GET", f"/v1/shipments?cursor={cursor}"), 422, "bad_cursor")
        self.assertProblem(stranger.request("GET", "/v1/admin/shipments"), 403, "wrong_audience")
        self.assertProblem(stranger.request("DELETE", f"/v1/admin/shipments/{mac}"), 403, "wrong_audience")
        blind = self.portal.client(self.portal.token(self.itsp.itsp_id, ["events:read"]))
        self.assertProblem(blind.request("GET", "/v1/shipments"), 403, "insufficient_scope")

    def test_pages(self):
        macs = self.portal.phones(self.model, 5, ship_to=self.itsp)
        for client, path in ((self.itsp, "/v1/shipments?limit=2"),
                             (self.admin, f"/v1/admin/shipments?limit=2&itsp_id={self.itsp.itsp_id}")):
            seen, cursor = [], ""
            while cursor is not None:
                page = client.ok("GET", path + (f"&cursor={cursor}" if cursor else ""))
                seen += [row["mac"] for row in page["shipments"]]
                cursor = page["next"]
            self.assertEqual(seen, macs[::-1])

    def test_filters_that_are_none(self):
        for client, prefix in ((self.itsp, "/v1"), (self.admin, "/v1/admin")):
            self.assertProblem(client.request("GET", f"{prefix}/shipments?state=open"), 422, "invalid", field="state")
        self.assertProblem(self.admin.request("GET", "/v1/admin/shipments?itsp_id=7"), 422, "invalid", field="itsp_id")

    def test_the_manufacturer_sees_all_with_whose_they_are(self):
        mac = self.portal.phone(self.model, ship_to=self.itsp)
        other = self.portal.phone(self.model, ship_to=self.portal.itsp())
        rows = self.all()
        self.assertEqual([(row["mac"], row["itsp_id"]) for row in rows], [(mac, self.itsp.itsp_id)])
        self.assertEqual(rows[0]["itsp"], self.admin.ok("GET", f"/v1/admin/itsps/{self.itsp.itsp_id}")["name"])
        self.assertEqual([row["mac"] for row in self.listed(self.admin, "?limit=2", "/v1/admin")], [other, mac])
        self.assertEqual(self.all("&state=consumed"), [])

    def test_one_is_taken_back(self):
        mac = self.portal.phone(self.model, ship_to=self.itsp)
        path = f"/v1/admin/shipments/{mac}"
        for _ in range(2):
            self.assertEqual(self.admin.request("DELETE", path, headers={"Idempotency-Key": f"w{mac}"}).status, 204)
        self.assertProblem(self.admin.request("DELETE", path), 404, "not_found")
        claim = self.itsp.request("PUT", f"/v1/claims/{mac}", {"profile_id": self.portal.profile(self.itsp)})
        self.assertProblem(claim, 403, "possession_not_proven")
        self.assertEqual([row["state"] for row in self.all("&state=cancelled")], ["cancelled"])
        self.assertIsNone(self.admin.ok("GET", f"/v1/admin/devices/{mac}")["shipped_to"])
        self.assertEqual(self.kinds(mac), ["shipped", "shipment_cancelled"])
        audited = self.admin.ok("GET", "/v1/admin/audit?object_kind=device&limit=20")["audit"]
        self.assertEqual([row["before"]["itsp_id"] for row in audited
                          if row["action"] == "shipment.withdraw" and row["object_id"].replace(":", "").upper() == mac],
                         [self.itsp.itsp_id])

    def test_what_was_claimed_stays_claimed(self):
        mac = self.portal.phone(self.model, ship_to=self.itsp)
        self.itsp.ok("PUT", f"/v1/claims/{mac}", {"profile_id": self.portal.profile(self.itsp)})
        self.assertProblem(self.admin.request("DELETE", f"/v1/admin/shipments/{mac}"), 404, "not_found")
        self.assertEqual(self.itsp.ok("GET", f"/v1/claims/{mac}")["state"], "live")
        self.assertProblem(self.admin.request("DELETE", "/v1/admin/shipments/0015650FFFFE"), 404, "not_found")
        self.assertProblem(self.admin.request("DELETE", "/v1/admin/shipments/00156500000"), 422, "invalid", field="mac")


if __name__ == "__main__":
    unittest.main()
