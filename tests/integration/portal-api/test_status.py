#!/usr/bin/env python3
"""CRLs and CA certificates over plain HTTP, and nothing else there."""
import http.client
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from portal import Case  # noqa: E402


class Status(Case):

    def get(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.portal.status_port, timeout=10)
        connection.request(method, path)
        answer = connection.getresponse()
        answer.body = answer.read()
        connection.close()
        return answer

    def publish(self, kind, shard, content, number="null"):
        self.portal.psql(f"insert into firstring.pki_object (kind, shard, content, number) "
                         f"values ('{kind}', {shard}, '{content}', {number})")

    def test_published_objects(self):
        self.publish("root_crl", 0, "root crl", 1)
        self.publish("issuing_crl", 0, "issuing crl", 1)
        self.publish("issuing_crl", 7, "seventh", 1)
        self.publish("root_certificate", 0, "root")
        self.publish("issuing_certificate", 0, "issuing")
        self.publish("chain", 0, "chain")
        for path, media, body in (("/crl/root.crl", "application/pkix-crl", b"root crl"),
                                  ("/crl/issuing-0.crl", "application/pkix-crl", b"issuing crl"),
                                  ("/crl/issuing-7.crl", "application/pkix-crl", b"seventh"),
                                  ("/ca/root.cer", "application/pkix-cert", b"root"),
                                  ("/ca/issuing.cer", "application/pkix-cert", b"issuing"),
                                  ("/ca/chain.pem", "application/pem-certificate-chain", b"chain")):
            answer = self.get(path)
            self.assertEqual((answer.status, answer.headers["Content-Type"], answer.body), (200, media, body))
            self.assertEqual((self.get(path, "HEAD").status, self.get(path, "HEAD").body), (200, b""))
            self.assertEqual(self.get(path, "POST").status, 405)

    def test_nothing_else(self):
        for path in ("/", "/crl/", "/crl/issuing-8.crl", "/crl/issuing-.crl", "/crl/issuing--1.crl", "/crl/issuing-00.crl",
                     "/crl/issuing-99999999999999999999.crl", "/crl/root.crl/", "/ca/leaf.cer", "/v1/me", "/openapi.json",
                     "/metrics", "/crl/..%2fca"):
            self.assertEqual(self.get(path).status, 404, path)


if __name__ == "__main__":
    unittest.main()
