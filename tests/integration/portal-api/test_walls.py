#!/usr/bin/env python3
"""Two walks over every operation of the OpenAPI document: asked for another tenant's object it gives
exactly the answer for one that is not there; and whatever it changes or reveals is in the audit log,
without a secret. An operation that is new to the document fails here until it is taken into both."""
import hashlib
import os
import sys
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from contract import DOCUMENT  # noqa: E402
from people import person  # noqa: E402
from portal import URL, Case  # noqa: E402

NOWHERE = {"mac": "0015650FFFFE", "id": str(uuid.UUID("1b4e28ba-2fa1-4d2e-883f-0016d3cca427"))}
# Changes nothing and reveals nothing.
NO_EFFECT = {"previewProfile", "showLink"}
USERS = {"createUser", "patchUser", "removeUser", "createUserLink"}
# A body that would be right, where one is needed.
BODIES = {
    "patchProfile": {"name": "mine now"}, "patchClaim": {"suspended": True}, "patchWebhook": {"state": "paused"},
    "replayWebhook": {"since": "2026-01-01T00:00:00Z"}, "rotateToken": {}, "objectToTransfer": {"objection": "mine"},
    "patchUser": {"display_name": "Mine"}, "createUserLink": {},
}


def operations():
    for pattern, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), pattern, operation["operationId"], operation


class World(Case):
    """One ITSP with one of everything."""
    settings = {"webhooks": "\n  enabled: true"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.portal.model()

    def phone(self, itsp, profile):
        mac = self.portal.phone(self.model, ship_to=itsp)
        itsp.ok("PUT", f"/v1/claims/{mac}", {"profile_id": profile})
        return mac

    def transfer_of(self, mac, owner_profile=None):
        """Somebody asks for the phone; the transfer's id and who asks."""
        asker = self.portal.itsp()
        code = self.portal.label(mac)
        made = asker.ok("POST", "/v1/transfers", {"mac": mac, "claim_code": code, "profile_id": self.portal.profile(asker)})
        return made["id"], asker

    def user(self, client, prefix="/v1/users", role="engineer"):
        return client.ok("POST", prefix, {"email": f"{uuid.uuid4().hex}@itsp.example", "display_name": "Ada", "role": role})

    def everything(self):
        itsp = self.portal.itsp()
        profile = self.portal.profile(itsp)
        mac = self.phone(itsp, profile)
        job = itsp.request("POST", "/v1/claim-jobs", f"mac,claim_code,profile\n{mac},,{profile}\n".encode(),
                           content_type="text/csv").json()["id"]
        hook = itsp.ok("POST", "/v1/webhooks", {"url": "https://hooks.itsp.example/"})["id"]
        return itsp, {
            "claims": mac, "profiles": profile, "claim-jobs": job, "webhooks": hook, "transfers": self.transfer_of(mac)[0],
            "tokens": itsp.ok("GET", "/v1/tokens")["tokens"][0]["id"], "users": self.id_of(self.user(self.owner(itsp)))}

    @staticmethod
    def id_of(made):
        return made.get("id") or made["user"]["id"]

    def owner(self, itsp):
        """A person who signed in: users are no token's business."""
        return person(self.portal, "owner", itsp.itsp_id)


class Walls(World):

    def comparable(self, answer, asked):
        """All of an answer that may not depend on whose the object is."""
        document = answer.json()
        document.pop("request_id", None)
        text = repr(sorted(document.items())).replace(asked, "OBJECT")
        return answer.status, text, sorted(name.lower() for name in answer.headers.keys())

    def test_another_tenants_object_is_not_there(self):
        itsp, objects = self.everything()
        stranger = self.portal.itsp()
        person_there = self.owner(stranger)
        bodies = dict(BODIES, putClaim={"profile_id": self.portal.profile(stranger)})
        walked = 0
        for method, pattern, name, operation in operations():
            if "{" not in pattern or pattern.startswith("/v1/admin/"):
                continue
            field = "mac" if "{mac}" in pattern else "id"
            kind = pattern.split("/")[2]
            answers = {}
            for whose, value in (("theirs", objects[kind]), ("nobody's", NOWHERE[field])):
                body = bodies.get(name)
                self.assertTrue(body is not None or "requestBody" not in operation, f"{name}: no body is made for it here")
                client = person_there if kind == "users" else stranger
                answer = client.request(method, pattern.replace("{" + field + "}", value), body)
                answers[whose] = self.comparable(answer, value)
                expected = (403, "possession_not_proven") if name == "putClaim" else (404, "not_found")
                self.assertEqual((answer.status, answer.json()["code"]), expected, (name, whose, answer))
            self.assertEqual(answers["theirs"], answers["nobody's"], name)
            walked += 1
        self.assertGreater(walked, 25)
        # And nothing happened to any of it.
        self.assertEqual(itsp.ok("GET", f"/v1/claims/{objects['claims']}")["version"], 1)
        self.assertEqual(itsp.ok("GET", f"/v1/profiles/{objects['profiles']}")["version"], 1)
        self.assertEqual(itsp.ok("GET", f"/v1/webhooks/{objects['webhooks']}")["version"], 1)
        self.assertEqual(itsp.ok("GET", f"/v1/transfers/{objects['transfers']}")["state"], "requested")
        self.assertIsNone(itsp.ok("GET", "/v1/tokens")["tokens"][-1]["revoked_at"])

    def test_what_a_body_or_a_query_names_is_not_there_either(self):
        itsp, objects = self.everything()
        stranger = self.portal.itsp()
        own = self.portal.profile(stranger)
        mac = self.phone(stranger, own)
        free = self.portal.phone(self.model, ship_to=stranger)
        for profile in (objects["profiles"], NOWHERE["id"]):
            for method, path, body in (
                    ("PUT", f"/v1/claims/{free}", {"profile_id": profile}), ("PATCH", f"/v1/claims/{mac}", {"profile_id": profile}),
                    ("POST", "/v1/transfers", {"mac": objects["claims"], "profile_id": profile}),
                    ("POST", "/v1/profiles/preview", {"profile_id": profile, "mac": mac})):
                self.assertProblem(stranger.request(method, path, body), 422, "invalid", field="profile_id")
        released = stranger.ok("POST", "/v1/claims:release", {"macs": [objects["claims"], NOWHERE["mac"]]}, status=(200,))["released"]
        self.assertEqual([one["status"] for one in released], ["not_found"] * 2)
        cursor = itsp.ok("GET", "/v1/events")["next"]
        for path in (f"/v1/events?after={cursor}", f"/v1/events:export?cursor={cursor}"):
            self.assertProblem(stranger.request("GET", path), 422, "bad_cursor")
        for path in ("/v1/claims", "/v1/profiles", "/v1/events", "/v1/webhooks", "/v1/transfers", "/v1/tokens"):
            answer = stranger.request("GET", path)
            for value in objects.values():
                self.assertNotIn(value.encode(), answer.body, path)


class Audit(World):

    def scene(self, name):
        """(client, path fields, body, content type) under which an operation has its effect."""
        itsp, admin = self.portal.itsp(), self.portal.admin
        people = self.owner(itsp) if name in USERS else None
        profile = self.portal.profile(itsp)
        mac = self.phone(itsp, profile)
        digest = hashlib.sha256(os.urandom(8)).hexdigest()
        hook = itsp.ok("POST", "/v1/webhooks", {"url": "https://hooks.itsp.example/"})["id"]
        token = lambda: itsp.ok("POST", "/v1/tokens", {"name": uuid.uuid4().hex, "scopes": ["claims:read"]})["id"]  # noqa: E731
        admin_user = lambda: self.id_of(self.user(admin, "/v1/admin/users", "auditor"))  # noqa: E731
        transfer = lambda: self.transfer_of(mac)  # noqa: E731
        fresh = {"name": uuid.uuid4().hex}
        scopes = {**fresh, "scopes": ["claims:read"]}
        email = {"email": f"{uuid.uuid4().hex}@itsp.example", "display_name": "Ada"}
        csv = f"mac,claim_code,profile\n{mac},,{profile}\n".encode()
        devices = f"mac,serial_number,model,fingerprint\n{self.portal.next_mac()},S,{self.model},{digest}\n".encode()
        scenes = {
            "createUser": lambda: (people, {}, {**email, "role": "support"}),
            "patchUser": lambda: (people, {"id": self.id_of(self.user(people))}, {"display_name": "Eda"}),
            "removeUser": lambda: (people, {"id": self.id_of(self.user(people))}, None),
            "createUserLink": lambda: (people, {"id": self.id_of(self.user(people))}, {}),
            "createToken": lambda: (itsp, {}, scopes),
            "revokeToken": lambda: (itsp, {"id": token()}, None),
            "rotateToken": lambda: (itsp, {"id": token()}, {}),
            "createProfile": lambda: (itsp, {}, {**fresh, "provisioning_url": URL}),
            "patchProfile": lambda: (itsp, {"id": profile}, fresh),
            "deleteProfile": lambda: (itsp, {"id": self.portal.profile(itsp)}, None),
            "releaseClaims": lambda: (itsp, {}, {"macs": [mac]}),
            "putClaim": lambda: (itsp, {"mac": self.portal.phone(self.model, ship_to=itsp)},
                                 {"profile_id": profile, "admin_password": "Correct7HorseBattery"}),
            "patchClaim": lambda: (itsp, {"mac": mac}, {"admin_password": "Correct7HorseBattery"}),
            "releaseClaim": lambda: (itsp, {"mac": mac}, None),
            "revealClaim": lambda: (itsp, {"mac": mac}, None),
            "rearmClaim": lambda: (itsp, {"mac": mac}, None),
            "rotateClaim": lambda: (itsp, {"mac": mac}, None),
            "createClaimJob": lambda: (itsp, {}, csv, "text/csv"),
            "cancelClaimJob": lambda: (itsp, {"id": self.portal.job_elsewhere(itsp)}, None),
            "requestTransfer": lambda: self.asking(mac),
            "withdrawTransfer": lambda: self.withdrawing(transfer()),
            "consentToTransfer": lambda: (itsp, {"id": transfer()[0]}, None),
            "objectToTransfer": lambda: (itsp, {"id": transfer()[0]}, {"objection": "ours"}),
            "createWebhook": lambda: (itsp, {}, {"url": "https://hooks.itsp.example/b"}),
            "patchWebhook": lambda: (itsp, {"id": hook}, {"state": "paused"}),
            "deleteWebhook": lambda: (itsp, {"id": hook}, None),
            "rotateWebhookSecret": lambda: (itsp, {"id": hook}, None),
            "replayWebhook": lambda: (itsp, {"id": hook}, {"after": itsp.ok("GET", "/v1/events")["next"]}),
            "testWebhook": lambda: (itsp, {"id": hook}, None),
            "createModel": lambda: (admin, {}, {**fresh, "format": "json", "key_types": ["p256"], "authentication": "certificate"}),
            "patchModel": lambda: (admin, {"name": self.portal.model()}, {"tls_floor": "compatible"}),
            "createItsp": lambda: (admin, {}, fresh),
            "patchItsp": lambda: (admin, {"id": itsp.itsp_id}, fresh),
            "addItspDomain": lambda: (admin, {"id": itsp.itsp_id}, {"domain": "b.example"}),
            "removeItspDomain": lambda: self.domain(itsp),
            "createItspToken": lambda: (admin, {"id": itsp.itsp_id}, scopes),
            "createAdminToken": lambda: (admin, {}, {**fresh, "scopes": ["admin:read"]}),
            "revokeAnyToken": lambda: (admin, {"id": token()}, None),
            "rotateAnyToken": lambda: (admin, {"id": token()}, {}),
            "createAdminUser": lambda: (admin, {}, {**email, "role": "auditor"}),
            "patchAdminUser": lambda: (admin, {"id": admin_user()}, {"display_name": "Eda"}),
            "removeAdminUser": lambda: (admin, {"id": admin_user()}, None),
            "createAdminUserLink": lambda: (admin, {"id": admin_user()}, {}),
            "createShipments": lambda: (admin, {}, {"itsp_id": itsp.itsp_id, "macs": [self.portal.phone(self.model)]}),
            "withdrawShipment": lambda: (admin, {"mac": self.portal.phone(self.model, ship_to=itsp)}, None),
            "renewClaimCode": lambda: (admin, {"mac": self.portal.phone(self.model)}, None),
            "renewCredentials": lambda: (admin, {"mac": self.phone_with_password()}, None),
            "importDevices": lambda: (admin, {}, devices, "text/csv"),
            "decideTransfer": lambda: (admin, {"id": transfer()[0]}, {"decision": "transfer"}),
        }
        self.assertIn(name, scenes, "a new operation: say here how it has its effect")
        return scenes[name]()

    def phone_with_password(self):
        mac = self.portal.next_mac()
        self.portal.import_rows([(mac, "S", self.portal.model(authentication="password"), "")])
        return mac

    def asking(self, mac):
        asker = self.portal.itsp()
        return asker, {}, {"mac": mac, "claim_code": self.portal.label(mac), "profile_id": self.portal.profile(asker)}

    @staticmethod
    def withdrawing(transfer):
        return transfer[1], {"id": transfer[0]}, None

    def domain(self, itsp):
        self.portal.admin.ok("POST", f"/v1/admin/itsps/{itsp.itsp_id}/domains", {"domain": "b.example"})
        return self.portal.admin, {"id": itsp.itsp_id, "domain": "b.example"}, None

    @staticmethod
    def secrets_in(value):
        """Texts of an answer or a body that nobody may write down."""
        if isinstance(value, list):
            return [found for item in value for found in Audit.secrets_in(item)]
        if not isinstance(value, dict):
            return []
        found = []
        for name, item in value.items():
            if name in ("token", "secret", "admin_password", "pending_password", "password", "claim_code", "link") and item:
                found.append(str(item))
            found += Audit.secrets_in(item)
        return found

    def test_every_effect_is_audited_without_its_secrets(self):
        walked = 0
        for method, pattern, name, operation in operations():
            # What is done in a session of one's own is held by test_people.
            if method == "GET" or name in NO_EFFECT or not operation["security"] or "session" in operation["security"][0]:
                continue
            client, fields, body, *media = self.scene(name)
            path = pattern
            for field, value in fields.items():
                path = path.replace("{" + field + "}", value)
            answer = client.request(method, path, body, content_type=media[0] if media else None)
            self.assertIn(answer.status, (200, 201, 202, 204), (name, answer))
            rows = self.portal.psql("select coalesce(string_agg(a::text, E'\\n'), '') from firstring.audit_log a "
                                    f"where request_id = '{answer.headers['X-Request-Id']}'")
            self.assertTrue(rows, f"{name}: nothing is in the audit log")
            self.assertIn("127.0.0.1", rows, name)
            secrets = self.secrets_in(body) + (self.secrets_in(answer.json()) if answer.body else [])
            for secret in secrets:
                self.assertNotIn(secret, rows, name)
                with open(self.portal.path("log")) as file:
                    self.assertNotIn(secret, file.read(), name)
            walked += 1
        self.assertGreater(walked, 40)


if __name__ == "__main__":
    unittest.main()
