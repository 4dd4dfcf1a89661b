#!/usr/bin/env python3
"""A thousand phones in one call, and what kill -9 does to them: nothing.

Whatever dies while a batch runs, every certificate that reached the station is on record, and the batch
run again completes without a duplicate.
"""
import hashlib
import http.client
import json
import os
import random
import signal
import subprocess
import threading
import time
import unittest

from tests.lib.instance import BUILD, Instance, der_of
from tests.lib.redirector import eventually


def setUpModule():
    global firstring
    firstring = Instance().__enter__()
    firstring.model("model-json", "json")


def tearDownModule():
    firstring.__exit__(None, None, None)


def factory_rows(macs, key_type="p256"):
    """Rows of a batch, as lines, for consecutive MACs."""
    done = subprocess.run([os.path.join(BUILD, "bin/csrs"), "--first-mac", macs[0], "--count",
                           str(len(macs)), "--key", key_type], stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def fingerprints_on_record():
    return set(firstring.psql("select encode(fingerprint, 'hex') from firstring.certificate").split())


def fingerprint(pem):
    return hashlib.sha256(der_of(pem)).hexdigest()


class Batch(unittest.TestCase):

    def test_a_thousand_in_one_call_and_the_same_again(self):
        macs = firstring.macs(1000)
        order = firstring.order("model-json", macs)
        rows = factory_rows(macs)
        rows[500] = dict(rows[500], csr=rows[501]["csr"])  # a CSR for another MAC
        first = firstring.batch(order, rows).rows()
        self.assertEqual([row["mac"] for row in first], macs)
        self.assertEqual([i for i, row in enumerate(first) if row["status"] != "issued"], [500])
        self.assertEqual((first[500]["status"], first[500]["code"]), ("error", "bad_csr"))
        again = firstring.batch(order, rows).rows()
        for before, after in zip(first, again, strict=True):
            if before["status"] == "issued":
                self.assertEqual(after["status"], "existing")
                for name in ("certificate", "serial", "claim_code"):
                    self.assertEqual(after[name], before[name])
        shown = firstring.station.ok("GET", f"/v1/orders/{order}")
        self.assertEqual((shown["issued"], shown["quantity"], shown["state"]), (999, 1000, "open"))
        one = firstring.station.ok("GET", f"/v1/orders/{order}/devices/{macs[7]}")
        self.assertEqual((one["certificate"], one["claim_code"]),
                         (first[7]["certificate"], first[7]["claim_code"]))

    def test_every_kind_of_bad_row_is_its_own_error(self):
        macs = firstring.macs(6)
        order = firstring.order("model-json", macs[:5])
        rows = factory_rows(macs)
        good = rows[0]
        bad = [
            (dict(rows[1], csr="not a csr"), "bad_csr"),
            ({"mac": macs[1], "serial_number": "x"}, "bad_row"),
            (dict(rows[1], surprise=1), "bad_row"),
            (dict(rows[1], mac="0015650000"), "bad_row"),
            (rows[5], "out_of_range"),
            (factory_rows(macs[2:3], "p384")[0], "weak_key"),
        ]
        answer = firstring.batch(order, [good] + [row for row, _ in bad] + [rows[3]]).rows()
        self.assertEqual([row.get("code") for row in answer],
                         [None] + [code for _, code in bad] + [None])
        for row in answer[1:-1]:
            self.assertEqual(row["status"], "error")
            self.assertTrue(row["detail"])
        other_key = factory_rows(macs[:1])[0]
        self.assertEqual(firstring.batch(order, [other_key]).rows()[0]["code"], "mac_has_other_key")

    def test_a_closed_order_still_answers_what_exists(self):
        macs = firstring.macs(2)
        order = firstring.order("model-json", macs)
        rows = factory_rows(macs)
        first = firstring.batch(order, rows[:1]).rows()[0]
        firstring.factory_ca("order", "close", "--reference", order)
        answer = firstring.batch(order, rows).rows()
        self.assertEqual((answer[0]["status"], answer[0]["certificate"]),
                         ("existing", first["certificate"]))
        self.assertEqual(answer[1]["code"], "order_closed")

    def test_an_order_that_is_not_there(self):
        self.assertEqual(firstring.batch("NO-SUCH", factory_rows(firstring.macs(1))).status, 404)


def pids(command):
    """Processes of this instance's factory-ca that run that sub-command."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace").split("\0")[:-1]
        except OSError:
            continue
        if words[-1:] == [command] and f"{firstring.var}/etc/factory-ca.yaml" in words:
            found.append(int(entry))
    return found


def is_dead(pid):
    """On a busy machine that takes a while after SIGKILL, too."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read() == b""
    except OSError:
        return True


class KillNine(unittest.TestCase):

    def victims(self, name):
        if name == "postgres":
            with open(os.path.join(firstring.postgres_folder(), "postmaster.pid")) as file:
                return [int(file.readline())]
        return pids(name)

    def batch_into(self, received, order, rows):
        """Sends the batch and keeps what came, whole rows only, whatever becomes of the connection."""
        connection = None
        try:
            client = firstring.station
            connection = http.client.HTTPSConnection(client.url.hostname, client.url.port,
                                                     context=client.context, timeout=30)
            connection.request("POST", f"/v1/orders/{order}/certificates",
                               body="".join(json.dumps(row) + "\n" for row in rows).encode(),
                               headers={"Content-Type": "application/x-ndjson"})
            response = connection.getresponse()
            for line in response:
                if line.endswith(b"\n"):
                    row = json.loads(line)
                    if row.get("certificate"):
                        received.append(row)
        except (OSError, http.client.HTTPException, ValueError):
            pass
        finally:
            if connection:
                connection.close()

    def kill_during_a_batch(self, name):
        macs = firstring.macs(3000)  # some tenths of a second
        order = firstring.order("model-json", macs)
        rows = factory_rows(macs)
        received = []
        for delay in (0.02, 0.08, 0.2):
            station = threading.Thread(target=self.batch_into, args=(received, order, rows))
            station.start()
            time.sleep(delay * random.uniform(0.5, 1.5))
            victims = self.victims(name)
            self.assertTrue(victims, f"no process of {name} found")
            victim = random.choice(victims)
            os.kill(victim, signal.SIGKILL)
            eventually(lambda pid=victim: is_dead(pid), 20)
            station.join(60)
            self.recover(name)
        deadline = time.monotonic() + 60
        while True:
            answer = firstring.batch(order, rows)
            if answer.status == 200 and all(row["status"] != "error" for row in answer.rows()):
                break
            self.assertLess(time.monotonic(), deadline, answer)
            time.sleep(0.5)
        on_record = fingerprints_on_record()
        for row in received:
            self.assertIn(fingerprint(row["certificate"]), on_record)
        final = {row["mac"]: row["certificate"] for row in answer.rows()}
        self.assertEqual(sorted(final), macs)
        for row in received:
            self.assertEqual(final[row["mac"]], row["certificate"])
        self.assertEqual(firstring.psql(
            f"select count(*) from firstring.certificate where status = 'live' and mac between '{macs[0]}' "
            f"and '{macs[-1]}'"), str(len(macs)))

    def recover(self, name):
        if name == "postgres":
            firstring.up()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                # An order is looked up without the signer, which is started again after a pause.
                if (self.victims(name)
                        and firstring.station.request("GET", "/v1/orders/NO-SUCH").status == 404):
                    return
            except (OSError, ValueError):
                pass
            time.sleep(0.2)
        self.fail(f"the factory did not come back after {name} was killed")

    def test_front(self):
        self.kill_during_a_batch("front")

    def test_signer(self):
        self.kill_during_a_batch("signer")

    def test_postgres(self):
        self.kill_during_a_batch("postgres")


if __name__ == "__main__":
    unittest.main()
