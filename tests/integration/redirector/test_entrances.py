#!/usr/bin/env python3
"""Listeners each with its own policy: who may come where, by what, with which server certificate."""
import base64
import hashlib
import http.client
import os
import signal
import socket
import ssl
import sys
import threading
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
from tests.lib.instance import BUILD, Answer, Client, free_ports, run  # noqa: E402
from tests.lib.redirector import LEAF, Authority, Phone, Redirector, eventually, read  # noqa: E402

CUT = (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)
SERVER = LEAF + "extendedKeyUsage=serverAuth\n"
CLIENT = LEAF + "extendedKeyUsage=clientAuth\n"


def setUpModule():
    global redirector, ports, other, elsewhere, layouts
    redirector = Redirector()
    names = ("password", "compatible", "own", "balanced", "foreign_balancer", "snoms")
    ports = dict(zip(names, free_ports(len(names))))
    make_keys = redirector.make_keys

    def make_more_keys():
        global other, elsewhere, layouts
        make_keys()
        servers = Authority(redirector.path("other-servers"), "Another Server CA")
        other = servers.cert, [servers.sign(f"other-{number}", "/CN=other", SERVER + f"subjectAltName={names}\n")
                               for number, names in enumerate(("DNS:prov.one.example,IP:127.0.0.1",
                                                               "DNS:prov.two.example,DNS:*.fleet.example"))]
        for _, key in other[1]:
            os.chmod(key, 0o600)
        elsewhere = {name: Authority(redirector.path(name), "Elsewhere CA") for name in ("state", "prefix")}
        redirector.config.update(
            listeners=[
                {"name": "phones", "address": f"127.0.0.1:{redirector.port}"},
                {"name": "password", "address": f"127.0.0.1:{ports['password']}", "authentication": "password",
                 "public_url": "https://old.example:9443"},
                {"name": "compatible", "address": f"127.0.0.1:{ports['compatible']}", "tls_floor": "compatible"},
                {"name": "own", "address": f"127.0.0.1:{ports['own']}",
                 "key_pairs": [{"certificate": cert, "key": key} for cert, key in other[1]]},
                {"name": "snoms", "address": f"127.0.0.1:{ports['snoms']}", "models": ["model-snom"]},
                {"name": "balanced", "address": f"127.0.0.1:{ports['balanced']}", "proxy_protocol": "required",
                 "balancers": ["127.0.0.9", "10.0.0.0/8"]},
                {"name": "foreign", "address": f"127.0.0.1:{ports['foreign_balancer']}",
                 "proxy_protocol": "required", "balancers": ["192.0.2.0/24"]}],
            issuing_cas=[{"certificates": elsewhere["state"].cert, "mac_in": "S"},
                         {"certificates": elsewhere["prefix"].cert, "mac_in": "CN", "mac_after": "SEP"}],
            # Nothing is forgiven while a test runs, however slow the machine.
            abuse={"exempt": [], "source_failures": 30, "source_refill": "1h", "certificate_failures": 10,
                   "certificate_refill": "1h"})

    redirector.make_keys = make_more_keys
    redirector.__enter__()


def tearDownModule():
    redirector.__exit__(None, None, None)


def old_phone(claimed=True, certificate=False):
    """A phone without a certificate, with credentials as the import makes them: (phone, user, password)."""
    phone = redirector.phone(live=certificate, claimed=claimed)
    password = "pW" + hashlib.sha256(phone.mac.encode()).hexdigest()[:22]
    redirector.psql("insert into firstring.device_model (name, format, key_types, authentication) values"
                    " ('model-old', 'json', '{p256}', 'password') on conflict do nothing;"
                    f"update firstring.device set model = 'model-old', credential_user = '{phone.mac}',"
                    f" credential_hash = '\\x{hashlib.sha256(password.encode()).hexdigest()}' where mac = '{phone.mac}'")
    return phone, phone.mac, password


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def ask(user=None, password=None, path="/v1/bootstrap", method="GET", headers=None, source="127.0.0.1"):
    context = Client(f"https://127.0.0.1:{ports['password']}", redirector.server_ca).context
    connection = http.client.HTTPSConnection("127.0.0.1", ports["password"], context=context, timeout=20,
                                             source_address=(source, 0))
    try:
        connection.request(method, path, headers=headers or (basic(user, password) if user else {}))
        return Answer(connection.getresponse())
    finally:
        connection.close()


def kinds(phone):
    return redirector.security_events(phone)


class Password(unittest.TestCase):

    def test_right_ones_are_served(self):
        phone, user, password = old_phone()
        answer = ask(user, password)
        self.assertEqual((answer.status, answer.json()["admin_password"]), (200, "kR7vTq2mWz9xHs4b"))
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertEqual(ask(user.lower(), password, method="HEAD").status, 200)
        eventually(lambda: ("delivered", "answer") in redirector.events(phone))
        self.assertEqual(kinds(phone), [])

    def test_none_are_asked_for_and_wrong_ones_look_alike(self):
        phone, user, password = old_phone()
        first = ask()
        self.assertEqual((first.status, first.headers["WWW-Authenticate"]), (401, 'Basic realm="provisioning"'))
        unknown = ask("0015650FFFF1", password, source="127.8.1.1")
        wrong = ask(user, password + "x", source="127.8.1.2")
        broken = ask(headers={"Authorization": "Basic %%%"}, source="127.8.1.3")
        bearer = ask(headers={"Authorization": "Bearer " + password}, source="127.8.1.4")
        for answer in (unknown, wrong, broken, bearer):
            self.assertEqual(answer.same_bytes(), first.same_bytes())
        eventually(lambda: kinds(phone) == ["wrong_credentials"])

    def test_the_path_is_still_the_phones_own(self):
        phone, user, password = old_phone()
        stranger = redirector.phone()
        self.assertEqual(ask(user, password, f"/{stranger.mac}.cfg").status, 403)
        eventually(lambda: kinds(phone) == ["mac_mismatch"])
        for method in ("PUT", "POST", "DELETE"):
            self.assertEqual(ask(user, password, "/log.txt", method).status, 405)

    def test_one_that_has_a_certificate_gets_the_common_404(self):
        phone, user, password = old_phone(certificate=True)
        common = redirector.phone(claimed=False).boot("/v1/bootstrap")
        answer = ask(user, password)
        self.assertEqual(answer.same_bytes(), common.same_bytes())
        eventually(lambda: kinds(phone) == ["weak_listener"])
        self.assertEqual(phone.boot("/v1/bootstrap").status, 200)
        # A dead one as well: it had one once.
        redirector.psql(f"update firstring.certificate set status = 'revoked', revoked_at = now()"
                        f" where mac = '{phone.mac}'")
        self.assertEqual(ask(user, password).same_bytes(), common.same_bytes())

    def test_unclaimed_is_the_common_404(self):
        _, user, password = old_phone(claimed=False)
        common = redirector.phone(claimed=False).boot("/v1/bootstrap")
        self.assertEqual(ask(user, password).same_bytes(), common.same_bytes())

    def test_in_two_stages_it_comes_back_to_the_same_listener(self):
        itsp = redirector.itsp, redirector.profile
        redirector.make_itsp(delivery="staged")
        phone, user, password = old_phone()
        redirector.itsp, redirector.profile = itsp
        first = ask(user, password).json()
        place, = first["provisioning_urls"]
        self.assertTrue(place.startswith("https://old.example:9443/s/"), place)
        path = place[len("https://old.example:9443"):]
        second = ask(user, password, path + "v1/bootstrap")
        self.assertIn(phone.mac.lower(), second.json()["provisioning_urls"][0])
        self.assertEqual(ask(user, password + "x", path + "v1/bootstrap", source="127.8.5.1").status, 401)

    def test_guesses_are_slowed_by_source_and_told_of_and_never_lock_a_phone_out(self):
        phone, user, password = old_phone()
        for number in range(31):
            self.assertEqual(ask(user, f"guess{number}", source="127.8.2.1").status, 401)
        with self.assertRaises(CUT):
            ask(user, "guess", source="127.8.2.1")
        eventually(lambda: {"credential_guessing", "source_banned"} <= set(kinds(phone)))
        self.assertEqual(ask(user, password, source="127.8.3.1").status, 200)

    def test_user_names_tried_in_a_row_are_a_scan(self):
        for number in range(16):
            self.assertEqual(ask(f"0015650EE0{number:02X}", "guess", source="127.8.6.1").status, 401)
        eventually(lambda: "mac_scan" in redirector.security_events_of("127.8.6.1"))

    def test_no_certificate_and_no_password_in_the_log(self):
        _, user, password = old_phone()
        ask(user, password)
        ask(user, password + "wrong", source="127.8.4.1")
        log = read(redirector.path("log"))
        self.assertNotIn(password, log)
        self.assertNotIn("Authorization", log)
        self.assertNotIn(basic(user, password)["Authorization"][6:], log)
        self.assertIn('"listener":"password"', log)

    def test_credentials_do_not_replace_a_certificate_elsewhere(self):
        _, user, password = old_phone()
        with self.assertRaises(CUT):
            redirector.client().request("GET", "/v1/bootstrap", headers=basic(user, password))
        phone = redirector.phone()
        answer = phone.boot("/v1/bootstrap", headers=basic(user, password))
        self.assertEqual(answer.json()["mac"], phone.mac)


class Floor(unittest.TestCase):

    def boot(self, phone, port, ciphers, path="/v1/bootstrap"):
        context = phone.client(ssl.TLSVersion.TLSv1_2).context
        context.set_ciphers(ciphers)
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)
        try:
            connection.request("GET", path)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def test_a_model_of_old_is_served_on_both(self):
        phone = redirector.phone("snom")
        redirector.psql("update firstring.device_model set tls_floor = 'compatible' where name = 'model-snom'")
        for ciphers in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"):
            answer = self.boot(phone, ports["compatible"], ciphers, f"/snomD785-{phone.mac}.htm")
            self.assertEqual(answer.status, 200, ciphers)
        with self.assertRaises(CUT):
            self.boot(phone, redirector.port, "ECDHE-RSA-AES128-SHA")
        self.assertEqual(phone.boot(f"/snomD785-{phone.mac}.htm").status, 200)
        self.assertEqual(kinds(phone), [])

    def test_another_is_refused_on_the_weaker_one(self):
        phone = redirector.phone()
        common = redirector.phone(claimed=False).boot("/v1/bootstrap")
        for ciphers in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA"):
            self.assertEqual(self.boot(phone, ports["compatible"], ciphers).same_bytes(), common.same_bytes())
        eventually(lambda: kinds(phone) == ["weak_listener"] * 2)
        self.assertEqual(phone.boot("/v1/bootstrap").status, 200)

    def test_a_listener_may_be_for_some_models(self):
        snom, other = redirector.phone("snom"), redirector.phone()
        ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256"
        self.assertEqual(self.boot(snom, ports["snoms"], ciphers, f"/snomD785-{snom.mac}.htm").status, 200)
        common = redirector.phone(claimed=False).boot("/v1/bootstrap")
        self.assertEqual(self.boot(other, ports["snoms"], ciphers).same_bytes(), common.same_bytes())
        eventually(lambda: ("refused", "wrong_listener") in redirector.events(other))
        self.assertEqual(kinds(other), [])

    def test_neither_takes_what_is_older_than_tls_1_2(self):
        phone = redirector.phone()
        for tls in ("-tls1", "-tls1_1"):
            out = run("openssl", "s_client", "-connect", f"127.0.0.1:{ports['compatible']}", tls, "-cipher",
                      "ALL:@SECLEVEL=0", "-cert", phone.cert, "-key", phone.key,
                      stdin=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", check=False).stdout
            self.assertNotIn(b"HTTP/1.1", out)


class ServerCertificates(unittest.TestCase):

    def shown(self, port, *words):
        """The subject alternative names of the certificate that a phone meets."""
        phone = redirector.phone()
        out = run("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-cert", phone.cert, "-key", phone.key,
                  *words, stdin=b"", check=False).stdout
        return run("openssl", "x509", "-noout", "-ext", "subjectAltName", stdin=out).stdout.decode()

    def test_each_listener_has_its_own_and_the_name_chooses(self):
        self.assertIn("127.0.0.1", self.shown(redirector.port, "-servername", "prov.two.example"))
        for name, expected in (("prov.one.example", "prov.one.example"), ("prov.two.example", "prov.two.example"),
                               ("a.fleet.example", "prov.two.example"), ("unheard.example", "prov.one.example")):
            self.assertIn(expected, self.shown(ports["own"], "-servername", name), name)
        self.assertIn("prov.one.example", self.shown(ports["own"], "-noservername"))

    def test_a_phone_is_served_under_each_name(self):
        phone = redirector.phone()
        for name in ("prov.one.example", "prov.two.example"):
            context = ssl.create_default_context(cafile=other[0])
            context.load_cert_chain(phone.cert, phone.key)
            with socket.create_connection(("127.0.0.1", ports["own"])) as plain, \
                    context.wrap_socket(plain, server_hostname=name) as secure:
                secure.sendall(b"GET /v1/bootstrap HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                self.assertIn(b"HTTP/1.1 200", b"".join(iter(lambda: secure.recv(4096), b"")))

    def test_new_ones_are_in_force_after_a_reload_and_no_connection_is_lost(self):
        servers = Authority(redirector.path("renewed-servers"), "Renewed Server CA")
        cert, key = servers.sign("renewed", "/CN=renewed", SERVER + "subjectAltName=IP:127.0.0.1\n")
        old_cert, old_key = other[1][0]
        before = read(old_cert), read(old_key)
        phone, answers, lost, stop = redirector.phone(), [], [], threading.Event()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(phone.cert, phone.key)

        def boots():
            while not stop.is_set():
                connection = http.client.HTTPSConnection("127.0.0.1", ports["own"], context=context, timeout=20)
                try:
                    connection.request("GET", "/v1/bootstrap")
                    answers.append(connection.getresponse().status)
                except OSError as error:
                    lost.append(repr(error))
                finally:
                    connection.close()

        kept = http.client.HTTPSConnection("127.0.0.1", ports["own"], context=context, timeout=20)
        kept.connect()
        threads = [threading.Thread(target=boots) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for path, text in ((old_cert, read(cert)), (old_key, read(key))):
                with open(path, "w") as file:
                    file.write(text)
            seen = len(redirector.log())
            redirector.process.send_signal(signal.SIGHUP)
            # One whose handshake was before the reload is answered by those who made it.
            kept.request("GET", "/v1/bootstrap")
            self.assertEqual(kept.getresponse().status, 200)
            eventually(lambda: [row for row in redirector.log()[seen:] if row["event"] == "serving"])
            eventually(lambda: "renewed" in run(
                "openssl", "x509", "-noout", "-subject", stdin=run(
                    "openssl", "s_client", "-connect", f"127.0.0.1:{ports['own']}", "-cert", phone.cert, "-key",
                    phone.key, "-noservername", stdin=b"", check=False).stdout).stdout.decode())
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            kept.close()
            for path, text in zip((old_cert, old_key), before):
                with open(path, "w") as file:
                    file.write(text)
        self.assertEqual((lost, set(answers)), ([], {200}))


class Balancers(unittest.TestCase):
    HEADER = b"PROXY TCP4 192.0.2.7 127.0.0.1 40000 443\r\n"

    def ask(self, phone, port, source, header):
        with socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0)) as plain:
            try:
                plain.sendall(header)
                with phone.client().context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                    secure.sendall(b"GET /v1/bootstrap HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    return b"".join(iter(lambda: secure.recv(4096), b""))
            except OSError:
                return b""  # refused, whichever side noticed first

    def test_version_2_and_ipv6(self):
        phone = redirector.phone()
        source = socket.inet_pton(socket.AF_INET6, "2001:db8:1:2::7")
        header = (b"\r\n\r\n\0\r\nQUIT\n\x21\x21" + (36).to_bytes(2, "big") + source + source
                  + (40000).to_bytes(2, "big") + (443).to_bytes(2, "big"))
        self.assertIn(b"HTTP/1.1 200", self.ask(phone, ports["balanced"], "127.0.0.9", header))
        eventually(lambda: redirector.psql(
            f"select distinct source_ip from firstring.device_event where mac = '{phone.mac}'") == "2001:db8:1:2::7")

    def test_a_ban_of_ipv6_is_of_the_64_and_is_lifted_by_it(self):
        phone = redirector.phone()
        header = b"PROXY TCP6 2001:db8:9:9::%d ::1 40000 443\r\n"
        for number in range(31):
            self.ask_plain(header % number + b"GET / HTTP/1.1\r\n\r\n")
        eventually(lambda: self.ask(phone, ports["balanced"], "127.0.0.9", header % 77) == b"")
        health = f"http://127.0.0.1:{redirector.health_port}/bans"
        with urllib.request.urlopen(health, timeout=10) as answer:
            self.assertIn(b'"2001:db8:9:9::/64"', answer.read())
        with urllib.request.urlopen(urllib.request.Request(
                health + "/2001:db8:9:9::/64", method="DELETE"), timeout=10) as answer:
            self.assertEqual(answer.status, 204)
        self.assertIn(b"HTTP/1.1 200", self.ask(phone, ports["balanced"], "127.0.0.9", header % 77))

    def test_only_balancers_name_a_phone(self):
        phone = redirector.phone()
        self.assertIn(b"HTTP/1.1 200", self.ask(phone, ports["balanced"], "127.0.0.9", self.HEADER))
        self.assertEqual(self.ask(phone, ports["balanced"], "127.0.0.8", self.HEADER), b"")
        self.assertEqual(self.ask(phone, ports["foreign_balancer"], "127.0.0.9", self.HEADER), b"")
        eventually(lambda: [row for row in redirector.log() if row.get("detail") == "not_a_balancer"])

    def test_bans_are_of_those_behind_it_and_never_its_own(self):
        phone = redirector.phone()
        scanner = b"PROXY TCP4 198.51.100.7 127.0.0.1 40000 443\r\n"
        for _ in range(31):  # no TLS at all
            self.assertEqual(self.ask_plain(scanner + b"GET / HTTP/1.1\r\n\r\n"), b"")
        eventually(lambda: redirector.security_events_of("198.51.100.7") == ["source_banned"])
        self.assertEqual(self.ask(phone, ports["balanced"], "127.0.0.9", scanner), b"")
        self.assertIn(b"HTTP/1.1 200", self.ask(phone, ports["balanced"], "127.0.0.9", self.HEADER))
        for _ in range(40):  # its own health checks, and worse
            self.ask_plain(b"PROXY UNKNOWN\r\nnonsense\r\n\r\n")
        self.assertIn(b"HTTP/1.1 200", self.ask(phone, ports["balanced"], "127.0.0.9", self.HEADER))

    def ask_plain(self, text):
        with socket.create_connection(("127.0.0.1", ports["balanced"]), timeout=20,
                                      source_address=("127.0.0.9", 0)) as plain:
            plain.sendall(text)
            try:
                answer = b"".join(iter(lambda: plain.recv(4096), b""))
            except ConnectionError:
                return b""
        return b"" if not answer.startswith(b"HTTP") else answer

    def test_a_header_that_does_not_come_is_waited_for_no_longer_than_a_handshake(self):
        with socket.create_connection(("127.0.0.1", ports["balanced"]), timeout=20,
                                      source_address=("127.0.0.9", 0)) as plain:
            plain.sendall(b"PROXY TCP4 192.0")
            self.assertEqual(plain.recv(100), b"")


class Issuers(unittest.TestCase):
    """Fleets of other makers, imported by fingerprint."""

    def imported(self, authority, name, subject, extensions=CLIENT):
        phone = Phone.__new__(Phone)
        phone.redirector, phone.mac = redirector, f"{redirector.next_mac:012X}"
        redirector.next_mac += 1
        phone.serial = "X" + phone.mac
        phone.cert, phone.key = authority.sign(name + phone.mac, subject.format(mac=phone.mac, low=phone.mac.lower()),
                                               extensions)
        phone.fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(read(phone.cert))).hexdigest()
        redirector.psql(f"insert into firstring.device (mac, serial_number, model, source) values"
                        f" ('{phone.mac}', '{phone.serial}', '{redirector.model('json')}', 'import');"
                        f"insert into firstring.certificate (fingerprint, mac) values"
                        f" ('\\x{phone.fingerprint}', '{phone.mac}')")
        redirector.claim(phone)
        return phone

    def test_the_mac_stands_where_their_maker_put_it(self):
        for name, subject in (("state", "/O=Elsewhere/OU=SPA504G/L=CBT1234/ST={low}"),
                              ("prefix", "/O=Elsewhere/serialNumber=PID:CP-8841 SN:F1/CN=CP-8841-SEP{mac}")):
            phone = self.imported(elsewhere[name], name, subject)
            self.assertEqual(phone.boot("/v1/bootstrap").status, 200, name)
            self.assertEqual(phone.boot("/0015650FFFFF.cfg").status, 403)

    def test_a_layout_is_only_that_ca_s(self):
        for authority, subject in ((redirector.factory, "/O=Elsewhere/ST={mac}"),
                                   (elsewhere["state"], "/O=Elsewhere/CN={mac}"),
                                   (elsewhere["prefix"], "/O=Elsewhere/CN={mac}"),
                                   (elsewhere["prefix"], "/O=Elsewhere/CN=CP-SEP{mac}/CN=CP-SEP{mac}"),
                                   (elsewhere["state"], "/O=Elsewhere/ST=xyz")):
            with self.assertRaises(CUT):
                self.imported(authority, "wrong", subject).boot("/v1/bootstrap")

    def test_what_a_ca_below_a_pinned_one_signed_is_none(self):
        below = Authority(redirector.path("below"), "Below CA")
        below.cert, below.key = redirector.factory.sign(
            "below", "/O=Example Phones/CN=Below CA",
            "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n")
        phone = self.imported(below, "below-leaf", "/O=Example Phones/CN={mac}")
        chain = redirector.path("below-chain.pem")
        with open(chain, "w") as file:
            file.write(read(phone.cert) + read(below.cert))
        phone.cert = chain
        with self.assertRaises(CUT):
            phone.boot("/v1/bootstrap")
        eventually(lambda: redirector.metrics()[
            'firstring_redirector_certificates_refused_total{reason="issuer"}'] != "0")


class DeadCertificates(unittest.TestCase):

    def test_one_of_ours_and_an_unknown_one_are_told_apart_in_the_events_alone(self):
        revoked, unknown = redirector.phone(), redirector.phone(live=False, claimed=False)
        redirector.psql(f"update firstring.certificate set status = 'revoked', revoked_at = now()"
                        f" where mac = '{revoked.mac}'")
        self.assertEqual(revoked.boot("/v1/bootstrap").same_bytes(), unknown.boot("/v1/bootstrap").same_bytes())
        eventually(lambda: (kinds(revoked), kinds(unknown)) == (["certificate_not_live"], ["certificate_unknown"]))


class Configuration(unittest.TestCase):

    def refused(self, says, **more):
        path = redirector.path("redirector.yaml")
        good = read(path)
        redirector.write_config(**more)
        try:
            done = run(os.path.join(BUILD, "bin/redirector"), "--config", path, "--check-config", check=False)
        finally:
            with open(path, "w") as file:
                file.write(good)
        self.assertEqual(done.returncode, 78)
        self.assertIn(says, done.stderr.decode())

    def test_what_is_wrong_is_said(self):
        one = {"name": "a", "address": "127.0.0.1:1"}
        self.refused("redirector.yaml:1:13: balancers: \"10.0.0.1/8\"", listeners=[{**one, "balancers": ["10.0.0.1/8"]}])
        self.refused("public_url: write https://host", listeners=[{**one, "public_url": "https://x.example/path"}])
        self.refused("balancers: nobody could connect", listeners=[
            {**one, "proxy_protocol": "required", "balancers": []}])
        self.refused('listeners[0].tls_floor: "old" is not one of modern compatible', listeners=[{**one, "tls_floor": "old"}])
        self.refused('listeners[0].key_pairs[0].key: this key is required',
                     listeners=[{**one, "key_pairs": [{"certificate": "x"}]}])
        self.refused("listeners[0]: key_pairs: there are none here and none in the file", listeners=[one], key_pairs=[])
        self.refused("device_ca: this key or issuing_cas is needed", device_ca="", issuing_cas=[])
        self.refused('issuing_cas[0].mac_in: "C" is not one of', issuing_cas=[{"certificates": "x", "mac_in": "C"}])

    def test_what_is_printed_is_read_again(self):
        path = redirector.path("printed-entrances.yaml")
        program = os.path.join(BUILD, "bin/redirector")
        printed = run(program, "--config", redirector.path("redirector.yaml"), "--print-config").stdout
        with open(path, "wb") as file:
            file.write(printed)
        self.assertEqual(run(program, "--config", path, "--print-config").stdout, printed)


if __name__ == "__main__":
    unittest.main()
