#!/usr/bin/env python3
"""factory-line, the station's client, on a real factory: every phone gets one key, one certificate and
one label, whatever happens in between, and the engineer is told what to do."""
import contextlib
import csv
import os
import pty
import random
import resource
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "factory-ca-front"))

from line import Line, rows_for  # noqa: E402
from tests.lib.instance import BUILD, run  # noqa: E402
from tests.lib.redirector import eventually  # noqa: E402

PROGRAM = os.path.join(BUILD, "bin/factory-line")


def setUpModule():
    global line
    line = Line().start()


def tearDownModule():
    line.stop()


def words(order, out, *more, url=None, station="line-1"):
    return [PROGRAM, "--url", url or f"https://localhost:{line.port}", "--server-ca", line.path("server-ca.pem"),
            "--station-cert", line.path(f"station/{station}.pem"), "--station-key", line.path(f"station/{station}.key"),
            "--order", order, "--out", out, *more]


def factory_line(order, out, *more, **which):
    done = subprocess.run(words(order, out, *more, **which), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    return done.returncode, done.stderr.decode()


def span(macs):
    return "--first-mac", macs[0], "--count", str(len(macs))


def read(*names):
    with open(os.path.join(*names), "rb") as file:
        return file.read()


def write(path, text):
    with open(path, "w", newline="") as file:
        file.write(text)
    return path


def public_key(folder, kind):
    command = {"key.pem": ["pkey", "-pubout"], "certificate.pem": ["x509", "-noout", "-pubkey"]}[kind]
    return run("openssl", *command, "-in", os.path.join(folder, kind)).stdout


class Case(unittest.TestCase):

    def setUp(self):
        self.out = line.path(f"out-{self.id().rsplit('.', 1)[1]}")

    def check_phones(self, macs, order):
        """Files of each phone fit each other and what is on record."""
        on_record = dict(row.split("|") for row in line.psql(
            "select replace(upper(mac::text), ':', ''), encode(der, 'hex') from firstring.certificate c join"
            f" firstring.production_order o on o.id = c.order_id where o.reference = '{order}'").splitlines())
        self.assertEqual(sorted(on_record), sorted(macs))
        for mac in macs:
            folder = os.path.join(self.out, mac)
            self.assertEqual(public_key(folder, "key.pem"), public_key(folder, "certificate.pem"))
            der = run("openssl", "x509", "-in", f"{folder}/certificate.pem", "-outform", "DER").stdout
            self.assertEqual(der.hex(), on_record[mac])

    def labels(self):
        with open(os.path.join(self.out, "labels.csv"), newline="") as file:
            return list(csv.DictReader(file))


class Work(Case):

    def test_a_range(self):
        macs = line.macs(30)
        order = line.order(macs)
        status, said = factory_line(order, self.out, *span(macs), "--serial", "SN-{n}", "--batch", "7", "--jobs", "3")
        self.assertEqual(status, 0, said)
        self.assertIn("30 of 30 (100 %)", said)
        self.check_phones(macs, order)
        for mac in macs[:2]:
            folder = os.path.join(self.out, mac)
            self.assertEqual(sorted(os.listdir(folder)), ["certificate.pem", "chain.pem", "fullchain.pem", "key.pem"])
            self.assertEqual(stat.S_IMODE(os.stat(f"{folder}/key.pem").st_mode), 0o600)
            self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
            self.assertIn(b"OK", run("openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile",
                                     f"{folder}/chain.pem", f"{folder}/certificate.pem").stdout)
            self.assertEqual(read(folder, "chain.pem"), read(line.path("published/chain.pem")))
        labels = self.labels()
        self.assertEqual([(row["mac"], row["serial_number"], row["model"]) for row in labels],
                         [(mac, f"SN-{n + 1}", "T1") for n, mac in enumerate(macs)])
        code = line.factory_ca("code", "--reference", order, "--mac", macs[4]).stdout.decode().strip()
        self.assertEqual(labels[4]["claim_code"], code)
        zpl = read(self.out, "labels.zpl").decode()
        self.assertEqual((zpl.count("^XA"), zpl.count("^XZ")), (30, 30))
        self.assertIn(f"^BQN,2,4^FDQA,{macs[4]},{code}^FS", zpl)
        for name in ("labels.csv", "labels.zpl", "journal", "refused.csv"):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.out, name)).st_mode), 0o600)

    def test_the_same_again_makes_nothing_anew(self):
        macs = line.macs(5)
        order = line.order(macs)
        self.assertEqual(factory_line(order, self.out, *span(macs))[0], 0)
        before = {name: read(self.out, name) for name in ("labels.csv", f"{macs[0]}/key.pem", f"{macs[0]}/certificate.pem")}
        status, said = factory_line(order, self.out, *span(macs))
        self.assertEqual(status, 0, said)
        self.assertIn("going on: 5 of 5 phones are done", said)
        # Without its journal it asks again, with the same keys.
        os.unlink(os.path.join(self.out, "journal"))
        self.assertEqual(factory_line(order, self.out, *span(macs))[0], 0)
        self.assertEqual(before, {name: read(self.out, name) for name in before})

    def test_a_list_as_a_spreadsheet_writes_it(self):
        macs = line.macs(3)
        order = line.order(macs)
        spelled = [":".join(macs[0][i:i + 2] for i in range(0, 12, 2)), macs[1].lower(), macs[2]]
        path = write(line.path("list.csv"), "\ufeffserial_number,mac\r\n" + "".join(
            f'"A {n}",{mac}\r\n' for n, mac in enumerate(spelled)) + "\r\n")
        status, said = factory_line(order, self.out, "--list", path)
        self.assertEqual(status, 0, said)
        self.check_phones(macs, order)
        self.assertEqual([row["serial_number"] for row in self.labels()], ["A 0", "A 1", "A 2"])

    def test_a_list_as_a_spreadsheet_in_another_language_writes_it(self):
        macs = line.macs(2)
        order = line.order(macs)
        path = write(line.path("semicolons.csv"), f'MAC;Serial_Number\r\n{macs[0]};"A;B"\r\n{macs[1]};A 1\r\n')
        status, said = factory_line(order, self.out, "--list", path)
        self.assertEqual(status, 65, said)
        self.assertIn('line 2: serial number "A;B"', said)
        path = write(line.path("semicolons.csv"), f'MAC;Serial_Number\r\n{macs[0]};"A 0"\r\n{macs[1]};A 1\r\n')
        status, said = factory_line(order, self.out, "--list", path)
        self.assertEqual(status, 0, said)
        self.assertEqual([row["serial_number"] for row in self.labels()], ["A 0", "A 1"])

    def test_serial_numbers_alone_and_macs_counted_up(self):
        macs = line.macs(3)
        order = line.order(macs)
        path = write(line.path("serials.csv"), "serial_number\nX1\nX2\nX3\n")
        self.assertEqual(factory_line(order, self.out, "--list", path, "--first-mac", macs[0])[0], 0)
        self.assertEqual([(row["mac"], row["serial_number"]) for row in self.labels()],
                         list(zip(macs, ["X1", "X2", "X3"])))

    def test_csrs_that_phones_made(self):
        macs = line.macs(4)
        order = line.order(macs)
        folder = line.path("csrs")
        os.makedirs(folder)
        for n, mac in enumerate(macs[:3]):
            run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                f"/serialNumber=C{n}/CN={mac}", "-keyout", f"{folder}/{n}.key", "-out", f"{folder}/{n}.csr",
                "-outform", "DER" if n == 1 else "PEM")
        write(f"{folder}/3.csr", "no CSR")
        path = write(f"{folder}/list.csv", "mac,serial_number,csr\n" + "".join(
            f"{mac},C{n},{n}.csr\n" for n, mac in enumerate(macs)))
        status, said = factory_line(order, self.out, "--list", path)
        self.assertEqual(status, 65, said)
        self.assertIn(f"{macs[3]} (C3): bad_csr: the file is no CSR in PEM or DER", said)
        for n, mac in enumerate(macs[:3]):
            self.assertNotIn("key.pem", os.listdir(os.path.join(self.out, mac)))
            self.assertEqual(run("openssl", "pkey", "-pubout", "-in", f"{folder}/{n}.key").stdout,
                             public_key(os.path.join(self.out, mac), "certificate.pem"))

    def test_keys_that_the_signer_makes(self):
        macs = line.macs(6)
        order = line.order(macs)
        status, said = factory_line(order, self.out, *span(macs), "--server-keys", "--key-type", "rsa2048", "--batch", "2")
        self.assertEqual(status, 0, said)
        self.check_phones(macs, order)
        kept = read(self.out, f"{macs[0]}/key.pem")
        self.assertIn(b"2048 bit", run("openssl", "pkey", "-noout", "-text", "-in", f"{self.out}/{macs[0]}/key.pem").stdout)
        self.assertEqual(stat.S_IMODE(os.stat(f"{self.out}/{macs[0]}/key.pem").st_mode), 0o600)
        # A key that came is kept: without its journal the run asks for the same certificate again.
        os.unlink(os.path.join(self.out, "journal"))
        self.assertEqual(factory_line(order, self.out, *span(macs), "--server-keys")[0], 0)
        self.assertEqual(read(self.out, f"{macs[0]}/key.pem"), kept)
        # One that was lost before it was on disk is made again.
        os.unlink(os.path.join(self.out, "journal"))
        os.unlink(os.path.join(self.out, macs[1], "key.pem"))
        status, said = factory_line(order, self.out, *span(macs), "--server-keys", "--key-type", "rsa2048")
        self.assertEqual(status, 0, said)
        folder = os.path.join(self.out, macs[1])
        self.assertEqual(public_key(folder, "key.pem"), public_key(folder, "certificate.pem"))

    def test_pkcs12_keys_and_a_label_of_ones_own(self):
        macs = line.macs(2)
        order = line.order(macs)
        password = write(line.path("p12-password"), "s3cret words\n")
        os.chmod(password, 0o600)
        template = write(line.path("label.zpl"), "^XA^FD{claim_code}|{mac}|{serial_number}|{model}^FS^XZ\n")
        status, said = factory_line(order, self.out, *span(macs), "--key-type", "rsa2048", "--pkcs12",
                                    "--pkcs12-password-file", password, "--label-template", template)
        self.assertEqual(status, 0, said)
        path = os.path.join(self.out, macs[0], "phone.p12")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        opened = run("openssl", "pkcs12", "-in", path, "-nodes", "-passin", "pass:s3cret words").stdout.decode()
        self.assertEqual((opened.count("BEGIN CERTIFICATE"), opened.count("BEGIN PRIVATE KEY")), (3, 1))
        label = self.labels()[0]
        self.assertEqual(read(self.out, "labels.zpl").decode().splitlines()[0],
                         f"^XA^FD{label['claim_code']}|{macs[0]}|{macs[0]}|T1^FS^XZ")

    def test_labels_are_those_of_all_lists(self):
        macs = line.macs(6)
        order = line.order(macs)
        first = write(line.path("first.csv"), "mac,serial_number\n" + "".join(f"{mac},S-{mac[-2:]}\n" for mac in macs[3:]))
        second = write(line.path("second.csv"), "mac,serial_number\n" + "".join(f"{mac},S-{mac[-2:]}\n" for mac in macs[:3]))
        self.assertEqual(factory_line(order, self.out, "--list", first)[0], 0)
        before = self.labels()
        status, said = factory_line(order, self.out, "--list", second)
        self.assertEqual(status, 0, said)
        self.assertIn("3 of 3 (100 %)", said)
        self.assertEqual([(row["mac"], row["serial_number"]) for row in self.labels()], [(mac, f"S-{mac[-2:]}") for mac in macs])
        self.assertEqual(self.labels()[3:], before)
        self.assertEqual(read(self.out, "labels.zpl").count(b"^XA"), 6)
        after = read(self.out, "labels.csv")
        self.assertEqual(factory_line(order, self.out, "--list", first)[0], 0)
        self.assertEqual(read(self.out, "labels.csv"), after)

    def test_a_configuration_file(self):
        macs = line.macs(1)
        order = line.order(macs)
        config = write(line.path("factory-line.yaml"), f"""\
url: https://localhost:{line.port}
server_ca: server-ca.pem
station_cert: station/line-1.pem
station_key: station/line-1.key
key_type: rsa2048
""")
        done = run(PROGRAM, "--config", config, "--order", order, "--out", self.out, *span(macs), "--key-type", "p256",
                   check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"prime256v1", run("openssl", "pkey", "-text", "-noout", "-in", f"{self.out}/{macs[0]}/key.pem").stdout)
        write(config, "url: x\ncolour: green\n")
        done = run(PROGRAM, "--config", config, "--order", order, "--out", self.out, *span(macs), check=False)
        self.assertEqual(done.returncode, 78)
        self.assertIn(b"colour", done.stderr)

    def test_a_dry_run_makes_nothing(self):
        macs = line.macs(3)
        order = line.order(macs)
        status, said = factory_line(order, self.out, *span(macs), "--dry-run")
        self.assertEqual(status, 0, said)
        self.assertIn(f"dry run: 3 phones of model T1 for order {order}", said)
        self.assertFalse(os.path.exists(self.out))

    def test_a_bar_on_a_terminal_and_lines_elsewhere(self):
        macs = line.macs(40)
        order = line.order(macs)
        terminal, end = pty.openpty()
        process = subprocess.Popen(words(order, self.out, *span(macs), "--jobs", "1", "--batch", "5"), stderr=end)
        os.close(end)
        shown = b""
        try:
            while piece := os.read(terminal, 4096):
                shown += piece
        except OSError:
            pass  # the other end is gone
        self.assertEqual(process.wait(60), 0)
        os.close(terminal)
        self.assertRegex(shown.decode(), r"\r\[#*\.*\] \d+ of 40 \(\d+ %\), \d+/s, 0 refused")
        self.assertIn("40 of 40 (100 %)", shown.decode())
        _, said = factory_line(order, self.out, *span(macs))
        self.assertNotIn("\r", said)


class Finished(Case):
    """What became of phones since they were done: a folder of yesterday makes no label of yesterday."""

    def setUp(self):
        super().setUp()
        self.macs = line.macs(3)
        self.order = line.order(self.macs)
        status, said = factory_line(self.order, self.out, *span(self.macs))
        self.assertEqual(status, 0, said)
        self.before = self.labels()

    def again(self, *more):
        return factory_line(self.order, self.out, *span(self.macs), *more)

    def test_a_code_that_was_rotated(self):
        code = line.factory_ca("code", "--reference", self.order, "--mac", self.macs[1], "--rotate").stdout.decode().strip()
        for list_of_another in (0, 1):
            status, said = self.again() if not list_of_another else factory_line(self.order, self.out, *span(self.macs[:1]))
            self.assertEqual(status, 0, said)
            self.assertEqual("its label is void" in said, not list_of_another, said)
            self.assertEqual([row["claim_code"] for row in self.labels()],
                             [self.before[0]["claim_code"], code, self.before[2]["claim_code"]])
            self.assertIn(code.encode(), read(self.out, "labels.zpl"))
            self.assertNotIn(self.before[1]["claim_code"].encode(), read(self.out, "labels.zpl"))

    def test_a_phone_that_was_scrapped(self):
        line.factory_ca("revoke", "--mac", self.macs[1], "--reason", "scrapped")
        status, said = self.again()
        self.assertEqual(status, 65, said)
        self.assertIn(f"{self.macs[1]} ({self.macs[1]}): revoked: its certificate was revoked; put the phone aside", said)
        self.assertIn("/s, 1 refused", said)
        self.assertEqual([row["mac"] for row in self.labels()], [self.macs[0], self.macs[2]])
        self.assertEqual(read(self.out, "labels.zpl").count(b"^XA"), 2)
        with open(os.path.join(self.out, "refused.csv"), newline="") as file:
            self.assertEqual([(row["mac"], row["code"]) for row in csv.DictReader(file)], [(self.macs[1], "revoked")])
        # Of another list it is told, and no reason for that list to fail.
        status, said = factory_line(self.order, self.out, *span(self.macs[:1]))
        self.assertEqual(status, 0, said)
        self.assertIn("revoked", said)
        self.assertEqual([row["mac"] for row in self.labels()], [self.macs[0], self.macs[2]])

    def test_a_key_that_another_run_made(self):
        line.factory_ca("rekey", "--mac", self.macs[0], "--reason", "board replaced")
        elsewhere = line.path("elsewhere")
        self.assertEqual(factory_line(self.order, elsewhere, *span(self.macs[:1]))[0], 0)
        status, said = self.again()
        self.assertEqual(status, 65, said)
        self.assertIn("mac_has_other_key: its certificate was replaced; the live one (", said)
        self.assertEqual([row["mac"] for row in self.labels()], self.macs[1:])

    def test_pkcs12_of_phones_that_are_done(self):
        password = write(line.path("late-password"), "s3cret words\n")
        os.chmod(password, 0o600)
        os.unlink(f"{self.out}/{self.macs[2]}/key.pem")
        more = "--pkcs12", "--pkcs12-password-file", password
        status, said = self.again(*more)
        self.assertEqual(status, 0, said)
        self.assertIn("1 phones have no key here: no phone.p12 was made of them", said)
        self.assertNotIn("phone.p12", os.listdir(f"{self.out}/{self.macs[2]}"))
        for mac in self.macs[:2]:
            opened = run("openssl", "pkcs12", "-in", f"{self.out}/{mac}/phone.p12", "-nodes", "-passin", "pass:s3cret words")
            self.assertIn(read(self.out, mac, "certificate.pem").strip(), opened.stdout)
            self.assertEqual(opened.stdout.count(b"BEGIN CERTIFICATE"), 3)
        # There already: it stays. Another password: it is made again.
        kept = read(self.out, self.macs[0], "phone.p12")
        self.assertEqual(self.again(*more)[0], 0)
        self.assertEqual(read(self.out, self.macs[0], "phone.p12"), kept)
        write(password, "another\n")
        self.assertEqual(self.again(*more)[0], 0)
        run("openssl", "pkcs12", "-in", f"{self.out}/{self.macs[0]}/phone.p12", "-nodes", "-passin", "pass:another")


class Rework(Case):
    """A phone that has a certificate gets a new key: where an operator allowed it, and nowhere else."""

    def setUp(self):
        super().setUp()
        self.macs = line.macs(3)
        self.order = line.order(self.macs)
        status, said = factory_line(self.order, self.out, *span(self.macs))
        self.assertEqual(status, 0, said)
        self.before = self.labels()

    def again(self, *more):
        return factory_line(self.order, self.out, *span(self.macs), *more)

    def grant(self, mac):
        line.factory_ca("rekey", "--mac", mac, "--reason", "board replaced")

    def live(self, mac):
        return line.psql(f"select upper(encode(serial, 'hex')) from firstring.certificate where mac = '{mac}' and status = 'live'")

    def check(self, mac, folder=None):
        """The folder's files fit each other and what is live."""
        folder = folder or f"{self.out}/{mac}"
        self.assertEqual(public_key(folder, "key.pem"), public_key(folder, "certificate.pem"))
        shown = run("openssl", "x509", "-noout", "-serial", "-in", f"{folder}/certificate.pem").stdout.decode()
        self.assertEqual(shown.strip(), f"serial={self.live(mac)}")
        self.assertEqual([row["certificate_serial"] for row in self.labels() if row["mac"] == mac], [self.live(mac)])

    def folders(self):
        return sorted(name for name in os.listdir(self.out) if os.path.isdir(f"{self.out}/{name}"))

    def test_a_grant_and_none(self):
        kept = {name: read(self.out, self.macs[0], name) for name in os.listdir(f"{self.out}/{self.macs[0]}")}
        self.grant(self.macs[0])
        # Without the word nothing is made anew.
        self.assertEqual(self.again()[0], 0)
        self.assertEqual(read(self.out, self.macs[0], "key.pem"), kept["key.pem"])
        status, said = self.again("--rework")
        self.assertEqual(status, 65, said)
        for mac in self.macs[1:]:
            self.assertIn(f"{mac} ({mac}): no new key: mac_has_other_key", said)
        self.assertIn("2 phones keep the key that they have", said)
        self.assertEqual(self.folders(), [self.macs[0], f"{self.macs[0]}.before-1", *self.macs[1:]])
        self.assertEqual({name: read(self.out, f"{self.macs[0]}.before-1", name) for name in kept}, kept)
        self.assertEqual([row["mac"] for row in self.labels()], self.macs)
        for mac in self.macs:
            self.check(mac)
        self.assertEqual(self.labels()[1:], self.before[1:])
        self.assertEqual([row["certificate_serial"] == self.before[0]["certificate_serial"] for row in self.labels()[:1]], [False])
        with open(os.path.join(self.out, "refused.csv"), newline="") as file:
            self.assertEqual([row["mac"] for row in csv.DictReader(file)], self.macs[1:])
        # And again, for the second time, one phone alone; the journal knows.
        self.grant(self.macs[0])
        status, said = factory_line(self.order, self.out, *span(self.macs[:1]), "--rework", "--key-type", "rsa2048")
        self.assertEqual(status, 0, said)
        self.assertIn("1 of 1 (100 %)", said)
        self.check(self.macs[0])
        self.assertIn(f"{self.macs[0]}.before-2", self.folders())
        status, said = self.again()
        self.assertEqual(status, 0, said)
        self.check(self.macs[0])

    def test_a_revoked_phone_and_a_lost_key(self):
        line.factory_ca("revoke", "--mac", self.macs[0], "--reason", "keyCompromise")
        os.unlink(f"{self.out}/{self.macs[1]}/key.pem")
        journal = read(self.out, "journal").decode().splitlines()
        write(f"{self.out}/journal", "".join(f"{text}\n" for text in journal if not text.startswith(f"done {self.macs[1]}")))
        self.assertEqual(self.again()[0], 65)
        for mac in self.macs[:2]:
            self.grant(mac)
        status, said = factory_line(self.order, self.out, *span(self.macs[:2]), "--rework")
        self.assertEqual(status, 0, said)
        for mac in self.macs:
            self.check(mac)

    def test_another_key_that_the_signer_makes(self):
        self.grant(self.macs[0])
        status, said = factory_line(self.order, self.out, *span(self.macs[:1]), "--rework", "--server-keys")
        self.assertEqual(status, 0, said)
        self.check(self.macs[0])

    def test_a_key_of_another_type_that_was_made_before(self):
        macs = line.macs(3)
        order, out = line.order(macs), self.out + "-2"
        for mac in macs[:2]:
            os.makedirs(f"{out}/{mac}", mode=0o700)
            run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{out}/{mac}/key.pem")
        # Sent, and cut off before it was certified; and made, and not even sent.
        write(f"{out}/journal", f"factory-line journal 1 {order}\nprepared {macs[0]}\n")
        kept = read(out, macs[0], "key.pem")
        status, said = factory_line(order, out, *span(macs), "--key-type", "rsa2048")
        self.assertEqual(status, 0, said)
        self.assertIn("2 phones have a key of another type", said)
        for mac in macs:
            text = run("openssl", "pkey", "-noout", "-text", "-in", f"{out}/{mac}/key.pem").stdout
            self.assertIn(b"2048 bit", text)
            self.assertEqual(public_key(f"{out}/{mac}", "key.pem"), public_key(f"{out}/{mac}", "certificate.pem"))
        self.assertEqual(read(out, f"{macs[0]}.before-1", "key.pem"), kept)
        # One that was certified stays, and that is told.
        journal = read(out, "journal").decode().splitlines()
        write(f"{out}/journal", "".join(f"{text}\n" for text in journal if not text.startswith(f"done {macs[1]}")))
        kept = read(out, macs[1], "key.pem")
        status, said = factory_line(order, out, *span(macs), "--key-type", "p256")
        self.assertEqual(status, 65, said)
        self.assertIn(f"{macs[1]} ({macs[1]}): no new key: mac_has_other_key", said)
        self.assertEqual(read(out, macs[1], "key.pem"), kept)
        self.assertIn("3 of 3 (100 %)", said)
        self.assertEqual(read(out, "labels.zpl").count(b"^XA"), 3)

    def test_stopped_at_any_step(self):
        """What a kill leaves: before, between and after the two renames, and nothing told to the journal."""
        mac = self.macs[0]
        old, new, before = f"{self.out}/{mac}", f"{self.out}/{mac}.rework", f"{self.out}/{mac}.before-"
        for n, more in enumerate(([], ["--rework"], [], ["--rework"], [], ["--rework"]), 1):
            journal = read(self.out, "journal").decode()
            self.grant(mac)
            self.assertEqual(factory_line(self.order, self.out, *span([mac]), "--rework")[0], 0)
            key = read(old, "key.pem")
            write(f"{self.out}/journal", journal)
            if n <= 4:
                os.rename(old, new)
            if n <= 2:
                os.rename(f"{before}{n}", old)
                os.unlink(f"{new}/fullchain.pem")
            status, said = factory_line(self.order, self.out, *span([mac]), *more)
            self.assertEqual(status, 0, said)
            self.assertEqual(read(old, "key.pem"), key)
            self.check(mac)
            self.assertIn(self.live(mac), read(self.out, "journal").decode())
            self.assertNotIn(f"{mac}.rework", self.folders())
            self.assertIn(f"{mac}.before-{n}", self.folders())


class Verify(Case):

    @contextlib.contextmanager
    def server(self, status, asks):
        """Where phones are sent: answers all with that status; asks for a phone's certificate, or not."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(line.path("server.pem"), line.path("server.key"))
        if asks:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(line.path("published/chain.pem"))
        listener = socket.create_server(("127.0.0.1", 0))

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
                    if tls.recv(4096):
                        tls.sendall(f"HTTP/1.1 {status} Text\r\nContent-Length: 2\r\n\r\nx\n".encode())
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield "--verify", "--redirector", f"https://localhost:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join(30)

    def test_what_a_server_must_do_to_verify_a_phone(self):
        macs = line.macs(3)
        order = line.order(macs)
        for status, asks, wanted, text in ((404, True, 0, "verified as 3 phones"), (200, True, 0, "verified as 3 phones"),
                                           (200, False, 76, "this server asks for no phone's certificate"),
                                           (404, False, 76, "this server asks for no phone's certificate"),
                                           (301, True, 76, "the redirector answered 301"),
                                           (403, True, 76, "the redirector answered 403")):
            with self.server(status, asks) as more:
                result, said = factory_line(order, self.out, *span(macs), *more)
            self.assertEqual(result, wanted, said)
            self.assertIn(text, said)
            self.assertEqual(said.count("not verified: "), 3 if wanted else 0, said)

    def test_phones_that_cannot_be_verified(self):
        macs = line.macs(3)
        order = line.order(macs)
        with self.server(404, True) as more:
            self.assertEqual(factory_line(order, self.out, *span(macs))[0], 0)
            # Nobody but the factory knows of a revoked one: the redirector answers it like all others.
            line.factory_ca("revoke", "--mac", macs[0], "--reason", "scrapped")
            os.unlink(f"{self.out}/{macs[1]}/key.pem")
            status, said = factory_line(order, self.out, *span(macs), *more)
            self.assertEqual(status, 65, said)
            self.assertIn("verified as 1 phones", said)
            self.assertIn("1 were not tried: their key is not here", said)
            self.assertIn("1 were not tried: they were refused", said)
            os.unlink(f"{self.out}/{macs[2]}/key.pem")
            status, said = factory_line(order, self.out, "--first-mac", macs[1], "--count", "2", *more)
            self.assertEqual(status, 76, said)
            self.assertIn("verified as 0 phones", said)
            self.assertIn("2 were not tried: their key is not here", said)


class Faults(Case):

    def test_kill_at_any_moment(self):
        macs = line.macs(400)
        order = line.order(macs)
        chance = random.Random(5)
        command = words(order, self.out, *span(macs), "--batch", "20", "--jobs", "2")
        kills = 0
        for _ in range(200):
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            try:
                status = process.wait(chance.uniform(0.03, 0.3))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
                continue
            self.assertEqual(status, 0)
            break
        else:
            self.assertEqual(factory_line(order, self.out, *span(macs))[0], 0)
        self.assertGreater(kills, 0)
        self.assertEqual(line.psql("select count(*) from firstring.device_key k join firstring.certificate c using (spki_sha256)"
                                   " join firstring.production_order o on o.id = c.order_id where o.reference ="
                                   f" '{order}'"), "400")
        self.assertEqual(len(self.labels()), 400)
        for mac in macs[::25]:
            folder = os.path.join(self.out, mac)
            self.assertEqual(public_key(folder, "key.pem"), public_key(folder, "certificate.pem"))

    def test_a_stop_is_clean_and_goes_on(self):
        macs = line.macs(1000)
        order = line.order(macs)
        process = subprocess.Popen(words(order, self.out, *span(macs), "--batch", "20"), stderr=subprocess.PIPE)
        eventually(lambda: b"done" in read(self.out, "journal") if os.path.exists(f"{self.out}/journal") else False, 30)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1].decode()
        self.assertEqual(process.returncode, 75, said)
        self.assertIn("the same command goes on from here", said)
        some = len(self.labels())
        self.assertTrue(0 < some < 1000, some)
        status, said = factory_line(order, self.out, *span(macs))
        self.assertEqual(status, 0, said)
        self.assertIn(f"going on: {some} of 1000", said)
        self.assertEqual(len(self.labels()), 1000)

    def test_the_factory_goes_down_and_comes_back(self):
        macs = line.macs(1000)
        order = line.order(macs)
        process = subprocess.Popen(words(order, self.out, *span(macs), "--batch", "15"), stderr=subprocess.PIPE)
        eventually(lambda: b"done" in read(self.out, "journal") if os.path.exists(f"{self.out}/journal") else False, 30)
        line.process.send_signal(signal.SIGTERM)
        line.process.wait(45)
        said = process.stderr.readline().decode()
        self.assertRegex(said, r"the factory does not answer \(.*\): trying again for \d+ s")
        line.serve()
        said = process.communicate(timeout=100)[1].decode()
        self.assertEqual(process.returncode, 0, said)
        self.assertEqual(len(self.labels()), 1000)

    def test_patience_ends(self):
        macs = line.macs(2)
        order = line.order(macs)
        status, said = factory_line(order, self.out, *span(macs), url="https://localhost:1")
        self.assertEqual(status, 69, said)
        self.assertIn("does the factory run, and is the network up?", said)

    def test_a_full_disk(self):
        macs = line.macs(400)
        order = line.order(macs)
        done = subprocess.run(words(order, self.out, *span(macs), "--batch", "50", "--jobs", "1"), stderr=subprocess.PIPE,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000)), timeout=60)
        self.assertEqual(done.returncode, 74, done.stderr)
        self.assertIn(b"make room and run again", done.stderr)
        status, said = factory_line(order, self.out, *span(macs))
        self.assertEqual(status, 0, said)
        self.assertEqual(len(self.labels()), 400)
        self.assertEqual(line.psql("select count(*) from firstring.certificate c join firstring.production_order o on"
                                   f" o.id = c.order_id where o.reference = '{order}'"), "400")

    def test_a_damaged_key(self):
        macs = line.macs(2)
        order = line.order(macs)
        os.makedirs(f"{self.out}/{macs[0]}", mode=0o700)
        write(f"{self.out}/{macs[0]}/key.pem", "")  # a power cut before anything was sent
        self.assertEqual(factory_line(order, self.out, *span(macs))[0], 0)
        # The same when a certificate may be out: never a second key.
        text = read(self.out, "journal").decode().splitlines()
        write(f"{self.out}/journal", "\n".join(each for each in text if not each.startswith("done")) + "\n")
        kept = read(self.out, f"{macs[0]}/key.pem")
        write(f"{self.out}/{macs[0]}/key.pem", kept.decode()[:50])
        status, said = factory_line(order, self.out, *span(macs))
        self.assertEqual(status, 65, said)
        self.assertIn(f"{macs[0]} ({macs[0]}): bad_key", said)
        with open(os.path.join(self.out, "refused.csv"), newline="") as file:
            self.assertEqual([(row["mac"], row["code"]) for row in csv.DictReader(file)], [(macs[0], "bad_key")])
        write(f"{self.out}/{macs[0]}/key.pem", kept.decode())
        self.assertEqual(factory_line(order, self.out, *span(macs))[0], 0)

    def test_a_phone_whose_code_a_transfer_made_void(self):
        macs = line.macs(2)
        order = line.order(macs)
        self.assertEqual(factory_line(order, self.out, *span(macs))[0], 0)
        text = read(self.out, "journal").decode().splitlines()
        write(f"{self.out}/journal", "\n".join(each for each in text if not each.startswith("done")) + "\n")
        line.psql(f"update firstring.device set claim_code_epoch = 1, claim_code_hash = null where mac = '{macs[0]}'")
        status, said = factory_line(order, self.out, *span(macs))
        self.assertEqual(status, 65, said)
        self.assertIn(f"{macs[0]} ({macs[0]}): no_claim_code", said)
        self.assertIn("factory-ca code --rotate", said)
        done = line.factory_ca("code", "--reference", order, "--mac", macs[0], "--rotate")
        self.assertEqual(factory_line(order, self.out, *span(macs))[0], 0)
        self.assertIn(done.stdout.decode().strip(), [row["claim_code"] for row in self.labels()])

    def test_a_torn_journal(self):
        macs = line.macs(3)
        order = line.order(macs)
        self.assertEqual(factory_line(order, self.out, *span(macs))[0], 0)
        before = read(self.out, f"{macs[2]}/certificate.pem")
        text = read(self.out, "journal")
        with open(f"{self.out}/journal", "wb") as file:
            file.write(text[:-20] + b"\0" * 30)
        self.assertEqual(factory_line(order, self.out, *span(macs))[0], 0)
        self.assertEqual(factory_line(order, self.out, *span(macs))[0], 0)
        self.assertEqual(read(self.out, f"{macs[2]}/certificate.pem"), before)
        self.assertEqual(len(self.labels()), 3)


class Refusals(Case):

    def test_lists_that_are_wrong(self):
        macs = line.macs(4)
        order = line.order(macs)
        for text, wanted in (
                ("", "the list is empty"),
                ("mac,serial_number\n", "no phone is listed"),
                ("mac\n" + macs[0] + "\n", "no column serial_number"),
                ("mac,serial_number,colour\n", 'column "colour"'),
                (f"mac,serial_number\n{macs[0]},1\n{macs[0].lower()},2\n", f"line 2 ({macs[0]}) and line 3 ({macs[0]}) are the same MAC"),
                (f"mac,serial_number\n{macs[0]},1\n{macs[1]},1\n", "have the same serial number 1"),
                (f"mac,serial_number\n{macs[0]},1\n001565,2\n", 'line 3: "001565" is no MAC of a phone'),
                (f"mac,serial_number\n{macs[0]},a/b\n", "line 2: serial number"),
                (f"mac,serial_number\n{macs[0]}\n", "line 2: 1 fields, and the header has 2"),
                (f'mac,serial_number\n{macs[0]},"1\n', "line 2: a quote is opened and not closed"),
                (f"mac,serial_number\n001565FFFFFF,1\n", "lies outside order"),
                ("mac,serial_number\n" + macs[0] + ",1\0\n", "save it as CSV in UTF-8")):
            path = write(line.path("bad.csv"), text)
            status, said = factory_line(order, self.out, "--list", path)
            self.assertEqual(status, 65, said)
            self.assertIn(wanted, said)
        self.assertEqual(factory_line(order, self.out, "--list", line.path("nowhere.csv"))[0], 66)
        self.assertFalse(os.path.exists(self.out))

    def test_another_serial_number_for_a_phone_that_is_done(self):
        macs = line.macs(2)
        order = line.order(macs)
        self.assertEqual(factory_line(order, self.out, *span(macs), "--serial", "A-{n}")[0], 0)
        before, journal = read(self.out, "labels.csv"), read(self.out, "journal").decode()
        old = "".join(text.rsplit(' "', 1)[0] + "\n" for text in journal.splitlines())
        torn = journal[:-4] + "\n"
        self.assertNotIn('"A-1"', old)
        # As it was written, as an earlier version wrote it, and as a power cut may leave it.
        for text in journal, old, torn:
            write(f"{self.out}/journal", text)
            status, said = factory_line(order, self.out, *span(macs), "--serial", "B-{n}")
            self.assertEqual(status, 65, said)
            self.assertIn(f"{macs[0]}: serial number B-1, and its certificate has A-1", said)
            self.assertIn(f"{macs[1]}: serial number B-2, and its certificate has A-2", said)
            self.assertEqual(read(self.out, "labels.csv"), before)
            self.assertEqual(factory_line(order, self.out, *span(macs), "--serial", "A-{n}")[0], 0)
            self.assertEqual(read(self.out, "labels.csv"), before)
        path = write(line.path("others.csv"), f"mac,serial_number\n{macs[1]},B 2\n")
        status, said = factory_line(order, self.out, "--list", path)
        self.assertIn(f"line 2 ({macs[1]}): serial number B 2, and its certificate has A-2", said)
        # Nor does a run without a journal put another one on a label.
        os.unlink(f"{self.out}/journal")
        kept = read(self.out, macs[0], "certificate.pem")
        status, said = factory_line(order, self.out, *span(macs), "--serial", "B-{n}")
        self.assertEqual(status, 65, said)
        self.assertIn(f"{macs[0]} (B-1): serial_number_differs: its certificate has serial number A-1; right the list", said)
        self.assertEqual(self.labels(), [])
        self.assertEqual(read(self.out, macs[0], "certificate.pem"), kept)

    def test_a_closed_order(self):
        macs = line.macs(4)
        order = line.order(macs)
        self.assertEqual(factory_line(order, self.out, *span(macs[:2]))[0], 0)
        line.factory_ca("order", "close", "--reference", order)
        status, said = factory_line(order, self.out, *span(macs))
        self.assertEqual(status, 65, said)
        self.assertIn("is closed", said)
        self.assertIn("order_closed", said)
        self.assertIn("have an operator open another", said)
        self.assertEqual(len(self.labels()), 2)

    def test_an_order_outside_its_time(self):
        macs = line.macs(2)
        order = line.order(macs, "--opens", "2999-01-01T00:00:00Z")
        for more in ([], ["--dry-run"]):
            status, said = factory_line(order, self.out, *span(macs), *more)
            self.assertEqual(status, 65, said)
            self.assertRegex(said, "opens at 2999-01-01T00:00:00Z, and it is .* here: wait until then")
            self.assertFalse(os.path.exists(self.out))
        macs = line.macs(2)
        order = line.order(macs, "--closes", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3)))
        self.assertEqual(factory_line(order, self.out, *span(macs[:1]))[0], 0)
        time.sleep(3)
        status, said = factory_line(order, self.out, *span(macs))
        self.assertEqual(status, 65, said)
        self.assertIn("factory-ca order extend", said)
        self.assertNotIn("open another", said)
        self.assertEqual(len(self.labels()), 1)
        status, said = factory_line(order, self.out, *span(macs), "--dry-run")
        self.assertEqual(status, 65, said)
        self.assertRegex(said, f"order {order} closed at .* extend")

    def test_a_key_type_that_the_order_does_not_take(self):
        macs = line.macs(2)
        order = line.order(macs)
        for more in ([], ["--dry-run"], ["--server-keys"]):
            status, said = factory_line(order, self.out, *span(macs), "--key-type", "p384", *more)
            self.assertEqual(status, 64, said)
            self.assertIn(f"--key-type p384: order {order} takes p256, rsa2048", said)
            self.assertFalse(os.path.exists(self.out))

    def test_a_folder_with_keys_that_the_order_never_took(self):
        macs = line.macs(2)
        order = line.order(macs)
        os.makedirs(f"{self.out}/{macs[0]}", mode=0o700)
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out",
            f"{self.out}/{macs[0]}/key.pem")
        write(f"{self.out}/journal", f"factory-line journal 1 {order}\nprepared {macs[0]}\n")
        status, said = factory_line(order, self.out, *span(macs))
        self.assertEqual(status, 0, said)
        self.check_phones(macs, order)

    def test_what_a_dry_run_finds_in_csr_files(self):
        macs = line.macs(6)
        order = line.order(macs)
        folder = line.path("dry-csrs")
        os.makedirs(folder)
        for n, (mac, curve) in enumerate(((macs[0], "P-256"), (macs[5], "P-256"), (macs[2], "P-384"))):
            run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-nodes", "-subj",
                f"/serialNumber=C{n}/CN={mac}", "-keyout", f"{folder}/{n}.key", "-out", f"{folder}/{n}.csr")
        write(f"{folder}/3.csr", "no CSR")
        path = write(f"{folder}/list.csv", "mac,serial_number,csr\n" + "".join(
            f"{mac},C{n},{n}.csr\n" for n, mac in enumerate(macs[:5])))
        status, said = factory_line(order, self.out, "--list", path, "--dry-run")
        self.assertEqual(status, 65, said)
        for wanted in ("list.csv:3: ", "1.csr: its CN is another MAC", "list.csv:4: ", "the order takes no such key",
                       "3.csr: no CSR in PEM or DER", "list.csv:6: ", "4.csr: No such file"):
            self.assertIn(wanted, said)
        self.assertNotIn("list.csv:2:", said)

    def test_a_full_order(self):
        macs = line.macs(3)
        order = line.order(macs[:2])
        status, said = factory_line(order, self.out, *span(macs))
        self.assertEqual(status, 65, said)
        self.assertIn(f"{macs[2]} lies outside order {order} (2 MACs from {macs[0]})", said)
        status, said = factory_line(order, self.out, "--first-mac", macs[2], "--count", "9", "--dry-run")
        self.assertEqual(status, 65, said)
        self.assertEqual(said.count("lies outside order"), 5)
        self.assertIn("and 4 more lie outside it", said)

    def test_a_phone_that_has_another_key(self):
        macs = line.macs(2)
        order = line.order(macs)
        line.batch(order, rows_for(macs[:1]))
        status, said = factory_line(order, self.out, *span(macs), "--serial", "SN-{mac}")
        self.assertEqual(status, 65, said)
        self.assertIn("mac_has_other_key", said)
        self.assertIn("find the folder of the run that made it", said)
        self.assertEqual(said.count("another key"), 1, said)
        self.assertEqual(len(self.labels()), 1)

    def test_stations(self):
        macs = line.macs(2)
        order = line.order(macs, "--station", "line-1")
        line.add("station", "line-2")
        status, said = factory_line(order, self.out, *span(macs), station="line-2")
        self.assertEqual(status, 77, said)
        self.assertIn("see --station-cert", said)
        line.add("station", "line-3")
        line.factory_ca("station", "revoke", "line-3", operator=False)
        status, said = factory_line(line.order(line.macs(1)), self.out, *span(macs), station="line-3")
        self.assertEqual(status, 77, said)
        self.assertIn("revoked", said)

    def test_who_and_where(self):
        macs = line.macs(1)
        order = line.order(macs)
        status, said = factory_line("NO-SUCH", self.out, *span(macs))
        self.assertEqual(status, 65)
        self.assertIn("knows no order NO-SUCH", said)
        command = words(order, self.out, *span(macs))
        command[command.index("--server-ca") + 1] = line.path("published/root.pem")
        done = subprocess.run(command, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 77, done.stderr)
        self.assertIn(f"does --server-ca {line.path('published/root.pem')} hold the CA".encode(), done.stderr)
        self.assertEqual(factory_line(order, self.out, *span(macs))[0], 0)
        other = line.order(line.macs(1))
        status, said = factory_line(other, self.out, "--first-mac", f"{int(macs[0], 16) + 1:012X}", "--count", "1")
        self.assertEqual(status, 64, said)
        self.assertIn("give each order a folder of its own", said)

    def test_this_stations_files(self):
        macs = line.macs(1)
        order = line.order(macs)
        folder = line.path("strangers")
        os.makedirs(folder)

        def made(name, days=1):
            run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                f"/CN={name}", "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.csr")
            run("openssl", "x509", "-req", "-in", f"{folder}/{name}.csr", "-signkey", f"{folder}/{name}.key", "-days",
                str(days), "-out", f"{folder}/{name}.pem")
            return ["--station-cert", f"{folder}/{name}.pem", "--station-key", f"{folder}/{name}.key"]

        stranger, expired, open_to_all = made("stranger"), made("line-9", -1), made("open")
        os.chmod(f"{folder}/open.key", 0o644)
        for more, wanted, texts in (
                (stranger, 77, [f"the factory does not take --station-cert {folder}/stranger.pem (TLS: ", "factory-ca station add"]),
                (expired, 77, [f"--station-cert {folder}/line-9.pem expired at 20", "factory-ca station add line-9"]),
                (open_to_all, 66, [f"--station-key {folder}/open.key: others can read it: chmod 600 {folder}/open.key"]),
                (["--station-key", "/nowhere.key"], 66, ["--station-key /nowhere.key: No such file"]),
                (["--station-cert", "/nowhere.pem"], 66, ["--station-cert /nowhere.pem: No such file"]),
                (["--station-cert", f"{folder}/open.key"], 66, ["no certificate in PEM"]),
                (["--server-ca", "/nowhere.pem"], 66, ["--server-ca /nowhere.pem: No such file"])):
            # What is wrong with a file is said before anybody is asked.
            url = "https://localhost:1" if wanted == 66 or more is expired else None
            status, said = factory_line(order, self.out, *span(macs), *more, url=url)
            self.assertEqual(status, wanted, said)
            self.assertEqual(said.count("\n"), 1, said)
            for text in texts:
                self.assertIn(text, said)

    def test_two_in_one_folder(self):
        macs = line.macs(800)
        order = line.order(macs)
        first = subprocess.Popen(words(order, self.out, *span(macs)), stderr=subprocess.DEVNULL)
        eventually(lambda: os.path.exists(f"{self.out}/journal"), 30)
        status, said = factory_line(order, self.out, *span(macs))
        self.assertEqual(status, 75, said)
        self.assertIn("another factory-line works in this folder", said)
        first.terminate()
        first.wait(60)

    def test_a_folder_where_others_write(self):
        macs = line.macs(1)
        order = line.order(macs)
        os.makedirs(self.out)
        os.chmod(self.out, 0o777)
        status, said = factory_line(order, self.out, *span(macs))
        self.assertEqual(status, 77, said)

    def test_usage(self):
        for more, wanted in ((["--colour"], "no such option"), (["x"], "what is this?"), (["--count", "0"], "--count"),
                             (["--first-mac", "x"], "not a MAC"), ([], "which phones?"), (["--jobs", "100"], "--jobs"),
                             (["--list"], "a value is missing"), (["--verify", "--list", "x"], "--redirector"),
                             (["--key-type", "dsa", "--list", "x"], "--key-type")):
            status, said = factory_line("PO-1", self.out, *more)
            self.assertEqual(status, 64, said)
            self.assertIn(wanted, said)
        done = run(PROGRAM, "--help")
        for each in (b"--list FILE", b"--station-cert FILE", b"exit status"):
            self.assertIn(each, done.stdout)
        self.assertTrue(run(PROGRAM, "--version").stdout.startswith(b"factory-line "))


if __name__ == "__main__":
    unittest.main()
