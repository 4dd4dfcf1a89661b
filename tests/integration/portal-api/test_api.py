#!/usr/bin/env python3
"""What holds for every operation: who may, what a body may be, what a repeated request does."""
import http.client
import json
import os
import re
import socket
import ssl
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from contract import DOCUMENT, operation_of, problems, resolved  # noqa: E402
from people import invite, person  # noqa: E402
from portal import ITSP_SCOPES, URL, Case, Client  # noqa: E402

FILL = {"{mac}": "0015650ABCDE", "{id}": "1b4e28ba-2fa1-4d2e-883f-0016d3cca427", "{domain}": "a.example", "{name}": "model"}


def operations():
    """(method, path with its fields filled in, operation) of everything in the document."""
    for pattern, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            path = pattern
            for field, value in FILL.items():
                path = path.replace(field, value)
            yield method.upper(), path, operation


def body_of(operation):
    """A body of the right type, though not of the right content."""
    types = list(operation.get("requestBody", {}).get("content", []))
    return (b"{}" if types and "json" in types[0] else b"x", types[0]) if types else (None, None)


# What is for everybody: the document, and the ways to become somebody.
OPEN = {"getOpenapi", "signIn", "showLink", "useLink"}


class Tokens(Case):

    def test_no_operation_is_open_but_those_that_must_be(self):
        for method, path, operation in operations():
            for token in (None, "", "x", "fst_" + "0" * 48):
                client = self.portal.client(token)
                answer = client.request(method, path)
                if operation["operationId"] in OPEN:
                    self.assertEqual((operation["security"], answer.status in (200, 400)), ([], True))
                    continue
                nobody = "not_signed_in" if "session" in operation["security"][0] else "no_token"
                self.assertProblem(answer, 401, "invalid_token" if token else nobody)
                self.assertTrue(answer.headers["WWW-Authenticate"].startswith("Bearer"))

    def test_a_token_cut_mistyped_or_elsewhere(self):
        good = self.portal.token(self.portal.itsp().itsp_id, ITSP_SCOPES)
        self.assertEqual(self.portal.client(good).request("GET", "/v1/me").status, 200)
        flipped = good[:-1] + ("0" if good[-1] != "0" else "1")
        for bad in (good[:-1], good + "0", flipped, good.upper(), good[4:], " " + good[:-1], good + " " + good):
            self.assertProblem(self.portal.client(bad).request("GET", "/v1/me"), 401, "invalid_token")
        nobody = self.portal.client()
        for headers in ({"Authorization": f"Basic {good}"}, {"Authorization": good}, {"Cookie": f"token={good}"},
                        {"X-Api-Key": good}):
            self.assertEqual(nobody.request("GET", "/v1/me", headers=headers).status, 401)
        for name in ("access_token", "token", "x"):
            document = self.assertProblem(nobody.request("GET", f"/v1/me?{name}={good}"), 401, "no_token")
            self.assertIn("revoke it", document["detail"])
            answer = self.portal.client(good).request("GET", f"/v1/me?{name}={good}")
            self.assertProblem(answer, 400, "token_in_query")
        self.portal.client(good).request("GET", f"/v1/claims/{good}")
        self.assertNotIn(good, str(self.portal.log()))

    def test_revoked_and_expired_tokens_are_none(self):
        itsp = self.portal.itsp()
        made = itsp.ok("POST", "/v1/tokens", {"name": "short-lived", "scopes": ["claims:read"]}, status=(201,))
        client = self.portal.client(made["token"])
        self.assertEqual(client.request("GET", "/v1/claims").status, 200)
        itsp.ok("DELETE", f"/v1/tokens/{made['id']}", status=(204,))
        self.assertProblem(client.request("GET", "/v1/claims"), 401, "invalid_token")
        self.assertEqual(itsp.request("DELETE", f"/v1/tokens/{made['id']}").status, 204)
        token = self.portal.token(itsp.itsp_id, ["claims:read"], expires_at="2999-01-01T00:00:00Z")
        self.portal.psql("update firstring.api_token set expires_at = now() where expires_at = '2999-01-01'")
        self.assertProblem(self.portal.client(token).request("GET", "/v1/claims"), 401, "invalid_token")
        answer = itsp.request("POST", "/v1/tokens", {
            "name": "past", "scopes": ["claims:read"], "expires_at": "2017-01-01T00:00:00Z"})
        self.assertProblem(answer, 422, "invalid", field="expires_at")

    def test_a_token_is_stored_as_its_hash_only(self):
        token = self.portal.token(self.portal.itsp().itsp_id, ITSP_SCOPES)
        dump = self.portal.psql("select string_agg(t::text, '') from firstring.api_token t") + \
            self.portal.psql("select string_agg(a::text, '') from firstring.audit_log a")
        self.assertNotIn(token, dump)

    def test_a_token_cannot_make_one_that_may_more(self):
        itsp = self.portal.itsp(scopes=["tokens:write", "claims:read"])
        itsp.ok("POST", "/v1/tokens", {"name": "same", "scopes": ["claims:read"]}, status=(201,))
        answer = itsp.request("POST", "/v1/tokens", {"name": "more", "scopes": ["claims:reveal"]})
        self.assertProblem(answer, 403, "insufficient_scope")
        for scope in ("admin:read", "everything"):
            answer = itsp.request("POST", "/v1/tokens", {"name": "admin", "scopes": [scope]})
            self.assertProblem(answer, 422, "invalid", field="scopes[0]")

    def test_tokens_are_listed_without_themselves(self):
        itsp = self.portal.itsp()
        made = itsp.ok("POST", "/v1/tokens", {"name": "listed", "scopes": ["events:read"]})
        listed = [token for token in itsp.ok("GET", "/v1/tokens")["tokens"] if token["id"] == made["id"]]
        self.assertEqual([(token["name"], token["scopes"]) for token in listed], [("listed", ["events:read"])])
        self.assertNotIn(made["id"], str(self.portal.itsp().ok("GET", "/v1/tokens")))
        self.assertProblem(self.portal.itsp().request("DELETE", f"/v1/tokens/{made['id']}"), 404, "not_found")
        answer = itsp.request("POST", "/v1/tokens", {"name": "listed", "scopes": ["events:read"]})
        self.assertProblem(answer, 409, "name_taken")


class Scopes(Case):

    def test_the_matrix(self):
        """Every operation with every single scope: refused without one that the document names."""
        itsp = self.portal.itsp()
        clients = {scope: self.portal.client(self.portal.token(itsp.itsp_id, [scope])) for scope in ITSP_SCOPES}
        for scope in ("admin:read", "admin:write"):
            clients[scope] = self.portal.client(self.portal.admin.ok(
                "POST", "/v1/admin/tokens", {"name": scope, "scopes": [scope]},
                status=(201, 403))["token"])
        for method, path, operation in operations():
            if not operation["security"]:
                continue
            for scope, client in clients.items():
                body, media = body_of(operation)
                answer = client.request(method, path, body, content_type=media)
                if "session" in operation["security"][0]:
                    self.assertProblem(answer, 403, "wrong_audience")
                elif any(set(entry["bearer"]) <= {scope} for entry in operation["security"]):
                    self.assertNotIn(answer.status, (401, 403), (method, path, scope, answer))
                else:
                    same_side = scope.startswith("admin:") == path.startswith("/v1/admin/")
                    self.assertProblem(answer, 403, "insufficient_scope" if same_side else "wrong_audience")

    def test_me(self):
        itsp = self.portal.itsp(name="Example Telephony", scopes=["claims:read", "events:read"])
        me = itsp.ok("GET", "/v1/me")
        self.assertEqual((me["kind"], me["token"]["scopes"]), ("itsp", ["claims:read", "events:read"]))
        self.assertEqual(me["itsp"], {"id": itsp.itsp_id, "name": "Example Telephony", "suspended": False,
                                      "domains": ["itsp.example"]})
        me = self.portal.admin.ok("GET", "/v1/me")
        self.assertEqual((me["kind"], me["itsp"]), ("manufacturer", None))


class Requests(Case):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.itsp = cls.portal.itsp()

    def post(self, body, content_type="application/json", path="/v1/profiles", **more):
        return self.itsp.request("POST", path, body, content_type=content_type, **more)

    def test_json_that_is_none(self):
        for body in (b"{", b"[]", b'"x"', b"{}{}", b'{"name":"a","name":"b"}', b'{"name":"\\ud800"}',
                     b'{"name":"\\u0000"}', b'{"name":"\xff"}', b'{"a":' + b"[" * 100000, b"\xef\xbb\xbf{}",
                     b"[" * 100000, b'{"window_hours":' + b"9" * 400 + b"}", b'{"window_hours":1e400}', b"\x00"):
            self.assertProblem(self.post(body), 400, "bad_json")
        answer = self.post(b'{"name":"a",\n "name":"b"}')
        self.assertIn("line 2", answer.json()["detail"])

    def test_values_of_other_types(self):
        for body, field in (({"name": 1}, "name"), ({"name": None}, "name"), ({"name": ["a"]}, "name"),
                            ({"name": "x" * 129}, "name"), ({"name": ""}, "name"), ({"name": " a"}, "name"),
                            ({"name": "a\nb"}, "name"), ({"name": "\u001b[31m"}, "name"),
                            ({"window_hours": "5"}, "window_hours"), ({"window_hours": 5.5}, "window_hours"),
                            ({"fallback_urls": "x"}, "fallback_urls"), ({"fallback_urls": [1]}, "fallback_urls[0]"),
                            ({"fallback_urls": [URL] * 9}, "fallback_urls"), ({"delivery": "x"}, "delivery"),
                            ({"id": "x"}, "id"), ({"itsp_id": "x"}, "itsp_id"), ({"__proto__": {}}, "__proto__")):
            answer = self.post({"name": "n", "provisioning_url": URL, **body})
            self.assertProblem(answer, 422, "invalid", field=field)

    def test_all_errors_are_told_at_once(self):
        document = self.assertProblem(self.post({"delivery": "x", "y": 1}), 422, "invalid")
        self.assertEqual(sorted(error["field"] for error in document["errors"]),
                         ["delivery", "name", "provisioning_url", "y"])

    def test_content_types(self):
        body = json.dumps({"name": "n", "provisioning_url": URL}).encode()
        for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/csv",
                      "application/json; charset=latin1", None):
            self.assertProblem(self.post(body, content_type=media), 415, "unsupported_media_type")
        self.assertEqual(self.post(body, content_type="Application/Json;charset=UTF-8").status, 201)

    def test_a_body_that_is_too_large(self):
        self.assertEqual(self.post(b'{"name":"' + b"x" * 200000 + b'"}').status, 413)
        self.assertProblem(self.post(b'{"name":"' + b"x" * 200000 + b'"}'), 413, "too_large")

    def test_a_body_where_none_is_taken(self):
        answer = self.itsp.request("POST", "/v1/claims/001565000001/rearm", {"force": True})
        self.assertProblem(answer, 400, "bad_request")
        self.assertEqual(self.itsp.request("POST", "/v1/claims/001565000001/rearm", {}).status, 404)
        answer = self.itsp.request("GET", "/v1/claims", {"a": 1})
        self.assertProblem(answer, 400, "bad_request")

    def test_query_parameters_that_are_not_declared(self):
        owner = person(self.portal, "owner", self.itsp.itsp_id)
        for method, path, operation in operations():
            if "session" in (operation["security"] or [{}])[0]:
                continue
            names = [parameter["name"] for parameter in map(resolved, operation.get("parameters", [])) if parameter["in"] == "query"]
            client = self.portal.admin if path.startswith("/v1/admin/") else owner
            body, media = body_of(operation)
            for query in ("foo=1", "foo", "%66oo=", "&foo=1", "=1", "cursors=", "Limit=1"):
                answer = client.request(method, f"{path}?{query}", body, content_type=media)
                document = self.assertProblem(answer, 422, "unknown_parameter")
                self.assertEqual(document["errors"][0]["code"], "unknown_parameter")
                for name in names:
                    self.assertIn(name, document["detail"])
            for name in names:
                answer = client.request(method, f"{path}?{name}=x&{name}=x", body, content_type=media)
                self.assertProblem(answer, 422, "invalid", field=name)
        for query in ("%ff=1", "%0a=1", "x" * 100):
            self.assertProblem(self.itsp.request("GET", f"/v1/claims?{query}"), 422, "invalid", field="query")
        self.assertEqual(self.itsp.request("GET", "/v1/claims?").status, 200)
        self.assertEqual(self.itsp.request("GET", "/v1/claims?&lim%69t=5&").status, 200)

    def test_conditions_that_are_not_heeded_are_not_ignored(self):
        owner = person(self.portal, "owner", self.itsp.itsp_id)
        for method, path, operation in operations():
            if "session" in (operation["security"] or [{}])[0]:
                continue
            names = [resolved(parameter)["name"] for parameter in operation.get("parameters", [])]
            client = self.portal.admin if path.startswith("/v1/admin/") else owner
            body, media = body_of(operation)
            answer = client.request(method, path, body, content_type=media, headers={"If-Match": '"1"'})
            if "If-Match" in names:
                self.assertNotEqual(answer.json()["code"], "precondition_not_supported", operation["operationId"])
            else:
                self.assertIn("If-Match", self.assertProblem(answer, 400, "precondition_not_supported")["detail"])
            if method != "GET":
                answer = client.request(method, path, body, content_type=media, headers={"If-None-Match": "*"})
                self.assertProblem(answer, 400, "precondition_not_supported")
        self.assertEqual(owner.request("GET", "/v1/claims", headers={"If-None-Match": '"1"'}).status, 200)

    def test_a_misspelt_dry_run_claims_nothing(self):
        mac = self.portal.phone(self.portal.model(), ship_to=self.itsp)
        rows = f"mac,claim_code,profile\n{mac},,{self.portal.profile(self.itsp)}\n".encode()
        answer = self.itsp.request("POST", "/v1/claim-jobs?dryrun=true", rows, content_type="text/csv")
        document = self.assertProblem(answer, 422, "unknown_parameter", field="dryrun")
        self.assertIn("dry_run", document["errors"][0]["detail"])
        self.assertEqual(self.itsp.ok("GET", "/v1/claim-jobs")["jobs"], [])

    def test_methods_that_are_not_declared(self):
        for pattern, methods in DOCUMENT["paths"].items():
            path = pattern
            for field, value in FILL.items():
                path = path.replace(field, value)
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
                # A word may also stand where another path has a field.
                if method.lower() in methods or operation_of(method, path):
                    continue
                answer = self.itsp.request(method, path)
                if "get" in methods and method == "HEAD":
                    continue
                self.assertProblem(answer, 405, "method_not_allowed")
                self.assertEqual({name.strip() for name in answer.headers["Allow"].split(",")} - {"HEAD"},
                                 {name for name in ("GET", "POST", "PUT", "PATCH", "DELETE") if operation_of(name, path)})

    def test_paths_that_are_not_declared(self):
        for path in ("/index.html", "/web", "/web/", "/web/../routes.c", "/v1", "/v1/", "/v1/claims/", "/v1/claims/001565000001/", "/v1/claims/001565000001/steal",
                     "/v2/claims", "/V1/claims", "/v1//claims", "/v1/../v1/claims", "/v1/claims/..%2fme",
                     "/v1/admin", "/etc/passwd", "/v1/claims/%00"):
            self.assertProblem(self.itsp.request("GET", path), 404, "not_found")

    def test_head_is_get_without_a_body(self):
        for path in ("/openapi.json", "/v1/me", "/v1/claims"):
            got, head = self.itsp.request("GET", path), self.itsp.request("HEAD", path)
            self.assertEqual((head.status, head.body), (200, b""))
            self.assertEqual(head.headers["Content-Length"], got.headers["Content-Length"])

    def test_every_answer_is_guarded(self):
        answers = [self.itsp.request("GET", path) for path in ("/openapi.json", "/v1/me", "/nowhere")]
        answers += [self.post({}), self.portal.client().request("GET", "/v1/me")]
        for answer in answers:
            self.assertEqual(answer.headers["Cache-Control"], "no-store")
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
            self.assertIn("max-age", answer.headers["Strict-Transport-Security"])
            self.assertRegex(answer.headers["X-Request-Id"], r"^[0-9a-f]{16}$")
        self.assertEqual(answers[-1].json()["request_id"], answers[-1].headers["X-Request-Id"])

    def test_what_the_http_reader_refuses_is_a_problem_too(self):
        context = ssl.create_default_context(cafile=self.portal.path("server.pem"))
        for head, status in ((b"GET /v1/me HTTP/1.1\r\n\r\n", 400), (b"GET /v1/me HTTP/3.0\r\nHost: x\r\n\r\n", 505),
                             (b"POST /v1/me HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", 400),
                             (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414)):
            with socket.create_connection(("127.0.0.1", self.portal.port), timeout=10) as plain, \
                    context.wrap_socket(plain, server_hostname="localhost") as tls:
                tls.sendall(head)
                answer = http.client.HTTPResponse(tls)
                answer.begin()
                document = json.loads(answer.read())
                self.assertEqual((answer.status, document["status"]), (status, status), head[:40])
                self.assertEqual(answer.headers["Content-Type"], "application/problem+json")

    def test_plain_http_on_the_tls_port_gets_no_answer(self):
        with socket.create_connection(("127.0.0.1", self.portal.port), timeout=10) as plain:
            plain.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
            received = plain.recv(4096)
            self.assertNotIn(b"HTTP/1", received)

    def test_the_access_line(self):
        self.itsp.request("GET", "/v1/claims/0015650000AA")
        self.itsp.request("GET", "/v1/claims?serial_number=secret-in-query&x=another-secret-in-query")
        lines = [line for line in self.portal.log() if line["event"] == "request" and line.get("object") == "0015650000AA"]
        self.assertEqual(len(lines), 1)
        self.assertEqual({key: lines[0][key] for key in ("operation", "status", "reason", "source_ip", "itsp_id")}, {
            "operation": "getClaim", "status": 404, "reason": "not_found", "source_ip": "127.0.0.1",
            "itsp_id": self.itsp.itsp_id})
        self.assertNotIn("secret-in-query", str(self.portal.log()))

    def test_metrics(self):
        name = 'firstring_portal_problems_total{code="not_found"}'
        before = self.portal.metric(name), self.portal.metric('firstring_portal_answers_total{status="4xx"}')
        self.itsp.request("GET", "/v1/claims/0015650000AB")
        after = self.portal.metric(name), self.portal.metric('firstring_portal_answers_total{status="4xx"}')
        self.assertEqual(after, (before[0] + 1, before[1] + 1))


class Versions(Case):
    settings = {"webhooks": "\n  enabled: true"}

    def test_another_version_than_was_read_changes_nothing(self):
        itsp = self.portal.itsp()
        owner = person(self.portal, "owner", itsp.itsp_id)
        mac = self.portal.phone(self.portal.model(), ship_to=itsp)
        profile = self.portal.profile(itsp)
        itsp.ok("PUT", f"/v1/claims/{mac}", {"profile_id": profile})
        webhook = itsp.ok("POST", "/v1/webhooks", {"url": "https://hooks.itsp.example/"})["id"]
        user = invite(owner, "/v1/users", f"{mac}@people.example", "engineer")["id"]
        one, admin, model = self.portal.admin, f"/v1/admin/users/{user}", f"/v1/admin/models/{self.portal.model()}"
        bodies = {"patchClaim": {"suspended": True}, "putClaim": {"profile_id": profile}, "patchWebhook": {"state": "paused"}, "patchItsp": {"suspended": False},
                  "patchProfile": {"name": "changed"}, "patchUser": {"display_name": "changed"}, "patchAdminUser": {"display_name": "again"},
                  "patchModel": {"tls_floor": "compatible"}}
        objects = {"claims": (itsp, f"/v1/claims/{mac}"), "webhooks": (itsp, f"/v1/webhooks/{webhook}"), "profiles": (itsp, f"/v1/profiles/{profile}"),
                   "users": (owner, f"/v1/users/{user}"), "admin/users": (one, admin), "admin/itsps": (one, f"/v1/admin/itsps/{itsp.itsp_id}"),
                   "admin/models": (one, model)}
        heed = [(method, path, operation) for method, path, operation in operations()
                if "If-Match" in [resolved(parameter)["name"] for parameter in operation.get("parameters", [])]]
        self.assertGreaterEqual(len(heed), 14)
        for method, path, operation in heed:
            client, own = objects[re.match(r"/v1/((admin/)?\w+)", path)[1]]
            path = own + path.split(FILL["{mac}"])[1] if FILL["{mac}"] in path else own
            body = bodies.get(operation["operationId"])
            before = client.ok("GET", own)
            for tag in ('"99"', 'W/"1"', '"x"'):
                answer = client.request(method, path, body, headers={"If-Match": tag})
                self.assertProblem(answer, 412, "version_mismatch")
            self.assertEqual(client.ok("GET", own), before, operation["operationId"])
        # Right versions, and any: what is there is changed.
        for client, path in (objects["webhooks"], objects["users"]):
            version = client.request("GET", path).headers["ETag"]
            self.assertEqual(client.request("DELETE", path, headers={"If-Match": version}).status, 204)
            self.assertProblem(client.request("DELETE", path, headers={"If-Match": "*"}), 404, "not_found")
        self.assertEqual(itsp.request("DELETE", f"/v1/claims/{mac}", headers={"If-Match": "*"}).status, 204)


class Urls(Case):
    """Where phones may be sent."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.itsp = cls.portal.itsp(domains=("itsp.example", "phones.itsp.net"))

    def test_good_ones(self):
        for url in ("https://itsp.example/", "https://a.b.itsp.example:8443/x/{mac}.cfg?m={MAC}&s={serial}&t={model}",
                    "https://PHONES.ITSP.NET/%7B", "https://prov.phones.itsp.net"):
            profile = self.itsp.ok("POST", "/v1/profiles", {"name": url, "provisioning_url": url}, status=(201,))
            self.assertEqual(self.itsp.ok("GET", f"/v1/profiles/{profile['id']}"), profile)
        # A scheme is the same in any case (RFC 3986 section 3.1) and kept in lower case.
        profile = self.itsp.ok("POST", "/v1/profiles", {
            "name": "loud", "provisioning_url": "HTTPS://itsp.example/X", "fallback_urls": ["hTTps://itsp.example/Y"]}, status=(201,))
        self.assertEqual((profile["provisioning_url"], profile["fallback_urls"]), ("https://itsp.example/X", ["https://itsp.example/Y"]))
        profile = self.itsp.ok("PATCH", f"/v1/profiles/{profile['id']}", {"provisioning_url": "Https://itsp.example/Z"})
        self.assertEqual(profile["provisioning_url"], "https://itsp.example/Z")

    def test_bad_ones(self):
        for url, code in (
                ("http://prov.itsp.example/", "not_https"), ("HTTP://prov.itsp.example/", "not_https"),
                ("tftp://prov.itsp.example/", "not_https"), ("ftp://prov.itsp.example/", "not_https"),
                ("javascript:alert(1)", "not_https"), ("//prov.itsp.example/", "not_https"), ("prov.itsp.example", "not_https"),
                ("https://user@prov.itsp.example/", "user_info"), ("https://u:p@prov.itsp.example/", "user_info"),
                ("https://evil.example\\@prov.itsp.example/", None), ("https://prov.itsp.example@evil.example/", "user_info"),
                ("https://127.0.0.1/", "address_literal"), ("https://[::1]/", "address_literal"),
                ("https://169.254.169.254/latest", "address_literal"), ("https://2130706433/", None),
                ("https://localhost/", None), ("https://0x7f.1/", None), ("https://evil.example/", "host_not_approved"), ("HTTPS://evil.example/", "host_not_approved"),
                ("https://notitsp.example/", "host_not_approved"), ("https://itsp.example.evil.example/", "host_not_approved"),
                ("https://xn--\u00e4.itsp.example/", None), ("https://pr\u00f6v.itsp.example/", None),
                ("https://{mac}.itsp.example/", None), ("https://prov.itsp.example:{mac}/", None),
                ("https://prov.itsp.example/{mac", "bad_field"), ("https://prov.itsp.example/{{mac}}", "bad_field"),
                ("https://prov.itsp.example/{admin_password}", "bad_field"), ("https://prov.itsp.example:99999/", "bad_port"),
                ("https://prov.itsp.example/ x", None), ("https://prov.itsp.example/#x", None), ("https:///x", None),
                ("https://prov.itsp.example/" + "x" * 10000, "url_too_long")):
            answer = self.itsp.request("POST", "/v1/profiles", {"name": "bad", "provisioning_url": url})
            document = self.assertProblem(answer, 422, "invalid", field="provisioning_url")
            if code:
                self.assertEqual(document["errors"][0]["code"], code, url)
            answer = self.itsp.request("POST", "/v1/profiles", {
                "name": "bad", "provisioning_url": "https://itsp.example/", "fallback_urls": ["https://itsp.example/", url]})
            self.assertProblem(answer, 422, "invalid", field="fallback_urls[1]")

    def test_injections(self):
        for url in ("https://prov.itsp.example/\r\nSet-Cookie: x", "https://prov.itsp.example/\n", "https://prov.itsp.example/\x00",
                    "https://prov.itsp.example/\t", "https://prov.itsp.example/\"><x>", "https://prov.itsp.example/'"):
            answer = self.itsp.request("POST", "/v1/profiles", {"name": "x", "provisioning_url": url})
            if answer.status == 201:
                # What a URL may hold is told to phones escaped; see the redirector's formats.
                self.assertIn(url[-1], "'")
            else:
                self.assertIn(answer.status, (400, 422), url)

    def test_patch_merges_and_checks_the_whole(self):
        profile = self.itsp.ok("POST", "/v1/profiles", {
            "name": "patched", "provisioning_url": "https://itsp.example/", "redelivery": "window", "window_hours": 5})
        path = f"/v1/profiles/{profile['id']}"
        changed = self.itsp.ok("PATCH", path, {"provisioning_url": "https://b.itsp.example/"})
        self.assertEqual((changed["provisioning_url"], changed["window_hours"], changed["version"]),
                         ("https://b.itsp.example/", 5, 2))
        for body, field in (({"window_hours": None}, "window_hours"), ({"redelivery": "always"}, "window_hours"),
                            ({"provisioning_url": "http://itsp.example/"}, "provisioning_url"), ({"version": 9}, "version"),
                            ({"name": None}, "name")):
            self.assertProblem(self.itsp.request("PATCH", path, body), 422, "invalid", field=field)
        changed = self.itsp.ok("PATCH", path, {"redelivery": None, "window_hours": None})
        self.assertEqual((changed["redelivery"], changed["window_hours"]), ("always", None))
        self.assertProblem(self.itsp.request("PATCH", path, {"name": "x"}, headers={"If-Match": '"1"'}), 412, "version_mismatch")
        self.itsp.ok("DELETE", path, headers={"If-Match": '"3"'}, status=(204,))
        self.assertProblem(self.itsp.request("GET", path), 404, "not_found")

    def test_anothers_profile_is_not_there(self):
        profile = self.portal.profile(self.itsp, "https://itsp.example/")
        other = self.portal.itsp()
        for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
            self.assertProblem(other.request(method, f"/v1/profiles/{profile}", body), 404, "not_found")
        self.assertNotIn(profile, str(other.ok("GET", "/v1/profiles")))

    def test_a_profile_in_use_stays(self):
        mac = self.portal.phone(self.portal.model(), ship_to=self.itsp)
        profile = self.portal.profile(self.itsp, "https://itsp.example/")
        self.itsp.ok("PUT", f"/v1/claims/{mac}", {"profile_id": profile})
        document = self.assertProblem(self.itsp.request("DELETE", f"/v1/profiles/{profile}"), 409, "in_use")
        self.assertEqual(document["detail"], f"Used by 1 claim ({mac}).")
        macs = self.portal.phones(self.portal.model(), 4, ship_to=self.itsp)
        for each in macs:
            self.itsp.ok("PUT", f"/v1/claims/{each}", {"profile_id": profile})
        document = self.assertProblem(self.itsp.request("DELETE", f"/v1/profiles/{profile}"), 409, "in_use")
        self.assertRegex(document["detail"], r"^Used by 5 claims \((001565[0-9A-F]{6}, ){3}\.\.\.\)\.$")
        for each in [mac, *macs]:
            self.itsp.ok("DELETE", f"/v1/claims/{each}")
        self.assertEqual(self.itsp.request("DELETE", f"/v1/profiles/{profile}").status, 204)


class Idempotency(Case):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.itsp = cls.portal.itsp()

    def create(self, key, name="p", itsp=None, url=URL):
        return (itsp or self.itsp).request("POST", "/v1/profiles", {"name": name, "provisioning_url": url},
                                           headers={"Idempotency-Key": key})

    def test_the_same_again_has_the_same_answer_and_one_effect(self):
        first, second = self.create("k1", "once"), self.create("k1", "once")
        self.assertEqual((first.status, second.status), (201, 201))
        self.assertEqual(first.json(), second.json())
        self.assertEqual(second.headers["Idempotency-Replayed"], "true")
        names = [profile["name"] for profile in self.itsp.ok("GET", "/v1/profiles")["profiles"]]
        self.assertEqual(names.count("once"), 1)

    def test_another_body_is_refused(self):
        self.create("k2", "a")
        self.assertProblem(self.create("k2", "b"), 422, "idempotency_key_reused")

    def test_a_key_is_its_tokens_and_its_routes(self):
        self.create("k3", "c")
        other = self.portal.itsp()
        self.assertNotEqual(self.create("k3", "c", itsp=other).json()["id"], self.create("k3", "c").json()["id"])
        answer = self.itsp.request("POST", "/v1/tokens", {"name": "k3", "scopes": ["claims:read"]},
                                   headers={"Idempotency-Key": "k3"})
        self.assertEqual(answer.status, 201)

    def test_a_refusal_lets_the_key_go(self):
        self.assertEqual(self.create("k4", "d", url="http://x/").status, 422)
        self.assertEqual(self.create("k4", "d").status, 201)

    def test_an_answer_that_held_a_secret_is_not_kept(self):
        body = {"name": "secret", "scopes": ["claims:read"]}
        first = self.itsp.request("POST", "/v1/tokens", body, headers={"Idempotency-Key": "k5"})
        self.assertEqual(first.status, 201)
        again = self.itsp.request("POST", "/v1/tokens", body, headers={"Idempotency-Key": "k5"})
        self.assertProblem(again, 409, "secret_already_shown")
        self.assertNotIn(first.json()["token"], self.portal.psql(
            "select string_agg(i::text, '') from firstring.idempotency i"))

    def test_204_is_replayed(self):
        mac = self.portal.phone(self.portal.model(), ship_to=self.itsp)
        self.itsp.ok("PUT", f"/v1/claims/{mac}", {"profile_id": self.portal.profile(self.itsp)})
        for _ in range(2):
            answer = self.itsp.request("DELETE", f"/v1/claims/{mac}", headers={"Idempotency-Key": "k6"})
            self.assertEqual((answer.status, answer.body), (204, b""))

    def test_two_at_once_have_one_effect(self):
        answers, barrier = [], threading.Barrier(8)

        def create():
            barrier.wait()
            answers.append(self.create("k7", "race"))

        threads = [threading.Thread(target=create) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertTrue({answer.status for answer in answers} <= {201, 409})
        self.assertEqual(len({answer.json()["id"] for answer in answers if answer.status == 201}), 1)
        for answer in answers:
            if answer.status == 409:
                self.assertProblem(answer, 409, "request_in_progress")
                self.assertIn("Retry-After", answer.headers)

    def test_keys_that_are_none(self):
        for key in ("", "a b", "x" * 256, "\u00e9"):
            answer = self.itsp.request("POST", "/v1/profiles", {"name": "n", "provisioning_url": URL},
                                       headers={"Idempotency-Key": key.encode()})
            self.assertProblem(answer, 400, "bad_request")


def bodies():
    """(where, media type, its object) of all that is sent and answered by the document."""
    for paths in (DOCUMENT["paths"], DOCUMENT["webhooks"]):
        for methods in paths.values():
            for operation in methods.values():
                parts = {"the request": operation.get("requestBody", {}), **operation["responses"]}
                for part, body in parts.items():
                    for media, content in resolved(body).get("content", {}).items():
                        yield f"{operation['operationId']} {part}", media, content


class OpenApi(Case):

    def test_the_document_is_served_to_anybody(self):
        served = Client(f"https://localhost:{self.portal.port}", self.portal.path("server.pem")).ok("GET", "/openapi.json")
        self.assertEqual(served, DOCUMENT)
        self.assertTrue(re.fullmatch(r"3\.1\.\d", served["openapi"]))

    def test_every_body_has_an_example_as_its_schema_says(self):
        """Each request's and answer's, of one's own or of its schema in the components."""
        shown = 0
        for where, media, content in bodies():
            schema = resolved(content["schema"])
            self.assertTrue("example" in content or "example" in schema, f"{where} {media} has no example")
            shown += 1
            example = content.get("example", schema.get("example"))
            if media == "application/x-ndjson" and isinstance(example, str):
                self.assertTrue(all(isinstance(json.loads(line), dict) for line in example.splitlines()), where)
            elif "json" in media:
                self.assertEqual(problems(example, schema), [], where)
            else:
                self.assertGreater(len(example), 10, where)
        self.assertGreater(shown, 150)
        for name, schema in DOCUMENT["components"]["schemas"].items():
            if "example" in schema:
                self.assertEqual(problems(schema["example"], schema), [], name)

    def test_examples_of_files_have_the_columns_that_files_have(self):
        owner = person(self.portal, "owner", self.portal.itsp().itsp_id)
        for path in ("/v1/claims:export", "/v1/events:export", "/v1/audit:export", "/v1/admin/audit:export"):
            client = self.portal.admin if "/admin/" in path else owner
            header = client.request("GET", f"{path}?format=csv").body.decode().splitlines()[0]
            content = operation_of("GET", path)["responses"]["200"]["content"]
            self.assertEqual(content["text/csv; charset=utf-8"]["example"].splitlines()[0], header)
            self.assertEqual(",".join(json.loads(content["application/x-ndjson"]["example"])), header)

    def test_every_reference_leads_somewhere(self):
        text = json.dumps(DOCUMENT)
        for name in set(re.findall(r'"#/components/(\w+/\w+)"', text)):
            kind, item = name.split("/")
            self.assertIn(item, DOCUMENT["components"][kind])
        for kind in ("schemas", "parameters", "responses"):
            for item in DOCUMENT["components"][kind]:
                self.assertIn(f'"#/components/{kind}/{item}"', text, "nothing uses it")


if __name__ == "__main__":
    unittest.main()
