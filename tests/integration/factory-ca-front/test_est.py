#!/usr/bin/env python3
"""EST with stock tools: curl and openssl, in both wire dialects of real clients."""
import base64
import email
import os
import socket
import ssl
import subprocess
import threading
import unittest

from line import Line, PROGRAM, rows_for, run


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
        self.assertEqual(self.enroll(order, b"A" * 100000),
                         (413, "text/plain; charset=utf-8", b"body_too_large: Content Too Large\n"))
        self.assertEqual(self.enroll(order, body)[0], 200)
        other = base64.b64encode(csr(self.key("c"), f"/serialNumber=1/CN={mac}"))
        self.assertEqual(self.enroll(order, other)[0], 409)

    def test_a_client_without_its_label_is_told_in_est_words(self):
        body = base64.b64encode(self.phone("label")[2])
        for path in ("simpleenroll", "serverkeygen", "", "A/B/simpleenroll", "A/simpleEnroll"):
            status, content_type, text = curl(path, "-H", "Content-Type: application/pkcs10", "--data-binary", "@-",
                                              body=body)
            self.assertEqual((status, content_type), (404, "text/plain; charset=utf-8"), path)
            self.assertTrue(text.startswith(b"no_such_path: "), text)
            self.assertIn(b"label", text)
            self.assertIn(b"order's reference", text)
            self.assertLess(len(text), 300)
        status, content_type, text = curl("A/simpleenroll")
        self.assertEqual((status, content_type), (405, "text/plain; charset=utf-8"))
        self.assertTrue(text.startswith(b"method_not_allowed: "), text)
        # Elsewhere it stays a problem document.
        answer = line.station.request("GET", "/.well-known/other")
        self.assertEqual((answer.status, answer.json()["code"]), (404, "no_such_path"))

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


def parts(content_type, body):
    """The parts of a multipart answer, in order, as (type, DER)."""
    message = email.message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    found = []
    for part in message.get_payload():
        assert part["Content-Transfer-Encoding"] == "base64", part
        found.append((part["Content-Type"], part.get_payload(decode=True)))
    return found


def decrypt(der, cert=None, key=None):
    """What the station finds in a CMS message: a PKCS #8 key, as PEM. None when it is not for it."""
    path = line.path("key.p8")
    done = run("openssl", "cms", "-decrypt", "-inform", "DER", "-recip", cert or line.station_cert, "-inkey",
               key or line.station_key, "-out", path, "-binary", stdin=der, check=False)
    if done.returncode != 0:
        return None
    return run("openssl", "pkey", "-inform", "DER", "-in", path).stdout.decode()


def public_of_key(pem):
    return run("openssl", "pkey", "-pubout", stdin=pem.encode()).stdout


def public_of_certificate(pem):
    return run("openssl", "x509", "-noout", "-pubkey", stdin=pem.encode()).stdout


class ServerKeys(unittest.TestCase):

    def csr(self, mac, serial="SN-1", kind=("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
        """A CSR whose key is thrown away: only its subject counts."""
        return base64.encodebytes(run("openssl", "req", "-new", *kind, "-nodes", "-keyout", os.devnull, "-subj",
                                      f"/serialNumber={serial}/CN={mac}", "-outform", "DER").stdout)

    def keygen(self, order, body, *words):
        return curl(f"{order}/serverkeygen", "-H", "Content-Type: application/pkcs10", *words, "--data-binary", "@-",
                    body=body)

    def made(self, order, body):
        status, content_type, answer = self.keygen(order, body)
        self.assertEqual(status, 200, answer)
        self.assertTrue(content_type.startswith("multipart/mixed; boundary="), content_type)
        (key_type, key), (certificate_type, p7) = parts(content_type, answer)
        self.assertEqual(key_type, "application/pkcs7-mime; smime-type=server-generated-key")
        self.assertEqual(certificate_type, "application/pkcs7-mime; smime-type=certs-only")
        certificate, = certificates(base64.b64encode(p7))
        return decrypt(key), certificate + "-----END CERTIFICATE-----\n"

    def test_the_station_and_nobody_else_can_read_the_key(self):
        mac, = macs = line.macs(1)
        order = line.order(macs)
        body = self.csr(mac)
        key, certificate = self.made(order, body)
        self.assertEqual(public_of_key(key), public_of_certificate(certificate))
        status, content_type, answer = self.keygen(order, body)
        other_cert, other_key = line.add("station", "line-2")
        self.assertIsNone(decrypt(parts(content_type, answer)[0][1], other_cert, other_key))
        self.assertEqual(line.psql(f"select count(*) from firstring.certificate where mac = '{mac}' and server_key"), "2")

    def test_it_may_be_repeated_three_times_by_the_same_station(self):
        mac, = macs = line.macs(1)
        order = line.order(macs)
        body = self.csr(mac)
        seen = [self.made(order, body)]
        line.station_cert, line.station_key, kept = *line.add("station", "line-3"), (line.station_cert, line.station_key)
        status, _, answer = self.keygen(order, body)
        self.assertEqual((status, answer.split(b":")[0]), (409, b"mac_has_other_key"))
        line.station_cert, line.station_key = kept
        seen += [self.made(order, body) for _ in range(3)]
        self.assertEqual(len({public_of_key(key) for key, _ in seen}), 4)
        status, _, answer = self.keygen(order, body)
        self.assertEqual((status, answer.split(b":")[0]), (409, b"mac_has_other_key"))
        self.assertIn(b"re-key grant", answer)
        self.assertEqual(line.psql(f"select string_agg(status, ' ' order by recorded_at) from firstring.certificate "
                                   f"where mac = '{mac}'"), "superseded superseded superseded live")
        self.assertEqual(line.station.ok("GET", f"/v1/orders/{order}")["issued"], 1)
        device = line.station.ok("GET", f"/v1/orders/{order}/devices/{mac}")
        self.assertEqual(public_of_certificate(device["certificate"]), public_of_key(seen[-1][0]))
        self.assertNotIn("encrypted_key", device)
        line.factory_ca("rekey", "--mac", mac, "--reason", "key lost on the way")
        self.made(order, body)
        line.factory_ca("order", "close", "--reference", order)
        self.assertEqual(self.keygen(order, body)[0], 403)

    def test_kinds_of_keys_and_what_is_refused(self):
        macs = line.macs(3)
        order = line.order(macs[:2])
        rsa = ("-newkey", "rsa:2048")
        key, certificate = self.made(order, self.csr(macs[0], kind=rsa))
        self.assertIn("rsaEncryption", run("openssl", "x509", "-noout", "-text", stdin=certificate.encode())
                      .stdout.decode())
        # A key that we would not accept is only a hint that is not taken.
        self.made(order, self.csr(macs[1], kind=("-newkey", "rsa:1024")))
        for path, body, status, code in ((order, self.csr(macs[2]), 403, b"out_of_range"),
                                         (order, b"x", 400, b"bad_csr"),
                                         (order, self.csr(macs[1], "SN-2"), 400, b"bad_row"),
                                         ("NONE", self.csr(macs[0]), 404, b"unknown_order")):
            answer = self.keygen(path, body)
            self.assertEqual((answer[0], answer[2].split(b":")[0]), (status, code), answer)
        self.assertEqual(curl(f"{order}/serverkeygen", "-H", "Content-Type: application/pkcs10", "--data-binary", "@-",
                              body=self.csr(macs[0]), station=False)[0], 401)

    def test_the_same_by_the_batch_call(self):
        macs = line.macs(12)
        order = line.order(macs[:11])
        rows = [{"mac": mac, "serial_number": f"SN-{mac}", "key": "server"} for mac in macs]
        rows[1]["key_type"] = "rsa2048"
        rows[2] = {"mac": macs[2], "serial_number": "SN", "csr": self.csr(macs[2], "SN").decode()}
        rows[3]["key"] = "mine"
        rows[4]["csr"] = "x"
        rows[5]["key_type"] = "p384"
        rows[6]["key_type"] = "ed25519"
        answer = line.batch(order, rows).rows()
        self.assertEqual([row.get("code", row["status"]) for row in answer],
                         ["issued"] * 3 + ["bad_row"] * 2 + ["weak_key", "bad_row"] + ["issued"] * 4 + ["out_of_range"])
        for i in (0, 1, 7, 10):
            key = decrypt(base64.b64decode(answer[i]["encrypted_key"]))
            self.assertEqual(public_of_key(key), public_of_certificate(answer[i]["certificate"]))
        self.assertNotIn("encrypted_key", answer[2])
        again = line.batch(order, rows[:1]).rows()[0]
        self.assertEqual((again["status"], again["claim_code"]), ("issued", answer[0]["claim_code"]))
        self.assertNotEqual(again["serial"], answer[0]["serial"])
        report = line.operator.ok("GET", f"/v1/orders/{order}/report")
        self.assertEqual((report["issued"], report["key_repeated"]), (7, 1))


class Reenroll(unittest.TestCase):

    def renew(self, body, cert, key, path="simplereenroll"):
        kept = line.station_cert, line.station_key
        line.station_cert, line.station_key = cert, key
        try:
            return curl(path, "-H", "Content-Type: application/pkcs10", "--data-binary", "@-", body=body)
        finally:
            line.station_cert, line.station_key = kept

    def subject(self, cert):
        text = run("openssl", "x509", "-in", cert, "-noout", "-subject", "-nameopt", "compat").stdout.decode()
        return text.split("subject=", 1)[1].strip()

    def keep(self, name, answer):
        path = line.path(f"{name}.pem")
        with open(path, "w") as file:
            file.write(certificates(answer)[0] + "-----END CERTIFICATE-----\n")
        return path

    def keygen_status(self, cert, key):
        mac, = macs = line.macs(1)
        body = base64.b64encode(csr(key, f"/serialNumber=1/CN={mac}"))
        return self.renew(body, cert, key, f"{line.order(macs)}/serverkeygen")[0]

    def test_a_station_renews_its_own_certificate(self):
        cert, key = line.add("station", "renewing")
        subject = self.subject(cert)
        order = line.order(line.macs(1), "--station", "renewing")
        status, content_type, answer = self.renew(base64.b64encode(csr(key, subject)), cert, key)
        self.assertEqual((status, content_type), (200, "application/pkcs7-mime; smime-type=certs-only"), answer)
        renewed = self.keep("renewed", answer)
        self.assertEqual(self.subject(renewed), subject)
        self.assertEqual(line.client(renewed, key).ok("GET", f"/v1/orders/{order}")["reference"], order)
        self.assertEqual(self.keygen_status(renewed, key), 200)
        # With a new key it is a station still, but none to which keys of phones are encrypted.
        new_key = line.path("renewed.key")
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", new_key)
        status, _, answer = self.renew(base64.encodebytes(csr(new_key, subject)), renewed, key, f"{order}/simplereenroll")
        self.assertEqual(status, 200, answer)
        fresh = self.keep("fresh", answer)
        self.assertEqual(line.client(fresh, new_key).ok("GET", f"/v1/orders/{order}")["reference"], order)
        self.assertEqual(self.keygen_status(fresh, new_key), 403)
        self.assertEqual(line.psql("select count(*) from firstring.station where name = 'renewing' and state = 'live'"),
                         "3")

    def test_what_is_refused(self):
        cert, key = line.add("station", "refused")
        subject = self.subject(cert)
        rsa, foreign = line.path("rsa.key"), line.path("foreign.key")
        run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", rsa)
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", foreign)
        good = csr(key, subject)
        for body in (b"x", csr(key, "/O=Example Phones/CN=line-1"), csr(key, subject + "/OU=more"), csr(rsa, subject),
                     csr(key, subject, "-addext", "subjectAltName=DNS:line-1"), good[:-4] + b"\0\0\0\0"):
            status, content_type, answer = self.renew(base64.b64encode(body), cert, key)
            self.assertEqual((status, content_type), (400, "text/plain; charset=utf-8"), answer)
        self.assertEqual(self.renew(base64.b64encode(csr(line.operator_key, self.subject(line.operator_cert))),
                                    line.operator_cert, line.operator_key)[0], 403)
        run(PROGRAM, "--config", line.config, "station", "revoke", "refused")
        self.assertEqual(self.renew(base64.b64encode(good), cert, key)[0], 403)


class Dialects(unittest.TestCase):
    """Two real clients' manners, byte for byte: requests over one kept connection each."""

    def talk(self, tls, requests, certificate=True):
        context = ssl.create_default_context(cafile=line.path("server-ca.pem"))
        context.maximum_version = tls
        if certificate:
            context.load_cert_chain(line.station_cert, line.station_key)
        answers = []
        with socket.create_connection(("localhost", line.port), timeout=30) as plain, \
                context.wrap_socket(plain, server_hostname="localhost") as connection:
            stream = connection.makefile("rb")
            for request in requests:
                for piece in request:
                    connection.sendall(piece)
                status = int(stream.readline().split()[1])
                headers = {}
                while (text := stream.readline().strip()):
                    name, _, value = text.decode().partition(":")
                    headers[name.lower()] = value.strip()
                answers.append((status, headers, stream.read(int(headers.get("content-length", 0)))))
        return answers

    def phones(self, count):
        macs = line.macs(count)
        key = line.path("dialect.key")
        ders = []
        for mac in macs:
            run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
            ders.append(csr(key, f"/serialNumber=SN/CN={mac}"))
        return line.order(macs), ders

    def test_tls_1_2_content_length_lines_of_64(self):
        order, (der,) = self.phones(1)
        text = base64.b64encode(der)
        body = b"".join(text[i:i + 64] + b"\n" for i in range(0, len(text), 64))
        head = (f"POST /.well-known/est/{order}/simpleenroll HTTP/1.1\r\nUser-Agent: libest 1.0\r\nConnection: close\r\n"
                f"Host: localhost:{line.port}\r\nAccept: */*\r\nContent-Type: application/pkcs10\r\n"
                f"Content-Transfer-Encoding: base64\r\nContent-Length: {len(body)}\r\n\r\n").encode()
        # It asks for 401 before it authenticates.
        status, headers, _ = self.talk(ssl.TLSVersion.TLSv1_2, [[head, body]], certificate=False)[0]
        self.assertEqual(status, 401)
        self.assertIn("www-authenticate", headers)
        cacerts = (f"GET /.well-known/est/cacerts HTTP/1.1\r\nUser-Agent: libest 1.0\r\nHost: localhost:{line.port}\r\n"
                   f"Accept: */*\r\n\r\n").encode()
        answers = self.talk(ssl.TLSVersion.TLSv1_2, [[cacerts], [head, body]])
        for status, headers, answer in answers:
            self.assertEqual(status, 200)
            self.assertTrue(headers["content-type"].startswith("application/pkcs7-mime"))
            self.assertNotIn("content-transfer-encoding", headers)
            self.assertNotIn("transfer-encoding", headers)
            self.assertTrue(all(len(each) <= 76 for each in answer.splitlines()))
        self.assertEqual([len(certificates(answer)) for _, _, answer in answers], [2, 1])

    def test_chunks_on_a_kept_connection(self):
        order, ders = self.phones(3)
        requests = []
        for number, der in enumerate(ders):
            body = base64.encodebytes(der).replace(b"\n", b"\r\n" if number == 1 else b"\n")
            head = (f"POST /.well-known/est/{order}/simpleenroll HTTP/1.1\r\nHost: localhost:{line.port}\r\n"
                    f"User-Agent: Go-http-client/1.1\r\nTransfer-Encoding: chunked\r\nContent-Type: application/pkcs10\r\n"
                    f"Accept-Encoding: gzip\r\n\r\n").encode()
            size = (1, 77, 4096)[number]
            chunks = [body[i:i + size] for i in range(0, len(body), size)]
            requests.append([head] + [b"%x\r\n%s\r\n" % (len(each), each) for each in chunks] + [b"0\r\n\r\n"])
        answers = self.talk(ssl.TLSVersion.TLSv1_3, requests)
        self.assertEqual([status for status, _, _ in answers], [200] * 3)
        self.assertEqual([len(certificates(answer)) for _, _, answer in answers], [1] * 3)


if __name__ == "__main__":
    unittest.main()
