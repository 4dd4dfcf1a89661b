#!/usr/bin/env python3
"""No value can inject a line, a tag, an attribute or a member: hostile values rendered by the program,
read back by real parsers. A value arrives whole, or is refused with its name; nothing in between."""
import json
import os
import random
import re
import sys
import unittest
import xml.etree.ElementTree as xml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
from tests.lib.instance import BUILD, ROOT, run  # noqa: E402
from tests.lib.vendors import VENDORS  # noqa: E402

MAC = "001565AABBCC"
URL = "https://prov.itsp.example/p?a=1&b=2"
PIECES = ["&", "<", ">", '"', "'", "\\", "]]>", "<!--", "-->", "&amp;", "&#10;", "</", "/>", "{{mac}}", "}}", "{",
          "$", "#", ":", "=", ",", " ", "\t", "\n", "\r\n", "\x01", "\x7f", "é", "\u0085", "\u2028", "\ufffe", "a",
          "Z9", '" x="', "\nadmin = x", "</settings>", '"}', "<![CDATA["]

SEPARATORS = {"yealink": "=", "panasonic": "=", "mitel": ":"}


def render(name, *words, path=None):
    words = ["--mac", MAC, *words] + (["--path", path] if path else [])
    return run(os.path.join(BUILD, "bin/redirector"), "--render",
               os.path.join(ROOT, f"redirector/formats/{name}.format"), *words, check=False)


def shape(name, body):
    """The document without its values."""
    if name == "json":
        document = json.loads(body)
        return [(key, type(value).__name__, len(value) if isinstance(value, list) else 0)
                for key, value in document.items()]
    if name in SEPARATORS:
        return [line.split(SEPARATORS[name])[0] for line in body.decode("ascii").split("\n")]
    return [(each.tag, sorted(each.attrib)) for each in xml.fromstring(body).iter()]


class NothingIsInjected(unittest.TestCase):

    def check(self, vendor):
        dice, refused, carried = random.Random(vendor.name), 0, 0
        # The reader of vendors.py looks for "admin".
        user = ["--user", "admin"] if vendor.name == "yealink" else None
        good = render(vendor.name, "--url", URL, "--password", "kR7vTq2mWz9x").stdout
        plain = shape(vendor.name, good)
        for _ in range(60):
            hostile = "x" + "".join(dice.choice(PIECES) for _ in range(dice.randrange(1, 5))) + "y"
            done = render(vendor.name, "--url", URL, "--password", hostile, "--serial", hostile,
                          "--model", hostile, *(user or ["--user", hostile]))
            if done.returncode != 0:
                refused += 1
                self.assertRegex(done.stderr.decode(), r"^(admin_password|admin_user|serial_number|model): ")
                self.assertEqual(done.stdout, b"")
                continue
            carried += 1
            self.assertEqual(shape(vendor.name, done.stdout), plain, hostile)
            self.assertEqual(vendor.read(done.stdout)[1], hostile)
        self.assertGreater(refused, 5)
        self.assertGreater(carried, 5)

    def check_urls(self, vendor):
        """What the portal's policy lets through, arrives; what it does not, is refused here as well."""
        for url in (URL, "https://prov.itsp.example/~a-b_c.d;e='f'(g)*!,+@:?h=i&j=k%C3%A9",
                    "https://prov.itsp.example:8443/{mac}/{MAC}?s={serial}"):
            done = render(vendor.name, "--url", url, "--serial", "S&1")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(vendor.read(done.stdout)[0], url.replace("{mac}", MAC.lower())
                             .replace("{MAC}", MAC).replace("{serial}", "S%261"))
        for url in ("http://a.example/", "https://a.example/\nx=y", "https://a.example/\"x", "https://a.example/<a>"):
            self.assertEqual(render(vendor.name, "--url", url).returncode, 65, url)


for _vendor in VENDORS:
    def _test(self, vendor=_vendor):
        self.check(vendor)
        self.check_urls(vendor)
    setattr(NothingIsInjected, f"test_{_vendor.name.replace('-', '_')}", _test)


class Render(unittest.TestCase):

    def test_the_path_chooses_the_file(self):
        master = render("poly", "--url", URL, path=f"/x/{MAC}.cfg").stdout
        self.assertEqual(xml.fromstring(master).attrib["CONFIG_FILES"], f"{MAC.lower()}-settings.cfg")
        for path, words in (("/001565aabbcd.cfg", "403"), ("/000000000000.cfg", "404")):
            done = render("poly", "--url", URL, path=path)
            self.assertEqual(done.returncode, 65)
            self.assertIn(words, done.stderr.decode())

    def test_says_how_and_what_is_wrong(self):
        program = os.path.join(BUILD, "bin/redirector")
        done = run(program, "--render", "--help")
        self.assertIn(b"usage: redirector --render FILE", done.stdout)
        for words, status, text in ((["--render"], 64, "usage: "), (["--render", "x.format"], 65, "x.format: No such"),
                                    (["--render", "x", "--colour", "red"], 64, "--colour: no such option"),
                                    (["--render", "x", "--url"], 64, "--url: it needs a value"),
                                    (["--render", "x", "--mac", "12"], 64, "--mac 12: not the MAC")):
            done = run(program, *words, check=False)
            self.assertEqual((done.returncode, done.stdout), (status, b""), words)
            self.assertIn(text, done.stderr.decode())

    def test_what_is_not_given_is_made_up(self):
        for vendor in VENDORS:
            name = os.path.join(ROOT, f"redirector/formats/{vendor.name}.format")
            url, password = vendor.read(run(os.path.join(BUILD, "bin/redirector"), "--render", name).stdout)
            self.assertEqual(url, "https://prov.itsp.example/001565aabbcc")
            self.assertGreaterEqual(len(password), 12)

    def test_stage_one_tells_our_place_alone(self):
        place = "https://phones.example/s/0123456789abcdef0123456789abcdef/"
        for vendor in VENDORS:
            done = render(vendor.name, "--url", URL, "--fallback", URL, "--stage-one", place)
            if vendor.name in ("grandstream", "fanvil", "gigaset", "mitel", "panasonic", "htek"):
                self.assertEqual((done.returncode, done.stdout), (65, b""))
                self.assertIn(b"cannot stage", done.stderr)
                continue
            self.assertEqual(vendor.read(done.stdout)[0], place)
            self.assertNotIn(b"itsp", done.stdout)
        first = xml.fromstring(render("cisco-mpp", "--stage-one", place).stdout)
        self.assertEqual(first.findtext("Resync_Periodic"), "30", "it comes again")
        self.assertEqual(xml.fromstring(render("cisco-mpp").stdout).findtext("Resync_Periodic"), "3600")
        self.assertIn(b"repeat.minutes = 1", render("yealink", "--stage-one", place).stdout)
        self.assertIn(b"repeat.enable = 0", render("yealink").stdout)

    def test_every_format_closes_the_other_accounts(self):
        """Nobody's default password is left; the other accounts' is not the administrator's."""
        body = {name: render(name, "--url", URL, "--password", "kR7vTq2mWz9x").stdout.decode()
                for name in (vendor.name for vendor in VENDORS)}
        others = [xml.fromstring(body["grandstream"]).findtext("config/P196"),
                  xml.fromstring(body["cisco-mpp"]).findtext("User_Password"),
                  xml.fromstring(body["poly"])[0].attrib["device.auth.localUserPassword"],
                  xml.fromstring(body["cisco-spa"]).findtext("User_Password"),
                  xml.fromstring(body["cisco-spa"]).findtext("Web_Login_Guest_Password"),
                  xml.fromstring(body["fanvil"]).findtext("web/account[@index='2']/Password"),
                  xml.fromstring(body["htek"]).findtext("config/P196"),
                  re.search("(?m)^user password: (.*)$", body["mitel"])[1],
                  re.search('(?m)^USER_PASS="(.*)"$', body["panasonic"])[1]]
        others += [line.split(":")[1] for line in body["yealink"].splitlines() if "= user:" in line or "= var:" in line]
        self.assertEqual(len(others), 11)
        for other in others:
            self.assertRegex(other, r"\A(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9]{16}\Z")
        self.assertEqual(xml.fromstring(body["snom"]).findtext("phone-settings/http_pass"), "kR7vTq2mWz9x")
        self.assertEqual(json.loads(body["json"])["other_accounts"], "disabled")


if __name__ == "__main__":
    unittest.main()
