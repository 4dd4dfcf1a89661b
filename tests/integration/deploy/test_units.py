#!/usr/bin/env python3
"""The units of deploy/systemd are understood by systemd, and as closed as they say."""
import glob
import json
import os
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
UNITS = sorted(glob.glob(os.path.join(ROOT, "deploy/systemd/*.service")))


class Units(unittest.TestCase):

    def test_systemd_understands_them(self):
        self.assertTrue(UNITS)
        for unit in UNITS:
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            # Programs and users of an installation are not here.
            said = [line for line in done.stdout.splitlines()
                    if os.path.basename(unit) in line and "is not executable" not in line]
            self.assertEqual(said, [], unit)

    def test_they_are_closed(self):
        for unit in UNITS:
            with tempfile.NamedTemporaryFile(suffix=".json") as out:
                done = subprocess.run(
                    ["systemd-analyze", "security", "--offline=true", "--json=short", unit],
                    stdout=out, stderr=subprocess.PIPE, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)
                with open(out.name) as file:
                    rows = json.load(file)
            exposure = sum(float(row["exposure"]) for row in rows if row["exposure"])
            limit = 1.0 if "signer" in unit else 2.0
            self.assertLess(exposure, limit, (unit, [row for row in rows if row["exposure"]]))

    def test_the_signer_has_no_network(self):
        with open(os.path.join(ROOT, "deploy/systemd/firstring-signer.service")) as file:
            text = file.read()
        for setting in ("PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX\n", "LimitCORE=0",
                        "NoNewPrivileges=yes", "CapabilityBoundingSet=\n", "User=firstring-signer"):
            self.assertIn(setting, text)


if __name__ == "__main__":
    unittest.main()
