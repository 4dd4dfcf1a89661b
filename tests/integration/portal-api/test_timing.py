#!/usr/bin/env python3
"""How long a refusal takes says no more of a phone than its bytes do (invariant 5).

A phone that is unknown, free, sold to somebody else or claimed by somebody else is asked for in turns on
one connection, and each two of them are compared by rank: the share of pairs in which the one took longer,
a half where nothing tells them apart. Ranks do not mind the outliers of a busy machine.
"""
import bisect
import http.client
import itertools
import json
import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from portal import Case, claim_code  # noqa: E402

ROUNDS = 300  # of like things a share then spreads by 0.024 around a half
TELLING = 0.1  # how far from a half a share is that tells something


def share_longer(one, other):
    """Of all pairs the share in which that of `one` is the longer; ties count half."""
    ordered = sorted(other)
    below = sum(bisect.bisect_left(ordered, each) + bisect.bisect_right(ordered, each) for each in one)
    return below / (2 * len(one) * len(other))


class Timing(Case):
    settings = {"workers": 1, "claims": "\n  wrong_codes_per_hour: 100000", "limits": "\n  requests_per_second: 100000"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        model = cls.portal.model()
        cls.asker, owner = cls.portal.itsp(), cls.portal.itsp()
        cls.profile = cls.portal.profile(cls.asker)
        free, sold, claimed = cls.portal.phone(model), cls.portal.phone(model, ship_to=owner), cls.portal.phone(model)
        cls.portal.label(free)
        owner.ok("PUT", f"/v1/claims/{claimed}", {"claim_code": cls.portal.label(claimed), "profile_id": cls.portal.profile(owner)})
        cls.phones = {"unknown": "0015650FFFFF", "free": free, "sold": sold, "claimed": claimed}

    def took(self, method, make_body, status):
        """{phone: its times in seconds}"""
        connection = http.client.HTTPSConnection("localhost", self.portal.port, context=self.asker.context)
        self.addCleanup(connection.close)
        headers = {"Authorization": f"Bearer {self.asker.token}", "Content-Type": "application/json"}
        times = {name: [] for name in self.phones}
        for _ in range(ROUNDS):
            for name, mac in random.sample(list(self.phones.items()), len(self.phones)):
                body = make_body()
                begun = time.perf_counter()
                connection.request(method, f"/v1/claims/{mac}", body, headers)
                answer = connection.getresponse()
                answer.read()
                times[name].append(time.perf_counter() - begun)
                self.assertEqual(answer.status, status)
        return times

    def assertNothingTold(self, method, make_body, status):
        told = []
        # What differs shows each time; a busy machine may make it seem so now and then.
        for _ in range(5):
            times = self.took(method, make_body, status)
            shares = {(one, other): share_longer(times[one], times[other]) for one, other in itertools.combinations(times, 2)}
            told.append({pair: round(share, 2) for pair, share in shares.items() if abs(share - 0.5) > TELLING})
            if not told[-1]:
                return
        self.fail(f"{method}: the share in which the first takes longer: {told}")

    def test_a_claim_with_a_wrong_code(self):
        self.assertNothingTold(
            "PUT", lambda: json.dumps({"claim_code": claim_code()[1], "profile_id": self.profile}), 403)

    def test_a_claim_without_a_code(self):
        self.assertNothingTold("PUT", lambda: json.dumps({"profile_id": self.profile}), 403)

    def test_reading_a_claim(self):
        self.assertNothingTold("GET", lambda: None, 404)

    def test_releasing_a_claim(self):
        self.assertNothingTold("DELETE", lambda: None, 404)

    def test_the_measure(self):
        """One in ten is an outlier, everything else spreads by 0.1 ms: 0.1 ms more for one phone is seen."""
        draw = random.Random(5).uniform
        times = [[1e-3 + draw(0, 1e-4) + (5e-2 if turn % 10 == 0 else 0) for turn in range(ROUNDS)] for _ in range(2)]
        self.assertLess(abs(share_longer(*times) - 0.5), TELLING)
        self.assertGreater(share_longer([each + 1e-4 for each in times[0]], times[1]), 0.5 + 3 * TELLING)
        self.assertEqual((share_longer([1, 2], [1, 2]), share_longer([2], [1]), share_longer([1], [2])), (0.5, 1, 0))


if __name__ == "__main__":
    unittest.main()
