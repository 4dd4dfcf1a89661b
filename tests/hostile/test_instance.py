#!/usr/bin/env python3
"""What happens to the database under all three daemons at once: its disk full, and a migration while they serve."""
import contextlib
import hashlib
import json
import os
import pwd
import shutil
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
from tests.lib.instance import BUILD, ROOT, Instance, Phone, der_of, run  # noqa: E402
from tests.lib.redirector import eventually  # noqa: E402

PATH = "/v1/bootstrap"


class SmallDisk(Instance):
    """An instance whose database stands on a disk of its own that can be filled: a tmpfs, where one may be mounted."""
    size = 256 << 20

    def __init__(self):
        super().__init__()
        self.disk = os.path.join(self.var, "postgres/disk")
        os.makedirs(self.disk)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.size},mode=0700", "none", self.disk],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if mounted.returncode != 0:
            self.folder.cleanup()
            raise unittest.SkipTest(f"no tmpfs can be mounted here: {mounted.stdout.decode().strip()}")
        user = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        os.chown(self.disk, user.pw_uid, user.pw_gid)
        with open(os.path.join(self.var, "postgres/where"), "w") as file:
            file.write(self.disk + "\n")

    def __enter__(self):
        try:
            return super().__enter__()
        except BaseException:
            self.dump_logs()
            run("umount", self.disk)
            raise

    def down(self):
        super().down()
        run("umount", self.disk)

    def fill(self):
        """Takes what is left; again takes what was freed since."""
        filler = os.open(os.path.join(self.disk, "filler"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            for piece in (bytes(1 << 20), bytes(4096)):
                with contextlib.suppress(OSError):
                    while os.write(filler, piece):
                        pass
        finally:
            os.close(filler)

    def make_room(self):
        os.unlink(os.path.join(self.disk, "filler"))

    def start_database(self):
        return run(os.path.join(ROOT, "deploy/dev/cluster"), "start", os.path.join(self.var, "postgres"), check=False)


class Work:
    """What clients of all three daemons do, and what they were told was done."""

    def __init__(self, instance, phones_per_order=200):
        self.instance = instance
        instance.model("model-json", "json")
        self.phone = Phone(instance, *instance.macs(1), "SN-known")
        order = instance.order("model-json", [self.phone.mac])
        instance.issue(order, [self.phone])
        self.itsp = instance.new_itsp("Faults")
        instance.claim(self.itsp, self.phone, instance.profile(self.itsp, "first"))
        self.macs = instance.macs(phones_per_order)
        self.order = instance.order("model-json", self.macs)
        made = run(os.path.join(BUILD, "bin/csrs"), "--first-mac", self.macs[0], "--count", str(len(self.macs)), "--key", "p256")
        self.rows = [json.loads(line) for line in made.stdout.splitlines()]
        self.profiles, self.certificates, self.delivered, self.made = {}, {}, 0, 0

    def make_profile(self):
        self.made += 1
        name = f"profile {self.made} " + "x" * 80
        answer = self.itsp.request("POST", "/v1/profiles", {
            "name": name, "provisioning_url": "https://prov.itsp.example/" + "y" * 900})
        if answer.status == 201:
            self.profiles[answer.json()["id"]] = name
        return answer

    def boot(self):
        answer = self.phone.boot(PATH)
        self.delivered += answer.status == 200
        return answer

    def issue(self, rows):
        answer = self.instance.batch(self.order, rows)
        if answer.status == 200:
            for row in answer.rows():
                if row["status"] in ("issued", "existing"):
                    self.certificates.setdefault(row["mac"], row["certificate"])
        return answer

    def check(self, test):
        """All that was acknowledged is there, and all that was refused can be done now."""
        for profile, name in self.profiles.items():
            test.assertEqual(self.itsp.ok("GET", f"/v1/profiles/{profile}")["name"], name)
        known = dict(self.certificates)
        rows = eventually(lambda: whole(self.issue(self.rows)), 60, "the batch does not complete")
        test.assertEqual([row["mac"] for row in rows], self.macs)
        for row in rows:
            test.assertEqual(row["certificate"], known.get(row["mac"], row["certificate"]))
        on_record = set(self.instance.psql("select encode(fingerprint, 'hex') from firstring.certificate").split())
        for certificate in self.certificates.values():
            test.assertIn(hashlib.sha256(der_of(certificate)).hexdigest(), on_record)
        count = f"select count(*) from firstring.device_event where mac = '{self.phone.mac}' and kind = 'delivered'"
        eventually(lambda: int(self.instance.psql(count)) >= self.delivered, 30, "deliveries are not written")
        test.assertEqual(int(self.instance.psql(count)), self.delivered)


def whole(answer):
    if answer.status != 200:
        return None
    rows = answer.rows()
    return rows if {row["status"] for row in rows} <= {"issued", "existing"} else None


class DiskFull(unittest.TestCase):

    def setUp(self):
        self.firstring = SmallDisk()
        self.firstring.__enter__()
        self.addCleanup(lambda: self.firstring.__exit__(None, None, None))
        self.work = Work(self.firstring)

    def good_again(self):
        eventually(lambda: self.work.boot().status == 200, 30)
        eventually(lambda: self.work.make_profile().status == 201, 30)
        self.work.check(self)

    def test_no_room_for_rows_and_then_none_for_the_log_of_the_database(self):
        work = self.work
        work.issue(work.rows[:20])
        self.assertEqual(work.boot().status, 200)
        # Tables cannot grow any more: 503 or the row's error, once what free pages there are is used up.
        refused = {}
        for round_number in range(400):
            self.firstring.fill()
            answer = work.make_profile()
            self.assertIn(answer.status, (201, 503), answer)
            if answer.status == 503:
                refused["portal"] = answer
            if "factory" not in refused:
                at = 20 + round_number * 10 % 170
                answer = work.issue(work.rows[at:at + 10])
                self.assertIn(answer.status, (200, 503), answer)
                if whole(answer) is None:
                    refused["factory"] = answer
            if round_number % 10 == 0:
                self.assertIn(work.boot().status, (200, 503))
            if len(refused) == 2:
                break
        self.assertEqual(sorted(refused), ["factory", "portal"])
        self.assertEqual(refused["portal"].json()["code"], "unavailable")
        self.assertIsNotNone(refused["portal"].headers["Retry-After"])
        # What is only read goes on: the known phone is answered, its events wait.
        self.assertEqual([work.boot().status for _ in range(5)], [200] * 5)
        self.firstring.make_room()
        self.good_again()
        # Its write-ahead log cannot grow: PostgreSQL gives up, and starts again when it is told to.
        with self.assertRaises(AssertionError):
            for _ in range(200):
                self.firstring.fill()
                self.firstring.psql("select pg_logical_emit_message(true, 'full', repeat('x', 1000000)), pg_switch_wal()")
        self.assertIn(work.boot().status, (200, 503))
        self.assertIn(work.make_profile().status, (201, 503))
        self.assertIn(work.issue(work.rows[:2]).status, (200, 503))
        self.firstring.make_room()
        eventually(lambda: self.firstring.start_database().returncode == 0, 60)
        self.good_again()


class Upgrade(unittest.TestCase):
    """A migration of a release to come, under the daemons of this one."""

    # One busy table a migration, as sql/README.md wants it: who needs two of them waits for nobody who holds the other.
    TABLES = ("device", "certificate", "claim", "itsp", "provisioning_profile", "device_event", "production_order",
              "audit_log")
    COLUMNS = ("alter table firstring.{0} add column later_note text,"
               " add column later_number integer not null default 7;")
    FUNCTIONS = """
        do $$
        declare
          body text;
        begin
          for body in select pg_get_functiondef(oid) from pg_proc
            where pronamespace = 'firstring'::regnamespace and prokind = 'f' loop
            execute body;
          end loop;
          -- A result of another form, which `create or replace` cannot give.
          body := pg_get_functiondef('firstring.device_lookup(bytea[])'::regprocedure);
          drop function firstring.device_lookup(bytea[]);
          execute regexp_replace(regexp_replace(body, '\\)\\n LANGUAGE', E', later_note text)\\n LANGUAGE'),
            '(\\s+from unnest)', ', null::text\\1');
          alter function firstring.device_lookup(bytea[]) owner to firstring_owner;
          revoke all on function firstring.device_lookup(bytea[]) from public;
          grant execute on function firstring.device_lookup(bytea[]) to firstring_redirector;
        end;
        $$;
        """

    def setUp(self):
        self.firstring = Instance()
        self.firstring.__enter__()
        self.addCleanup(lambda: self.firstring.__exit__(None, None, None))
        self.work = Work(self.firstring)

    def next_release(self):
        """The tree's SQL with a migration more."""
        folder = os.path.join(self.firstring.scratch, "sql")
        os.makedirs(folder)
        for name in ("roles.sql", "grants.sql"):
            shutil.copy(os.path.join(ROOT, "sql", name), folder)
        shutil.copytree(os.path.join(ROOT, "sql/migrations"), os.path.join(folder, "migrations"))
        texts = [self.COLUMNS.format(table) for table in self.TABLES] + [self.FUNCTIONS]
        for number, text in enumerate(texts):
            with open(os.path.join(folder, f"migrations/{9000 + number}_next_release.sql"), "w") as file:
                file.write(text)
        return folder

    def test_old_daemons_serve_while_the_schema_moves_on(self):
        work, stop, bad, served = self.work, threading.Event(), [], [0, 0, 0, 0]

        def keep(which, request):
            number = 0
            while not stop.is_set():
                answer = request(number)
                number += 1
                served[which] = number
                if answer.status not in (200, 201) or which == 3 and whole(answer) is None:
                    bad.append(answer)

        threads = [threading.Thread(target=keep, args=pair) for pair in enumerate((
            lambda _: work.boot(), lambda _: work.itsp.request("GET", f"/v1/claims/{work.phone.mac}"),
            lambda _: work.make_profile(),
            lambda n: work.issue(work.rows[n * 5 % 195:][:5])))]
        for thread in threads:
            thread.start()
        eventually(lambda: min(served) > 5, 60)
        before = list(served)
        migrated = run(os.path.join(ROOT, "sql/migrate"), "--sql", self.next_release(),
                       self.firstring.env["FIRSTRING_DATABASE_URL"], check=False)
        eventually(lambda: all(now > then + 10 for now, then in zip(served, before, strict=True)), 60)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(migrated.returncode, 0, migrated.stderr)
        self.assertEqual(self.firstring.psql("select count(*) > 0 from firstring.device where later_number = 7"), "t")
        if bad:
            self.firstring.dump_logs()
        self.assertEqual(bad, [])
        work.check(self)


if __name__ == "__main__":
    unittest.main()
