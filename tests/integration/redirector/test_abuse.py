#!/usr/bin/env python3
"""Scans, bans and clones. Sources are addresses of loopback's network, which here is not exempt."""
import http.client
import json
import os
import signal
import ssl
import sys
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
from tests.lib.instance import Answer  # noqa: E402
from tests.lib.redirector import Redirector, eventually  # noqa: E402

CUT = (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)


def setUpModule():
    global redirector
    # Nothing is forgiven while a test runs, however slow the machine.
    redirector = Redirector(abuse={"exempt": [], "source_failures": 20, "source_refill": "1h", "network_failures": 60,
                                   "network_refill": "1h", "certificate_failures": 20,
                                   "certificate_refill": "1h"}).__enter__()


def tearDownModule():
    redirector.__exit__(None, None, None)


def boot(phone, source, path="/v1/bootstrap"):
    """The answer of one connection from that address; None: no HTTP at all."""
    context = phone.client().context if phone else redirector.client().context
    connection = http.client.HTTPSConnection("127.0.0.1", redirector.port, context=context, timeout=20,
                                             source_address=(source, 0))
    try:
        connection.request("GET", path)
        return Answer(connection.getresponse())
    except CUT:
        return None
    finally:
        connection.close()


def admin(method, path):
    request = urllib.request.Request(f"http://127.0.0.1:{redirector.health_port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def bans():
    return {ban["source"]: ban for ban in json.loads(admin("GET", "/bans")[1])["bans"]}


def events(kind, column="source_ip"):
    return redirector.psql(f"select {column} from firstring.security_event where kind = '{kind}'").splitlines()


class Sources(unittest.TestCase):

    def test_failures_end_in_a_ban_that_people_can_lift(self):
        phone = redirector.phone()
        for _ in range(21):
            self.assertIsNone(boot(None, "127.1.1.3"))
        eventually(lambda: "127.1.1.3" in bans())
        self.assertIsNone(boot(phone, "127.1.1.3"))
        self.assertEqual(boot(phone, "127.1.2.4").status, 200)
        ban = bans()["127.1.1.3"]
        self.assertEqual(ban["failures"], 21)
        self.assertRegex(ban["ends_at"], r"^20\d\d-.*Z$")
        eventually(lambda: "127.1.1.3" in events("source_banned"))
        metrics = redirector.metrics()
        self.assertGreater(int(metrics['firstring_redirector_bans{of="source"}']), 0)
        self.assertGreater(int(metrics['firstring_redirector_connections_refused_total{cause="banned"}']), 0)

        self.assertEqual(admin("DELETE", "/bans/127.9.9.9")[0], 404)
        self.assertEqual(admin("DELETE", "/bans/nonsense")[0], 400)
        self.assertEqual(admin("POST", "/bans")[0], 405)
        self.assertEqual(admin("DELETE", "/bans/127.1.1.3")[0], 204)
        self.assertNotIn("127.1.1.3", bans())
        self.assertEqual(boot(phone, "127.1.1.3").status, 200)

    def test_an_office_that_was_served_is_not_banned_for_one_bad_phone(self):
        phone, unknown = redirector.phone(), redirector.phone(live=False, claimed=False)
        self.assertEqual(boot(phone, "127.2.1.3").status, 200)
        for _ in range(21):
            self.assertEqual(boot(unknown, "127.2.1.3").status, 404)
        self.assertIsNone(boot(unknown, "127.2.1.3"))  # its certificate is
        self.assertEqual(boot(phone, "127.2.1.3").status, 200)
        key = "certificate:" + unknown.fingerprint[:16]
        self.assertIn(key, bans())
        eventually(lambda: "certificate_banned" in redirector.security_events(unknown))
        self.assertEqual(admin("DELETE", f"/bans/{key}")[0], 204)
        self.assertEqual(boot(unknown, "127.2.1.3").status, 404)

    def test_many_phones_behind_one_address_are_no_scan(self):
        phones = [redirector.phone("yealink", claimed=number % 2 == 0) for number in range(20)]
        for _ in range(5):
            for number, phone in enumerate(phones):
                for path, status in ((f"/{phone.mac.lower()}.cfg", 404 if number % 2 else 200),
                                     ("/y000000000028.cfg", 404)):
                    self.assertEqual(boot(phone, "127.3.1.1", path).status, status)
        self.assertFalse([row for row in redirector.log()
                          if row["event"] == "abuse_alarm" and row["peer"].startswith("127.3.")])

    def test_phones_with_dead_certificates_in_a_row_are_no_scan(self):
        self.assertEqual(boot(redirector.phone(), "127.3.2.1").status, 200)
        for phone in [redirector.phone("yealink", live=False) for _ in range(40)]:
            self.assertEqual(boot(phone, "127.3.2.1", f"/{phone.mac.lower()}.cfg").status, 404)
        self.assertFalse([row for row in redirector.log()
                          if row["event"] == "abuse_alarm" and row["peer"] == "127.3.2.1"])

    def test_a_network_raises_an_alarm_and_is_not_banned(self):
        for number in range(61):
            self.assertIsNone(boot(None, f"127.4.1.{number + 1}"))
        eventually(lambda: "127.4.1.0/24" in events("network_abuse"))
        self.assertEqual(boot(redirector.phone(), "127.4.1.200").status, 200)


class Scans(unittest.TestCase):

    def test_a_connection_that_is_held_open_ends_with_the_ban(self):
        phone = redirector.phone("yealink")
        connection = http.client.HTTPSConnection("127.0.0.1", redirector.port, context=phone.client().context,
                                                 timeout=20, source_address=("127.9.1.1", 0))
        answers = 0
        try:
            while answers < 100:
                connection.auto_open = answers == 0  # never a second one
                connection.request("GET", f"/0015650cbc{answers:02x}.cfg")
                self.assertEqual(connection.getresponse().read(), b"Forbidden\n")
                answers += 1
        except (http.client.NotConnected, *CUT):
            pass
        finally:
            connection.close()
        self.assertEqual(answers, 21)

    def test_a_hundred_macs_in_a_row(self):
        phone = redirector.phone("yealink")
        answers = [boot(phone, "127.5.1.1", f"/0015650abc{number:02x}.cfg") for number in range(100)]
        self.assertEqual({answer.status for answer in answers if answer}, {403})
        self.assertLess(len([answer for answer in answers if answer]), 25)
        detail = "detail ->> 'reason' || ' ' || host(source_ip)"
        eventually(lambda: "sequential_macs 127.5.1.1" in events("mac_scan", detail))
        self.assertEqual(events("mac_scan", detail).count("sequential_macs 127.5.1.1"), 1)

    def test_one_certificate_from_two_networks_in_turn(self):
        phone = redirector.phone()
        for source in ("127.6.1.1", "127.6.1.9", "127.6.2.1"):
            self.assertEqual(boot(phone, source).status, 200)
        self.assertEqual(redirector.security_events(phone), [])
        for source in ("127.6.1.1", "127.6.2.1", "127.6.1.1"):
            self.assertEqual(boot(phone, source).status, 200)
        eventually(lambda: redirector.security_events(phone) == ["clone_suspected"])


class Exempt(unittest.TestCase):
    """Loopback is by default."""

    def setUp(self):
        self.configure(abuse={"source_failures": 5, "certificate_failures": 5})

    def tearDown(self):
        self.configure()

    def configure(self, **more):
        redirector.write_config(**more)
        seen = len(redirector.log())
        redirector.process.send_signal(signal.SIGHUP)
        eventually(lambda: [row for row in redirector.log()[seen:] if row["event"] == "serving"])

    def test_it_is_alarmed_about_and_never_banned(self):
        phone = redirector.phone("yealink")
        for _ in range(10):
            self.assertIsNone(boot(None, "127.7.1.1"))
        for number in range(100):
            self.assertEqual(boot(phone, "127.7.1.1", f"/0015650bbc{number:02x}.cfg").status, 403)
        eventually(lambda: "mac_scan" in redirector.security_events_of("127.7.1.1"))
        self.assertEqual(boot(phone, "127.7.1.1", f"/{phone.mac.lower()}.cfg").status, 200)
        self.assertFalse([name for name in bans() if name.startswith("127.7.")])

    def test_a_list_that_is_none_is_refused(self):
        redirector.write_config(abuse={"exempt": ["10.0.0.1/8"]})
        seen = len(redirector.log())
        redirector.process.send_signal(signal.SIGHUP)
        refused = eventually(lambda: [row for row in redirector.log()[seen:] if row["event"] == "configuration_refused"])
        self.assertIn('abuse.exempt: "10.0.0.1/8"', refused[0]["reason"])


if __name__ == "__main__":
    unittest.main()
