#!/usr/bin/env python3
"""The portal's pages in headless Chromium, on the real daemons: what people see and do.

Prepares an instance with an ITSP, a factory's phones and people's invitations, then runs the *.mjs
beside this file, which drive the browser. Pictures of each view are left in build/pages/pictures.
"""
import json
import os
import subprocess
import tempfile
import unittest

from tests.lib.instance import ROOT, Instance, Phone

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT_NAME = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def setUpModule():
    global firstring, world
    firstring = Instance().__enter__()
    world = prepare(firstring)


def tearDownModule():
    firstring.__exit__(None, None, None)


def invite(role, name, itsp=None):
    email = f"{name.split()[0].lower()}@people.example"
    made = firstring.admin.ok("POST", "/v1/admin/users", {"email": email, "display_name": name, "role": role, "itsp_id": itsp})
    return {"email": email, "link": made["link"], "name": name, "id": made["id"]}


def known(phone):
    return {"mac": phone.mac, "serial": phone.serial, "code": phone.claim_code}


def prepare(firstring):
    """Eight phones made by the factory: some came before they were claimed, some after, some never. More for lists."""
    itsp = firstring.itsp.ok("GET", "/v1/me")["itsp"]["id"]
    model = firstring.model("desk-phone", "yealink")
    macs = firstring.macs(8)
    phones = firstring.issue(firstring.order(model, macs), [Phone(firstring, mac, f"SN{mac}") for mac in macs])
    macs = firstring.macs(10)
    listed = firstring.issue(firstring.order(model, macs), [Phone(firstring, mac, f"SN{mac}") for mac in macs])
    firstring.admin.ok("POST", "/v1/admin/shipments", {"itsp_id": itsp, "macs": macs[8:]})
    newcomer = firstring.new_itsp("New Telephony", "new.example")
    profile = firstring.profile(firstring.itsp, "Office phones", "https://prov.itsp.example/p/{mac}.cfg")
    firstring.profile(firstring.itsp, SCRIPT_NAME, "https://prov.itsp.example/x/{mac}")
    for phone in phones[:4]:
        firstring.claim(firstring.itsp, phone, profile)
    for phone in phones[:2]:
        phone.boot(f"/{phone.mac.lower()}.cfg", user_agent="Yealink SIP-T46U 108.86.0.20")
    return {
        "url": firstring.env["FIRSTRING_PORTAL_URL"], "itsp": itsp, "model": model, "profile": profile, "script": SCRIPT_NAME,
        "phones": [known(phone) for phone in phones], "listed": [known(phone) for phone in listed],
        "owner": invite("owner", "Ada Owner", itsp), "support": invite("support", "Sam Support", itsp),
        "engineer": invite("engineer", "Lena Lister", itsp), "reader": invite("read_only", "Rita Reader", itsp),
        "programmer": invite("owner", "Pia Programmer", itsp), "newcomer": invite("owner", "Nils Newcomer", newcomer.itsp_id),
        "administrator": invite("administrator", "Ruth Root"), "auditor": invite("auditor", "Otto Auditor"),
    }


class Pages(unittest.TestCase):

    def browse(self, name):
        with tempfile.NamedTemporaryFile("w", suffix=".json", dir=firstring.scratch) as file:
            json.dump(world, file)
            file.flush()
            env = dict(os.environ, PAGES_WORLD=file.name, PAGES_MODULES=os.path.join(ROOT, "build/pages/npm"),
                       PAGES_PICTURES=os.path.join(ROOT, "build/pages/pictures"))
            done = subprocess.run(["node", os.path.join(HERE, name)], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=400)
        self.assertEqual(done.returncode, 0, done.stdout.decode()[-6000:])

    def test_an_itsps_people(self):
        self.browse("itsp.mjs")

    def test_lists_of_phones(self):
        self.browse("lists.mjs")

    def test_tokens_and_webhooks(self):
        self.browse("programs.mjs")

    def test_the_manufacturers_people(self):
        self.browse("manufacturer.mjs")

    def test_what_stands_behind_the_pages(self):
        self.browse("wire.mjs")


if __name__ == "__main__":
    unittest.main()
