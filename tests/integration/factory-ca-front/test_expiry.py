#!/usr/bin/env python3
"""What ends soon, or has ended, is told: in the log with what to do about it, and as a metric before that."""
import calendar
import os
import signal
import time
import unittest

from line import CONFIGURATION, Line, run


def setUpModule():
    global line
    line = Line()
    write = line.write_configuration
    # Stations and operators have 90 days, the issuing CA's CRL and the server 30, the root's CRL 365.
    line.write_configuration = lambda text=CONFIGURATION: write(
        text.replace("front:\n", "front:\n  expiry_warning: 91d\n"))
    line.start()
    # The first look may come before the responder has its first certificate.
    eventually(lambda: any(entry["event"] == "responder_published" for entry in line.log()), "a responder")
    line.restart()


def tearDownModule():
    line.stop()


def eventually(look, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)


def told(event):
    return {(entry["what"], entry["name"].rsplit("/", 1)[-1]): entry for entry in line.log() if entry["event"] == event}


def crl_ends(path):
    text = run("openssl", "crl", "-inform", "DER", "-in", path, "-noout", "-nextupdate").stdout.decode()
    return calendar.timegm(time.strptime(text.strip(), "nextUpdate=%b %d %H:%M:%S %Y GMT"))


def make_old_crl(path, ends):
    """What some CA signed years ago, number 1."""
    folder = line.path("old-ca")
    os.makedirs(folder, exist_ok=True)
    for name, content in (("index", ""), ("number", "01\n"),
                          ("config", "[ca]\ndefault_ca=old\n[old]\ndatabase=index\ncrlnumber=number\n"
                                     "default_md=sha256\ncrl_extensions=ext\n[ext]\nauthorityKeyIdentifier=keyid\n")):
        with open(os.path.join(folder, name), "w") as file:
            file.write(content)
    run("sh", "-e", "-c", f"""cd {folder}
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 10 -subj /CN=old -keyout key \
          -out certificate
        openssl ca -gencrl -config config -cert certificate -keyfile key -crl_lastupdate 20170501000000Z \
          -crl_nextupdate {ends} | openssl crl -outform DER -out {path}""")


class Expiry(unittest.TestCase):

    def test_what_ends_soon_is_told(self):
        eventually(lambda: ("OCSP responder", "of generation 1") in told("expires_soon"), "all of them")
        found = told("expires_soon")
        self.assertEqual(set(found), {("station", "line-1"), ("operator", "chief"),
                                      ("server certificate", "server.pem"),
                                      ("issuing CRL", "issuing-0.crl"), ("OCSP responder", "of generation 1")})
        self.assertIn("pki.ocsp_public_key", found["OCSP responder", "of generation 1"]["advice"])
        self.assertIn(found["station", "line-1"]["days"], (89, 90))
        self.assertIn("station add", found["station", "line-1"]["advice"])

    def test_metrics_tell_the_first_of_each_kind(self):
        def days(what):
            return (line.metric(f'firstring_factory_expires_seconds{{what="{what}"}}')
                    - time.time()) / 86400

        self.test_what_ends_soon_is_told()
        for what, expected in (("station", 90), ("operator", 90), ("server", 30),
                               ("issuing_crl", 30), ("root_crl", 365), ("ocsp_responder", 30)):
            self.assertAlmostEqual(days(what), expected, delta=1, msg=what)
        self.assertGreater(days("issuing_ca"), 365 * 1000)

    def test_z_a_crl_past_its_next_update_is_told_or_replaced(self):
        self.assertEqual(told("expired"), {})
        issuing, root = (line.path(f"published/{name}") for name in ("issuing-0.crl", "root.crl"))
        line.process.send_signal(signal.SIGTERM)
        line.process.wait(45)
        for path in (issuing, root):
            make_old_crl(path, "20170531000000Z")
            self.assertLess(crl_ends(path), time.time())
        line.serve()
        eventually(lambda: ("root CRL", "root.crl") in told("expired"), "the root's CRL")
        entry = told("expired")["root CRL", "root.crl"]
        self.assertEqual((entry["level"], entry["at"]), ("error", "2017-05-31T00:00:00Z"))
        self.assertLess(entry["days"], -365)
        self.assertIn("ca crl at the root", entry["advice"])
        self.assertLess(line.metric('firstring_factory_expires_seconds{what="root_crl"}'), time.time())
        # The issuing CA's own is signed anew at once: nobody has to see to it.
        eventually(lambda: crl_ends(issuing) > time.time() + 29 * 86400, "a new CRL of the issuing CA")


    def test_y_a_responder_of_a_retired_ca_may_end(self):
        """What an issuing CA leaves behind that is retired: a last CRL, which never ends, and its responder."""
        make_old_crl(line.path("published/issuing-2.crl"), "99991231235959Z")
        for shard in (2, 3):
            line.psql("insert into firstring.pki_object (kind, shard, content) select kind, "
                      f"{shard}, content from firstring.pki_object where kind = 'ocsp_certificate' and shard = 0")
        line.restart()
        eventually(lambda: ("OCSP responder", "of generation 3") in told("expires_soon"), "the other responder")
        self.assertNotIn(("OCSP responder", "of generation 2"), told("expires_soon"))
        os.unlink(line.path("published/issuing-2.crl"))
        line.psql("delete from firstring.pki_object where kind = 'ocsp_certificate' and shard > 0")


if __name__ == "__main__":
    unittest.main()
