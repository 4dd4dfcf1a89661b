#!/usr/bin/env python3
"""Tokens that are rotated and limited, imported phones' claim codes, phones given back in bulk, and
sealed values that move to a new key."""
import hashlib
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from portal import Case, Portal  # noqa: E402


class Tokens(Case):

    def test_rotation_overlaps(self):
        itsp = self.portal.itsp()
        old = itsp.ok("GET", "/v1/me")["token"]
        path = f"/v1/tokens/{old['id']}/rotate"
        answer = itsp.request("POST", path, {"overlap_s": 3600})
        new = answer.json()
        self.assertEqual((answer.status, new["name"], new["scopes"]), (201, old["name"], old["scopes"]))
        self.assertEqual(answer.headers["Location"], f"/v1/tokens/{new['id']}")
        successor = self.portal.client(new["token"])
        for client in (itsp, successor):
            self.assertEqual(client.request("GET", "/v1/profiles").status, 200)
        listed = {token["id"]: token for token in successor.ok("GET", "/v1/tokens")["tokens"]}
        self.assertEqual(listed[old["id"]]["replaced_by"], new["id"])
        self.assertEqual(listed[old["id"]]["expires_at"], new["old_expires_at"])
        self.assertProblem(successor.request("POST", path, {}), 409, "already_rotated")
        # At its time the old one expires.
        self.portal.psql(f"update firstring.api_token set expires_at = now() where id = '{old['id']}'")
        self.assertProblem(itsp.request("GET", "/v1/profiles"), 401, "invalid_token")
        self.assertProblem(successor.request("POST", path, {}), 404, "not_found")
        self.assertEqual(successor.request("GET", "/v1/profiles").status, 200)

    def test_rotation_keeps_the_length_of_life_and_gives_no_more(self):
        itsp = self.portal.itsp()
        soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 600))
        token = itsp.ok("POST", "/v1/tokens", {"name": "short", "scopes": ["claims:read"], "expires_at": soon})
        new = itsp.ok("POST", f"/v1/tokens/{token['id']}/rotate", {})
        self.assertLess(new["old_expires_at"], time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 700)))
        self.assertLess(new["expires_at"], time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 700)))
        self.assertEqual(new["scopes"], ["claims:read"])
        for body in ({"overlap_s": -1}, {"overlap_s": 10 ** 9}, {"overlap_s": "1"}, {"scopes": ["claims:write"]}):
            self.assertProblem(itsp.request("POST", f"/v1/tokens/{new['id']}/rotate", body), 422, "invalid")
        self.assertProblem(self.portal.itsp().request("POST", f"/v1/tokens/{new['id']}/rotate", {}), 404, "not_found")
        by_admin = self.portal.admin.ok("POST", f"/v1/admin/tokens/{new['id']}/rotate", {"overlap_s": 0})
        self.assertProblem(self.portal.client(new["token"]).request("GET", "/v1/claims"), 401, "invalid_token")
        self.assertEqual(self.portal.client(by_admin["token"]).request("GET", "/v1/claims").status, 200)

    def test_last_use(self):
        itsp = self.portal.itsp()
        token = itsp.ok("GET", "/v1/tokens")["tokens"][0]
        self.assertIsNotNone(token["last_used_at"])
        unused = itsp.ok("POST", "/v1/tokens", {"name": "unused", "scopes": ["claims:read"]})
        listed = {one["id"]: one for one in itsp.ok("GET", "/v1/tokens")["tokens"]}
        self.assertIsNone(listed[unused["id"]]["last_used_at"])
        self.assertEqual(listed[token["id"]]["last_used_at"], token["last_used_at"])  # to the minute


class Rates(Case):
    settings = {"workers": 1, "limits": "\n  requests_per_second: 2\n  request_burst: 20"}

    def test_one_token_is_limited_and_others_are_served(self):
        itsp, other = self.portal.itsp(), self.portal.itsp()
        answers = [itsp.request("GET", "/v1/me") for _ in range(40)]
        refused = [answer for answer in answers if answer.status == 429]
        self.assertEqual({answer.status for answer in answers[:18]}, {200})
        self.assertTrue(refused)
        self.assertProblem(refused[0], 429, "too_many_requests")
        self.assertEqual(refused[0].headers["Retry-After"], "1")
        self.assertIn("remaining=0", refused[0].headers["RateLimit"])
        self.assertEqual(other.request("GET", "/v1/me").status, 200)
        deadline = time.monotonic() + 20
        while itsp.request("GET", "/v1/me").status != 200:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.3)


class Phones(Case):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.models = {"certificate": cls.portal.model(), "password": cls.portal.model(authentication="password")}

    def test_imported_phones_are_claimed_by_the_code_of_their_label(self):
        itsp = self.portal.itsp()
        profile = self.portal.profile(itsp)
        rows = []
        for model, digest in ((self.models["certificate"], hashlib.sha256(os.urandom(9)).hexdigest()), (self.models["password"], "")):
            mac = self.portal.next_mac()
            rows.append((mac, f"SN{mac}", model, digest))
        made = self.portal.import_rows(rows).json()["devices"]
        self.assertEqual(len({one["claim_code"] for one in made}), 2)
        self.assertEqual(["password" in one for one in made], [False, True])
        for one in made:
            self.assertRegex(one["claim_code"], r"^[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{4}$")
            body = {"profile_id": profile, "claim_code": made[one is made[0]]["claim_code"]}
            self.assertProblem(itsp.request("PUT", f"/v1/claims/{one['mac']}", body), 403, "possession_not_proven")
            itsp.ok("PUT", f"/v1/claims/{one['mac']}", {**body, "claim_code": one["claim_code"]}, status=(201,))
        again = self.portal.import_rows(rows).json()["devices"]
        self.assertEqual([one["status"] for one in again], ["existing"] * 2)
        self.assertFalse(any("claim_code" in one or "password" in one for one in again))
        with open(self.portal.path("log")) as file:
            log = file.read()
        stored = self.portal.psql("select coalesce(string_agg(a::text, ''), '') from firstring.audit_log a")
        for one in made:
            self.assertNotIn(one["claim_code"], log + stored)

    def test_many_are_given_back(self):
        itsp, other = self.portal.itsp(), self.portal.itsp()
        mine = self.portal.phones(self.models["certificate"], 3, ship_to=itsp)
        theirs = self.portal.phone(self.models["certificate"], ship_to=other)
        for client, macs in ((itsp, mine), (other, [theirs])):
            profile = self.portal.profile(client)
            for mac in macs:
                client.ok("PUT", f"/v1/claims/{mac}", {"profile_id": profile})
        macs = [mine[2], "00:15:65:0f:ff:ff", theirs, mine[0].lower(), mine[0]]
        released = itsp.ok("POST", "/v1/claims:release", {"macs": macs}, status=(200,))["released"]
        self.assertEqual([(one["mac"], one["status"]) for one in released], [
            (mine[2], "released"), ("0015650FFFFF", "not_found"), (theirs, "not_found"), (mine[0], "released"),
            (mine[0], "already_released")])
        self.assertEqual([claim["mac"] for claim in itsp.ok("GET", "/v1/claims")["claims"]], [mine[1]])
        self.assertEqual(other.ok("GET", f"/v1/claims/{theirs}")["state"], "live")
        self.assertEqual(self.portal.psql("select count(*) from firstring.audit_log where action = 'claim.release' "
                                          f"and itsp_id = '{itsp.itsp_id}'"), "2")
        for bad in ([], ["x"], [mine[0]] * 10001, "x", None):
            self.assertProblem(itsp.request("POST", "/v1/claims:release", {"macs": bad}), 422, "invalid")


class KeyRing(unittest.TestCase):

    def ring(self, portal, *keys):
        with open(portal.path("seal.ring"), "w") as file:
            file.write("".join(f"{number} {key}\n" for number, key in keys))
        portal.process.send_signal(signal.SIGHUP)

    def test_what_was_sealed_moves_and_the_old_key_can_go(self):
        with Portal(webhooks="\n  enabled: true") as portal:
            with open(portal.path("seal.ring")) as file:
                first = file.read().split()[1]
            second = os.urandom(32).hex()
            itsp, model = portal.itsp(), portal.model()
            profile = portal.profile(itsp)
            macs = portal.phones(model, 620, ship_to=itsp)  # more than are moved at once
            answer = itsp.request("POST", "/v1/claim-jobs", ("mac,claim_code,profile\n" + "".join(
                f"{mac},,{profile}\n" for mac in macs)).encode(), content_type="text/csv")
            self.eventually(lambda: itsp.ok("GET", answer.headers["Location"])["state"] == "done")
            itsp.ok("POST", f"/v1/claims/{macs[0]}/rotate")
            hook = itsp.ok("POST", "/v1/webhooks", {"url": "https://hooks.itsp.example/"})
            itsp.ok("POST", f"/v1/webhooks/{hook['id']}/rotate-secret")
            asker = portal.itsp()
            code = portal.label(macs[1])
            asker.ok("POST", "/v1/transfers", {"mac": macs[1], "claim_code": code, "profile_id": portal.profile(asker),
                                               "admin_password": "Correct7HorseBattery"})
            before = [itsp.ok("POST", f"/v1/claims/{mac}/reveal") for mac in macs[:3]]

            self.ring(portal, (1, first), (2, second))
            self.eventually(lambda: portal.psql(
                "select count(*) from firstring.sealed_elsewhere(2, 1000)") == "0")
            self.assertEqual(portal.psql("select count(*) from firstring.claim where sealed_key_id = 2"), "620")
            self.ring(portal, (2, second))
            self.eventually(lambda: [line for line in portal.log() if line["event"] == "reloaded" or
                                     (line["event"] == "worker_started" and line["generation"] == 3)])
            portal.wait_ready()
            self.eventually(lambda: [itsp.ok("POST", f"/v1/claims/{mac}/reveal") for mac in macs[:3]] == before)
            transfer = itsp.ok("GET", "/v1/transfers")["transfers"][0]
            itsp.ok("POST", f"/v1/transfers/{transfer['id']}/consent")
            self.assertEqual(asker.ok("POST", f"/v1/claims/{macs[1]}/reveal")["admin_password"], "Correct7HorseBattery")
            self.assertFalse([line for line in portal.log() if line["event"] == "sealed_value_not_moved"])

    def eventually(self, what, seconds=60):
        deadline = time.monotonic() + seconds
        while not what():
            self.assertLess(time.monotonic(), deadline, "it does not come about")
            time.sleep(0.1)


if __name__ == "__main__":
    unittest.main()
