#!/usr/bin/env python3
"""Claims, as an ITSP's engineer meets them."""
import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from portal import URL, Case, claim_code  # noqa: E402


class Claims(Case):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.portal.model()
        cls.itsp = cls.portal.itsp()
        cls.profile = cls.portal.profile(cls.itsp)

    def shipped(self, itsp=None):
        return self.portal.phone(self.model, ship_to=itsp or self.itsp)

    def claimed(self, **more):
        mac = self.shipped()
        self.itsp.ok("PUT", f"/v1/claims/{mac}", {"profile_id": self.profile, **more}, status=(201,))
        return mac

    def reveal(self, mac):
        return self.itsp.ok("POST", f"/v1/claims/{mac}/reveal", status=(200,))

    # --- taking ---

    def test_a_phone_is_claimed_with_the_code_of_its_label(self):
        mac = self.portal.phone(self.model)
        code = self.portal.label(mac)
        answer = self.itsp.request("PUT", f"/v1/claims/{mac}", {"claim_code": code, "profile_id": self.profile})
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(answer.headers["Location"], f"/v1/claims/{mac}")
        self.assertEqual(answer.headers["ETag"], '"1"')
        claim = answer.json()
        self.assertEqual({key: claim[key] for key in (
            "mac", "model", "serial_number", "profile_id", "state", "contacted_at", "delivered_at", "version")}, {
                "mac": mac, "model": self.model, "serial_number": f"SN{mac}", "profile_id": self.profile,
                "state": "live", "contacted_at": None, "delivered_at": None, "version": 1})
        self.assertRegex(claim["claimed_at"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(self.itsp.ok("GET", f"/v1/claims/{mac}"), claim)

    def test_a_code_is_read_as_people_write_it(self):
        mac = self.portal.phone(self.model)
        code = self.portal.label(mac).lower().replace("-", " ").replace("0", "o").replace("1", "l")
        self.itsp.ok("PUT", f"/v1/claims/{mac}", {"claim_code": code, "profile_id": self.profile}, status=(201,))

    def test_a_shipped_phone_needs_no_code(self):
        self.claimed()

    def test_macs_are_taken_in_the_usual_spellings(self):
        mac = self.shipped()
        pairs = [mac[i:i + 2].lower() for i in range(0, 12, 2)]
        for spelling in (":".join(pairs), "-".join(pairs), f"{mac[:4]}.{mac[4:8]}.{mac[8:]}", mac.lower()):
            claim = self.itsp.ok("PUT", f"/v1/claims/{spelling}", {"profile_id": self.profile})
            self.assertEqual(claim["mac"], mac)

    def test_the_same_again_is_200_and_changes_nothing(self):
        mac = self.claimed()
        before = self.reveal(mac)["admin_password"]
        answer = self.itsp.request("PUT", f"/v1/claims/{mac}", {"profile_id": self.profile})
        self.assertEqual((answer.status, answer.json()["version"]), (200, 1))
        self.assertEqual(self.reveal(mac)["admin_password"], before)

    def test_the_same_again_with_its_password_or_another(self):
        mac = self.claimed(admin_password="Correct7HorseBattery")
        again = {"profile_id": self.profile, "admin_password": "Correct7HorseBattery"}
        # Who may not reveal may send it again: it is compared and not shown, and audited as that.
        writer = self.portal.client(self.portal.token(self.itsp.itsp_id, ["claims:write"]))
        self.assertEqual(writer.request("PUT", f"/v1/claims/{mac}", again).status, 200)
        again["admin_password"] = "Another7HorseBattery"
        self.assertProblem(writer.request("PUT", f"/v1/claims/{mac}", again), 409, "claim_differs")
        rows = self.portal.admin.ok("GET", f"/v1/admin/audit?object_kind=claim&object_id={self.audit_name(mac)}")
        self.assertEqual([row["action"] for row in rows["audit"]], ["claim.compare", "claim.compare", "claim.create"])

    def test_a_claim_under_a_condition_is_one_that_is_there(self):
        mac, body = self.shipped(), {"profile_id": self.profile, "admin_password": "Correct7HorseBattery"}
        put = lambda tag, **more: self.itsp.request("PUT", f"/v1/claims/{mac}", {**body, **more}, headers={"If-Match": tag})  # noqa: E731
        for tag in ("*", '"1"'):
            self.assertProblem(put(tag), 412, "version_mismatch")
        self.assertProblem(self.itsp.request("GET", f"/v1/claims/{mac}"), 404, "not_found")
        self.itsp.ok("PUT", f"/v1/claims/{mac}", body, status=(201,))
        self.assertEqual([put(tag).status for tag in ("*", '"1"', '"2"', 'W/"1"')], [200, 200, 412, 412])
        # What would be refused anyway is refused as it would be (RFC 9110 section 13.2.1).
        self.assertProblem(put('"2"', admin_password="Another7HorseBattery"), 409, "claim_differs")
        answer = self.itsp.request("PUT", "/v1/claims/0015650FFFFE", {"profile_id": self.profile}, headers={"If-Match": "*"})
        self.assertProblem(answer, 403, "possession_not_proven")

    def test_ones_own_claim_with_another_profile_differs(self):
        mac = self.claimed()
        other = self.portal.profile(self.itsp)
        self.assertProblem(self.itsp.request("PUT", f"/v1/claims/{mac}", {"profile_id": other}), 409, "claim_differs")

    def test_proven_but_held_by_another(self):
        mac = self.portal.phone(self.model)
        code = self.portal.label(mac)
        other = self.portal.itsp()
        other.ok("PUT", f"/v1/claims/{mac}", {"claim_code": code, "profile_id": self.portal.profile(other)})
        answer = self.itsp.request("PUT", f"/v1/claims/{mac}", {"claim_code": code, "profile_id": self.profile})
        document = self.assertProblem(answer, 409, "claimed_elsewhere")
        self.assertNotIn(other.itsp_id, str(document))

    def test_sixteen_claim_one_phone_at_once(self):
        mac = self.portal.phone(self.model)
        code = self.portal.label(mac)
        racers = [(itsp, self.portal.profile(itsp)) for itsp in (self.portal.itsp() for _ in range(16))]
        answers, barrier = [], threading.Barrier(16)

        def claim(itsp, profile):
            barrier.wait()
            answers.append(itsp.request("PUT", f"/v1/claims/{mac}", {"claim_code": code, "profile_id": profile}))

        threads = [threading.Thread(target=claim, args=pair) for pair in racers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(answer.status for answer in answers), [201] + [409] * 15)
        self.assertEqual({answer.json()["code"] for answer in answers if answer.status == 409}, {"claimed_elsewhere"})

    # --- what is not told ---

    def test_unknown_free_and_anothers_phone_look_alike_without_proof(self):
        free, anothers = self.portal.phone(self.model), self.portal.phone(self.model)
        self.portal.label(free)
        other = self.portal.itsp()
        other.ok("PUT", f"/v1/claims/{anothers}", {"claim_code": self.portal.label(anothers),
                                                   "profile_id": self.portal.profile(other)})
        asker = self.portal.itsp()
        profile = self.portal.profile(asker)
        for more in ({"claim_code": claim_code()[1]}, {}, {"claim_code": None}):
            seen = set()
            for mac in ("0015650FFFFF", free, anothers):
                answer = asker.request("PUT", f"/v1/claims/{mac}", {"profile_id": profile, **more})
                document = self.assertProblem(answer, 403, "possession_not_proven")
                document.pop("request_id")
                names = sorted(name for name in answer.headers if name not in ("Date", "X-Request-Id"))
                seen.add((str(names), str(document).replace(mac, "MAC")))
                self.assertEqual(str(document).count(mac), 1)
            self.assertEqual(len(seen), 1, seen)

    def test_every_operation_on_anothers_claim_is_not_found(self):
        mac = self.claimed()
        other = self.portal.itsp()
        for method, path, body in (("GET", "", None), ("PATCH", "", {"suspended": True}), ("DELETE", "", None),
                                   ("POST", "/reveal", None), ("POST", "/rearm", None), ("POST", "/rotate", None)):
            theirs = other.request(method, f"/v1/claims/{mac}{path}", body)
            nobodys = other.request(method, f"/v1/claims/0015650FFFFE{path}", body)
            self.assertProblem(theirs, 404, "not_found")
            one, two = theirs.json(), nobodys.json()
            one.pop("request_id"), two.pop("request_id")
            self.assertEqual((theirs.status, one), (nobodys.status, two))
        self.assertNotIn(mac, str(other.ok("GET", "/v1/claims")))
        self.assertEqual(self.itsp.ok("GET", f"/v1/claims/{mac}")["state"], "live")

    def test_ten_wrong_codes_do_not_delay_a_right_one_and_more_are_limited(self):
        mac = self.portal.phone(self.model)
        code = self.portal.label(mac)
        guesser = self.portal.itsp()
        profile = self.portal.profile(guesser)

        def guess(what):
            return guesser.request("PUT", f"/v1/claims/{mac}", {"claim_code": what, "profile_id": profile})

        for _ in range(10):
            self.assertProblem(guess(claim_code()[1]), 403, "possession_not_proven")
        self.assertEqual(guess(code).status, 201)
        guesser.ok("DELETE", f"/v1/claims/{mac}")
        self.assertProblem(guess(claim_code()[1]), 403, "possession_not_proven")
        limited = guess(code)
        self.assertRegex(self.assertProblem(limited, 429, "too_many_wrong_codes")["detail"], "again in (59|60|61) minutes")
        self.assertGreater(int(limited.headers["Retry-After"]), 0)
        wrong = self.portal.admin.ok("GET", f"/v1/admin/security-events?kind=claim_code_wrong&mac={mac}")
        self.assertEqual(len(wrong["security_events"]), 11)
        # Who guessed sees so, page by page; whose phone it became does not see who.
        own, path = [], "/v1/security-events?limit=4"
        while path:
            page = guesser.ok("GET", path)
            own += page["security_events"]
            path = page["next"] and f"/v1/security-events?limit=4&cursor={page['next']}"
        self.assertEqual([(event["kind"], event["mac"], event["itsp_id"]) for event in own], [("claim_code_wrong", mac, guesser.itsp_id)] * 11)
        self.assertEqual(guesser.ok("GET", "/v1/security-events?kind=mac_mismatch")["security_events"], [])
        # Nobody else is locked out, least of all the owner.
        self.itsp.ok("PUT", f"/v1/claims/{mac}", {"claim_code": code, "profile_id": self.profile}, status=(201,))
        self.assertEqual(self.itsp.ok("GET", f"/v1/security-events?mac={mac}")["security_events"], [])
        self.portal.psql("select firstring.security_events_insert(array[clock_timestamp()], array[gen_random_uuid()], '{mac_mismatch}', "
                         f"array['{mac}'::macaddr], array[null::bytea], '{{192.0.2.9}}', '{{null}}')")
        seen = self.itsp.ok("GET", f"/v1/security-events?mac={mac}")["security_events"]
        self.assertEqual([(event["kind"], event["itsp_id"], event["source_ip"]) for event in seen], [("mac_mismatch", None, "192.0.2.9")])
        self.assertEqual(len(guesser.ok("GET", "/v1/security-events")["security_events"]), 11)

    def test_a_mistyped_code_is_told_and_not_counted(self):
        mac = self.portal.phone(self.model)
        code = self.portal.label(mac)
        typo = code[:-1] + ("0" if code[-1] != "0" else "1")
        for bad, why in ((typo, "claim_code_mistyped"), ("12345", "bad_claim_code"), ("", "bad_claim_code"),
                         ("U" * 14, "bad_claim_code"), (code + code, "bad_claim_code"), (code + "!", "bad_claim_code")):
            answer = self.itsp.request("PUT", f"/v1/claims/{mac}", {"claim_code": bad, "profile_id": self.profile})
            document = self.assertProblem(answer, 422, "invalid", field="claim_code")
            self.assertEqual(document["errors"][0]["code"], why, bad)
        count = self.portal.psql(f"select count(*) from firstring.security_event where mac = '{mac}'")
        self.assertEqual(count, "0")

    # --- what is refused before ---

    def test_a_claim_names_a_profile_of_ones_own(self):
        mac = self.shipped()
        other = self.portal.itsp()
        for profile in (self.portal.profile(other), "00000000-0000-4000-8000-000000000000"):
            answer = self.itsp.request("PUT", f"/v1/claims/{mac}", {"profile_id": profile})
            self.assertProblem(answer, 422, "invalid", field="profile_id")
        for bad in ("nonsense", 7, None, ""):
            answer = self.itsp.request("PUT", f"/v1/claims/{mac}", {"profile_id": bad})
            self.assertProblem(answer, 422, "invalid", field="profile_id")

    def test_no_field_but_its_own_can_be_assigned(self):
        mac = self.shipped()
        for name in ("itsp_id", "claim_id", "state", "version", "mac", "role"):
            answer = self.itsp.request("PUT", f"/v1/claims/{mac}", {"profile_id": self.profile, name: "x"})
            self.assertProblem(answer, 422, "invalid", field=name)
            answer = self.itsp.request("PATCH", f"/v1/claims/{mac}", {name: "x"})
            self.assertProblem(answer, 422, "invalid", field=name)

    def test_a_mac_that_is_none(self):
        for mac in ("00156500000", "0015650000001", "00:15:65:00:00", "zz1565000001", "FFFFFFFFFFFF", "000000000000"):
            for method, body in (("GET", None), ("PUT", {"profile_id": self.profile}), ("DELETE", None)):
                self.assertProblem(self.itsp.request(method, f"/v1/claims/{mac}", body), 422, "invalid", field="mac")

    def test_weak_passwords_are_refused(self):
        mac = self.shipped()
        for weak in ("short1A", "alllowercase123", "ALLUPPERCASE123", "NoDigitsAtAllHere", "Has Space 12345",
                     "Quote\"Inside1234", "A1" + mac.lower() + "xyz", "Aa1" * 30, "Aaaaaaaaaaaa1", "Aa1\u00e9aaaaaaaaaaaa"):
            answer = self.itsp.request("PUT", f"/v1/claims/{mac}", {
                "profile_id": self.profile, "admin_password": weak})
            document = self.assertProblem(answer, 422, "invalid", field="admin_password")
            self.assertNotIn(weak, str(document))

    # --- the password ---

    def test_a_generated_password_is_strong_and_unique(self):
        seen = set()
        for _ in range(5):
            revealed = self.reveal(self.claimed())
            self.assertEqual(revealed["admin_user"], "admin")
            self.assertIsNone(revealed["delivered_at"])
            self.assertRegex(revealed["admin_password"], r"^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9]{16}$")
            seen.add(revealed["admin_password"])
        self.assertEqual(len(seen), 5)

    def test_a_password_is_of_what_the_model_can_type(self):
        alphabet = "ACEFHJKLacefhjkl234579"
        model = self.portal.model(password_alphabet=alphabet)
        job_phone, mac, other = (self.portal.phone(model, ship_to=self.itsp) for _ in range(3))
        self.itsp.ok("PUT", f"/v1/claims/{mac}", {"profile_id": self.profile})
        self.itsp.ok("POST", f"/v1/claims/{mac}/rotate")
        shown = self.itsp.ok("POST", f"/v1/claims/{mac}/reveal")
        answer = self.itsp.request("POST", "/v1/claim-jobs", f"mac,claim_code,profile\n{job_phone},,{self.profile}\n".encode(),
                                   content_type="text/csv")
        deadline = time.monotonic() + 30
        while self.itsp.ok("GET", answer.headers["Location"])["state"] != "done":
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        for password in (shown["admin_password"], shown["pending_password"], self.reveal(job_phone)["admin_password"]):
            self.assertLessEqual(set(password), set(alphabet))
        good = "Acefh234Jkl5799"
        for method, path, body in (("PUT", f"/v1/claims/{other}", {"profile_id": self.profile}), ("PATCH", f"/v1/claims/{mac}", {})):
            self.assertProblem(self.itsp.request(method, path, {**body, "admin_password": "Correct7HorseBattery"}), 422, "invalid",
                               field="admin_password")
            self.itsp.ok(method, path, {**body, "admin_password": good})
        for bad in ("ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnpqrstuvwxyz234567"):
            answer = self.portal.admin.request("POST", "/v1/admin/models", {
                "name": "cannot", "format": "json", "key_types": ["p256"], "authentication": "certificate", "password_alphabet": bad})
            self.assertProblem(answer, 422, "invalid", field="password_alphabet")

    def test_a_reveal_is_audited_and_never_stored_by_the_way(self):
        mac = self.claimed()
        answer = self.itsp.request("POST", f"/v1/claims/{mac}/reveal")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        password = answer.json()["admin_password"]
        rows = self.portal.admin.ok("GET", f"/v1/admin/audit?object_kind=claim&object_id={self.audit_name(mac)}")
        self.assertEqual([row["action"] for row in rows["audit"]], ["claim.reveal", "claim.create"])
        self.assertNotIn(password, str(rows))
        self.assertNotIn(password, str(self.portal.log()))

    def audit_name(self, mac):
        return ":".join(mac[i:i + 2] for i in range(0, 12, 2)).lower()

    def test_a_password_is_as_long_as_the_profile_says(self):
        """When a phone is claimed, alone or in a list, its password rotated, armed anew; and by then as the profile says by then."""
        profile = self.itsp.ok("POST", "/v1/profiles", {"name": "long", "provisioning_url": URL, "password_length": 24})
        self.assertEqual(profile["password_length"], 24)
        mac, listed = self.shipped(), self.shipped()
        self.itsp.ok("PUT", f"/v1/claims/{mac}", {"profile_id": profile["id"]})
        answer = self.itsp.request("POST", "/v1/claim-jobs", f"mac,claim_code,profile\n{listed},,long\n".encode(), content_type="text/csv")
        deadline = time.monotonic() + 30
        while self.itsp.ok("GET", answer.headers["Location"])["state"] != "done":
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        for phone in (mac, listed):
            self.assertRegex(self.reveal(phone)["admin_password"], r"^[A-Za-z0-9]{24}$")
        self.assertEqual(self.itsp.ok("PATCH", f"/v1/profiles/{profile['id']}", {"password_length": 12})["version"], 2)
        self.itsp.ok("POST", f"/v1/claims/{mac}/rotate")
        self.assertRegex(self.reveal(mac)["pending_password"], r"^[A-Za-z0-9]{12}$")
        self.assertEqual(self.itsp.ok("PATCH", f"/v1/profiles/{profile['id']}", {"password_length": 12})["version"], 2)
        cleared = self.itsp.ok("PATCH", f"/v1/profiles/{profile['id']}", {"password_length": None})
        self.assertEqual((cleared["version"], cleared["password_length"]), (3, None))
        self.itsp.ok("POST", f"/v1/claims/{listed}/rotate")
        self.assertRegex(self.reveal(listed)["pending_password"], r"^[A-Za-z0-9]{16}$")
        listing = {each["id"]: each["password_length"] for each in self.itsp.ok("GET", "/v1/profiles")["profiles"]}
        self.assertIsNone(listing[profile["id"]])
        for bad in (11, 65, "16", 12.5):
            self.assertProblem(self.itsp.request("PATCH", f"/v1/profiles/{profile['id']}", {"password_length": bad}), 422, "invalid",
                               field="password_length")

    def test_a_model_that_cannot_keep_what_the_profile_asks_for(self):
        """Where the profile says nothing it gets as much as it can keep; a length that was asked for is not given up."""
        model = self.portal.model(format_name="panasonic")
        mac, other = (self.portal.phone(model, ship_to=self.itsp) for _ in range(2))
        profile = self.itsp.ok("POST", "/v1/profiles", {"name": "longer", "provisioning_url": URL, "password_length": 17})["id"]
        answer = self.itsp.request("PUT", f"/v1/claims/{mac}", {"profile_id": profile})
        self.assertEqual(self.assertProblem(answer, 422, "invalid", field="profile_id")["errors"][0]["code"], "password_length")
        self.itsp.ok("PATCH", f"/v1/profiles/{profile}", {"password_length": 16})
        self.itsp.ok("PUT", f"/v1/claims/{mac}", {"profile_id": profile})
        self.assertRegex(self.reveal(mac)["admin_password"], r"^[A-Za-z0-9]{16}$")
        self.itsp.ok("PUT", f"/v1/claims/{other}", {"profile_id": self.profile})
        self.assertRegex(self.reveal(other)["admin_password"], r"^[A-Za-z0-9]{16}$")

    def test_rotate_makes_a_pending_password(self):
        mac = self.claimed()
        before = self.reveal(mac)
        self.assertNotIn("pending_password", before)
        claim = self.itsp.ok("POST", f"/v1/claims/{mac}/rotate", status=(200,))
        self.assertIsNotNone(claim["pending_since"])
        after = self.reveal(mac)
        self.assertEqual(after["admin_password"], before["admin_password"])
        self.assertNotEqual(after["pending_password"], before["admin_password"])

    def test_after_release_nothing_is_revealed(self):
        mac = self.claimed()
        self.itsp.ok("DELETE", f"/v1/claims/{mac}", status=(204,))
        self.assertProblem(self.itsp.request("POST", f"/v1/claims/{mac}/reveal"), 404, "not_found")

    # --- changing ---

    def test_patch_changes_what_it_names(self):
        mac = self.claimed()
        other = self.portal.profile(self.itsp)
        claim = self.itsp.ok("PATCH", f"/v1/claims/{mac}", {"suspended": True},
                             content_type="application/merge-patch+json")
        self.assertEqual((claim["state"], claim["version"], claim["profile_id"]), ("suspended", 2, self.profile))
        claim = self.itsp.ok("PATCH", f"/v1/claims/{mac}", {"profile_id": other})
        self.assertEqual((claim["state"], claim["version"], claim["profile_id"]), ("suspended", 3, other))
        claim = self.itsp.ok("PATCH", f"/v1/claims/{mac}", {"suspended": False, "admin_password": "Correct7HorseBattery"})
        self.assertEqual((claim["state"], claim["version"]), ("live", 4))
        self.assertEqual(self.reveal(mac)["pending_password"], "Correct7HorseBattery")
        self.assertEqual(self.itsp.ok("PATCH", f"/v1/claims/{mac}", {})["version"], 4)

    def test_patch_refuses(self):
        mac = self.claimed()
        for body, field in (({"suspended": None}, "suspended"), ({"suspended": "yes"}, "suspended"),
                            ({"profile_id": None}, "profile_id"), ({"admin_password": "weak"}, "admin_password"),
                            ({"admin_password": None}, "admin_password"), ({"state": "live"}, "state"),
                            ({"profile_id": "00000000-0000-4000-8000-000000000000"}, "profile_id")):
            self.assertProblem(self.itsp.request("PATCH", f"/v1/claims/{mac}", body), 422, "invalid", field=field)

    def test_if_match(self):
        mac = self.claimed()
        path = f"/v1/claims/{mac}"
        for tag in ('"2"', '"0"', 'W/"1"', '"x"'):
            for method, more, body in (("PATCH", "", {"suspended": True}), ("DELETE", "", None), ("POST", "/rearm", None),
                                       ("POST", "/rotate", None), ("PATCH", "", {"admin_password": "Correct7HorseBattery"})):
                answer = self.itsp.request(method, path + more, body, headers={"If-Match": tag})
                self.assertProblem(answer, 412, "version_mismatch")
        self.assertProblem(self.itsp.request("DELETE", path, headers={"If-Match": "1"}), 400, "bad_request")
        answer = self.itsp.request("PATCH", path, {"suspended": True}, headers={"If-Match": '"1"'})
        self.assertEqual((answer.status, answer.headers["ETag"]), (200, '"2"'))
        self.assertEqual(self.itsp.request("DELETE", path, headers={"If-Match": "*"}).status, 204)

    def test_rearm(self):
        mac = self.claimed()
        before = self.itsp.ok("GET", f"/v1/claims/{mac}")
        after = self.itsp.ok("POST", f"/v1/claims/{mac}/rearm", status=(200,))
        self.assertGreater(after["armed_at"], before["armed_at"])

    # --- giving back ---

    def test_release_is_repeatable_for_whoever_held_it(self):
        mac = self.portal.phone(self.model)
        code = self.portal.label(mac)
        body = {"claim_code": code, "profile_id": self.profile}
        self.itsp.ok("PUT", f"/v1/claims/{mac}", body)
        self.assertEqual([self.itsp.request("DELETE", f"/v1/claims/{mac}").status for _ in range(3)], [204] * 3)
        self.assertProblem(self.itsp.request("GET", f"/v1/claims/{mac}"), 404, "not_found")
        other = self.portal.itsp()
        self.assertProblem(other.request("DELETE", f"/v1/claims/{mac}"), 404, "not_found")
        other.ok("PUT", f"/v1/claims/{mac}", {**body, "profile_id": self.portal.profile(other)}, status=(201,))
        # Who gave it back is not told that somebody has it now, and does nothing to it.
        self.assertEqual(self.itsp.request("DELETE", f"/v1/claims/{mac}").status, 204)
        answer = self.itsp.ok("POST", "/v1/claims:release", {"macs": [mac]})
        self.assertEqual(answer["released"], [{"mac": mac, "status": "already_released"}])
        self.assertEqual(other.ok("GET", f"/v1/claims/{mac}")["version"], 1)
        self.assertProblem(self.portal.itsp().request("DELETE", f"/v1/claims/{mac}"), 404, "not_found")

    # --- listing ---

    def test_pages(self):
        itsp = self.portal.itsp()
        profile = self.portal.profile(itsp)
        macs = self.portal.phones(self.model, 7, ship_to=itsp)
        for mac in macs:
            itsp.ok("PUT", f"/v1/claims/{mac}", {"profile_id": profile})
        itsp.ok("PATCH", f"/v1/claims/{macs[3]}", {"suspended": True})
        seen, path = [], "/v1/claims?limit=3"
        while path:
            page = itsp.ok("GET", path)
            self.assertLessEqual(len(page["claims"]), 3)
            seen += [claim["mac"] for claim in page["claims"]]
            path = page["next"] and f"/v1/claims?limit=3&cursor={page['next']}"
        self.assertEqual(seen, macs)
        self.assertIsNone(itsp.ok("GET", "/v1/claims?limit=7")["next"])
        for state, expected in (("suspended", [macs[3]]), ("live", macs[:3] + macs[4:])):
            page = itsp.ok("GET", f"/v1/claims?state={state}")
            self.assertEqual([claim["mac"] for claim in page["claims"]], expected)

    def test_limits_and_cursors_that_are_none(self):
        for limit in ("0", "-1", "1000000000", "1001", "1e2", "", "99999999999999999999999999", "%00"):
            answer = self.itsp.request("GET", f"/v1/claims?limit={limit}")
            if limit:
                self.assertProblem(answer, 422, "invalid", field="limit")
        self.assertProblem(self.itsp.request("GET", "/v1/claims?limit=1&limit=2"), 422, "invalid", field="limit")
        self.assertProblem(self.itsp.request("GET", "/v1/claims?state=released"), 422, "invalid", field="state")
        for _ in range(2):
            self.claimed()
        cursor = self.itsp.ok("GET", "/v1/claims?limit=1")["next"]
        self.assertProblem(self.portal.itsp().request("GET", f"/v1/claims?cursor={cursor}"), 422, "bad_cursor")
        self.assertProblem(self.itsp.request("GET", f"/v1/events?after={cursor}"), 422, "bad_cursor")
        self.assertProblem(self.itsp.request("GET", f"/v1/claims?cursor={cursor[:-2]}00"), 422, "bad_cursor")
        self.assertProblem(self.itsp.request("GET", "/v1/claims?cursor=%27%20or%201=1"), 422, "bad_cursor")

    # --- who is suspended ---

    def test_a_suspended_itsp_reads_and_changes_nothing(self):
        itsp = self.portal.itsp()
        mac = self.shipped(itsp)
        profile = self.portal.profile(itsp)
        itsp.ok("PUT", f"/v1/claims/{mac}", {"profile_id": profile})
        self.portal.admin.ok("PATCH", f"/v1/admin/itsps/{itsp.itsp_id}", {"suspended": True})
        self.assertEqual(itsp.request("GET", f"/v1/claims/{mac}").status, 200)
        for method, path, body in (("PUT", "", {"profile_id": profile}), ("PATCH", "", {"suspended": False}),
                                   ("DELETE", "", None), ("POST", "/reveal", None)):
            self.assertProblem(itsp.request(method, f"/v1/claims/{mac}{path}", body), 403, "itsp_suspended")
        self.portal.admin.ok("PATCH", f"/v1/admin/itsps/{itsp.itsp_id}", {"suspended": False})
        self.assertEqual(itsp.request("DELETE", f"/v1/claims/{mac}").status, 204)


class Search(Case):

    def test_claims_are_found_by_what_people_know_of_them(self):
        itsp, other = self.portal.itsp(), self.portal.itsp()
        model = self.portal.model()
        one, two = self.portal.profile(itsp), self.portal.profile(itsp)
        macs = self.portal.phones(model, 6, ship_to=itsp)
        for number, mac in enumerate(macs):
            itsp.ok("PUT", f"/v1/claims/{mac}", {"profile_id": one if number < 4 else two})
        self.portal.psql(f"update firstring.claim set contacted_at = now() where mac in ('{macs[1]}', '{macs[2]}')")
        self.portal.psql(f"update firstring.claim set delivered_at = now() where mac = '{macs[2]}'")
        itsp.ok("PATCH", f"/v1/claims/{macs[3]}", {"suspended": True})
        theirs = self.portal.phone(model, ship_to=other)
        other.ok("PUT", f"/v1/claims/{theirs}", {"profile_id": self.portal.profile(other)})
        found = lambda query: [claim["mac"] for claim in itsp.ok("GET", f"/v1/claims?{query}")["claims"]]  # noqa: E731
        spelled = ":".join(macs[0][i:i + 2] for i in range(0, 12, 2)).lower()
        for query, wanted in (("mac_prefix=001565", macs), (f"mac_prefix={macs[0]}", macs[:1]), (f"mac_prefix={spelled}", macs[:1]),
                              (f"mac_prefix={theirs}", []), ("mac_prefix=a", []), (f"profile_id={one}", macs[:4]),
                              (f"profile_id={two}&mac_prefix={macs[5]}", macs[5:]), ("progress=waiting", [macs[0], *macs[3:]]),
                              ("progress=contacted", [macs[1]]), ("progress=delivered", [macs[2]]), ("state=suspended", [macs[3]]),
                              (f"serial_number=SN{macs[4]}", [macs[4]]), (f"serial_number=SN{theirs}", []), ("serial_number=x", [])):
            self.assertEqual(found(query), wanted, query)
        page = itsp.ok("GET", "/v1/claims?mac_prefix=001565&limit=4")
        rest = itsp.ok("GET", f"/v1/claims?mac_prefix=001565&limit=4&cursor={page['next']}")
        self.assertEqual([c["mac"] for c in page["claims"] + rest["claims"]], macs)
        for query, field in (("mac_prefix=xyz", "mac_prefix"), ("progress=never", "progress"), ("profile_id=1", "profile_id"),
                             ("serial_number=a&state=live", "serial_number"), ("mac_prefix=0&mac_prefix=1", "mac_prefix")):
            self.assertProblem(itsp.request("GET", f"/v1/claims?{query}"), 422, "invalid", field=field)


class Together(Case):
    """Claims that come while the database has one in hand go together; each is answered as if it had come alone."""
    settings = {"workers": 1, "database_deadline": "20s"}

    def setUp(self):
        self.itsp = self.portal.itsp()
        self.model, self.profile = self.portal.model(), self.portal.profile(self.itsp)
        self.phones = self.portal.phones(self.model, 12, ship_to=self.itsp)

    def put(self, mac, **more):
        return self.itsp.request("PUT", f"/v1/claims/{mac}", {"profile_id": self.profile, **more})

    def put_together(self, puts):
        """The answers to (mac, body), which all wait behind a claim of a phone that somebody has locked."""
        answers = [None] * len(puts)

        def put(at):
            answers[at] = self.put(puts[at][0], **puts[at][1])

        first, *threads = [threading.Thread(target=self.put, args=(self.phones[0],))] + [
            threading.Thread(target=put, args=(at,)) for at in range(len(puts))]
        with self.portal.locked_phone(self.phones[0]):
            first.start()
            self.wait_for("state = 'active' and wait_event_type = 'Lock' and query like '%claim_put%'")
            for thread in threads:
                thread.start()
            time.sleep(0.7)
        for thread in [first, *threads]:
            thread.join()
        return answers

    def wait_for(self, what):
        deadline = time.monotonic() + 10
        while self.portal.psql(f"select count(*) from pg_stat_activity where usename = 'firstring_portal' and {what}") == "0":
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def transactions(self):
        return int(self.portal.psql(f"select count(distinct xmin::text) from firstring.claim where itsp_id = '{self.itsp.itsp_id}'"))

    def test_each_has_its_own_answer_and_audit_row(self):
        answers = self.put_together([(mac, {}) for mac in self.phones[1:]])
        self.assertEqual([answer.status for answer in answers], [201] * 11)
        self.assertEqual([answer.json()["mac"] for answer in answers], self.phones[1:])
        self.assertEqual([answer.headers["Location"] for answer in answers], [f"/v1/claims/{mac}" for mac in self.phones[1:]])
        self.assertLess(self.transactions(), 6)
        rows = self.portal.psql("select string_agg(upper(replace(object_id, ':', '')) || ' ' || request_id, ',' order by object_id) "
                                f"from firstring.audit_log where action = 'claim.create' and itsp_id = '{self.itsp.itsp_id}' "
                                "and actor_kind = 'token' and host(source_ip) = '127.0.0.1'").split(",")
        told = [f"{mac} {answer.headers['X-Request-Id']}" for mac, answer in zip(self.phones[1:], answers)]
        self.assertEqual(rows[1:], told)
        self.assertEqual(len({self.itsp.ok("POST", f"/v1/claims/{mac}/reveal")["admin_password"] for mac in self.phones}), 12)

    def test_none_fails_for_another(self):
        labelled = self.portal.phones(self.model, 3)
        codes = [self.portal.label(mac) for mac in labelled]
        other = self.portal.itsp()
        other.ok("PUT", f"/v1/claims/{labelled[2]}", {"claim_code": codes[2], "profile_id": self.portal.profile(other)})
        refused = self.phones[5]
        self.portal.psql(f"alter table firstring.claim add constraint not_this_one check (mac <> '{refused}') not valid")
        try:
            answers = self.put_together([
                (labelled[0], {"claim_code": codes[0]}), (labelled[1], {"claim_code": codes[0]}), ("0015650FFFFF", {}),
                (labelled[2], {"claim_code": codes[2]}), (refused, {}), (self.phones[6], {"admin_password": "Correct7HorseBattery"}),
                (self.phones[7], {"admin_password": "short"}), (self.phones[8], {})])
        finally:
            self.portal.psql("alter table firstring.claim drop constraint not_this_one")
        self.assertEqual([answer.status for answer in answers], [201, 403, 403, 409, 422, 201, 422, 201])
        self.assertEqual([answer.json()["mac"] for answer in answers if answer.status == 201],
                         [labelled[0], self.phones[6], self.phones[8]])
        self.assertEqual(self.itsp.ok("POST", f"/v1/claims/{self.phones[6]}/reveal")["admin_password"], "Correct7HorseBattery")
        wrong = self.portal.admin.ok("GET", f"/v1/admin/security-events?kind=claim_code_wrong&mac={labelled[1]}")
        self.assertEqual(len(wrong["security_events"]), 1)

    def test_one_phone_many_times_is_one_claim(self):
        answers = self.put_together([(self.phones[1], {})] * 6)
        self.assertEqual(sorted(answer.status for answer in answers), [200] * 5 + [201])
        self.assertEqual({str(answer.json()) for answer in answers}, {str(self.itsp.ok("GET", f"/v1/claims/{self.phones[1]}"))})

    def test_no_way_round_the_limit_of_wrong_codes(self):
        mac = self.portal.phone(self.model)
        code = self.portal.label(mac)
        answers = self.put_together([(mac, {"claim_code": claim_code()[1]}) for _ in range(25)] + [(mac, {"claim_code": code})])
        self.assertEqual(sorted(answer.status for answer in answers[:25]), [403] * 11 + [429] * 14)
        self.assertTrue(all(int(answer.headers["Retry-After"]) > 0 for answer in answers if answer.status == 429))
        self.assertIn(answers[25].status, (201, 429))
        self.assertProblem(self.put(self.portal.phone(self.model), claim_code=claim_code()[1]), 429, "too_many_wrong_codes")

    def test_tenants_and_tokens_are_kept_apart(self):
        others = [self.portal.itsp() for _ in range(3)]
        profiles = [self.portal.profile(other) for other in others]
        macs = [self.portal.phone(self.model, ship_to=other) for other in others]
        wrong = self.portal.client("fst_" + "0" * 48)
        revoked = self.portal.itsp()
        self.portal.psql(f"update firstring.api_token set revoked_at = now() where itsp_id = '{revoked.itsp_id}'")
        answers = {}

        def ask(name, client, mac, profile):
            answers[name] = client.request("PUT", f"/v1/claims/{mac}", {"profile_id": profile})

        threads = [threading.Thread(target=ask, args=words) for words in (
            *((n, other, macs[n], profiles[n]) for n, other in enumerate(others)), ("theirs", others[0], macs[1], profiles[0]),
            ("their profile", others[0], self.phones[1], profiles[1]), ("wrong", wrong, self.phones[2], self.profile),
            ("revoked", revoked, self.phones[3], self.profile))]
        holder = threading.Thread(target=self.put, args=(self.phones[0],))
        with self.portal.locked_phone(self.phones[0]):
            holder.start()
            self.wait_for("state = 'active' and wait_event_type = 'Lock' and query like '%claim_put%'")
            for thread in threads:
                thread.start()
            time.sleep(0.5)
        for thread in [holder, *threads]:
            thread.join()
        self.assertEqual({name: answer.status for name, answer in answers.items()}, {
            0: 201, 1: 201, 2: 201, "theirs": 403, "their profile": 422, "wrong": 401, "revoked": 401})
        for n, other in enumerate(others):
            self.assertEqual([claim["mac"] for claim in other.ok("GET", "/v1/claims")["claims"]], [macs[n]])


if __name__ == "__main__":
    unittest.main()
