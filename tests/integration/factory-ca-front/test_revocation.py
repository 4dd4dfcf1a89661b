#!/usr/bin/env python3
"""The issuing CA's CRL: on change, on demand and as stock tools read it; the OCSP responder's certificate."""
import subprocess
import time
import unittest

from line import Line, PROGRAM, rows_for, run


def setUpModule():
    global line
    line = Line().start()


def tearDownModule():
    line.stop()


def wait_for(look, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)
    return found


def crl_text(path="published/issuing-0.crl"):
    return run("openssl", "crl", "-inform", "DER", "-in", line.path(path), "-noout", "-text").stdout.decode()


def issue(count=1):
    macs = line.macs(count)
    order = line.order(macs)
    return order, line.batch(order, rows_for(macs)).rows()


def verify(row, name):
    """openssl's word on a phone's certificate, with both CRLs looked at."""
    path = line.path(f"{name}.pem")
    with open(path, "w") as file:
        file.write(row["certificate"])
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-crl_check_all", "-purpose", "sslclient", "-CRLfile",
         line.path("published/crls.pem"), "-CAfile", line.path("published/chain.pem"), path],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.decode()


class Crl(unittest.TestCase):

    def test_what_is_revoked_is_listed_within_seconds(self):
        order, (good, bad, old) = issue(3)
        self.assertEqual(verify(bad, "bad")[0], 0)
        line.factory_ca("revoke", "--mac", bad["mac"], "--reason", "keyCompromise")
        line.factory_ca("rekey", "--mac", old["mac"], "--reason", "board replaced")
        new = line.batch(order, rows_for([old["mac"]])).rows()[0]
        text = wait_for(lambda: (t := crl_text()) and bad["serial"] in t and old["serial"] in t and t, "both serials")
        self.assertIn("Key Compromise", text)
        self.assertIn("Superseded", text)
        self.assertNotIn(good["serial"], text)
        self.assertNotIn(new["serial"], text)
        wait_for(lambda: "revoked" in verify(bad, "bad")[1], "openssl verify refuses the revoked one")
        self.assertIn("revoked", verify(old, "old")[1])
        for row, name in ((good, "good"), (new, "new")):
            status, text = verify(row, name)
            self.assertEqual(status, 0, text)
        # The same bytes are in the database.
        with open(line.path("published/issuing-0.crl"), "rb") as file:
            self.assertEqual(line.psql("select encode(sha256(content), 'hex') from firstring.pki_object where "
                                       "kind = 'issuing_crl'"),
                             run("sha256sum", stdin=file.read()).stdout.decode().split()[0])

    def test_numbers_only_grow_and_the_next_update_is_a_month_away(self):
        def number():
            return int(line.psql("select number from firstring.pki_object where kind = 'issuing_crl'"))
        wait_for(lambda: number() > 0, "a CRL")
        before = number()
        _, (row,) = issue()
        line.factory_ca("revoke", "--mac", row["mac"], "--reason", "scrapped")
        wait_for(lambda: number() > before, "a newer CRL")
        days = float(line.psql("select extract(epoch from next_update - now()) / 86400 from firstring.pki_object "
                               "where kind = 'issuing_crl'"))
        self.assertTrue(29 < days <= 30, days)
        # Publishing the ceremony's again does not bring back the old one.
        after = number()
        run(PROGRAM, "--config", line.config, "publish")
        self.assertEqual(number(), after)
        self.assertIn(row["serial"], crl_text())

    def test_on_demand(self):
        _, (row,) = issue()
        line.factory_ca("revoke", "--mac", row["mac"], "--reason", "unspecified")
        out = line.path("now.crl")

        def listed():
            done = line.factory_ca("crl", "--out", out)
            self.assertIn("next update", done.stdout.decode())
            return row["serial"] in crl_text("now.crl")
        wait_for(listed, "the serial in the CRL asked for")  # one CRL a second at most
        self.assertEqual(line.station.request("POST", "/v1/crl").status, 403)

    def test_a_server_that_checks_crls(self):
        """What nginx's ssl_crl does: a TLS server that has both CRLs and looks at the whole chain."""
        macs = line.macs(2)
        order, phones = line.order(macs), []
        for mac in macs:
            key, path = line.path(f"{mac}.key"), line.path(f"{mac}.pem")
            csr = run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-subj", f"/serialNumber=SN/CN={mac}", "-keyout", key).stdout.decode()
            row = line.batch(order, [{"mac": mac, "serial_number": "SN", "csr": csr}]).rows()[0]
            with open(path, "w") as file, open(line.path("published/issuing.pem")) as issuing:
                file.write(row["certificate"] + issuing.read())
            phones.append((path, key))
        self.assertEqual([self.connect(*phone) for phone in phones], [True, True])
        line.factory_ca("revoke", "--mac", macs[1], "--reason", "keyCompromise")
        wait_for(lambda: not self.connect(*phones[1]), "the server refuses the revoked one")
        self.assertTrue(self.connect(*phones[0]))

    def connect(self, certificate, key):
        return line.lets_in(certificate, key)


class Responder(unittest.TestCase):

    def test_its_certificate_is_made_and_found_good_by_openssl(self):
        wait_for(lambda: line.psql("select 1 from firstring.pki_object where kind = 'ocsp_certificate'"),
                 "the responder's certificate")
        der = bytes.fromhex(line.psql("select encode(content, 'hex') from firstring.pki_object where "
                                      "kind = 'ocsp_certificate'"))
        path = line.path("ocsp.pem")
        run("openssl", "x509", "-inform", "DER", "-out", path, stdin=der)
        text = run("openssl", "x509", "-in", path, "-noout", "-text", "-certopt", "ext_parse").stdout.decode()
        self.assertIn("OCSP Signing", text)
        self.assertIn("OCSP No Check", text)
        self.assertIn("CA:FALSE", text)
        self.assertIn(": OK", run("openssl", "verify", "-x509_strict", "-purpose", "ocsphelper", "-CAfile",
                                  line.path("published/chain.pem"), path).stdout.decode())
        with open(line.path("ocsp.pub"), "rb") as file:
            self.assertEqual(run("openssl", "x509", "-in", path, "-noout", "-pubkey").stdout, file.read())
        # Started again, the signer finds that it will do.
        line.kill_signer()
        self.assertEqual(bytes.fromhex(line.psql("select encode(content, 'hex') from firstring.pki_object where "
                                                 "kind = 'ocsp_certificate'")), der)

    def test_a_public_key_that_is_none(self):
        with open(line.config) as file:
            text = file.read()
        broken = line.path("broken.yaml")
        for content, said in (("nothing", "no public key"), (None, "cannot be read")):
            if content:
                with open(line.path("broken.pub"), "w") as file:
                    file.write(content)
            with open(broken, "w") as file:
                file.write(text.replace("ocsp.pub", "broken.pub" if content else "absent.pub"))
            done = subprocess.run([PROGRAM, "--config", broken, "signer"], stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, 78)
            self.assertIn(said, done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
