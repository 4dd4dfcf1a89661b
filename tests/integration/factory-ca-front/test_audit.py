#!/usr/bin/env python3
"""The audit log: chained within a second, its heads signed and kept outside the database, and each
kind of tampering found by `audit verify`, by row, even a superuser's with the triggers off."""
import os
import shutil
import signal
import time
import unittest

from line import CONFIGURATION, Line, rows_for
from tests.lib.redirector import eventually

# What a superuser can do: no trigger fires, and no constraint of a foreign key.
OFF = "set session_replication_role = replica;"
REHASH = """
do $$
declare
  one firstring.audit_log;
  hash bytea;
begin
  select prev_hash into hash from firstring.audit_log where chain_seq = {first};
  for one in select * from firstring.audit_log where chain_seq >= {first} order by chain_seq loop
    update firstring.audit_log set prev_hash = hash,
      row_hash = firstring.audit_row_hash(one, one.chain_seq, hash) where id = one.id
      returning row_hash into hash;
  end loop;
end
$$;"""


def setUpModule():
    global line
    line = Line().start()
    append(40)
    settled()


def tearDownModule():
    line.stop()


def append(count):
    line.psql("select firstring.audit_append('test.row', 'test', n::text, '{\"b\":\"ü\", \"a\": 1}', 'user', 'U',"
              f" '192.0.2.7', 'r' || n) from generate_series(1, {count}) n")


def chain_end():
    return int(line.psql("select coalesce(max(chain_seq), 0) from firstring.audit_log"))


def settled():
    """Waits until every row is chained and the last one vouched for; the length of the chain."""
    def is_settled():
        return line.psql("select count(*) = 0 from firstring.audit_log where chain_seq is null") == "t" and \
            line.psql("select max(chain_seq) from firstring.audit_head") == str(chain_end())
    eventually(is_settled, 30, "the chain does not settle")
    return chain_end()


def verify(*words):
    done = line.factory_ca("audit", "verify", *words, check=False, operator=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Tampering:
    """Saves rows, heads and the file of heads; puts them back at the end."""

    def __init__(self, change):
        self.change = change

    def __enter__(self):
        line.psql("create table saved as select * from firstring.audit_log;"
                  "create table saved_heads as select * from firstring.audit_head")
        shutil.copy(line.path("audit-heads"), line.path("audit-heads.saved"))
        line.psql(OFF + self.change)

    def __exit__(self, *_):
        line.psql(OFF + "delete from firstring.audit_log where id in (select id from saved);"
                  "insert into firstring.audit_log overriding system value select * from saved;"
                  "delete from firstring.audit_head; insert into firstring.audit_head select * from saved_heads;"
                  "drop table saved, saved_heads")
        os.replace(line.path("audit-heads.saved"), line.path("audit-heads"))


class Chain(unittest.TestCase):

    def test_rows_of_all_daemons_are_chained_within_seconds_and_vouched_for(self):
        macs = line.macs(3)
        order = line.order(macs)
        self.assertEqual(line.batch(order, rows_for(macs)).status, 200)
        end = settled()
        self.assertEqual(line.psql("select count(*) from firstring.audit_log"), str(end))
        self.assertEqual(line.psql("select count(*) from firstring.audit_log where action = 'certificates.store'"
                                   f" and object_id = '{order}' and chain_seq is not null"), "1")
        status, said, _ = verify()
        self.assertEqual(status, 0, said)
        self.assertRegex(said, rf"^audit log: whole: {end} rows chained, \d+ heads, the last that agrees signed at "
                               rf"\S+ for chain_seq {end}; 0 rows not chained yet\n$")

    def test_heads_stand_in_the_file_as_in_the_database(self):
        settled()
        with open(line.path("audit-heads")) as file:
            in_file = {text.rsplit(" signature=", 1)[0] for text in file.read().splitlines()}
        self.assertEqual(in_file, set(line.psql("select text from firstring.audit_head").splitlines()))

    def test_metrics(self):
        before = line.metric("firstring_factory_audit_rows_chained_total")
        append(5)
        settled()
        eventually(lambda: line.metric("firstring_factory_audit_rows_chained_total") >= before + 5)
        eventually(lambda: line.metric("firstring_factory_audit_rows_unchained") == 0)
        eventually(lambda: line.metric("firstring_factory_audit_head_age_seconds") <= 3, 30)
        self.assertGreater(line.metric('firstring_factory_audit_heads_total{outcome="signed"}'), 0)

    def test_a_killed_worker_and_signer_lose_nothing(self):
        for victim in (lambda: [pid for pid in line.children("worker")], lambda: line.children("signer")):
            append(20)
            for pid in victim():
                os.kill(pid, signal.SIGKILL)
            append(20)
            line.wait_until_ready()
            settled()
            self.assertEqual(verify()[0], 0)

    def test_two_jobs_at_once_make_one_chain(self):
        append(3000)
        for _ in range(20):
            line.psql("select count(*) from firstring.audit_chain(50)")
        end = settled()
        self.assertEqual(line.psql("select count(*) from firstring.audit_log"), str(end))
        self.assertEqual(verify()[0], 0)


class Tamper(unittest.TestCase):

    def found(self, change, *wanted, words=()):
        settled()
        with Tampering(change):
            status, said, told = verify(*words)
        self.assertEqual(status, 65, said + told)
        for each in wanted:
            self.assertIn(each, said)
        self.assertIn("NOT whole", said)
        self.assertEqual(verify()[0], 0, "put back")
        return said

    def row_id(self, seq):
        return line.psql(f"select id from firstring.audit_log where chain_seq = {seq}")

    def test_altered(self):
        for column, value in (("actor_id", "'other'"), ("source_ip", "null"), ("at", "at + interval '1 us'"),
                              ("after", "after || '{\"a\": 2}'"), ("before", "'{}'"), ("request_id", "''"),
                              ("itsp_id", "gen_random_uuid()"), ("object_id", "object_id || ' '")):
            said = self.found(f"update firstring.audit_log set {column} = {value} where chain_seq = 20",
                              f"chain_seq 20 (row id {self.row_id(20)}, test.row): altered since it was chained")
            self.assertEqual(len(said.splitlines()), 2, said)

    def test_altered_and_hashed_again(self):
        self.found("update firstring.audit_log a set actor_id = 'other' where chain_seq = 20; update firstring.audit_log a "
                   "set row_hash = firstring.audit_row_hash(a, chain_seq, prev_hash) where chain_seq = 20",
                   f"chain_seq 21 (row id {self.row_id(21)}): does not follow chain_seq 20")

    def test_removed(self):
        said = self.found("delete from firstring.audit_log where chain_seq = 20",
                          f"chain_seq 20: a row was removed, between row id {self.row_id(19)} and row id {self.row_id(21)}")
        self.assertEqual(len(said.splitlines()), 2, said)
        self.found("delete from firstring.audit_log where chain_seq in (20, 21, 22)",
                   "chain_seq 20..22: 3 rows were removed")
        self.found("delete from firstring.audit_log where chain_seq = 1", "chain_seq 1: a row was removed")

    def test_reordered(self):
        swap = "update firstring.audit_log set chain_seq = case chain_seq when 20 then -1 else -2 end where chain_seq in" \
               " (20, 21); update firstring.audit_log set chain_seq = 22 + chain_seq where chain_seq < 0"
        drop = "alter table firstring.audit_log drop constraint audit_log_chain_seq_check;"
        back = "alter table firstring.audit_log add constraint audit_log_chain_seq_check check (chain_seq > 0)"
        # 20 -> -1 -> 21, 21 -> -2 -> 20
        try:
            self.found(drop + swap,
                       f"chain_seq 20 (row id {self.row_id(21)}, test.row): reordered: it was chained as chain_seq 21",
                       f"chain_seq 21 (row id {self.row_id(20)}, test.row): reordered: it was chained as chain_seq 20")
        finally:
            line.psql(back)
        # The contents change places, the chain's columns stay where they were.
        self.found("update firstring.audit_log a set chain_seq = a.chain_seq + 1000000 where chain_seq in (20, 21);"
                   "update firstring.audit_log a set prev_hash = b.prev_hash, row_hash = b.row_hash, chain_seq ="
                   " b.chain_seq - 1000000 from firstring.audit_log b where a.chain_seq > 1000000"
                   " and b.chain_seq = 2000041 - a.chain_seq",
                   f"chain_seq 20 (row id {self.row_id(21)}, test.row): reordered: it was chained as chain_seq 21",
                   f"chain_seq 21 (row id {self.row_id(20)}, test.row): reordered: it was chained as chain_seq 20")

    def test_removed_with_the_rest_renumbered_and_hashed_again(self):
        settled()
        said = self.found("delete from firstring.audit_log where chain_seq = 20; update firstring.audit_log set chain_seq = "
                          "chain_seq + 1000000 where chain_seq > 20; update firstring.audit_log set chain_seq = chain_seq -"
                          " 1000001 where chain_seq > 1000000; update firstring.audit_log set prev_hash = (select row_hash "
                          "from firstring.audit_log where chain_seq = 19) where chain_seq = 20;" + REHASH.format(first=20),
                          "vouches for another row", "and up to this one were rewritten")
        self.assertIn("the tail is cut", said)

    def test_a_row_put_in(self):
        self.found("update firstring.audit_log set actor_id = 'other' where chain_seq = 20;" + REHASH.format(first=20),
                   "vouches for another row")

    def test_tail_cut(self):
        append(3)
        end = settled()
        self.found(f"delete from firstring.audit_log where chain_seq > {end - 2}",
                   f"vouches for chain_seq {end}, and the chain ends with chain_seq {end - 2} (row id {self.row_id(end - 2)})")

    def test_tail_cut_with_its_heads(self):
        append(3)
        before = settled()
        append(3)
        end = settled()
        heads = f"delete from firstring.audit_head where chain_seq > {before};"
        rows = f"delete from firstring.audit_log where chain_seq > {before}"
        self.found(heads + rows, f"the tail is cut: the head signed at", f"vouches for chain_seq {end}")
        # The file is cut as well: the signer remembers.
        with open(line.path("audit-heads")) as file:
            kept = [text for text in file if int(text.split(" seq=")[1].split()[0]) <= before]
        with open(line.path("cut-heads"), "w") as file:
            file.writelines(kept)
        self.found(heads + rows, f"vouches for chain_seq {end}", words=("--heads", line.path("cut-heads")))

    def test_heads_removed_or_forged(self):
        end = settled()
        append(1)
        settled()
        with open(line.path("audit-heads")) as file:
            text = file.read()
        with open(line.path("without"), "w") as file:
            file.writelines(each + "\n" for each in text.splitlines() if f" seq={end} " not in each)
        self.found(f"delete from firstring.audit_head where chain_seq = {end}", "is nowhere: it was removed",
                   words=("--heads", line.path("without")))
        forged = text.splitlines()[-1].replace(" at=20", " at=19")
        with open(line.path("forged"), "w") as file:
            file.write(text + forged + "\n")
        status, said, _ = verify("--heads", line.path("forged"))
        self.assertEqual(status, 65)
        self.assertIn("does not hold: forged or altered", said)

    def test_the_signer_signs_no_shorter_chain_and_no_other(self):
        def refusals(reason):
            return sum(entry["event"] == "audit_head_refused" and entry.get("reason") == reason for entry in line.log())
        end = settled()
        before = refusals("fork")
        with Tampering(f"update firstring.audit_log set actor_id = 'other' where chain_seq = {end};" +
                       REHASH.format(first=end)):
            eventually(lambda: refusals("fork") > before, 30, "the signer signed a fork, or nobody asked")
        before = refusals("backwards")
        with Tampering(f"delete from firstring.audit_log where chain_seq >= {end - 1}"):
            eventually(lambda: refusals("backwards") > before, 30, "the signer went backwards, or nobody asked")
        settled()
        self.assertEqual(verify()[0], 0)


class Command(unittest.TestCase):

    def test_usage(self):
        for words in (["audit"], ["audit", "verify", "x"], ["audit", "verify", "--heads"], ["audit", "check"]):
            self.assertEqual(line.factory_ca(*words, check=False, operator=False).returncode, 64, words)
        self.assertEqual(line.factory_ca("audit", "verify", "--help", operator=False).returncode, 0)

    def test_what_is_missing_is_said(self):
        settled()
        self.assertEqual(verify("--heads", line.path("nowhere"))[0], 66)
        self.assertEqual(verify("--ca", line.path("nowhere"))[0], 66)
        self.assertEqual(verify("--ca", line.path("audit-heads"))[0], 65)

        def with_audit(text):
            line.write_configuration(CONFIGURATION[:CONFIGURATION.index("audit:")] + text)
        try:
            with_audit("")
            status, _, told = verify()
            self.assertEqual(status, 78)
            self.assertIn("audit.conninfo", told)
            with_audit('audit:\n  conninfo: "host={socket} dbname=firstring user=firstring_factory"\n')
            self.assertEqual(verify()[0], 77)
            with_audit('audit:\n  conninfo: "host={var} dbname=firstring user=firstring_auditor"\n')
            self.assertEqual(verify()[0], 69)
        finally:
            line.write_configuration()

    def test_a_torn_line_of_the_file_is_passed_over(self):
        settled()
        with open(line.path("audit-heads"), "a") as file:
            file.write("firstring audit head v1 seq=9")
        append(1)
        settled()
        status, said, told = verify()
        self.assertEqual(status, 0, said)
        self.assertIn("not a head; a power cut may have left it", told)
        with open(line.path("audit-heads")) as file:
            self.assertIn(" signature=", file.read().splitlines()[-1])


if __name__ == "__main__":
    unittest.main()
