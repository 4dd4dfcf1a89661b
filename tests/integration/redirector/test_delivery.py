#!/usr/bin/env python3
"""Delivery and redelivery: once, window, in two stages; what is locked looks like nobody's."""
import os
import signal
import subprocess
import sys
import unittest
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
from tests.lib.cms import decrypt  # noqa: E402
from tests.lib.instance import BUILD, run  # noqa: E402
from tests.lib.redirector import PASSWORD, Redirector, eventually, read  # noqa: E402
from tests.lib.vendors import VENDORS  # noqa: E402

BOOTSTRAP = "/v1/bootstrap"
ORIGIN = "https://phones.example"
GRACE_S = 600


def setUpModule():
    global redirector
    redirector = Redirector(public_url=ORIGIN, once_grace_s=GRACE_S).__enter__()


def tearDownModule():
    redirector.__exit__(None, None, None)


class Case(unittest.TestCase):
    policy = {}

    @classmethod
    def setUpClass(cls):
        cls.itsp, cls.profile = redirector.make_itsp(**cls.policy)

    def phone(self, answer_format="json", **more):
        redirector.itsp, redirector.profile = self.itsp, self.profile
        return redirector.phone(answer_format, **more)

    def fact(self, phone, what):
        return redirector.psql(f"select {what} from firstring.claim where id = '{phone.claim}'")

    def kinds(self, phone):
        return [kind for kind, _ in redirector.events(phone)]

    def same_404(self, answer):
        nobody = redirector.phone(claimed=False).boot(BOOTSTRAP)
        self.assertEqual(answer.same_bytes(), nobody.same_bytes())
        self.assertEqual(answer.status, 404)

    def pass_the_grace(self, phone):
        redirector.psql(f"update firstring.claim set once_started_at = now() - interval '{GRACE_S + 1} s',"
                        f" once_until = now() - interval '1 s' where id = '{phone.claim}'")

    def rearm(self, phone):
        """As the portal's function does it."""
        redirector.psql(f"update firstring.claim set armed_at = now(), once_started_at = null, once_until = null,"
                        f" version = version + 1 where id = '{phone.claim}'")


class Once(Case):
    policy = {"redelivery": "once"}

    def test_the_same_bytes_within_the_grace_then_nothing_until_re_armed(self):
        phone = self.phone()
        first = phone.boot(BOOTSTRAP)
        self.assertEqual(first.json()["admin_password"], PASSWORD)
        self.assertEqual(phone.boot(BOOTSTRAP).same_bytes(), first.same_bytes())
        self.assertEqual(self.fact(phone, "round(extract(epoch from once_until - once_started_at))"), str(GRACE_S))
        self.pass_the_grace(phone)
        self.same_404(phone.boot(BOOTSTRAP))
        self.rearm(phone)
        self.assertEqual(phone.boot(BOOTSTRAP).same_bytes(), first.same_bytes())
        eventually(lambda: ("refused", "locked") in redirector.events(phone))
        eventually(lambda: self.kinds(phone).count("contacted") == 4)
        self.assertEqual(self.kinds(phone).count("delivered"), 2, "one for each grant")
        self.assertGreaterEqual(
            int(redirector.metrics()['firstring_redirector_answers_total{reason="locked"}']), 1)

    def test_a_head_never_counts(self):
        phone = self.phone()
        head = phone.boot(BOOTSTRAP, method="HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(self.fact(phone, "once_started_at is null and delivered_at is null"), "t")
        get = phone.boot(BOOTSTRAP)
        self.assertEqual(head.headers["Content-Length"], str(len(get.body)))
        self.pass_the_grace(phone)
        self.assertEqual(phone.boot(BOOTSTRAP, method="HEAD").status, 404)

    def test_fifty_first_boots_at_once_are_one_delivery(self):
        phone = self.phone()
        with ThreadPoolExecutor(25) as pool:
            answers = list(pool.map(lambda _: phone.boot(BOOTSTRAP), range(50)))
        self.assertEqual({answer.status for answer in answers}, {200})
        self.assertEqual(len({answer.body for answer in answers}), 1)
        eventually(lambda: self.kinds(phone).count("contacted") == 50)
        self.assertEqual(self.kinds(phone).count("delivered"), 1)
        self.assertEqual(self.fact(phone, "password_version || ' ' || (delivered_at = password_delivered_at)"), "1 true")

    def test_fifty_at_once_past_the_grace_get_nothing(self):
        phone = self.phone()
        phone.boot(BOOTSTRAP)
        # The redirector's own look at the record is not what locks: the database's is.
        redirector.psql(f"update firstring.claim set once_until = once_started_at where id = '{phone.claim}'")
        with ThreadPoolExecutor(25) as pool:
            answers = list(pool.map(lambda _: phone.boot(BOOTSTRAP), range(50)))
        self.assertEqual({answer.status for answer in answers}, {404})

    def test_a_pending_password_is_the_delivered_one_before_it_leaves(self):
        phone = self.phone()
        redirector.set_pending(phone, "nEw7pAssw0rdXyZ3")
        self.assertEqual(phone.boot(BOOTSTRAP).json()["admin_password"], "nEw7pAssw0rdXyZ3")
        self.assertEqual(self.fact(phone, "password_version || ' ' || (pending_version is null)"), "2 true")
        self.assertEqual(phone.boot(BOOTSTRAP).json()["admin_password"], "nEw7pAssw0rdXyZ3")

    def test_a_master_file_does_not_count_and_is_locked_with_the_rest(self):
        phone = self.phone("poly")
        path = f"/{phone.mac.lower()}.cfg"
        self.assertEqual(phone.boot(path).status, 200)
        self.assertEqual(self.fact(phone, "once_started_at is null"), "t")
        self.assertEqual(phone.boot(path.replace(".cfg", "-settings.cfg")).status, 200)
        self.assertEqual(self.fact(phone, "once_started_at is null"), "f")
        self.pass_the_grace(phone)
        self.same_404(phone.boot(path))

    def test_what_cannot_be_written_is_not_answered(self):
        phone = self.phone()
        redirector.make_itsp()
        always = redirector.phone()
        redirector.psql("revoke execute on function firstring.delivery_advance from firstring_redirector")
        try:
            answer = phone.boot(BOOTSTRAP)
            self.assertEqual(answer.status, 503)
            self.assertIn("Retry-After", answer.headers)
            self.assertNotIn(PASSWORD.encode(), answer.body)
            self.assertEqual(always.boot(BOOTSTRAP).status, 200)
        finally:
            redirector.psql("grant execute on function firstring.delivery_advance to firstring_redirector")
        self.assertEqual(self.fact(phone, "once_started_at is null"), "t")
        self.assertEqual(phone.boot(BOOTSTRAP).status, 200)

    def test_a_claim_that_changes_under_the_request_is_looked_up_again(self):
        phone = self.phone()
        # The function as another's change would make it answer, once.
        redirector.psql(f"""alter function firstring.delivery_lock rename to delivery_lock_kept;
            create sequence public.tries; grant usage on sequence public.tries to firstring_owner;
            create function firstring.delivery_lock(claim_id uuid, claim_version integer, password_version integer)
            returns firstring.claim language plpgsql set search_path = firstring, pg_temp as $$
            begin
              if nextval('public.tries') = 1 then return null; end if;
              return delivery_lock_kept($1, $2, $3);
            end $$;
            grant execute on function firstring.delivery_lock to firstring_owner""")
        try:
            self.assertEqual(phone.boot(BOOTSTRAP).status, 200)
            self.assertEqual(redirector.psql("select last_value from public.tries"), "2")
        finally:
            redirector.psql("drop function firstring.delivery_lock; drop sequence public.tries;"
                            " alter function firstring.delivery_lock_kept rename to delivery_lock")

    def test_a_release_that_commits_while_the_answer_waits_wins(self):
        phone = self.phone()
        other = subprocess.Popen(["psql", "-XAtq", redirector.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            other.stdin.write(f"begin; select 'held' from firstring.claim where id = '{phone.claim}' for update;\n".encode())
            other.stdin.flush()
            self.assertEqual(other.stdout.readline(), b"held\n")
            with ThreadPoolExecutor(1) as pool:
                answer = pool.submit(phone.boot, BOOTSTRAP)
                waits = ("select count(*) from pg_stat_activity where usename = 'firstring_redirector'"
                         " and wait_event_type = 'Lock'")
                eventually(lambda: answer.done() or redirector.psql(waits) == "1")
                other.stdin.write(f"update firstring.claim set state = 'released', released_at = now(),"
                                  f" sealed_password = null, password_purged_at = now() where id = '{phone.claim}';"
                                  f" commit;\n".encode())
                other.stdin.close()
                # On a slow machine the lock is given up first: 503 then.
                self.assertIn(answer.result().status, (404, 503))
                self.assertNotIn(PASSWORD.encode(), answer.result().body)
        finally:
            other.kill()
            other.wait()
            other.stdout.close()
        self.same_404(phone.boot(BOOTSTRAP))

    def test_a_purged_password_is_nothing_to_tell(self):
        phone = self.phone()
        redirector.psql(f"update firstring.claim set sealed_password = null, password_purged_at = now()"
                        f" where id = '{phone.claim}'")
        self.same_404(phone.boot(BOOTSTRAP))
        eventually(lambda: ("refused", "purged") in redirector.events(phone))


class Window(Case):
    policy = {"redelivery": "window", "window_hours": 24}

    def test_open_closed_and_re_armed(self):
        phone = self.phone()
        first = phone.boot(BOOTSTRAP)
        self.assertEqual(first.status, 200)
        redirector.psql(f"update firstring.claim set armed_at = now() - interval '23 hours 59 minutes'"
                        f" where id = '{phone.claim}'")
        self.assertEqual(phone.boot(BOOTSTRAP).same_bytes(), first.same_bytes())
        redirector.psql(f"update firstring.claim set armed_at = now() - interval '24 hours' where id = '{phone.claim}'")
        self.same_404(phone.boot(BOOTSTRAP))
        eventually(lambda: ("refused", "window_closed") in redirector.events(phone))
        self.rearm(phone)
        self.assertEqual(phone.boot(BOOTSTRAP).same_bytes(), first.same_bytes())


STAGING = [vendor for vendor in VENDORS
           if vendor.name in ("yealink", "snom", "poly", "cisco-spa", "cisco-mpp", "json")]


class Staged(Case):
    policy = {"delivery": "staged", "fallback_urls": ["https://b.itsp.example/"]}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        redirector.psql(f"update firstring.provisioning_profile set trust_anchors = '{read(redirector.server_ca)}'"
                        f" where id = '{cls.profile}'")

    def stage_one(self, phone, vendor):
        answer, url, password = vendor.boot(phone)
        self.assertRegex(url, rf"\A{ORIGIN}/s/[0-9a-f]{{32}}/\Z")
        self.assertEqual(password, PASSWORD)
        self.assertNotIn(b"itsp", answer.body)
        self.assertNotIn(b"CERTIFICATE", answer.body)
        return url.removeprefix(ORIGIN)

    def test_a_format_that_cannot_is_refused(self):
        phone = self.phone("grandstream")
        self.assertEqual(phone.boot(f"/cfg{phone.mac.lower()}.xml").status, 503)
        eventually(lambda: ("refused", "policy") in redirector.events(phone))

    def test_only_its_own_token_leads_on(self):
        phone, other = self.phone(), self.phone()
        json_phone = STAGING[-1]
        place, others_place = self.stage_one(phone, json_phone), self.stage_one(other, json_phone)
        self.assertNotEqual(place, others_place)
        self.assertNotEqual(place, self.stage_one(phone, json_phone), "a new one each time")
        for path in (others_place, "/s/" + "0" * 32 + "/"):
            answer = phone.boot(path)
            self.assertEqual(answer.status, 200)
            self.assertTrue(answer.json()["provisioning_urls"][0].startswith(ORIGIN), "stage one again")
            self.assertNotIn(b"itsp", answer.body)
        document = phone.boot(place).json()
        self.assertEqual(document["provisioning_urls"][1:], ["https://b.itsp.example/"])
        self.assertEqual(len(document["trust_anchors"]), 1)
        self.assertEqual(document["admin_password"], PASSWORD)
        self.assertEqual(phone.boot(place).json(), document, "it is good for a day")
        redirector.psql("update firstring.stage_token set created_at = now() - interval '25 hours',"
                        " expires_at = now() - interval '1 hour'")
        self.assertTrue(phone.boot(place).json()["provisioning_urls"][0].startswith(ORIGIN))

    def test_events_and_facts_of_each_stage(self):
        phone = self.phone()
        place = self.stage_one(phone, STAGING[-1])
        self.assertEqual(self.fact(phone, "password_delivered_at is not null and delivered_at is null"), "t")
        phone.boot(place)
        self.assertEqual(self.fact(phone, "delivered_at is not null"), "t")
        eventually(lambda: sorted(self.kinds(phone)) == ["contacted", "contacted", "delivered", "staged"])

    def test_a_head_begins_no_stage(self):
        phone = self.phone()
        head = phone.boot(BOOTSTRAP, method="HEAD")
        self.assertEqual(head.status, 200)
        self.assertEqual(redirector.psql(f"select count(*) from firstring.stage_token where claim_id = '{phone.claim}'"),
                         "0")
        self.assertEqual(head.headers["Content-Length"], phone.boot(BOOTSTRAP).headers["Content-Length"])

    def test_no_token_is_stored_or_logged(self):
        phone = self.phone()
        place = self.stage_one(phone, STAGING[-1])
        token = place.split("/")[2]
        self.assertEqual(phone.boot(place).status, 200)
        self.assertEqual(phone.boot(place.replace("/s/", "/%73/") + "x").status, 404)
        self.assertNotIn(token, read(redirector.path("log")))
        self.assertEqual([row["path"] for row in redirector.log() if row.get("mac") == phone.mac][1:],
                         ["/s/*/", "/s/*/x"])
        rows = redirector.psql("select t::text from firstring.stage_token t")
        self.assertNotIn(token, rows)
        self.assertNotIn(bytes(token, "ascii").hex(), rows)

    def test_fifty_first_boots_at_once_have_one_password(self):
        phone = self.phone()
        with ThreadPoolExecutor(25) as pool:
            answers = list(pool.map(lambda _: phone.boot(BOOTSTRAP), range(50)))
        self.assertEqual({answer.status for answer in answers}, {200})
        self.assertEqual({answer.json()["admin_password"] for answer in answers}, {PASSWORD})

    def test_without_the_database_there_is_no_stage(self):
        phone = self.phone()
        redirector.psql("revoke execute on function firstring.delivery_stage from firstring_redirector")
        try:
            self.assertEqual(phone.boot(BOOTSTRAP).status, 503)
        finally:
            redirector.psql("grant execute on function firstring.delivery_stage to firstring_redirector")


def _stages(vendor):
    def test(self):
        phone = self.phone(vendor.name)
        place = self.stage_one(phone, vendor)
        # Most add their own file's name to the place; json goes to the place itself.
        name = "" if vendor.name == "json" else vendor.paths(phone.mac).rsplit("/", 1)[1]
        answer = phone.boot(place + name, vendor.agent(phone.mac))
        if vendor.then:
            answer = phone.boot(place + vendor.then(answer.body), vendor.agent(phone.mac))
        url, password = vendor.read(answer.body)
        self.assertEqual(urllib.parse.urlsplit(url).hostname, "prov.itsp.example")
        self.assertEqual(password, PASSWORD)
        again = phone.boot(place, vendor.agent(phone.mac))
        self.assertEqual(vendor.read(again.body), (url, password), "the place itself is the phone's file too")
    return test


for _vendor in STAGING:
    setattr(Staged, f"test_stages_of_{_vendor.name.replace('-', '_')}", _stages(_vendor))


class StagedOnce(Case):
    policy = {"delivery": "staged", "redelivery": "once"}

    def test_the_grace_begins_with_stage_two_and_ends_both(self):
        phone = self.phone()
        place = phone.boot(BOOTSTRAP).json()["provisioning_urls"][0].removeprefix(ORIGIN)
        self.assertEqual(phone.boot(BOOTSTRAP).status, 200)
        self.assertEqual(self.fact(phone, "once_started_at is null"), "t")
        first = phone.boot(place)
        self.assertEqual(phone.boot(place).same_bytes(), first.same_bytes())
        self.assertEqual(phone.boot(BOOTSTRAP).status, 200)
        self.pass_the_grace(phone)
        self.same_404(phone.boot(place))
        self.same_404(phone.boot(BOOTSTRAP))


class Encrypted(Case):
    """Models whose answers are encrypted to the phone's certificate (ITSPA rule R12)."""
    policy = {"redelivery": "once"}

    def opened(self, phone, answer):
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/pkcs7-mime"))
        self.assertNotIn(PASSWORD.encode(), answer.body)
        return decrypt(answer.body, phone.cert, phone.key)

    def test_what_leaves_opens_with_the_phones_key_alone(self):
        for key_type, vendors in (("p256", VENDORS), ("rsa2048", VENDORS[-2:])):
            for vendor in vendors:
                if vendor.then:
                    continue
                phone, other = (self.phone(vendor.name, key_type=key_type, encrypt=True) for _ in range(2))
                path = vendor.paths(phone.mac)
                answer = phone.boot(path, vendor.agent(phone.mac))
                self.assertEqual(vendor.read(self.opened(phone, answer))[1], PASSWORD)
                self.assertNotIn(PASSWORD.encode(), decrypt(answer.body, phone.cert, other.key, check=False))
                again = phone.boot(path, vendor.agent(phone.mac))
                self.assertNotEqual(again.body, answer.body, "a new key each time")
                self.assertEqual(self.opened(phone, again), self.opened(phone, answer), "and the same answer")

    def test_a_master_file_and_the_next(self):
        phone = self.phone("poly", encrypt=True)
        vendor, = (each for each in VENDORS if each.name == "poly")
        master = self.opened(phone, phone.boot(vendor.paths(phone.mac)))
        settings = self.opened(phone, phone.boot("/" + vendor.then(master)))
        self.assertEqual(vendor.read(settings)[1], PASSWORD)

    def test_what_is_not_answered_is_not_encrypted(self):
        phone = self.phone(encrypt=True, claimed=False)
        self.same_404(phone.boot(BOOTSTRAP))


class NoPlace(unittest.TestCase):

    def test_staged_is_503_where_no_public_url_is_configured(self):
        itsp = redirector.make_itsp(delivery="staged")
        phone = redirector.phone()
        redirector.itsp, redirector.profile = itsp
        redirector.write_config(public_url="")
        redirector.process.send_signal(signal.SIGHUP)
        try:
            eventually(lambda: phone.boot(BOOTSTRAP).status == 503)
        finally:
            redirector.write_config()
            redirector.process.send_signal(signal.SIGHUP)
        eventually(lambda: phone.boot(BOOTSTRAP).status == 200)

    def test_what_is_no_origin_is_refused(self):
        for url in ("http://a.example", "https://a.example/", "https://a.example/x", "https://u@a.example", "https://"):
            redirector.write_config(public_url=url)
            try:
                done = run(os.path.join(BUILD, "bin/redirector"), "--config", redirector.path("redirector.yaml"),
                           "--check-config", check=False)
                self.assertEqual(done.returncode, 78, url)
                self.assertIn(b"public_url", done.stderr)
            finally:
                redirector.write_config()


if __name__ == "__main__":
    unittest.main()
