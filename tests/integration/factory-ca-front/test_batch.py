#!/usr/bin/env python3
"""The batch call: NDJSON in, NDJSON out, in order, each row for itself."""
import base64
import http.client
import json
import os
import socket
import ssl
import threading
import time
import unittest

from line import Line, rows_for, run


def setUpModule():
    global line
    line = Line().start()


def tearDownModule():
    line.stop()


def codes(rows):
    return [row.get("code", row["status"]) for row in rows]


def connect(buffer=None):
    """A TLS connection without HTTP around it; `buffer` bounds what the kernel holds for it."""
    context = ssl.create_default_context(cafile=line.path("server-ca.pem"))
    context.load_cert_chain(line.station_cert, line.station_key)
    plain = socket.socket()
    if buffer:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    plain.settimeout(60)
    plain.connect(("127.0.0.1", line.port))
    return context.wrap_socket(plain, server_hostname="localhost")


def head_of(order, framing):
    return (f"POST /v1/orders/{order}/certificates HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Type: application/x-ndjson\r\n{framing}\r\n\r\n").encode()


def ndjson(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parse(connection):
    response = http.client.HTTPResponse(connection, method="POST")
    response.begin()
    return response


class Batch(unittest.TestCase):

    def test_a_thousand_and_the_same_again(self):
        macs = line.macs(1000)
        order = line.order(macs)
        rows = rows_for(macs)
        rows[500] = dict(rows[500], csr="AAAA")
        first = line.batch(order, rows).rows()
        self.assertEqual([row["mac"] for row in first], macs)
        self.assertEqual([i for i, row in enumerate(first) if row["status"] != "issued"], [500])
        self.assertEqual(first[500]["code"], "bad_csr")
        again = line.batch(order, rows).rows()
        self.assertEqual({row["status"] for row in again}, {"existing", "error"})
        for before, after in zip(first, again, strict=True):
            for name in ("mac", "serial", "certificate", "claim_code", "code"):
                self.assertEqual(before.get(name), after.get(name))
        self.assertEqual(len({row["serial"] for row in first if "serial" in row}), 999)
        self.assertEqual(len({row["claim_code"] for row in first if "claim_code" in row}), 999)
        self.assertEqual(line.psql(f"select count(*) from firstring.certificate where mac between "
                                   f"'{macs[0]}' and '{macs[-1]}'"), "999")

    def test_the_certificate_is_one_that_verifies(self):
        macs = line.macs(2)
        order = line.order(macs)
        for rows in (rows_for(macs[:1]), rows_for(macs[1:], "rsa2048")):
            row = line.batch(order, rows).rows()[0]
            leaf = line.path("leaf.pem")
            with open(leaf, "w") as file:
                file.write(row["certificate"])
            run("openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile",
                line.path("published/root.pem"), "-untrusted", line.path("published/issuing.pem"), leaf)
            shown = run("openssl", "x509", "-in", leaf, "-noout", "-serial").stdout.decode()
            self.assertEqual(shown.strip(), f"serial={row['serial']}")

    def test_each_row_has_its_own_error(self):
        macs = line.macs(6)
        order = line.order(macs[:5])
        rows = rows_for(macs)
        reused = dict(rows[0], mac=macs[1], csr=rows[0]["csr"])
        answer = line.batch(order, [
            rows[0],
            {"mac": macs[1], "serial_number": "1"},
            dict(rows[1], mac="0015"),
            dict(rows[1], extra=1),
            dict(rows[1], csr="!"),
            reused,
            rows[5],
            rows_for(macs[2:3], "p384")[0],
            rows[1],
        ]).rows()
        self.assertEqual(codes(answer), ["issued", "bad_row", "bad_row", "bad_row", "bad_csr",
                                         "bad_csr", "out_of_range", "weak_key", "issued"])
        self.assertEqual([row["row"] for row in answer], list(range(1, 10)))
        for row in answer[1:-1]:
            self.assertTrue(row["detail"])
            self.assertNotIn("certificate", row)

    def test_a_weak_key_is_an_alarm_and_a_good_key_of_another_kind_is_none(self):
        def csr(mac, *kind):
            return run("openssl", "req", "-new", "-nodes", "-keyout", os.devnull, "-subj", f"/CN={mac}", "-newkey",
                       *kind).stdout.decode()

        macs = line.macs(6)
        order = line.order(macs)
        rows = [{"mac": mac, "serial_number": "SN"} for mac in macs]
        rows[0]["csr"] = rows_for(macs[:1], "p384")[0]["csr"]
        rows[0]["serial_number"] = rows_for(macs[:1])[0]["serial_number"]
        rows[1]["csr"] = csr(macs[1], "rsa:4096")
        rows[2]["csr"] = csr(macs[2], "ec", "-pkeyopt", "ec_paramgen_curve:P-521")
        rows[3]["csr"] = csr(macs[3], "ed25519")
        rows[4].update(key="server", key_type="p384")
        rows[5]["csr"] = csr(macs[5], "rsa:1024")
        self.assertEqual(codes(line.batch(order, rows).rows()), ["weak_key"] * 6)
        kinds = []
        deadline = time.monotonic() + 10
        while not kinds and time.monotonic() < deadline:
            kinds = line.psql("select kind, mac from firstring.security_event where detail ->> 'order' = "
                              f"'{order}'").split()
            time.sleep(0.1)
        mac = ":".join(macs[5][i:i + 2] for i in range(0, 12, 2)).lower()
        self.assertEqual(kinds, [f"weak_key|{mac}"])

    def test_a_mac_with_another_key(self):
        macs = line.macs(1)
        order = line.order(macs)
        line.batch(order, rows_for(macs))
        self.assertEqual(codes(line.batch(order, rows_for(macs)).rows()), ["mac_has_other_key"])

    def test_one_key_for_two_phones(self):
        macs = line.macs(2)
        order = line.order(macs)
        key = line.path("shared.key")
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-out", key)
        rows = [{"mac": mac, "serial_number": mac, "csr": run(
            "openssl", "req", "-new", "-key", key, "-subj", f"/CN={mac}").stdout.decode()}
            for mac in macs]
        self.assertEqual(codes(line.batch(order, rows).rows()), ["issued", "key_reused"])
        self.assertEqual(codes(line.batch(order, rows[1:]).rows()), ["key_reused"])
        self.assertGreaterEqual(int(line.psql(
            "select count(*) from firstring.security_event where kind = 'key_reused'")), 2)

    def test_a_key_of_an_order_long_closed(self):
        """The signer holds open orders only; the record knows the keys of the whole fleet."""
        macs = line.macs(2)
        key = line.path("cloned.key")
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)

        def row(mac):
            csr = run("openssl", "req", "-new", "-key", key, "-subj", f"/serialNumber=SN/CN={mac}").stdout.decode()
            return {"mac": mac, "serial_number": "SN", "csr": csr}

        def events():
            return int(line.psql("select count(*) from firstring.security_event where kind = 'key_reused'"))
        old, new = line.order(macs[:1]), line.order(macs[1:])
        self.assertEqual(codes(line.batch(old, [row(macs[0])]).rows()), ["issued"])
        line.factory_ca("order", "close", "--reference", old)
        line.kill_signer()
        before = events()
        self.assertEqual(codes(line.batch(new, [row(macs[1])]).rows()), ["key_reused"])
        self.assertEqual(events(), before + 1)
        # The MAC is not spoiled by it: with a key of its own it is issued.
        self.assertEqual(codes(line.batch(new, rows_for(macs[1:])).rows()), ["issued"])

    def test_a_csr_signed_by_another_key(self):
        macs = line.macs(1)
        order = line.order(macs)
        row = rows_for(macs)[0]
        good = line.batch(order, [row]).rows()[0]
        der = bytearray(base64.b64decode("".join(
            text for text in row["csr"].splitlines() if not text.startswith("-"))))
        der[-1] ^= 1
        broken = dict(row, csr=base64.b64encode(der).decode())
        # Also where the phone is on record: it has to show that it holds the key.
        self.assertEqual(codes(line.batch(order, [broken]).rows()), ["bad_csr"])
        self.assertEqual(line.batch(order, [row]).rows()[0]["certificate"], good["certificate"])

    def test_the_window_of_an_order(self):
        macs = line.macs(2)
        early = line.order(macs[:1], "--opens", "2090-01-01T00:00:00Z")
        late = line.order(macs[1:], "--opens", "2016-01-01T00:00:00Z", "--closes",
                          "2017-01-01T00:00:00Z")
        self.assertEqual(codes(line.batch(early, rows_for(macs[:1])).rows()), ["order_closed"])
        self.assertEqual(codes(line.batch(late, rows_for(macs[1:])).rows()), ["order_closed"])

    def test_a_closed_order_still_shows_what_it_issued(self):
        macs = line.macs(2)
        order = line.order(macs)
        rows = rows_for(macs)
        first = line.batch(order, rows[:1]).rows()[0]
        line.factory_ca("order", "close", "--reference", order)
        answer = line.batch(order, rows).rows()
        self.assertEqual(codes(answer), ["existing", "order_closed"])
        self.assertEqual(answer[0]["certificate"], first["certificate"])
        self.assertEqual(answer[0]["claim_code"], first["claim_code"])

    def test_a_revoked_phone(self):
        macs = line.macs(1)
        order = line.order(macs)
        rows = rows_for(macs)
        line.batch(order, rows)
        line.psql(f"select firstring.certificate_revoke(null, '{macs[0]}', 'keyCompromise', '', '', "
                  f"'operator', 'chief', null, null)")
        self.assertEqual(codes(line.batch(order, rows).rows()), ["revoked"])
        answer = line.station.request("GET", f"/v1/orders/{order}/devices/{macs[0]}")
        self.assertEqual((answer.status, answer.json()["code"]), (410, "revoked"))

    def test_a_device_is_the_batch_row_again(self):
        macs = line.macs(2)
        order = line.order(macs)
        row = line.batch(order, rows_for(macs[:1])).rows()[0]
        spelled = ":".join(macs[0][i:i + 2] for i in range(0, 12, 2)).lower()
        for mac in (macs[0], spelled):
            device = line.station.ok("GET", f"/v1/orders/{order}/devices/{mac}")
            self.assertEqual({key: device[key] for key in device if key != "status"},
                             {key: row[key] for key in row if key not in ("status", "row")})
            self.assertEqual(device["status"], "existing")
        answer = line.station.request("GET", f"/v1/orders/{order}/devices/{macs[1]}")
        self.assertEqual((answer.status, answer.json()["code"]), (404, "unknown_device"))
        answer = line.station.request("GET", f"/v1/orders/{order}/devices/zz")
        self.assertEqual((answer.status, answer.json()["code"]), (400, "bad_mac"))


class Wire(unittest.TestCase):

    def test_all_rows_written_before_one_answer_is_read(self):
        macs = line.macs(10000)
        order = line.order(macs)
        # Padded, so that no kernel buffer holds the whole of it.
        body = ndjson(rows_for(macs)).replace(b"\n", b" " * 2000 + b"\n")
        with connect(buffer=65536) as connection:
            connection.sendall(head_of(order, f"Content-Length: {len(body)}") + body)
            answer = [json.loads(text) for text in parse(connection)]
        self.assertEqual([row["mac"] for row in answer], macs)
        self.assertEqual({row["status"] for row in answer}, {"issued"})

    def test_more_rows_than_a_request_holds(self):
        macs = line.macs(1)
        order = line.order(macs)
        row = rows_for(macs)[0]
        body = ndjson([row]) + b"{}\n" * 9999 + ndjson([row]) * 3
        with connect() as connection:
            connection.sendall(head_of(order, f"Content-Length: {len(body)}") + body)
            answer = [json.loads(text) for text in parse(connection)]
        self.assertEqual(len(answer), 10001)
        self.assertEqual(answer[-1]["code"], "bad_row")
        self.assertIn("more than 10000 rows", answer[-1]["detail"])

    def test_row_by_row(self):
        """A station that waits for each answer before it sends the next row."""
        macs = line.macs(3)
        order = line.order(macs)
        with connect() as connection:
            connection.sendall(head_of(order, "Transfer-Encoding: chunked"))
            response = None
            for row in rows_for(macs):
                piece = ndjson([row])
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                response = response or parse(connection)
                self.assertEqual(json.loads(response.readline())["mac"], row["mac"])
            connection.sendall(b"0\r\n\r\n")
            self.assertEqual(response.read(), b"")

    def test_lines_that_are_blank_long_or_unfinished(self):
        macs = line.macs(3)
        order = line.order(macs)
        rows = [json.dumps(row).encode() for row in rows_for(macs)]
        body = (b"\n  \r\n" + rows[0] + b"\r\n\n" + b"x" * 20000 + b"\n" + rows[1] + b"\n" + b"y" * 70000
                + b"\n" + rows[2])
        with connect() as connection:
            connection.sendall(head_of(order, f"Content-Length: {len(body)}"))
            for at in range(0, len(body), 777):
                connection.sendall(body[at:at + 777])
            answer = [json.loads(text) for text in parse(connection)]
        self.assertEqual(codes(answer), ["issued", "bad_row", "issued", "bad_row", "issued"])
        self.assertIn("more than 16384 bytes", answer[1]["detail"])

    def test_one_mac_twice_in_a_batch(self):
        macs = line.macs(2)
        order = line.order(macs)
        rows = rows_for(macs)
        other = rows_for(macs[:1])[0]
        answer = line.batch(order, [rows[0], rows[0], rows[1], other, rows[0]]).rows()
        self.assertEqual(codes(answer), ["issued", "existing", "issued", "mac_has_other_key", "existing"])
        self.assertEqual(answer[0]["certificate"], answer[1]["certificate"])
        self.assertEqual(answer[0]["certificate"], answer[4]["certificate"])

    def test_the_same_batch_from_many_at_once(self):
        macs = line.macs(200)
        order = line.order(macs)
        rows = rows_for(macs)
        answers = []
        stations = [threading.Thread(target=lambda: answers.append(line.batch(order, rows).rows()))
                    for _ in range(4)]
        for station in stations:
            station.start()
        for station in stations:
            station.join()
        self.assertEqual(len(answers), 4)
        for answer in answers:
            self.assertEqual({row["status"] for row in answer} - {"issued", "existing"}, set())
            self.assertEqual([row["certificate"] for row in answer],
                             [row["certificate"] for row in answers[0]])
        self.assertEqual(sum(row["status"] == "issued" for answer in answers for row in answer), 200)

    def test_no_rows(self):
        order = line.order(line.macs(1))
        answer = line.batch(order, [])
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_a_station_that_hangs_up_loses_nothing(self):
        macs = line.macs(300)
        order = line.order(macs)
        rows = rows_for(macs)
        for share in (0.2, 0.6):
            body = ndjson(rows)
            with connect() as connection:
                connection.sendall(head_of(order, f"Content-Length: {len(body)}") +
                                   body[:int(len(body) * share)])
        answer = line.batch(order, rows).rows()
        self.assertEqual({row["status"] for row in answer} - {"issued", "existing"}, set())
        self.assertEqual(line.psql(f"select count(*), count(distinct mac) from firstring.certificate "
                                   f"where mac between '{macs[0]}' and '{macs[-1]}'"), "300|300")

    def test_http_1_0(self):
        macs = line.macs(2)
        order = line.order(macs)
        body = ndjson(rows_for(macs))
        with connect() as connection:
            connection.sendall(head_of(order, f"Content-Length: {len(body)}").replace(b"HTTP/1.1", b"HTTP/1.0")
                               + body)
            answer = [json.loads(text) for text in parse(connection)]
        self.assertEqual(codes(answer), ["issued", "issued"])


class Doors(unittest.TestCase):

    def refusal(self, client, method, path, **more):
        answer = client.request(method, path, **more)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        problem = answer.json()
        self.assertEqual(problem["status"], answer.status)
        return answer.status, problem["code"]

    def test_who_gets_in(self):
        macs = line.macs(1)
        order = line.order(macs)
        path = f"/v1/orders/{order}/certificates"
        row = rows_for(macs)
        self.assertEqual(self.refusal(line.client(), "POST", path, body=ndjson(row)),
                         (401, "certificate_required"))
        self.assertEqual(self.refusal(line.client(), "GET", f"/v1/orders/{order}"),
                         (401, "certificate_required"))
        self.assertEqual(self.refusal(line.operator, "POST", path, body=ndjson(row)), (403, "wrong_role"))
        self.assertEqual(self.refusal(line.station, "GET", "/v1/models/T1"), (403, "wrong_role"))
        self.assertEqual(self.refusal(line.station, "PUT", f"/v1/orders/{order}", body=b"x"),
                         (403, "wrong_role"))
        self.assertEqual(self.refusal(line.station, "POST", "/v1/orders/NO-SUCH/certificates",
                                      body=ndjson(row)), (404, "unknown_order"))
        self.assertEqual(self.refusal(line.station, "POST", "/v1/orders/a%20b/certificates",
                                      body=ndjson(row)), (404, "unknown_order"))
        self.assertEqual(self.refusal(line.station, "GET", "/v1/nothing"), (404, "no_such_path"))
        self.assertEqual(self.refusal(line.station, "DELETE", f"/v1/orders/{order}"),
                         (405, "method_not_allowed"))

    def test_a_revoked_station(self):
        cert, key = line.add("station", "line-gone")
        client = line.client(cert, key)
        order = line.order(line.macs(1))
        self.assertEqual(client.request("GET", f"/v1/orders/{order}").status, 200)
        line.factory_ca("station", "revoke", "line-gone", operator=False)
        self.assertEqual(self.refusal(client, "GET", f"/v1/orders/{order}"), (403, "certificate_not_live"))

    def test_a_station_that_the_order_does_not_name(self):
        cert, key = line.add("station", "line-2")
        macs = line.macs(1)
        order = line.order(macs, "--station", "line-2")
        self.assertEqual(self.refusal(line.station, "POST", f"/v1/orders/{order}/certificates",
                                      body=ndjson(rows_for(macs))), (403, "station_not_on_order"))
        self.assertEqual(self.refusal(line.station, "GET", f"/v1/orders/{order}"),
                         (403, "station_not_on_order"))
        answer = line.batch(order, rows_for(macs), line.client(cert, key))
        self.assertEqual(codes(answer.rows()), ["issued"])

    def test_a_phone_is_no_station(self):
        """A certificate of the issuing CA is not even let through the handshake."""
        macs = line.macs(1)
        order = line.order(macs)
        key = line.path("phone.key")
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
        csr = run("openssl", "req", "-new", "-key", key, "-subj", f"/CN={macs[0]}").stdout.decode()
        row = line.batch(order, [{"mac": macs[0], "serial_number": "1", "csr": csr}]).rows()[0]
        cert = line.path("phone.pem")
        with open(cert, "w") as file:
            file.write(row["certificate"])
        with self.assertRaises((OSError, http.client.HTTPException)):
            line.client(cert, key).request("GET", f"/v1/orders/{order}")

    def test_nothing_secret_in_the_log(self):
        macs = line.macs(1)
        order = line.order(macs)
        row = line.batch(order, rows_for(macs)).rows()[0]
        with open(line.log_path) as file:
            text = file.read()
        self.assertIn(row["serial"], text)
        self.assertNotIn(row["claim_code"], text)

    def test_what_is_no_http_is_a_problem_too(self):
        with connect() as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            response = parse(connection)
            self.assertEqual((response.status, response.getheader("Content-Type")),
                             (400, "application/problem+json"))
            self.assertEqual(json.loads(response.read())["status"], 400)

    def test_refusals_are_counted(self):
        before = line.metric('firstring_factory_refusals_total{reason="certificate_required"}')
        line.client().request("GET", "/v1/orders/x")
        self.assertEqual(line.metric(
            'firstring_factory_refusals_total{reason="certificate_required"}'), before + 1)


if __name__ == "__main__":
    unittest.main()
