#!/usr/bin/env python3
"""The manufacturer's side: models, ITSPs, shipments, phones made elsewhere, and what is looked at."""
import hashlib
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from portal import Case  # noqa: E402


class Models(Case):

    def create(self, **more):
        return self.portal.admin.request("POST", "/v1/admin/models", {
            "name": "T46", "format": "yealink", "key_types": ["p256", "rsa2048"], "authentication": "certificate", **more})

    def test_a_model_is_made_once_and_the_same_again_is_200(self):
        first = self.create(name="Model A (rev. 2)")
        self.assertEqual(first.status, 201)
        again = self.create(name="Model A (rev. 2)")
        self.assertEqual((again.status, again.json()["created_at"]), (200, first.json()["created_at"]))
        self.assertProblem(self.create(name="Model A (rev. 2)", format="snom"), 409, "name_taken")
        listed = [model for model in self.portal.admin.ok("GET", "/v1/admin/models")["models"]
                  if model["name"] == "Model A (rev. 2)"]
        self.assertEqual((listed[0]["format"], listed[0]["key_types"]), ("yealink", ["p256", "rsa2048"]))

    def test_every_format_of_the_folder_can_be_named(self):
        for name in ("yealink", "snom", "grandstream", "poly", "cisco-mpp", "json"):
            self.assertEqual(self.create(name=f"of {name}", format=name).status, 201)

    def test_what_a_model_cannot_be(self):
        for more, field in (({"format": "nokia"}, "format"), ({"format": "../json"}, "format"), ({"key_types": []}, "key_types"),
                            ({"key_types": ["p521"]}, "key_types[0]"), ({"key_types": "p256"}, "key_types"),
                            ({"authentication": "none"}, "authentication"), ({"name": "a/b"}, "name"), ({"name": "a,b"}, "name"),
                            ({"name": "-a"}, "name"), ({"name": "x" * 65}, "name"), ({"name": ""}, "name"),
                            ({"admin_user": "a b"}, "admin_user"), ({"password_alphabet": "abc"}, "password_alphabet"),
                            ({"password_alphabet": "a" * 30 + "!"}, "password_alphabet"), ({"tls_floor": "1.0"}, "tls_floor"),
                            ({"authentication": "password", "encrypt_answers": True}, "encrypt_answers"), ({"id": 1}, "id")):
            self.assertProblem(self.create(**{"name": "bad", **more}), 422, "invalid", field=field)


class ModelsChanged(Case):

    def setUp(self):
        self.name = self.portal.model("yealink")
        self.path = f"/v1/admin/models/{self.name}"

    def patch(self, version=None, **body):
        return self.portal.admin.request("PATCH", self.path, body, headers={"If-Match": f'"{version}"'} if version else None)

    def claimed(self):
        itsp = self.portal.itsp()
        mac = self.portal.phone(self.name, ship_to=itsp)
        itsp.ok("PUT", f"/v1/claims/{mac}", {"profile_id": self.portal.profile(itsp)})
        return itsp, mac

    def test_one_is_read(self):
        answer = self.portal.admin.request("GET", self.path)
        self.assertEqual((answer.status, answer.headers["ETag"]), (200, '"1"'))
        model = answer.json()
        self.assertIn(model, self.portal.admin.ok("GET", "/v1/admin/models?limit=1000")["models"])
        self.assertEqual((model["admin_user"], model["tls_floor"], model["encrypt_answers"]), ("admin", "modern", False))
        for nothing in ("nothing", "a%20b", "%2e%2e", "x" * 65):
            self.assertProblem(self.portal.admin.request("GET", f"/v1/admin/models/{nothing}"), 404, "not_found")

    def test_a_name_with_spaces_is_where_its_location_says(self):
        made = self.portal.admin.request("POST", "/v1/admin/models", {
            "name": "Model C (rev. 3)", "format": "json", "key_types": ["p256"], "authentication": "certificate"})
        self.assertEqual(made.headers["Location"], "/v1/admin/models/Model%20C%20(rev.%203)")
        self.assertEqual(self.portal.admin.ok("GET", made.headers["Location"]), made.json())

    def test_it_is_changed(self):
        alphabet = "ABCDEFGHJKMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789"
        changes = {"format": "snom", "key_types": ["p384"], "encrypt_answers": True, "tls_floor": "compatible",
                   "password_alphabet": alphabet, "admin_user": "root"}
        before = self.portal.admin.ok("GET", self.path)
        answer = self.patch(version=1, **changes)
        self.assertEqual((answer.status, answer.headers["ETag"]), (200, '"2"'), answer)
        self.assertEqual(answer.json(), {**before, **changes, "version": 2})
        self.assertEqual(self.portal.admin.ok("GET", self.path), answer.json())
        self.assertProblem(self.patch(version=1, tls_floor="modern"), 412, "version_mismatch")
        self.assertEqual(self.patch(**changes).json()["version"], 2)  # nothing new
        self.assertEqual(self.patch().json()["version"], 2)
        self.assertIsNone(self.patch(password_alphabet=None).json()["password_alphabet"])
        audited = self.portal.admin.ok("GET", f"/v1/admin/audit?object_kind=model&object_id={self.name}")["audit"]
        self.assertEqual([row["action"] for row in audited], ["model.update", "model.update", "model.create"])
        self.assertEqual((audited[1]["before"]["format"], audited[1]["after"]["format"]), ("yealink", "snom"))
        # Made again as it is now: the same; as it was: another.
        same = {key: value for key, value in self.portal.admin.ok("GET", self.path).items() if key not in ("created_at", "version")}
        self.assertEqual(self.portal.admin.request("POST", "/v1/admin/models", same).status, 200)
        self.assertProblem(self.portal.admin.request("POST", "/v1/admin/models", {**same, "format": "yealink"}), 409, "name_taken")

    def test_what_claims_forbid(self):
        itsp, mac = self.claimed()
        for change in ({"format": "snom"}, {"admin_user": "root"}):
            self.assertProblem(self.patch(**change), 409, "in_use")
        self.assertEqual(self.portal.admin.ok("GET", self.path)["version"], 1)
        self.assertEqual(self.patch(format="yealink", tls_floor="compatible").status, 200)  # as it is, beside what is free
        for change in ({"encrypt_answers": True}, {"key_types": ["rsa2048"]}, {"password_alphabet": "abcdefghjkmnABCDEFGH23456789"}):
            self.assertEqual(self.patch(**change).status, 200)
        # The next password is of the new alphabet.
        itsp.ok("POST", f"/v1/claims/{mac}/rotate")
        self.assertRegex(itsp.ok("POST", f"/v1/claims/{mac}/reveal")["pending_password"], "^[a-hjkmnA-H2-9]+$")
        itsp.ok("DELETE", f"/v1/claims/{mac}")
        for change in ({"format": "snom"}, {"admin_user": "root"}):
            self.assertEqual(self.patch(**change).status, 200)

    def test_what_a_change_cannot_be(self):
        for change, field in (({"format": "nokia"}, "format"), ({"format": None}, "format"), ({"key_types": []}, "key_types"),
                              ({"key_types": ["p521"]}, "key_types[0]"), ({"tls_floor": "1.0"}, "tls_floor"), ({"name": "x"}, "name"),
                              ({"authentication": "password"}, "authentication"), ({"admin_user": "a b"}, "admin_user"),
                              ({"password_alphabet": "a" * 30}, "password_alphabet"), ({"password_alphabet": ""}, "password_alphabet"),
                              ({"created_at": "2026-01-01T00:00:00Z"}, "created_at")):
            self.assertProblem(self.patch(**change), 422, "invalid", field=field)
        self.name = self.portal.model(authentication="password")
        self.path = f"/v1/admin/models/{self.name}"
        self.assertProblem(self.patch(encrypt_answers=True), 422, "invalid", field="encrypt_answers")
        self.path = "/v1/admin/models/nothing"
        self.assertProblem(self.patch(tls_floor="modern"), 404, "not_found")
        self.assertProblem(self.portal.itsp().request("PATCH", self.path, {"tls_floor": "modern"}), 403, "wrong_audience")


class Itsps(Case):

    def test_the_life_of_an_itsp(self):
        admin = self.portal.admin
        made = admin.request("POST", "/v1/admin/itsps", {"name": "K\u00f6ln Telefon <b>"})
        itsp = made.json()
        self.assertEqual((made.status, made.headers["Location"]), (201, f"/v1/admin/itsps/{itsp['id']}"))
        path = f"/v1/admin/itsps/{itsp['id']}"
        self.assertEqual(admin.ok("GET", path), itsp)
        self.assertProblem(admin.request("POST", "/v1/admin/itsps", {"name": itsp["name"]}), 409, "name_taken")
        self.assertEqual(admin.ok("PATCH", path, {"suspended": True})["suspended"], True)
        answer = admin.request("PATCH", path, {"name": "x"}, headers={"If-Match": '"1"'})
        self.assertProblem(answer, 412, "version_mismatch")
        self.assertEqual(admin.ok("PATCH", path, {"name": "Renamed", "suspended": False})["version"], 3)
        self.assertIn("Renamed", [each["name"] for each in admin.ok("GET", "/v1/admin/itsps?limit=200")["itsps"]])

    def test_pages_by_name(self):
        names = sorted(f"Paged {number}" for number in range(5))
        for name in names:
            self.portal.admin.ok("POST", "/v1/admin/itsps", {"name": name})
        seen, path = [], "/v1/admin/itsps?limit=2"
        while path:
            page = self.portal.admin.ok("GET", path)
            seen += [each["name"] for each in page["itsps"]]
            path = page["next"] and f"/v1/admin/itsps?limit=2&cursor={page['next']}"
        self.assertEqual([name for name in seen if name in names], names)

    def test_domains(self):
        itsp = self.portal.itsp(domains=())
        path = f"/v1/admin/itsps/{itsp.itsp_id}/domains"
        add = lambda domain: self.portal.admin.request("POST", path, {"domain": domain})  # noqa: E731
        self.assertEqual([add("Example.NET").status, add("example.net").status], [201, 200])
        for bad in ("", "net", "example..net", "https://example.net", "*.example.net", "127.0.0.1", "a b.net", "x" * 64 + ".net",
                    "example.net/", "exa_mple.net", "localhost"):
            self.assertProblem(add(bad), 422, "invalid", field="domain")
        for bad in ("itsp.local", "itsp.internal", "A.B.Internal", "home.arpa", "itsp.home.arpa", "x.onion", "x.invalid", "x.test"):
            problem = self.assertProblem(add(bad), 422, "invalid", field="domain")
            self.assertEqual(problem["errors"][0]["code"], "special_use", bad)
        self.assertEqual(self.portal.admin.ok("GET", path)["domains"], [{"domain": "example.net"}])
        itsp.ok("POST", "/v1/profiles", {"name": "p", "provisioning_url": "https://a.example.net/"})
        document = self.assertProblem(self.portal.admin.request("DELETE", f"{path}/example.net"), 409, "in_use")
        self.assertEqual(document["detail"], "Used by 1 profile (p).")
        # Names longer than a detail are cut between characters.
        for name in "abc":
            itsp.ok("POST", "/v1/profiles", {"name": name + "\u00e4" * 63, "provisioning_url": "https://a.example.net/"})
        document = self.assertProblem(self.portal.admin.request("DELETE", f"{path}/example.net"), 409, "in_use")
        self.assertRegex(document["detail"], "^Used by 4 profiles \\(a\u00e4")
        self.assertEqual(add("a.example.net").status, 201)
        self.assertEqual(self.portal.admin.request("DELETE", f"{path}/Example.net").status, 204)
        self.assertProblem(self.portal.admin.request("DELETE", f"{path}/example.net"), 404, "not_found")

    def test_an_itsp_that_is_none(self):
        for itsp in ("1b4e28ba-2fa1-4d2e-883f-0016d3cca427", "nonsense"):
            for method, more, body in (("GET", "", None), ("PATCH", "", {"suspended": True}), ("POST", "/domains", {"domain": "a.b"}),
                                       ("POST", "/tokens", {"name": "x", "scopes": ["claims:read"]})):
                answer = self.portal.admin.request(method, f"/v1/admin/itsps/{itsp}{more}", body)
                self.assertProblem(answer, 404, "not_found")

    def test_an_itsps_token_has_an_itsps_scopes(self):
        itsp = self.portal.itsp()
        for scopes in (["admin:read"], ["claims:read", "admin:write"], ["*"], []):
            answer = self.portal.admin.request("POST", f"/v1/admin/itsps/{itsp.itsp_id}/tokens", {"name": "x", "scopes": scopes})
            self.assertProblem(answer, 422, "invalid")
        answer = self.portal.admin.request("POST", "/v1/admin/tokens", {"name": "x", "scopes": ["claims:read"]})
        self.assertProblem(answer, 422, "invalid", field="scopes[0]")

    def test_the_manufacturer_revokes_any_token(self):
        itsp = self.portal.itsp()
        token = self.portal.admin.ok("GET", f"/v1/admin/itsps/{itsp.itsp_id}/tokens")["tokens"][0]
        self.portal.admin.ok("DELETE", f"/v1/admin/tokens/{token['id']}", status=(204,))
        self.assertEqual(itsp.request("GET", "/v1/me").status, 401)


class Phones(Case):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.portal.model()
        cls.old_model = cls.portal.model(authentication="password")

    def test_import_with_fingerprints(self):
        mac, digest = self.portal.next_mac(), hashlib.sha256(b"certificate").hexdigest()
        row = (mac, "SN 1", self.model, digest)
        answer = self.portal.import_rows([row])
        made = answer.json()["devices"][0]
        self.assertTrue(made.pop("claim_code"))
        self.assertEqual((answer.status, made), (201, {"line": 2, "mac": mac, "status": "created"}))
        self.assertEqual(answer.headers["Location"], f"/v1/admin/devices/{mac}")
        again = self.portal.import_rows([row])
        self.assertEqual((again.status, again.json()["devices"][0]["status"]), (200, "existing"))
        device = self.portal.admin.ok("GET", f"/v1/admin/devices/{mac}")
        self.assertEqual((device["serial_number"], device["model"], device["source"], device["certificate_fingerprint"]),
                         ("SN 1", self.model, "import", digest.upper()))
        self.assertEqual((device["itsp_id"], device["shipped_to"], device["contacted_at"]), (None, None, None))

    def test_phones_of_a_serial_number(self):
        macs, other = sorted(self.portal.next_mac() for _ in range(3)), self.portal.next_mac()
        self.portal.import_rows([(mac, "SN alike", self.old_model, "") for mac in macs] + [(other, "SN alike 2", self.old_model, "")])
        path = "/v1/admin/devices?serial_number=SN%20alike"
        found = self.portal.admin.ok("GET", path)
        self.assertEqual(([each["mac"] for each in found["devices"]], found["next"]), (macs, None))
        self.assertEqual(found["devices"][0], self.portal.admin.ok("GET", f"/v1/admin/devices/{macs[0]}"))
        first = self.portal.admin.ok("GET", f"{path}&limit=2")
        rest = self.portal.admin.ok("GET", f"{path}&limit=2&cursor={first['next']}")
        self.assertEqual([each["mac"] for each in first["devices"] + rest["devices"]], macs)
        self.assertEqual(self.portal.admin.ok("GET", "/v1/admin/devices?serial_number=sn%20alike")["devices"], [])
        self.assertProblem(self.portal.admin.request("GET", "/v1/admin/devices"), 422, "invalid", field="serial_number")

    def test_import_without_fingerprint_shows_credentials_once(self):
        mac = self.portal.next_mac()
        row = (mac, "SN-2", self.old_model, "")
        created = self.portal.import_rows([row]).json()["devices"][0]
        self.assertEqual(created["user"], mac)
        self.assertRegex(created["password"], r"^[A-Za-z0-9]{24}$")
        again = self.portal.import_rows([row]).json()["devices"][0]
        self.assertEqual(again, {"line": 2, "mac": mac, "status": "existing"})
        stored = self.portal.psql(f"select encode(credential_hash, 'hex') from firstring.device where mac = '{mac}'")
        self.assertEqual(stored, hashlib.sha256(created["password"].encode()).hexdigest())
        self.assertNotIn(created["password"], str(self.portal.log()))

    def test_rows_that_cannot_be_stored_are_told_one_by_one(self):
        good, digest = self.portal.next_mac(), hashlib.sha256(b"good").hexdigest()
        rows = [(good, "SN3", self.model, digest), (good, "SN3", self.model, digest),
                (self.portal.next_mac(), "SN4", "no such model", ""), (self.portal.next_mac(), "SN5", self.model, ""),
                (self.portal.next_mac(), "SN6", self.old_model, digest)]
        answer = self.portal.import_rows(rows)
        self.assertEqual([row["status"] for row in answer.json()["devices"]],
                         ["created", "duplicate", "unknown_model", "wrong_authentication", "duplicate"])
        answer = self.portal.import_rows([(good, "another", self.model, digest)])
        self.assertEqual(answer.json()["devices"][0]["status"], "differs")

    def test_rows_that_cannot_be_read_refuse_the_file(self):
        good = self.portal.next_mac()
        answer = self.portal.import_rows([(good, "SN7", self.model, hashlib.sha256(b"7").hexdigest()), ("nonsense", "SN8", self.model, "")])
        self.assertProblem(answer, 422, "invalid", field="line 3")
        self.assertEqual(self.portal.admin.request("GET", f"/v1/admin/devices/{good}").status, 404)

    def test_files_that_are_no_csv(self):
        header = b"mac,serial_number,model,fingerprint\n"
        for body in (b"", header, b"mac,model\n", "\ufeff".encode("utf-16") + b"x", header + b'"001565000001,a,b,\n',
                     header + b"001565000001,\x00,b,\n", header + b"x" * 100000, header + b"001565000001,\x1b[0m,b,\n",
                     header + b"001565000001,SN,M,\n" * 10001):
            answer = self.portal.admin.request("POST", "/v1/admin/devices:import", body, content_type="text/csv")
            self.assertProblem(answer, 422, "bad_csv")
            self.assertRegex(answer.json()["detail"], r"^Line \d+: ")
        answer = self.portal.admin.request("POST", "/v1/admin/devices:import", b"x" * (5 << 20), content_type="text/csv")
        self.assertProblem(answer, 413, "too_large")

    def test_a_bom_and_crlf_are_fine(self):
        mac = self.portal.next_mac()
        body = f"\ufeffMAC,Serial_Number,Model,Fingerprint\r\n{mac},SN9,{self.model},{hashlib.sha256(b'9').hexdigest()}\r\n"
        answer = self.portal.admin.request("POST", "/v1/admin/devices:import", body.encode(), content_type="text/csv; charset=utf-8")
        self.assertEqual(answer.status, 201)

    def test_ten_thousand_rows(self):
        rows = [(f"00156A{number:06X}", f"SN{number}", self.model, hashlib.sha256(b"many %d" % number).hexdigest())
                for number in range(10000)]
        answer = self.portal.import_rows(rows)
        self.assertEqual((answer.status, {row["status"] for row in answer.json()["devices"]}), (201, {"created"}))
        itsp = self.portal.itsp()
        self.portal.admin.ok("POST", "/v1/admin/shipments", {"itsp_id": itsp.itsp_id, "macs": [row[0] for row in rows]})

    def test_shipments(self):
        mac, other = self.portal.phones(self.model, 2)
        one, two = self.portal.itsp(), self.portal.itsp()
        ship = lambda itsp, macs: self.portal.admin.request("POST", "/v1/admin/shipments", {"itsp_id": itsp, "macs": macs})  # noqa: E731
        answer = ship(one.itsp_id, [mac, mac, "00156500FFFF"])
        self.assertEqual((answer.status, [row["status"] for row in answer.json()["shipments"]]),
                         (201, ["created", "duplicate", "unknown_device"]))
        self.assertEqual(self.portal.admin.ok("GET", f"/v1/admin/devices/{mac}")["shipped_to"], one.itsp_id)
        self.assertEqual(ship(one.itsp_id, [mac]).status, 200)
        self.assertEqual(ship(two.itsp_id, [mac]).json()["shipments"][0]["status"], "replaced")
        profile = self.portal.profile(one)
        self.assertProblem(one.request("PUT", f"/v1/claims/{mac}", {"profile_id": profile}), 403, "possession_not_proven")
        two.ok("PUT", f"/v1/claims/{mac}", {"profile_id": self.portal.profile(two)}, status=(201,))
        self.assertEqual(self.portal.admin.ok("GET", f"/v1/admin/devices/{mac}")["itsp_id"], two.itsp_id)
        # The notice served its purpose: after a release it proves nothing any more.
        two.ok("DELETE", f"/v1/claims/{mac}")
        self.assertEqual(two.request("PUT", f"/v1/claims/{mac}", {"profile_id": self.portal.profile(two)}).status, 403)

    def test_shipments_that_are_none(self):
        itsp = self.portal.itsp().itsp_id
        for body, field in (({"itsp_id": itsp, "macs": []}, "macs"), ({"itsp_id": itsp, "macs": ["x"]}, "macs[0]"),
                            ({"itsp_id": "x", "macs": ["001565000001"]}, "itsp_id"), ({"itsp_id": itsp}, "macs"),
                            ({"itsp_id": itsp, "macs": ["00156500FFFF"]}, "macs[0]"),
                            ({"itsp_id": "1b4e28ba-2fa1-4d2e-883f-0016d3cca427", "macs": ["001565000001"]}, "itsp_id"),
                            ({"itsp_id": itsp, "macs": ["001565000001"] * 10001}, "macs")):
            self.assertProblem(self.portal.admin.request("POST", "/v1/admin/shipments", body), 422, "invalid", field=field)

    def test_a_phone_that_is_not_on_record(self):
        self.assertProblem(self.portal.admin.request("GET", "/v1/admin/devices/00156500FFFF"), 404, "not_found")
        self.assertProblem(self.portal.admin.request("GET", "/v1/admin/devices/x"), 422, "invalid", field="mac")


class Audit(Case):

    def actions(self):
        rows, path = [], "/v1/admin/audit?limit=200"
        while path:
            page = self.portal.admin.ok("GET", path)
            rows += page["audit"]
            path = page["next"] and f"/v1/admin/audit?limit=200&cursor={page['next']}"
        return rows

    def test_every_mutation_leaves_a_row(self):
        """One of each kind; the row names who, from where, by which request."""
        portal, admin = self.portal, self.portal.admin
        done = []

        def does(action, client, *request, **more):
            before = len(self.actions())
            answer = client.request(*request, **more)
            self.assertLess(answer.status, 300, answer)
            rows = self.actions()
            new = rows[:len(rows) - before]
            self.assertEqual([row["action"] for row in new], [action], request)
            self.assertEqual((new[0]["actor_kind"], new[0]["source_ip"], new[0]["request_id"]),
                             ("token", "127.0.0.1", answer.headers["X-Request-Id"]))
            done.append(action)
            return answer.json() if answer.body else None

        itsp = does("itsp.create", admin, "POST", "/v1/admin/itsps", {"name": "Audited"})["id"]
        does("itsp.update", admin, "PATCH", f"/v1/admin/itsps/{itsp}", {"name": "Audited too"})
        does("itsp.domain_add", admin, "POST", f"/v1/admin/itsps/{itsp}/domains", {"domain": "itsp.example"})
        does("itsp.domain_add", admin, "POST", f"/v1/admin/itsps/{itsp}/domains", {"domain": "b.example"})
        does("itsp.domain_remove", admin, "DELETE", f"/v1/admin/itsps/{itsp}/domains/b.example")
        made = does("token.create", admin, "POST", f"/v1/admin/itsps/{itsp}/tokens",
                    {"name": "t", "scopes": ["claims:read", "claims:write", "claims:reveal", "profiles:write", "tokens:write"]})
        client = portal.client(made["token"])
        does("model.create", admin, "POST", "/v1/admin/models", {
            "name": "audited", "format": "json", "key_types": ["p256"], "authentication": "certificate"})
        mac = portal.next_mac()
        does("device.import", admin, "POST", "/v1/admin/devices:import",
             f"mac,serial_number,model,fingerprint\n{mac},SN,audited,{'ab' * 32}\n".encode(), content_type="text/csv")
        does("shipment.create", admin, "POST", "/v1/admin/shipments", {"itsp_id": itsp, "macs": [mac]})
        profile = does("profile.create", client, "POST", "/v1/profiles", {
            "name": "p", "provisioning_url": "https://itsp.example/"})["id"]
        does("profile.update", client, "PATCH", f"/v1/profiles/{profile}", {"name": "q"})
        spare = does("profile.create", client, "POST", "/v1/profiles", {
            "name": "spare", "provisioning_url": "https://itsp.example/"})["id"]
        does("profile.delete", client, "DELETE", f"/v1/profiles/{spare}")
        does("claim.create", client, "PUT", f"/v1/claims/{mac}", {"profile_id": profile})
        does("claim.reveal", client, "POST", f"/v1/claims/{mac}/reveal")
        does("claim.update", client, "PATCH", f"/v1/claims/{mac}", {"suspended": True})
        does("claim.rearm", client, "POST", f"/v1/claims/{mac}/rearm")
        does("claim.rotate", client, "POST", f"/v1/claims/{mac}/rotate")
        does("claim.release", client, "DELETE", f"/v1/claims/{mac}")
        own = does("token.create", client, "POST", "/v1/tokens", {"name": "own", "scopes": ["claims:read"]})["id"]
        does("token.revoke", client, "DELETE", f"/v1/tokens/{own}")
        does("token.revoke", admin, "DELETE", f"/v1/admin/tokens/{made['id']}")
        self.assertEqual(len(set(done)), 18)

    def test_nobody_changes_a_row(self):
        for role in ("firstring_portal", "firstring_admin"):
            for statement in ("delete from firstring.audit_log", "update firstring.audit_log set action = 'x'"):
                with self.assertRaises(AssertionError):
                    self.portal.psql(f"set role {role}; {statement}")

    def test_filters(self):
        itsp = self.portal.itsp()
        rows = self.portal.admin.ok("GET", f"/v1/admin/audit?object_kind=itsp&object_id={itsp.itsp_id}")["audit"]
        self.assertEqual({row["object_id"] for row in rows}, {itsp.itsp_id})


class Limits(Case):

    def test_so_many_of_a_kind_and_no_more(self):
        """As many as the table lets in, less those that a test fills it with; and another ITSP is not concerned."""
        itsp, other = self.portal.itsp(), self.portal.itsp()
        body = {"name": "one more", "provisioning_url": "https://prov.itsp.example/"}
        self.portal.psql("insert into firstring.provisioning_profile (id, itsp_id, name, provisioning_url) select gen_random_uuid(), "
                         f"'{itsp.itsp_id}', 'p' || n, 'https://prov.itsp.example/' from generate_series(1, 1000) n")
        self.portal.psql("insert into firstring.api_token (id, kind, itsp_id, name, token_hash, scopes) select gen_random_uuid(), 'itsp', "
                         f"'{itsp.itsp_id}', 't' || n, sha256(('{itsp.itsp_id}' || n)::bytea), array['claims:read'] from generate_series(1, 499) n")
        self.portal.psql(f"insert into firstring.itsp_domain (itsp_id, domain) select '{itsp.itsp_id}', 'd' || n || '.example' "
                         "from generate_series(1, 199) n")
        token = {"name": "one more", "scopes": ["claims:read"]}
        for client, path, body_ in ((itsp, "/v1/profiles", body), (itsp, "/v1/tokens", token),
                                    (self.portal.admin, f"/v1/admin/itsps/{itsp.itsp_id}/tokens", token),
                                    (self.portal.admin, f"/v1/admin/itsps/{itsp.itsp_id}/domains", {"domain": "more.example"})):
            document = self.assertProblem(client.request("POST", path, body_), 409, "limit_reached")
            self.assertIn("at most", document["detail"])
        other.ok("POST", "/v1/profiles", body)
        other.ok("POST", "/v1/tokens", token)


class AuditState(Case):

    def test_how_far_the_log_is_chained_and_signed(self):
        itsp = self.portal.itsp()
        state = self.portal.admin.ok("GET", "/v1/admin/audit/state")
        self.assertEqual((state["chained_to"], state["head"]), (None, None))
        self.assertGreater(state["unchained"], 1)
        self.portal.psql("select firstring.audit_chain(1); select firstring.audit_head_put('firstring audit head v1 seq=1 row=" + "0a" * 32
                         + " at=2026-05-01T12:34:56Z issuer=" + "0b" * 32 + " previous=" + "00" * 32 + "', '\\x3006020101020101', 1)")
        later = self.portal.admin.ok("GET", "/v1/admin/audit/state")
        self.assertEqual((later["chained_to"], later["unchained"]), (1, state["unchained"] - 1))
        self.assertIsNotNone(later["oldest_unchained_at"])
        self.assertEqual((later["head"]["seq"], later["head"]["signed_at"], later["head"]["key"]), (1, "2026-05-01T12:34:56.000Z", "0B" * 32))
        self.assertProblem(itsp.request("GET", "/v1/admin/audit/state"), 403, "wrong_audience")


class Bootstrap(Case):

    def test_the_first_administrator_is_made_once(self):
        again = self.portal.bootstrap()
        self.assertEqual(again.returncode, 65)
        self.assertIn(b"administrator already", again.stderr)
        self.assertEqual(again.stdout, b"")
        another = self.portal.bootstrap("--another", "--name", "second", "--print-token")
        self.assertEqual(another.returncode, 0, another)
        token = another.stdout.decode()
        self.assertRegex(token, r"^fst_[0-9a-f]{48}\n$")
        self.assertEqual(self.portal.client(token.strip()).ok("GET", "/v1/me")["token"]["name"], "second")
        self.assertEqual(self.portal.bootstrap("--another", "--name", "second").returncode, 65)
        self.assertEqual(self.portal.bootstrap("--nonsense").returncode, 64)
        rows = self.portal.admin.ok("GET", "/v1/admin/audit")["audit"]
        self.assertEqual([(row["action"], row["actor_kind"]) for row in rows], [("token.create", "command")] * 2)

    def test_other_commands(self):
        self.assertEqual(self.portal.command("--check-config").returncode, 0)
        self.assertIn(b"key_pairs:", self.portal.command("--print-config").stdout)
        self.assertEqual(self.portal.command("nonsense").returncode, 64)


if __name__ == "__main__":
    unittest.main()
