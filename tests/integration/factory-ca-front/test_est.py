#!/usr/bin/env python3
"""EST with stock tools: curl and openssl, in both wire dialects of real clients."""
import base64
import os
import subprocess
import threading
import unittest

from line import Line, rows_for, run


def setUpModule():
    global line
    line = Line().start()


def tearDownModule():
    line.stop()


def curl(path, *words, body=None, station=True, check=True):
    """Returns (status, content type, body)."""
    identity = ["--cert", line.station_cert, "--key", line.station_key] if station else []
    out = line.path("answer")
    if os.path.exists(out):
        os.unlink(out)
    done = run("curl", "-sS", "--cacert", line.path("server-ca.pem"), *identity, "-o", out,
               "-w", "%{http_code} %{content_type}", *words,
               f"https://localhost:{line.port}/.well-known/est/{path}", stdin=body, check=check)
    status, _, content_type = done.stdout.decode().partition(" ")
    text = b""
    if os.path.exists(out):
        with open(out, "rb") as file:
            text = file.read()
    return int(status), content_type, text


def certificates(body):
    """What openssl finds in a certs-only answer, as PEM."""
    der = line.path("answer.p7")
    with open(der, "wb") as file:
        file.write(base64.b64decode(body))
    text = run("openssl", "pkcs7", "-inform", "DER", "-in", der, "-print_certs").stdout.decode()
    return ["-----BEGIN" + part.split("-----END")[0] for part in text.split("-----BEGIN")[1:]]


def csr(key, subject, *more):
    return run("openssl", "req", "-new", "-key", key, "-subj", subject, "-outform", "DER", *more).stdout


class Together(unittest.TestCase):
    """Phones that come at the same moment share transactions, and nothing else."""

    def test_each_gets_its_own_answer(self):
        macs = line.macs(60)
        order = line.order(macs[:59])  # the last one lies outside
        rows = rows_for(macs)
        bodies = {row["mac"]: "".join(row["csr"].splitlines()[1:-1]).encode() for row in rows}
        reused = run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256").stdout
        with open(line.path("reused.key"), "wb") as file:
            file.write(reused)
        for mac in macs[:2]:  # two with one key
            bodies[mac] = base64.b64encode(csr(line.path("reused.key"), f"/serialNumber=SN-{mac}/CN={mac}"))
        asked = [mac for mac in macs for _ in range(2)]  # and each asks twice
        answers = {mac: [] for mac in macs}

        def enroll(mac):
            answer = line.station.request("POST", f"/.well-known/est/{order}/simpleenroll", bodies[mac],
                                          content_type="application/pkcs10", timeout=120)
            answers[mac].append((answer.status, answer.body))
        threads = [threading.Thread(target=enroll, args=(mac,)) for mac in asked]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(status for mac in macs[:2] for status, _ in answers[mac]), [200, 200, 409, 409])
        self.assertEqual([status for status, _ in answers[macs[59]]], [403, 403])
        for mac in macs[2:59]:
            (status, body), again = answers[mac]
            self.assertEqual(status, 200, body)
            self.assertEqual((status, body), again)
            der, = [base64.b64decode("".join(pem.splitlines()[1:])) for pem in certificates(body)]
            self.assertEqual(line.psql("select encode(der, 'hex') from firstring.certificate"
                                       f" where mac = '{mac}'"), der.hex())
        self.assertEqual(line.psql("select count(*) from firstring.certificate c join firstring.production_order o on"
                                   f" o.id = c.order_id where o.reference = '{order}'"), "58")
        # Fewer transactions than phones: they went in groups.
        self.assertLess(int(line.psql("select count(*) from firstring.audit_log where action = 'certificates.store'"
                                      f" and object_id = '{order}'")), 58)


class Est(unittest.TestCase):

    def key(self, name, *kind):
        path = line.path(f"{name}.key")
        run("openssl", "genpkey", *(kind or ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")),
            "-out", path)
        return path

    def enroll(self, order, body, *words, **more):
        return curl(f"{order}/simpleenroll", "-H", "Content-Type: application/pkcs10", *words,
                    "--data-binary", "@-", body=body, **more)

    def phone(self, name):
        macs = line.macs(1)
        order = line.order(macs)
        return macs[0], order, csr(self.key(name), f"/serialNumber=SN-{name}/CN={macs[0]}")

    def test_cacerts_needs_no_certificate(self):
        for path in ("cacerts", "PO-1/cacerts"):
            status, content_type, body = curl(path, station=False)
            self.assertEqual((status, content_type), (200, "application/pkcs7-mime"))
            self.assertTrue(all(len(text) <= 76 for text in body.splitlines()))
            found = certificates(body)
            with open(line.path("published/chain.pem")) as file:
                chain = file.read()
            self.assertEqual(len(found), 2)
            for one in found:
                self.assertIn("".join(one.split("-----")[2].split()), "".join(chain.split()))

    def test_csrattrs_asks_for_nothing(self):
        self.assertEqual(curl("csrattrs")[0], 204)
        self.assertEqual(curl("csrattrs", station=False)[0], 401)

    def test_both_dialects(self):
        mac, order, der = self.phone("dialects")
        dialects = {
            "content-length, 64 columns, TLS 1.2": (base64.encodebytes(der), ["--tls-max", "1.2"]),
            "chunked, one line": (base64.b64encode(der), ["-H", "Transfer-Encoding: chunked"]),
            "CRLF and a trailing newline": (base64.encodebytes(der).replace(b"\n", b"\r\n"), []),
        }
        leaves = set()
        for name, (body, words) in dialects.items():
            status, content_type, answer = self.enroll(order, body, *words)
            self.assertEqual((name, status, content_type),
                             (name, 200, "application/pkcs7-mime; smime-type=certs-only"))
            found = certificates(answer)
            self.assertEqual(len(found), 1)
            leaves.add(found[0])
        self.assertEqual(len(leaves), 1)
        device = line.station.ok("GET", f"/v1/orders/{order}/devices/{mac}")
        self.assertIn("".join(leaves.pop().split("-----")[2].split()), "".join(device["certificate"].split()))

    def test_what_else_the_csr_asks_for_is_not_copied(self):
        mac, order, _ = self.phone("greedy")
        der = csr(self.key("greedy"), f"/O=Evil/serialNumber=SN-9/CN={mac}", "-addext",
                  "basicConstraints=critical,CA:TRUE", "-addext", "subjectAltName=DNS:evil.example")
        status, _, answer = self.enroll(order, base64.b64encode(der))
        self.assertEqual(status, 200)
        with open(line.path("greedy.pem"), "w") as file:
            file.write(certificates(answer)[0] + "-----END CERTIFICATE-----\n")
        text = run("openssl", "x509", "-in", line.path("greedy.pem"), "-noout", "-text").stdout.decode()
        self.assertNotIn("evil", text.lower())
        self.assertIn("CA:FALSE", text)

    def test_refusals_are_short_plain_text(self):
        mac, order, der = self.phone("refused")
        body = base64.b64encode(der)
        foreign = line.macs(2)[1]
        weak = self.key("weak", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024")
        cases = [
            (order, b"", 400, "bad_csr"),
            (order, b"not base64 !", 400, "bad_csr"),
            (order, base64.b64encode(b"\x30\x03\x02\x01\x00"), 400, "bad_csr"),
            (order, base64.b64encode(csr(self.key("a"), f"/CN={mac}")), 400, "bad_csr"),
            (order, base64.b64encode(csr(weak, f"/serialNumber=1/CN={mac}")), 400, "weak_key"),
            (order, base64.b64encode(csr(self.key("b"), f"/serialNumber=1/CN={foreign}")), 403, "out_of_range"),
            ("NO-SUCH", body, 404, "unknown_order"),
        ]
        for path, text, status, code in cases:
            answer = self.enroll(path, text)
            self.assertEqual((answer[0], answer[1]), (status, "text/plain; charset=utf-8"), answer)
            self.assertTrue(answer[2].decode().startswith(f"{code}: "), answer)
            self.assertLess(len(answer[2]), 300)
        self.assertEqual(self.enroll(order, body, station=False)[0], 401)
        self.assertEqual(curl(f"{order}/simpleenroll", "-H", "Content-Type: text/plain", "--data-binary",
                              "@-", body=body)[0], 415)
        self.assertEqual(self.enroll(order, b"A" * 100000)[0], 413)
        self.assertEqual(self.enroll(order, body)[0], 200)
        other = base64.b64encode(csr(self.key("c"), f"/serialNumber=1/CN={mac}"))
        self.assertEqual(self.enroll(order, other)[0], 409)

    def test_two_phones_on_one_connection(self):
        macs = line.macs(2)
        order = line.order(macs)
        url = f"https://localhost:{line.port}/.well-known/est/{order}/simpleenroll"
        files = []
        for mac in macs:
            files.append(line.path(f"{mac}.b64"))
            with open(files[-1], "wb") as file:
                file.write(base64.encodebytes(csr(self.key(mac), f"/serialNumber={mac}/CN={mac}")))
        words = ["curl", "-sS", "-v", "--cacert", line.path("server-ca.pem"), "--cert", line.station_cert,
                 "--key", line.station_key, "-H", "Content-Type: application/pkcs10"]
        first = ["-H", "Transfer-Encoding: chunked", "--data-binary", f"@{files[0]}", url]
        second = ["--next", *words[1:], "--data-binary", f"@{files[1]}", url]
        done = subprocess.run(words + first + second, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
        self.assertEqual(done.stderr.decode().count("HTTP/1.1 200"), 2)
        self.assertIn("Re-using existing connection", done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
