#!/usr/bin/env python3
"""Phones made before certificates: imported, given credentials of their own, claimed, and served by those."""
import base64
import json
import os
import subprocess
import time
import unittest
import urllib.request

from tests.lib.instance import BUILD, Client, Instance, free_ports


def setUpModule():
    global firstring, port, redirector
    firstring = Instance().__enter__()
    port, health = free_ports(2)
    # A second redirector of the same instance, with a listener for them alone.
    with open(os.path.join(firstring.var, "etc/redirector.yaml")) as file:
        lines = [line for line in file if not line.startswith(("listeners:", "  - name:", "    address:", "health:", "event_spool:"))]
    path = os.path.join(firstring.var, "etc/redirector-old.yaml")
    with open(path, "w") as file:
        file.write("".join(lines) + f"health: 127.0.0.1:{health}\nlisteners:\n"
                   f"  - {{name: old, address: '127.0.0.1:{port}', authentication: password}}\n")
    with open(os.path.join(firstring.var, "log/redirector-old.log"), "w") as log:
        redirector = subprocess.Popen([os.path.join(BUILD, "bin/redirector"), "--config", path], stderr=log)
    for _ in range(200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{health}/readyz", timeout=5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the second redirector is not ready")


def tearDownModule():
    redirector.terminate()
    redirector.wait(40)
    firstring.__exit__(None, None, None)


def boot(user, password, path="/v1/bootstrap"):
    client = Client(f"https://127.0.0.1:{port}", firstring.env["FIRSTRING_SERVER_CA"])
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    return client.request("GET", path, headers={"Authorization": f"Basic {token}"})


class OldPhones(unittest.TestCase):

    def test_from_the_import_to_the_answer(self):
        admin = firstring.admin
        admin.ok("POST", "/v1/admin/models", {"name": "old-model", "format": "json", "key_types": ["rsa2048"],
                                              "authentication": "password"})
        macs = firstring.macs(2)
        csv = "mac,serial_number,model,fingerprint\n" + "".join(f"{mac},SN{mac},old-model,\n" for mac in macs)
        answer = admin.request("POST", "/v1/admin/devices:import", csv.encode(), content_type="text/csv")
        self.assertEqual(answer.status, 201, answer)
        first, second = answer.json()["devices"]
        self.assertNotEqual(first["password"], second["password"])
        # Again: they exist, and no password is shown.
        again = admin.request("POST", "/v1/admin/devices:import", csv.encode(), content_type="text/csv")
        self.assertEqual([("password" in row, row["status"]) for row in again.json()["devices"]],
                         [(False, "existing")] * 2)

        self.assertEqual(boot(first["user"], first["password"]).status, 404)
        itsp = firstring.new_itsp("Old phones' ITSP")
        admin.ok("POST", "/v1/admin/shipments", {"itsp_id": itsp.itsp_id, "macs": macs})
        profile = firstring.profile(itsp, "old")
        itsp.ok("PUT", f"/v1/claims/{macs[0]}", {"profile_id": profile})
        served = boot(first["user"], first["password"])
        self.assertEqual(served.status, 200, served)
        revealed = itsp.ok("POST", f"/v1/claims/{macs[0]}/reveal")
        self.assertEqual(json.loads(served.body)["admin_password"], revealed["admin_password"])

        self.assertEqual(boot(second["user"], first["password"]).status, 401)
        self.assertEqual(boot(first["user"], second["password"]).status, 401)
        self.assertEqual(boot(first["user"], first["password"], f"/{macs[1]}.cfg").status, 403)


if __name__ == "__main__":
    unittest.main()
