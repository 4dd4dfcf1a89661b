#!/usr/bin/env python3
"""What ends soon is told: in the log with what to do about it, and as a metric before that."""
import time
import unittest

from line import CONFIGURATION, Line


def setUpModule():
    global line
    line = Line()
    write = line.write_configuration
    # Stations and operators have 90 days, the issuing CA's CRL and the server 30, the root's CRL 365.
    line.write_configuration = lambda text=CONFIGURATION: write(
        text.replace("front:\n", "front:\n  expiry_warning: 91d\n"))
    line.start()


def tearDownModule():
    line.stop()


def warnings():
    return {(entry["what"], entry["name"].rsplit("/", 1)[-1]): entry for entry in line.log()
            if entry["event"] == "expires_soon"}


class Expiry(unittest.TestCase):

    def test_what_ends_soon_is_told(self):
        deadline = time.monotonic() + 60
        while ("operator", "chief") not in warnings() and time.monotonic() < deadline:
            time.sleep(0.1)
        found = warnings()
        self.assertEqual(set(found), {("station", "line-1"), ("operator", "chief"),
                                      ("server certificate", "server.pem"),
                                      ("issuing CRL", "issuing-0.crl")})
        self.assertIn(found["station", "line-1"]["days"], (89, 90))
        self.assertIn("station add", found["station", "line-1"]["advice"])

    def test_metrics_tell_the_first_of_each_kind(self):
        def days(what):
            return (line.metric(f'firstring_factory_expires_seconds{{what="{what}"}}')
                    - time.time()) / 86400

        self.test_what_ends_soon_is_told()
        for what, expected in (("station", 90), ("operator", 90), ("server", 30),
                               ("issuing_crl", 30), ("root_crl", 365)):
            self.assertAlmostEqual(days(what), expected, delta=1, msg=what)
        self.assertGreater(days("issuing_ca"), 365 * 1000)


if __name__ == "__main__":
    unittest.main()
