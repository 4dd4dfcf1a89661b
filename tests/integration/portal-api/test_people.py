#!/usr/bin/env python3
"""People: invitations, signing in with a second factor, sessions and their cookies, roles, guesses."""
import json
import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from people import PASSWORD, Browser, code, invite, person  # noqa: E402
from portal import Case  # noqa: E402


class Life(Case):

    def test_from_the_invitation_to_the_last_day(self):
        itsp = self.portal.itsp()
        owner = person(self.portal, "owner", itsp.itsp_id, second_factor=False)
        account = owner.ok("GET", "/v1/session")
        self.assertEqual((account["kind"], account["user"]["role"], account["itsp"]["id"]), ("itsp", "owner", itsp.itsp_id))
        # Nothing can be done before there is a second factor.
        self.assertEqual((account["scopes"], account["second_factor"]["required"]), ([], True))
        self.assertProblem(owner.request("GET", "/v1/claims"), 403, "second_factor_required")
        before = owner.cookie
        self.assertProblem(owner.request("POST", "/v1/session/second-factor", {"password": "wrong"}), 403, "wrong_password")
        owner.key = owner.ok("POST", "/v1/session/second-factor", {"password": PASSWORD})["key"]
        wrong = code(owner.key, int(time.time()) // 30 - 10)
        self.assertProblem(owner.request("POST", "/v1/session/second-factor/confirm", {"code": wrong}), 422, "invalid", field="code")
        codes = owner.ok("POST", "/v1/session/second-factor/confirm", {"code": owner.next_code()})["recovery_codes"]
        self.assertEqual(len(set(codes)), 10)
        # A new id, and the old one is worth nothing.
        self.assertNotEqual(owner.cookie, before)
        stale = Browser(self.portal)
        stale.cookie = before
        self.assertProblem(stale.request("GET", "/v1/session"), 401, "not_signed_in")
        self.assertIn("users:write", owner.reread()["scopes"])
        # She invites an engineer, promotes, suspends and removes him.
        made = invite(owner, "/v1/users", "Bob@People.Example", "engineer")
        self.assertEqual((made["email"], made["has_password"], made["itsp_id"]), ("bob@people.example", False, itsp.itsp_id))
        bob = Browser(self.portal)
        shown = bob.ok("POST", "/v1/links", {"token": made["link"].split("/")[-1]})
        self.assertEqual(shown["email"], "bob@people.example")
        for bad in ("short", "bob@people.example", "passwordpassword"):
            self.assertProblem(bob.request("POST", "/v1/links/use", {"token": made["link"].split("/")[-1], "password": bad}),
                               422, "invalid", field="password")
        bob.accept(made["link"])
        self.assertProblem(bob.request("POST", "/v1/links/use", {"token": made["link"].split("/")[-1], "password": PASSWORD}),
                           410, "link_not_valid")
        self.assertEqual(bob.sign_in("BOB@people.example").status, 200)
        bob.set_second_factor()
        self.assertEqual(bob.request("GET", "/v1/claims").status, 200)
        self.assertProblem(bob.request("GET", "/v1/users"), 403, "insufficient_scope")
        path = f"/v1/users/{made['id']}"
        self.assertEqual(owner.ok("PATCH", path, {"role": "support"})["role"], "support")
        self.assertProblem(bob.request("POST", "/v1/profiles", {"name": "p", "provisioning_url": "https://a.itsp.example/"}),
                           403, "insufficient_scope")
        self.assertProblem(owner.request("PATCH", path, {"role": "administrator"}), 422, "invalid", field="role")
        self.assertProblem(owner.request("PATCH", path, {"role": "owner"}, headers={"If-Match": '"1"'}), 412, "version_mismatch")
        owner.ok("PATCH", path, {"state": "suspended"})
        self.assertProblem(bob.request("GET", "/v1/session"), 401, "not_signed_in")
        self.assertProblem(bob.sign_in("bob@people.example", code_text=bob.next_code()), 401, "sign_in_refused")
        self.assertProblem(owner.request("POST", f"{path}/link", {}), 409, "user_suspended")
        self.assertEqual(owner.request("DELETE", path).status, 204)
        self.assertProblem(owner.request("GET", path), 404, "not_found")
        # Herself she cannot.
        for method, body in (("PATCH", {"role": "support"}), ("DELETE", None)):
            self.assertProblem(owner.request(method, f"/v1/users/{owner.user['id']}", body), 409, "own_account")
        self.assertEqual(owner.request("DELETE", "/v1/session").status, 204)
        self.assertIn("Max-Age=0", owner.set_cookie)
        # All of it is in the audit log, with who did it, and without a secret.
        rows = self.portal.admin.ok("GET", f"/v1/admin/audit?object_kind=user&object_id={made['id']}&limit=200")["audit"]
        self.assertEqual({row["action"] for row in rows},
                         {"user.create", "user.link_use", "user.sign_in", "user.second_factor_propose",
                          "user.second_factor_set", "user.update", "user.remove"})
        created = next(row for row in rows if row["action"] == "user.create")
        self.assertEqual((created["actor_kind"], created["actor_id"]), ("user", owner.user["id"]))
        text = json.dumps(rows) + json.dumps(self.portal.log())
        for secret in (PASSWORD, made["link"].split("/")[-1], owner.key, bob.key, before, owner.csrf, "argon2"):
            self.assertFalse(secret in text, secret)

    def test_a_lost_password_and_a_lost_authenticator(self):
        itsp = self.portal.itsp()
        owner = person(self.portal, "owner", itsp.itsp_id)
        carol = person(self.portal, "engineer", itsp.itsp_id)
        link = owner.ok("POST", f"/v1/users/{carol.user['id']}/link", {})
        carol.accept(link["link"], PASSWORD + " 2")
        self.assertProblem(carol.request("GET", "/v1/session"), 401, "not_signed_in")
        self.assertProblem(carol.sign_in(carol.email, PASSWORD + " 2"), 401, "second_factor_needed")
        link = owner.ok("POST", f"/v1/users/{carol.user['id']}/link", {"reset_second_factor": True})
        carol.accept(link["link"], PASSWORD + " 3")
        self.assertEqual(carol.sign_in(carol.email, PASSWORD + " 3").status, 200)
        self.assertIsNone(carol.reread()["second_factor"]["set_at"])
        # A link that is too old.
        link = owner.ok("POST", f"/v1/users/{carol.user['id']}/link", {})
        self.portal.psql("update firstring.user_link set created_at = now() - interval '2 days', expires_at = now() - interval '1 s'")
        self.assertProblem(carol.request("POST", "/v1/links/use", {"token": link["link"].split("/")[-1], "password": PASSWORD}),
                           410, "link_not_valid")

    def test_ones_own_password(self):
        dave = person(self.portal, "auditor")
        elsewhere = Browser(self.portal)
        self.assertEqual(elsewhere.sign_in(dave.email, code_text=dave.next_code()).status, 200)
        change = lambda old, new: dave.request("POST", "/v1/session/password", {"current_password": old, "password": new})  # noqa: E731
        self.assertProblem(change("wrong", PASSWORD + "!"), 403, "wrong_password")
        self.assertProblem(change(PASSWORD, "short"), 422, "invalid", field="password")
        self.assertEqual(change(PASSWORD, PASSWORD + "!").status, 204)
        dave.reread()
        self.assertEqual(dave.request("GET", "/v1/admin/models").status, 200)
        self.assertProblem(elsewhere.request("GET", "/v1/session"), 401, "not_signed_in")
        self.assertProblem(dave.request("POST", "/v1/admin/itsps", {"name": "x"}), 403, "insufficient_scope")

    def test_the_first_human_administrator(self):
        made = self.portal.command("bootstrap-admin", "--another", "--user", "Root@Maker.Example", "--display-name", "Ruth")
        self.assertEqual(made.returncode, 0, made.stderr)
        link = next(line for line in made.stdout.decode().splitlines() if "/#/link/" in line)
        ruth = Browser(self.portal)
        ruth.accept(link)
        self.assertEqual(ruth.sign_in("root@maker.example").status, 200)
        ruth.set_second_factor()
        self.assertEqual(ruth.ok("GET", "/v1/session")["kind"], "manufacturer")
        self.assertEqual(ruth.request("GET", "/v1/admin/itsps").status, 200)
        self.assertProblem(ruth.request("GET", "/v1/claims"), 403, "wrong_audience")
        again = self.portal.command("bootstrap-admin", "--user", "second@maker.example")
        self.assertEqual(again.returncode, 65)
        taken = self.portal.command("bootstrap-admin", "--another", "--user", "root@maker.example")
        self.assertEqual(taken.returncode, 65)
        self.assertIn(b"signs in with this address", taken.stderr)
        self.assertEqual(self.portal.command("bootstrap-admin", "--another", "--user", "no address").returncode, 64)

    def test_what_a_user_cannot_be(self):
        itsp = self.portal.itsp()
        owner = person(self.portal, "owner", itsp.itsp_id)
        good = {"email": "x@people.example", "display_name": "X", "role": "support"}
        for more, field in (({"email": "x"}, "email"), ({"email": "a@b@c"}, "email"), ({"email": "a b@c.example"}, "email"),
                            ({"email": "@b.example"}, "email"), ({"email": "<i>@b.example"}, "email"), ({"role": "root"}, "role"),
                            ({"role": "auditor"}, "role"), ({"display_name": ""}, "display_name"), ({"display_name": " x"}, "display_name"),
                            ({"itsp_id": itsp.itsp_id}, "itsp_id"), ({"scopes": ["admin:write"]}, "scopes"),
                            ({"password": PASSWORD}, "password"), ({"state": "live"}, "state")):
            self.assertProblem(owner.request("POST", "/v1/users", {**good, **more}), 422, "invalid", field=field)
        self.assertProblem(owner.request("POST", "/v1/users", {**good, "email": owner.email}), 409, "email_taken")
        self.assertProblem(self.portal.admin.request("POST", "/v1/admin/users", {**good, "role": "owner"}), 422, "invalid", field="role")

    def test_a_token_manages_no_people(self):
        itsp = self.portal.itsp()
        self.assertProblem(itsp.request("GET", "/v1/users"), 403, "insufficient_scope")
        answer = self.portal.admin.request("POST", f"/v1/admin/itsps/{itsp.itsp_id}/tokens", {"name": "n", "scopes": ["users:write"]})
        self.assertProblem(answer, 422, "invalid", field="scopes[0]")
        self.assertProblem(itsp.request("GET", "/v1/session"), 403, "wrong_audience")
        self.assertProblem(itsp.request("POST", "/v1/session/password", {"current_password": "x", "password": "y"}), 403, "wrong_audience")

    def test_another_tenants_people_are_not_there(self):
        mine, theirs = self.portal.itsp(), self.portal.itsp()
        owner = person(self.portal, "owner", mine.itsp_id)
        other = person(self.portal, "owner", theirs.itsp_id)
        path = f"/v1/users/{other.user['id']}"
        for method, where, body in (("GET", path, None), ("PATCH", path, {"role": "support"}), ("DELETE", path, None),
                                    ("POST", f"{path}/link", {"reset_second_factor": True})):
            self.assertProblem(owner.request(method, where, body), 404, "not_found")
        self.assertEqual([user["email"] for user in owner.ok("GET", "/v1/users")["users"]], [owner.email])
        listed = self.portal.admin.ok("GET", f"/v1/admin/users?itsp_id={mine.itsp_id}")["users"]
        self.assertEqual([user["email"] for user in listed], [owner.email])
        self.assertNotIn(owner.email, [u["email"] for u in self.portal.admin.ok("GET", "/v1/admin/users?itsp_id=none&limit=200")["users"]])
        self.assertProblem(self.portal.admin.request("GET", "/v1/admin/users?itsp_id=x"), 422, "invalid", field="itsp_id")


class Audit(Case):

    def test_an_owner_sees_what_was_done_and_only_her_own_people(self):
        itsp, other = self.portal.itsp(), self.portal.itsp()
        owner = person(self.portal, "owner", itsp.itsp_id)
        bob = person(self.portal, "engineer", itsp.itsp_id)
        bob.ok("POST", "/v1/profiles", {"name": "made by Bob", "provisioning_url": "https://a.itsp.example/"})
        owner.ok("DELETE", f"/v1/users/{bob.user['id']}")
        self.portal.profile(itsp)
        self.portal.profile(other)
        self.portal.admin.ok("PATCH", f"/v1/admin/itsps/{itsp.itsp_id}", {"name": f"Renamed {os.urandom(4).hex()}"})
        rows, query = [], "limit=5"
        while query:
            page = owner.ok("GET", f"/v1/audit?{query}")
            rows += page["audit"]
            query = page["next"] and f"limit=5&cursor={page['next']}"
        ids = [row["id"] for row in rows]
        self.assertEqual(ids, sorted(set(ids), reverse=True))
        made = {row["actor_kind"]: row for row in rows if row["action"] == "profile.create"}
        self.assertEqual((made["user"]["actor_id"], made["user"]["after"]["name"]), (bob.user["id"], "made by Bob"))
        self.assertEqual(made["token"]["source_ip"], "127.0.0.1")
        renamed = next(row for row in rows if row["action"] == "itsp.update")
        self.assertEqual((renamed["actor_kind"], renamed["actor_id"], renamed["source_ip"]), ("other", "other", None))
        theirs = self.portal.psql(f"select count(*) from firstring.audit_log where itsp_id = '{itsp.itsp_id}'")
        self.assertEqual(len(rows), int(theirs))
        exported = owner.request("GET", "/v1/audit:export").rows()
        self.assertEqual([{name: row[name] for name in rows[0]} for row in exported], rows)
        csv_text = owner.request("GET", f"/v1/audit:export?format=csv&object_kind=user&object_id={bob.user['id']}").body.decode()
        self.assertEqual(csv_text.splitlines()[0].split(",")[:3], ["id", "at", "actor_kind"])
        self.assertEqual({line.split(",")[7] for line in csv_text.splitlines()[1:]}, {bob.user["id"]})
        rest = owner.request("GET", f"/v1/audit:export?cursor={exported[2]['cursor']}").rows()
        self.assertEqual([row["id"] for row in rest], ids[3:])
        theirs_there = person(self.portal, "owner", other.itsp_id).request("GET", "/v1/audit:export").rows()
        self.assertFalse({row["id"] for row in theirs_there} & set(ids))
        self.assertProblem(person(self.portal, "engineer", itsp.itsp_id).request("GET", "/v1/audit:export"), 403, "insufficient_scope")
        only = owner.ok("GET", f"/v1/audit?object_kind=user&object_id={bob.user['id']}")["audit"]
        self.assertEqual({row["object_id"] for row in only}, {bob.user["id"]})
        self.assertProblem(person(self.portal, "engineer", itsp.itsp_id).request("GET", "/v1/audit"), 403, "insufficient_scope")


class Sessions(Case):

    def test_the_cookie_is_as_hard_as_cookies_get(self):
        erin = person(self.portal, "auditor", second_factor=False)
        name, *attributes = erin.set_cookie.split("; ")
        self.assertTrue(name.startswith("__Host-firstring="))
        self.assertEqual(set(attributes), {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"})
        self.assertNotIn(erin.cookie, self.portal.psql("select string_agg(id_hash::text, ' ') from firstring.session"))

    def test_no_session_is_taken_over_from_before(self):
        frank = person(self.portal, "auditor", second_factor=False)
        browser = Browser(self.portal)
        browser.cookie = "a" * 64
        self.assertEqual(browser.sign_in(frank.email).status, 200)
        self.assertNotEqual(browser.cookie, "a" * 64)

    def test_other_sites_change_nothing(self):
        gina = person(self.portal, "administrator")
        for headers in ({"Origin": "https://evil.example"}, {"Origin": None}, {"Origin": "null"}, {"X-CSRF-Token": None},
                        {"X-CSRF-Token": "0" * 64}, {"Origin": gina.origin.replace("https", "http")}):
            self.assertProblem(gina.request("POST", "/v1/admin/itsps", {"name": "forged"}, headers=headers), 403, "cross_site")
        self.assertEqual(self.portal.psql("select count(*) from firstring.itsp where name = 'forged'"), "0")
        # Nor do they sign anybody in or use a link.
        evil = {"Origin": "https://evil.example"}
        self.assertProblem(gina.request("POST", "/v1/session", {"email": "a@b", "password": "c"}, headers=evil), 403, "cross_site")
        self.assertProblem(gina.request("POST", "/v1/links/use", {"token": "a" * 64, "password": "c"}, headers=evil), 403, "cross_site")
        # One session's token is not another's.
        other = person(self.portal, "administrator")
        self.assertProblem(gina.request("POST", "/v1/admin/itsps", {"name": "x"}, headers={"X-CSRF-Token": other.csrf}), 403, "cross_site")

    def test_idle_and_old_sessions_end(self):
        henry = person(self.portal, "auditor")
        self.portal.psql("update firstring.session set last_seen_at = now() - interval '29 minutes'")
        henry.ok("GET", "/v1/session")
        self.portal.psql("update firstring.session set last_seen_at = now() - interval '31 minutes'")
        self.assertProblem(henry.request("GET", "/v1/session"), 401, "not_signed_in")
        self.assertIn("Max-Age=0", henry.set_cookie)
        henry.cookie = None
        self.assertEqual(henry.sign_in(henry.email, code_text=henry.next_code()).status, 200)
        self.portal.psql("update firstring.session set created_at = now() - interval '2 days', expires_at = now() - interval '1 second'")
        self.assertProblem(henry.request("GET", "/v1/session"), 401, "not_signed_in")

    def test_a_suspended_itsp_looks_and_does_nothing(self):
        itsp = self.portal.itsp()
        owner = person(self.portal, "owner", itsp.itsp_id)
        self.portal.admin.ok("PATCH", f"/v1/admin/itsps/{itsp.itsp_id}", {"suspended": True})
        self.assertEqual(owner.request("GET", "/v1/claims").status, 200)
        self.assertTrue(owner.reread()["itsp"]["suspended"])
        self.assertProblem(owner.request("POST", "/v1/users", {"email": "a@b", "display_name": "a", "role": "owner"}), 403, "itsp_suspended")
        self.assertEqual(owner.request("DELETE", "/v1/session").status, 204)

    def test_a_secret_is_shown_once_even_with_a_key(self):
        iris = person(self.portal, "administrator")
        body, key = {"email": "once@people.example", "display_name": "Once", "role": "auditor"}, {"Idempotency-Key": "k1"}
        self.assertEqual(iris.request("POST", "/v1/admin/users", body, headers=key).status, 201)
        self.assertProblem(iris.request("POST", "/v1/admin/users", body, headers=key), 409, "secret_already_shown")


class Guesses(Case):

    def setUp(self):
        self.portal.psql("delete from firstring.sign_in_attempt")

    def test_wrong_in_any_way_looks_alike(self):
        judy = person(self.portal, "auditor")
        invited = invite(self.portal.admin, "/v1/admin/users", "invited@people.example", "auditor")
        self.assertFalse(invited["has_password"])
        answers = []
        for email, password in ((judy.email, "wrong password"), ("nobody@people.example", PASSWORD), ("invited@people.example", PASSWORD),
                                ("not an address", "x"), (judy.email, "w" * 1000)):
            answer = Browser(self.portal).sign_in(email, password)
            self.assertProblem(answer, 401, "sign_in_refused")
            document = answer.json()
            del document["request_id"]
            answers.append((document, sorted(k for k in answer.headers.keys())))
        for answer in answers[1:]:
            self.assertEqual(answer, answers[0])

    def test_wrong_in_any_way_costs_one_hash(self):
        """What takes time is hashing: the same once, whether there is such an account or not."""
        kim = person(self.portal, "auditor")
        suspended = person(self.portal, "auditor")
        self.portal.admin.ok("PATCH", f"/v1/admin/users/{suspended.user['id']}", {"state": "suspended"})
        for email, password in ((kim.email, "wrong"), (kim.email, PASSWORD), ("nobody@people.example", PASSWORD), ("no address", "x"),
                                (suspended.email, PASSWORD), (suspended.email, "wrong")):
            before = self.portal.metric("firstring_portal_password_hashes_total")
            self.assertEqual(Browser(self.portal).sign_in(email, password).status, 401)
            self.assertEqual(self.portal.metric("firstring_portal_password_hashes_total"), before + 1, (email, password))

    def test_a_code_is_taken_once(self):
        leo = person(self.portal, "auditor")
        taken = leo.next_code()
        first = Browser(self.portal).sign_in(leo.email, code_text=taken)
        self.assertEqual(first.status, 200)
        self.assertProblem(Browser(self.portal).sign_in(leo.email, code_text=taken), 401, "sign_in_refused")
        # Two browsers with one recovery code: one gets in.
        results = []
        attempt = lambda: results.append(Browser(self.portal).sign_in(leo.email, code_text=leo.recovery_codes[0].lower()).status)  # noqa: E731
        threads = [threading.Thread(target=attempt) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(results), [200, 401])
        self.assertProblem(Browser(self.portal).sign_in(leo.email, code_text="123456"), 401, "sign_in_refused")

    def test_guessing_slows_down_the_guesser_alone(self):
        mary = person(self.portal, "auditor", second_factor=False)
        self.setUp()
        # Another source guesses: its rows are of 192.0.2.9.
        for _ in range(12):
            self.portal.psql("select wait_s from firstring.sign_in_begin('%s', sha256('%s'), '192.0.2.9')" % (mary.email, mary.email))
        self.assertEqual(Browser(self.portal).sign_in(mary.email).status, 200)
        # This one guesses.
        for _ in range(5):
            self.assertProblem(Browser(self.portal).sign_in(mary.email, "wrong"), 401, "sign_in_refused")
        slowed = Browser(self.portal).sign_in(mary.email)
        self.assertProblem(slowed, 429, "too_many_attempts")
        self.assertGreaterEqual(int(slowed.headers["Retry-After"]), 1)
        for _ in range(5):
            Browser(self.portal).sign_in("nobody@people.example", "wrong")
        self.assertProblem(Browser(self.portal).sign_in("nobody@people.example", "wrong"), 429, "too_many_attempts")
        # Who else is behind this address signs in all the same.
        other = person(self.portal, "auditor", second_factor=False)
        self.assertEqual(Browser(self.portal).sign_in(other.email).status, 200)
        kinds = [event["kind"] for event in self.portal.admin.ok("GET", "/v1/admin/security-events")["security_events"]]
        self.assertIn("sign_in_guessing", kinds)

    def test_parallel_guesses_are_counted_before_they_are_made(self):
        nora = person(self.portal, "auditor", second_factor=False)
        self.setUp()
        results = []
        guess = lambda: results.append(Browser(self.portal).sign_in(nora.email, "wrong").status)  # noqa: E731
        threads = [threading.Thread(target=guess) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # A slow machine may let the waits pass in between; never all twelve.
        self.assertIn(429, results)
        self.assertNotIn(200, results)

    def guess_codes(self, who):
        """Somebody who knows the password tries ten codes, five from each of two places."""
        for place in ("127.0.0.11", "127.0.0.12"):
            for _ in range(5):
                guess = Browser(self.portal, place).sign_in(who.email, code_text="000000")
                self.assertProblem(guess, 401, "sign_in_refused")

    def unused_code(self, who):
        """The present code, whichever were used."""
        self.portal.psql(f"update firstring.portal_user set second_factor_step = null where email = '{who.email}'")
        return code(who.key)

    def test_wrong_codes_after_a_right_password_have_an_end(self):
        owen = person(self.portal, "auditor")
        self.guess_codes(owen)
        stranger = Browser(self.portal, "127.0.0.13")
        refused = stranger.sign_in(owen.email, code_text=owen.next_code())
        detail = self.assertProblem(refused, 429, "too_many_attempts")["detail"]
        self.assertIn("wrong codes were sent for this account", detail)
        self.assertRegex(detail, "wait for 1[45] minutes")
        self.assertTrue(0 < int(refused.headers["Retry-After"]) <= 900)
        # Who has no code is asked for one: it may be a recovery code.
        self.assertProblem(stranger.sign_in(owen.email), 401, "second_factor_needed")
        # Who does not have the password is told nothing of it.
        self.assertProblem(stranger.sign_in(owen.email, "wrong"), 401, "sign_in_refused")
        events = self.portal.admin.ok("GET", "/v1/admin/security-events?kind=second_factor_guessing")["security_events"]
        self.assertEqual([event["source_ip"] for event in events if event["detail"]["user_id"] == owen.user["id"]], ["127.0.0.12"])

    def test_who_knows_the_password_does_not_lock_the_owner_out(self):
        rose = person(self.portal, "auditor")
        self.guess_codes(rose)
        # Where she has signed in before, her codes are taken.
        self.assertEqual(Browser(self.portal).sign_in(rose.email, code_text=rose.next_code()).status, 200)
        # Elsewhere a recovery code is; from then on she is known there.
        elsewhere = Browser(self.portal, "127.0.0.13")
        self.assertEqual(elsewhere.sign_in(rose.email, code_text=rose.recovery_codes[0]).status, 200)
        self.assertEqual(elsewhere.sign_in(rose.email, code_text=self.unused_code(rose)).status, 200)
        # That she signed in gives strangers no further guesses.
        stranger = Browser(self.portal, "127.0.0.14").sign_in(rose.email, code_text="000000")
        self.assertProblem(stranger, 429, "too_many_attempts")

    def test_own_mistakes_stop_nobody_elsewhere(self):
        sue = person(self.portal, "auditor")
        for _ in range(10):
            self.portal.psql("update firstring.sign_in_attempt set failures = 0")
            self.assertProblem(Browser(self.portal).sign_in(sue.email, code_text="000000"), 401, "sign_in_refused")
        self.assertEqual(Browser(self.portal, "127.0.0.15").sign_in(sue.email, code_text=sue.next_code()).status, 200)

    def test_recovery_codes_are_guessed_slowly(self):
        tess = person(self.portal, "auditor")
        for _ in range(5):
            guess = Browser(self.portal, "127.0.0.16").sign_in(tess.email, code_text="ABCD-EFGH-JKMN-PQRS")
            self.assertProblem(guess, 401, "sign_in_refused")
        # Each further one waits twice as long; that it is a long time does not hang on how busy the machine is.
        self.portal.psql("update firstring.sign_in_attempt set failures = 12 where failures = 5")
        slowed = Browser(self.portal, "127.0.0.16").sign_in(tess.email, code_text=tess.recovery_codes[0])
        self.assertIn("from where you are", self.assertProblem(slowed, 429, "too_many_attempts")["detail"])
        # They do not count against the authenticator's codes of anybody elsewhere.
        self.assertEqual(self.portal.psql(f"select second_factor_failures from firstring.portal_user where email = '{tess.email}'"), "0")

    def test_the_portal_answers_others_while_it_hashes(self):
        itsp = self.portal.itsp()
        stop, took = threading.Event(), []
        def hash_on():
            while not stop.is_set():
                Browser(self.portal).sign_in(f"{os.urandom(4).hex()}@people.example", "wrong password")
        threads = [threading.Thread(target=hash_on) for _ in range(6)]
        for thread in threads:
            thread.start()
        statuses = []
        for _ in range(20):
            before = time.monotonic()
            statuses.append(itsp.request("GET", "/v1/me").status)
            took.append(time.monotonic() - before)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(set(statuses), {200})


class Optional(Case):
    settings = {"people": "\n  second_factor: optional\n  session_idle: 10m"}

    def test_without_a_second_factor(self):
        pia = person(self.portal, "administrator", second_factor=False)
        self.assertEqual(pia.ok("GET", "/v1/session")["second_factor"], {"set_at": None, "recovery_codes_left": 0, "required": False})
        self.assertEqual(pia.request("GET", "/v1/admin/models").status, 200)
        pia.set_second_factor()
        self.assertProblem(Browser(self.portal).sign_in(pia.email), 401, "second_factor_needed")

    def test_a_new_sealing_key_seals_second_factors_anew(self):
        quinn = person(self.portal, "auditor")
        with open(self.portal.path("seal.ring"), "a") as file:
            file.write(f"2 {os.urandom(32).hex()}\n")
        self.portal.stop()
        self.portal.start()
        self.assertEqual(Browser(self.portal).sign_in(quinn.email, code_text=quinn.next_code()).status, 200)
        self.assertEqual(self.portal.psql("select substring(second_factor_sealed for 2) from firstring.portal_user "
                                          f"where email = '{quinn.email}'"), "\\x0002")


if __name__ == "__main__":
    unittest.main()
