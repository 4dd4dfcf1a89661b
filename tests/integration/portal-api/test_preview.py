#!/usr/bin/env python3
"""The preview: what a phone would get, by the redirector's own code and formats; no secret, no effect."""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from portal import BUILD, ROOT, Case  # noqa: E402
from tests.lib.instance import run  # noqa: E402

PROFILE = {"name": "thought of", "provisioning_url": "https://prov.itsp.example/{model}/{MAC}?s={serial}",
           "fallback_urls": ["https://b.prov.itsp.example/{mac}"]}
MAC = "001565AABBCC"


class Preview(Case):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.itsp = cls.portal.itsp()
        cls.models = {name: cls.portal.model(name) for name in ("json", "yealink", "snom", "poly")}

    def preview(self, status=(200,), client=None, **body):
        return (client or self.itsp).ok("POST", "/v1/profiles/preview", body, status=status)

    def refused(self, field, **body):
        return self.assertProblem(self.itsp.request("POST", "/v1/profiles/preview", body), 422, "invalid", field=field)

    def test_it_is_what_the_redirector_renders(self):
        for name, model in self.models.items():
            shown = self.preview(profile=PROFILE, model=model, mac=MAC, serial_number="SN7")
            self.assertEqual((shown["model"], shown["format"], shown["mac"]), (model, name, MAC))
            self.assertEqual(shown["provisioning_url"], f"https://prov.itsp.example/{model}/{MAC}?s=SN7")
            self.assertEqual(shown["fallback_urls"], [f"https://b.prov.itsp.example/{MAC.lower()}"])
            printed = run(os.path.join(BUILD, "bin/redirector"), "--render",
                          os.path.join(ROOT, f"redirector/formats/{name}.format"), "--mac", MAC, "--model", model, "--serial", "SN7",
                          "--url", PROFILE["provisioning_url"], "--fallback", PROFILE["fallback_urls"][0],
                          "--password", shown["admin_password"]).stdout.decode()
            self.assertEqual(shown["left_out"], [] if name == "json" else ["fallback_urls"])
            mine = [line for line in shown["body"].splitlines() if "Aa0Bb1Cc2Dd3Ee4F" not in line]
            self.assertTrue(set(mine) <= set(printed.splitlines()), (mine, printed))

    def test_one_of_ones_own_phones_and_a_stored_profile(self):
        mac = self.portal.phone(self.models["json"], ship_to=self.itsp)
        profile = self.portal.profile(self.itsp)
        self.itsp.ok("PUT", f"/v1/claims/{mac}", {"profile_id": profile})
        secret = self.itsp.ok("POST", f"/v1/claims/{mac}/reveal")["admin_password"]
        shown = self.preview(profile_id=profile, mac=mac)
        body = json.loads(shown["body"])
        self.assertEqual(body["provisioning_urls"], [f"https://prov.itsp.example/{mac.lower()}"])
        self.assertEqual(body["admin_password"], shown["admin_password"])
        self.assertNotIn(secret, json.dumps(shown))
        # A profile that is changed shows at once, as at the next contact.
        self.itsp.ok("PATCH", f"/v1/profiles/{profile}", {"provisioning_url": "https://new.itsp.example/{serial}"})
        self.assertEqual(self.preview(profile_id=profile, mac=mac)["provisioning_url"], f"https://new.itsp.example/SN{mac}")

    def test_the_password_is_as_long_as_one_would_be(self):
        for length, expected in ((None, 16), (12, 12), (64, 64)):
            shown = self.preview(profile={**PROFILE, "password_length": length}, model=self.models["json"])
            self.assertEqual((shown["password_length"], len(shown["admin_password"])), (expected, expected))
            self.assertEqual(json.loads(shown["body"])["admin_password"], shown["admin_password"])
        short = self.portal.model(format="panasonic")
        self.assertEqual(self.preview(profile=PROFILE, model=short)["password_length"], 16)
        self.refused("admin_password", profile={**PROFILE, "password_length": 17}, model=short)

    def test_staged(self):
        shown = self.preview(profile={**PROFILE, "delivery": "staged"}, model=self.models["yealink"])
        self.assertIn("/s/TOKEN/", shown["stage_one"])
        self.assertNotIn("itsp.example", shown["stage_one"])
        self.assertIn("itsp.example", shown["body"])

    def test_what_it_refuses(self):
        model = self.models["json"]
        self.refused("profile", model=model)
        self.refused("profile", model=model, profile=PROFILE, profile_id="00000000-0000-4000-8000-000000000000")
        self.refused("profile_id", model=model, profile_id="00000000-0000-4000-8000-000000000000")
        self.refused("mac", profile=PROFILE)
        self.refused("mac", profile=PROFILE, mac="nonsense")
        self.refused("model", profile=PROFILE, model="no such model")
        self.refused("profile", profile="x", model=model)
        self.refused("provisioning_url", profile={**PROFILE, "provisioning_url": "https://evil.example/"}, model=model)
        self.refused("provisioning_url", profile={**PROFILE, "provisioning_url": "http://prov.itsp.example/"}, model=model)
        self.refused("force", profile=PROFILE, model=model, force=True)
        # Another tenant's phone is as one that does not exist.
        other = self.portal.itsp()
        mac = self.portal.phone(model, ship_to=other)
        other.ok("PUT", f"/v1/claims/{mac}", {"profile_id": self.portal.profile(other)})
        theirs = self.itsp.request("POST", "/v1/profiles/preview", {"profile": PROFILE, "mac": mac})
        none = self.itsp.request("POST", "/v1/profiles/preview", {"profile": PROFILE, "mac": MAC})
        self.assertEqual([dict(answer.json(), request_id=None) for answer in (theirs, none)],
                         [dict(theirs.json(), request_id=None)] * 2)
        self.assertEqual(theirs.status, 422)


if __name__ == "__main__":
    unittest.main()
