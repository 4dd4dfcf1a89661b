/* Bans and alarms as the workers raise them, under a made-up clock: two workers on one table. */
#include "redirector/abuse/abuse.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/net/metrics.h"
#include "redirector/metrics.h"
#include "tests/lib/unit.h"

enum { MINUTE_US = 60 * 1000 * 1000 };

static const struct abuse_policy POLICY = {.source = {60, 5000},
    .network = {600, 1000},
    .certificate = {30, 10000},
    .ban_ms = 600 * 1000,
    .exempt = {.items = {{AF_INET, 8, {127}}}, .count = 1}};

static struct abuse workers[2];
static int64_t now_us;
static unsigned turn;

static void set_up(void)
{
	struct event_base *base = event_base_new();
	/* Nobody listens there: events only queue. */
	struct primary *primary =
	    primary_new(base, (const char *const[]){"host=/nowhere user=x"}, 1, 1, 1000);
	struct events *events = events_new(base,
	    &(struct events_config){.primary = primary, .interval_ms = 1000, .queue_max = 100000});

	if (metrics_value(METRIC_ABUSE_ALARMS, 0) == 0)
		redirector_metrics_init();
	workers[0] =
	    (struct abuse){.shared = abuse_shared_new(), .policy = &POLICY, .events = events};
	workers[1] = workers[0];
	now_us = INT64_C(1500000000000000);
	clock_set_fake(now_us);
}

/* Requests come to the workers in turn. */
static const struct abuse *worker(void)
{
	return &workers[turn++ % 2];
}

static void wait_us(int64_t us)
{
	now_us += us;
	clock_set_fake(now_us);
}

static struct server_peer peer_of(const char *text)
{
	struct server_peer peer = {.address = {.ss_family = AF_INET}};
	void *any = &peer.address;

	ck_assert(inet_pton(AF_INET, text, &((struct sockaddr_in *)any)->sin_addr) == 1);
	strcpy(peer.text, text);
	return peer;
}

static struct fingerprint fingerprint_of(unsigned number)
{
	struct fingerprint fingerprint;

	sha256(&number, sizeof(number), fingerprint.bytes);
	return fingerprint;
}

static int alarms(enum abuse_alarm alarm)
{
	return (int)metrics_value(METRIC_ABUSE_ALARMS, alarm);
}

static int all_alarms(void)
{
	int sum = 0;

	for (unsigned i = 0; i < ABUSE_ALARM_COUNT; i++)
		sum += alarms((enum abuse_alarm)i);
	return sum;
}

/* How many failures until the source is shut out. */
static int failures_until_ban(const struct server_peer *peer, int most)
{
	for (int i = 0; i < most; i++) {
		if (!abuse_admits(worker(), peer))
			return i;
		abuse_note_failure(worker(), peer, NULL, NULL, 0, "handshake");
	}
	return -1;
}

START_TEST(failures_end_in_a_ban_that_ends)
{
	struct server_peer peer = peer_of("192.0.2.7"), neighbour = peer_of("192.0.2.8");

	ck_assert_int_eq(failures_until_ban(&peer, 1000), 61);
	ck_assert_int_eq(alarms(ABUSE_SOURCE_BANNED), 1);
	ck_assert(abuse_admits(worker(), &neighbour));
	wait_us(9 * MINUTE_US);
	ck_assert(!abuse_admits(worker(), &peer));
	wait_us(MINUTE_US + 1000);
	ck_assert(abuse_admits(worker(), &peer));
	ck_assert_int_eq(failures_until_ban(&peer, 1000), 61);
	ck_assert_int_eq(alarms(ABUSE_SOURCE_BANNED), 2);
}
END_TEST

START_TEST(an_exempt_source_is_never_banned)
{
	struct server_peer peer = peer_of("127.3.4.5");
	struct fingerprint fingerprint = fingerprint_of(1);

	ck_assert_int_eq(failures_until_ban(&peer, 1000), -1);
	for (int i = 0; i < 100; i++)
		abuse_note_failure(worker(), &peer, &fingerprint, NULL, 0, "not_live");
	ck_assert(abuse_admits_certificate(worker(), &peer, &fingerprint));
	ck_assert_int_eq(all_alarms(), 0);
}
END_TEST

START_TEST(an_office_with_one_bad_phone_is_not_banned)
{
	struct server_peer office = peer_of("192.0.2.7");
	struct fingerprint good = fingerprint_of(1), bad = fingerprint_of(2);
	struct mac mac = {{0, 1, 2, 3, 4, 5}};

	abuse_note_verified(worker(), &office, &good, &mac);
	for (int i = 0; i < 200; i++)
		abuse_note_failure(worker(), &office, &bad, NULL, 0, "not_live");
	ck_assert(abuse_admits(worker(), &office));
	/* Its certificate is, wherever it comes from. */
	struct server_peer elsewhere = peer_of("203.0.113.1");
	ck_assert(!abuse_admits_certificate(worker(), &office, &bad));
	ck_assert(!abuse_admits_certificate(worker(), &elsewhere, &bad));
	ck_assert(abuse_admits_certificate(worker(), &office, &good));
	ck_assert_int_eq(alarms(ABUSE_CERTIFICATE_BANNED), 1);
	ck_assert_int_eq(alarms(ABUSE_SOURCE_BANNED), 0);
	wait_us(11 * MINUTE_US);
	ck_assert(failures_until_ban(&office, 1000) > 0);
	ck_assert_int_eq(alarms(ABUSE_SOURCE_BANNED), 1);
}
END_TEST

START_TEST(five_thousand_phones_behind_one_address_raise_nothing)
{
	struct server_peer office = peer_of("192.0.2.7");

	for (unsigned i = 0; i < 5000; i++) {
		struct fingerprint fingerprint = fingerprint_of(i);
		struct mac mac;
		ck_assert_int_eq(mac_from_uint(0x001565000000 + i, &mac), ERR_OK);
		ck_assert(abuse_admits(worker(), &office));
		ck_assert(abuse_admits_certificate(worker(), &office, &fingerprint));
		abuse_note_verified(worker(), &office, &fingerprint, &mac);
		wait_us(MINUTE_US / 5000);
	}
	ck_assert_int_eq(all_alarms(), 0);
}
END_TEST

START_TEST(a_scan_of_macs_is_told_once)
{
	struct server_peer peer = peer_of("127.0.0.1"); /* exempt from bans, not from alarms */
	struct fingerprint fingerprint = fingerprint_of(1);

	for (unsigned i = 0; i < 100; i++) {
		struct mac mac;
		ck_assert_int_eq(mac_from_uint(0x001565000000 + i, &mac), ERR_OK);
		abuse_note_failure(worker(), &peer, &fingerprint, &mac, 1, "other_mac");
	}
	ck_assert_int_eq(alarms(ABUSE_SCAN), 1);
	ck_assert_int_eq(all_alarms(), 1);
}
END_TEST

START_TEST(a_certificate_that_scans_from_many_places_is_seen)
{
	struct fingerprint fingerprint = fingerprint_of(1);
	char text[16];

	for (unsigned i = 0; i < 20; i++) {
		struct mac mac;
		snprintf(text, sizeof(text), "198.51.%u.1", i);
		struct server_peer peer = peer_of(text);
		ck_assert_int_eq(mac_from_uint(0x001565000000 + i, &mac), ERR_OK);
		abuse_note_failure(worker(), &peer, &fingerprint, &mac, 1, "other_mac");
	}
	ck_assert_int_eq(alarms(ABUSE_SCAN), 1);
}
END_TEST

START_TEST(a_network_only_alarms)
{
	char text[16];

	for (int i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "192.0.2.%d", i % 250);
		struct server_peer peer = peer_of(text);
		abuse_note_failure(worker(), &peer, NULL, NULL, 0, "handshake");
		ck_assert(abuse_admits(worker(), &peer));
	}
	ck_assert_int_eq(alarms(ABUSE_NETWORK), 1);
	ck_assert_int_eq(alarms(ABUSE_SOURCE_BANNED), 0);
}
END_TEST

START_TEST(one_certificate_in_two_networks_is_a_clone)
{
	struct server_peer home = peer_of("192.0.2.7"), away = peer_of("198.51.100.7"),
			   next_door = peer_of("192.0.2.9");
	struct fingerprint fingerprint = fingerprint_of(1);
	struct mac mac = {{0, 1, 2, 3, 4, 5}};

	abuse_note_verified(worker(), &home, &fingerprint, &mac);
	abuse_note_verified(worker(), &next_door, &fingerprint, &mac);
	abuse_note_verified(worker(), &home, &fingerprint, &mac);
	abuse_note_verified(worker(), &away, &fingerprint, &mac);
	ck_assert_int_eq(alarms(ABUSE_CLONE), 0);
	for (int i = 0; i < 10; i++) {
		abuse_note_verified(worker(), i % 2 ? &away : &home, &fingerprint, &mac);
		wait_us(MINUTE_US);
	}
	ck_assert_int_eq(alarms(ABUSE_CLONE), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redirector/abuse");
	TCase *tcase = tcase_create("abuse");

	log_set_level(LOG_LEVEL_ERROR);
	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, failures_end_in_a_ban_that_ends);
	tcase_add_test(tcase, an_exempt_source_is_never_banned);
	tcase_add_test(tcase, an_office_with_one_bad_phone_is_not_banned);
	tcase_add_test(tcase, five_thousand_phones_behind_one_address_raise_nothing);
	tcase_add_test(tcase, a_scan_of_macs_is_told_once);
	tcase_add_test(tcase, a_certificate_that_scans_from_many_places_is_seen);
	tcase_add_test(tcase, a_network_only_alarms);
	tcase_add_test(tcase, one_certificate_in_two_networks_is_a_clone);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
