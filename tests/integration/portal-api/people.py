"""People for tests of the portal: a browser without pages, and an authenticator.

The browser keeps one cookie, sends the Origin and X-CSRF-Token as our pages do, and holds every
answer against the OpenAPI document.
"""
import base64
import hashlib
import hmac
import http.cookies
import struct
import time

from portal import CheckedClient

PASSWORD = "correct horse battery staple"


def code(key, step=None):
    """The authenticator's code (RFC 6238) of a step, by default the present one."""
    step = int(time.time()) // 30 if step is None else step
    digest = hmac.new(base64.b32decode(key), struct.pack(">Q", step), hashlib.sha1).digest()
    at = digest[19] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 1000000:06d}"


class Browser(CheckedClient):
    """One person's browser."""

    def __init__(self, portal, source=None):
        super().__init__(f"https://localhost:{portal.port}", portal.path("server.pem"))
        self.source = source
        self.origin = f"https://localhost:{portal.port}"
        self.cookie = self.csrf = self.key = None
        self.used_step = 0

    def request(self, method, path, body=None, headers=None, **more):
        sent = {"Origin": self.origin} if method != "GET" else {}
        if self.cookie:
            sent["Cookie"] = f"other=1; __Host-firstring={self.cookie}"
            sent["X-CSRF-Token"] = self.csrf or ""
        sent.update(headers or {})
        answer = super().request(method, path, body,
                                 headers={k: v for k, v in sent.items() if v is not None}, **more)
        for text in answer.headers.get_all("Set-Cookie") or []:
            self.set_cookie = text
            self.cookie = http.cookies.SimpleCookie(text)["__Host-firstring"].value
        return answer

    def accept(self, link, password=PASSWORD):
        """Takes the invitation."""
        return self.ok("POST", "/v1/links/use", {"token": link.split("/")[-1], "password": password})

    def sign_in(self, email, password=PASSWORD, code_text=None):
        body = {"email": email, "password": password}
        if code_text:
            body["code"] = code_text
        answer = self.request("POST", "/v1/session", body)
        if answer.status == 200:
            self.csrf = answer.json()["csrf_token"]
        return answer

    def reread(self):
        document = self.ok("GET", "/v1/session")
        self.csrf = document["csrf_token"]
        return document

    def next_code(self):
        """A code that was not used: the present one, or the one that is taken early."""
        self.used_step = max(self.used_step + 1, int(time.time()) // 30)
        return code(self.key, self.used_step)

    def set_second_factor(self, password=PASSWORD):
        """Sets one up; the recovery codes."""
        self.key = self.ok("POST", "/v1/session/second-factor", {"password": password})["key"]
        codes = self.ok("POST", "/v1/session/second-factor/confirm", {"code": self.next_code()})
        self.reread()
        return codes["recovery_codes"]


def invite(client, path, email, role, **more):
    """Makes a user; the answer's document."""
    return client.ok("POST", path, {"email": email, "display_name": email.split("@")[0].title(), "role": role, **more})


def person(portal, role, itsp_id=None, second_factor=True):
    """A browser in which somebody new is signed in; knows its `email`, `user` and `recovery_codes`."""
    import os
    browser = Browser(portal)
    browser.email = f"{role}-{os.urandom(4).hex()}@people.example"
    more = {"itsp_id": itsp_id} if itsp_id else {}
    browser.user = invite(portal.admin, "/v1/admin/users", browser.email, role, **more)
    browser.accept(browser.user["link"])
    assert browser.sign_in(browser.email).status == 200
    if second_factor:
        browser.recovery_codes = browser.set_second_factor()
    return browser
