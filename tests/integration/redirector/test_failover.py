#!/usr/bin/env python3
"""A primary and its streaming standby, killed, promoted, stopped and slow: known phones go on being answered, nothing
that the standby may not know is an answer, and events are written once each when there is a primary again."""
import os
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
from tests.lib.faults import Link  # noqa: E402
from tests.lib.redirector import Redirector, eventually  # noqa: E402
from tests.lib.standby import Standby  # noqa: E402


class Pair(Redirector):
    """A redirector with a primary, a standby, and a spool."""

    def __enter__(self):
        os.makedirs(self.path("spool"), exist_ok=True)
        self.standby = None
        return super().__enter__()

    def write_config(self, **more):
        if self.standby is None:
            self.standby = Standby(self.cluster("socket").strip()).__enter__()
        super().write_config(event_spool=self.path("spool"), **more)

    def __exit__(self, *failure):
        super().__exit__(*failure)
        if self.standby is not None:
            self.standby.__exit__(*failure)

    def databases(self):
        return [self.conninfo, self.standby.conninfo()]

    def spooled(self):
        return sorted(os.listdir(self.path("spool")))

    def caught_up(self):
        self.standby.caught_up(self.psql)


def status(phone, path="/v1/bootstrap"):
    return phone.boot(path).status


def counted(redirector, name):
    return int(redirector.metrics().get(f"firstring_redirector_{name}_total", 0))


class PrimaryAway(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.redirector = Pair().__enter__()
        cls.addClassCleanup(cls.redirector.__exit__, None, None, None)
        # Its roles stay for the whole class: what differs from phone to phone is only what the standby knows.
        cls.known = cls.redirector.phone()
        cls.unclaimed = cls.redirector.phone(claimed=False)
        cls.unknown = cls.redirector.phone(live=False)
        cls.suspended = cls.redirector.phone()
        cls.redirector.psql(f"update firstring.claim set state = 'suspended' where mac = '{cls.suspended.mac}'")
        cls.redirector.caught_up()

    def tearDown(self):
        eventually(lambda: status(self.known) == 200 and status(self.unclaimed) == 404, 30, "it does not come back")
        eventually(lambda: self.redirector.spooled() == [], 30, "the spool is not written")

    def once_phone(self, **profile):
        """A phone whose claim has a profile with another policy."""
        self.redirector.make_itsp(**profile)
        phone = self.redirector.phone()
        self.redirector.caught_up()
        return phone

    def reload(self, **config):
        served = self.generations()
        self.redirector.write_config(**config)
        self.redirector.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.generations() > served, 30)

    def generations(self):
        return sum(line["event"] == "serving" for line in self.redirector.log())

    def test_a_primary_that_is_there_is_the_only_one_asked(self):
        before = counted(self.redirector, "lookups_standby")
        self.assertEqual([status(self.known), status(self.unclaimed), status(self.unknown), status(self.suspended)],
                         [200, 404, 404, 404])
        self.assertEqual(counted(self.redirector, "lookups_standby"), before)

    def test_killed_and_back(self):
        once = self.once_phone(redelivery="once")
        staged = self.once_phone(delivery="staged")
        self.redirector.make_itsp()
        fresh = self.redirector.phone()  # whose events are of this test alone
        self.redirector.caught_up()
        self.redirector.crash()
        try:
            self.assertEqual([status(fresh) for _ in range(6)], [200] * 6)
            # What the standby has not heard of, and what it refuses, the primary may know better.
            for phone in (self.unclaimed, self.unknown, self.suspended):
                answer = phone.boot("/v1/bootstrap")
                self.assertEqual((answer.status, "Retry-After" in answer.headers), (503, True))
            # A delivery that must be written down before it is answered is not.
            self.assertEqual([status(once), status(staged)], [503, 503])
            eventually(lambda: self.redirector.spooled() != [], what="nothing is spooled")
        finally:
            self.redirector.revive()
        eventually(lambda: status(self.unclaimed) == 404, 30)
        eventually(lambda: self.redirector.spooled() == [], 30)
        contacts = [kind for kind, _ in self.redirector.events(fresh)]
        self.assertEqual((contacts.count("contacted"), contacts.count("delivered")), (6, 6))

    def test_half_open_is_left_within_the_deadline(self):
        self.assertEqual(status(self.known), 200)
        self.redirector.postgres(signal.SIGSTOP)
        try:
            for _ in range(6):
                begun = time.monotonic()
                self.assertEqual(status(self.known), 200)
                self.assertLess(time.monotonic() - begun, 5)
            # Once it is known to be away nobody waits for it.
            begun = time.monotonic()
            self.assertEqual([status(self.known) for _ in range(10)], [200] * 10)
            self.assertLess(time.monotonic() - begun, 8)
            self.assertEqual(status(self.unclaimed), 503)
        finally:
            self.redirector.postgres(signal.SIGCONT)

    def test_a_half_open_link_is_left_within_the_deadline_and_good_again(self):
        """The primary is well; what is sent to it is lost, and nobody closes the connection."""
        before = len(self.redirector.events(self.known))
        with Link(self.redirector.cluster("socket").strip()) as link:
            self.reload(databases=[link.conninfo("firstring_redirector"), self.redirector.standby.conninfo()])
            eventually(lambda: status(self.unclaimed) == 404, 30)
            link.hold()
            for _ in range(6):
                begun = time.monotonic()
                self.assertEqual(status(self.known), 200)
                self.assertLess(time.monotonic() - begun, 5)
            self.assertEqual(status(self.unclaimed), 503)
            link.release()
            eventually(lambda: status(self.unclaimed) == 404, 30)
            eventually(lambda: self.redirector.spooled() == [], 30)
            # Those whose outcome nobody knew were sent again, and are there once.
            eventually(lambda: len(self.redirector.events(self.known)) >= before + 12, 30)
            self.reload()
        self.assertEqual(len(self.redirector.events(self.known)), before + 12)

    def test_slow_is_left_within_the_deadline(self):
        """Lookups that take five seconds, but on the standby."""
        self.redirector.psql("""
            alter function firstring.device_lookup rename to device_lookup_quick;
            do $$
            begin
              execute 'create function firstring.device_lookup(fingerprints bytea[]) returns '
                || (select pg_get_function_result(oid) from pg_proc where proname = 'device_lookup_quick')
                || ' language plpgsql stable security definer set search_path = firstring, pg_temp as $f$ begin '
                   'if not pg_is_in_recovery() then perform pg_sleep(5); end if; '
                   'return query select * from device_lookup_quick($1); end $f$';
            end $$;
            alter function firstring.device_lookup owner to firstring_owner;
            grant execute on function firstring.device_lookup to firstring_redirector;""")
        self.redirector.caught_up()
        try:
            for _ in range(4):
                begun = time.monotonic()
                self.assertEqual(status(self.known), 200)
                self.assertLess(time.monotonic() - begun, 4)
        finally:
            self.redirector.psql("drop function firstring.device_lookup;"
                                 "alter function firstring.device_lookup_quick rename to device_lookup")

    def test_a_standby_that_is_cut_off_from_the_primary_ages(self):
        """Its replay stands still while the primary goes on; then the primary dies."""
        self.reload(standby_max_age="3s")
        self.redirector.standby.psql("select pg_wal_replay_pause()")
        try:
            eventually(lambda: self.redirector.standby.psql("select age_ms > 4000 from firstring.replay_state()") == "t",
                       30, "it does not age")
            self.assertEqual(self.redirector.psql("select in_recovery, age_ms from firstring.replay_state()"), "f|0")
            self.redirector.crash()
            eventually(lambda: status(self.known) == 503)
            self.assertEqual([status(self.known) for _ in range(3)], [503] * 3)
            self.assertTrue(any(line["event"] == "standby_too_old" for line in self.redirector.log()))
        finally:
            self.redirector.standby.psql("select pg_wal_replay_resume()")
            self.redirector.revive()
            self.reload()


class Promoted(unittest.TestCase):

    def test_no_first_boot_fails_and_events_go_to_the_new_primary(self):
        with Pair() as redirector:
            phones = [redirector.phone() for _ in range(4)]
            late = redirector.phone(claimed=False)
            redirector.caught_up()
            answers, stop = [], threading.Event()

            def boots(phone):
                while not stop.is_set():
                    answers.append(status(phone))

            threads = [threading.Thread(target=boots, args=(phone,)) for phone in phones]
            for thread in threads:
                thread.start()
            eventually(lambda: len(answers) > 20, 30)
            redirector.crash()
            seen = len(answers)
            eventually(lambda: len(answers) > seen + 20, 30)
            redirector.standby.promote()
            seen = len(answers)
            eventually(lambda: len(answers) > seen + 20, 30)
            stop.set()
            for thread in threads:
                thread.join()
            self.assertEqual(set(answers), {200})
            # It is the primary now: what it does not know is not so, and what happens is written there.
            eventually(lambda: status(late) == 404, 30)
            eventually(lambda: redirector.spooled() == [], 30)
            written = eventually(lambda: redirector.standby.psql(
                "select count(*) filter (where kind = 'delivered') from firstring.device_event"
                f" having count(*) filter (where kind = 'delivered') >= {len(answers)}"), 20)
            self.assertEqual(int(written), len(answers))


if __name__ == "__main__":
    unittest.main()
