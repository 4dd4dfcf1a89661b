/* Charges, bans and alarms. See abuse.h. Addresses and certificates are the Internet's; nothing of
 * a request's text comes here. */
#include "redirector/abuse/abuse.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/net/metrics.h"
#include "redirector/abuse/source.h"
#include "redirector/metrics.h"

enum {
	SOURCES = 64 * 1024,
	NETWORKS = 16 * 1024,
	CERTIFICATES = 64 * 1024,
	ALARM_EVERY_MS = 10 * 60 * 1000,
	CLONE_ALARM_EVERY_MS = 60 * 60 * 1000,
};

static const char *const ALARM_KINDS[ABUSE_ALARM_COUNT] = {
    [ABUSE_SCAN] = "mac_scan",
    [ABUSE_SOURCE_BANNED] = "source_banned",
    [ABUSE_CERTIFICATE_BANNED] = "certificate_banned",
    [ABUSE_NETWORK] = "network_abuse",
    [ABUSE_GUESSING] = "credential_guessing",
    [ABUSE_CLONE] = "clone_suspected",
};

const char *abuse_alarm_name(enum abuse_alarm alarm)
{
	CHECK(alarm < ABUSE_ALARM_COUNT);
	return ALARM_KINDS[alarm];
}

struct abuse_shared *abuse_shared_new(void)
{
	struct abuse_shared *shared = calloc(1, sizeof *shared);

	CHECK(shared != NULL);
	shared->sources = abuse_table_new(SOURCES);
	shared->networks = abuse_table_new(NETWORKS);
	shared->certificates = abuse_table_new(CERTIFICATES);
	return shared;
}

void abuse_shared_free(struct abuse_shared *shared)
{
	if (shared == NULL)
		return;
	abuse_table_free(shared->sources);
	abuse_table_free(shared->networks);
	abuse_table_free(shared->certificates);
	free(shared);
}

uint64_t abuse_certificate_key(const struct fingerprint *fingerprint)
{
	struct cursor cursor = cursor_of(fingerprint->bytes, sizeof fingerprint->bytes);
	uint64_t key = cursor_u64(&cursor);

	return key != 0 && key != UINT64_MAX ? key : 1;
}

/* Never 0, which stands for "never". */
static int64_t now_ms(void)
{
	return clock_monotonic_ms() + 1;
}

static int is_exempt(const struct abuse *abuse, const struct server_peer *peer)
{
	return networks_hold(&abuse->policy->exempt, &peer->address);
}

static int record_is_shut_out(struct abuse_record *record)
{
	return record != NULL && source_is_shut_out(atomic_load(&record->banned_until_ms),
				     atomic_load(&record->verified_ms), now_ms());
}

int abuse_admits(const struct abuse *abuse, const struct server_peer *peer)
{
	uint64_t source = source_of_address(&peer->address);

	return is_exempt(abuse, peer) ||
	       !record_is_shut_out(abuse_table_find(abuse->shared->sources, source));
}

int abuse_admits_certificate(const struct abuse *abuse, const struct server_peer *peer,
    const struct fingerprint *fingerprint)
{
	struct abuse_record *record =
	    abuse_table_find(abuse->shared->certificates, abuse_certificate_key(fingerprint));

	return is_exempt(abuse, peer) || record == NULL ||
	       atomic_load(&record->banned_until_ms) <= now_ms();
}

/* 1 for the one caller in `every_ms` who may raise this alarm. */
static int alarm_is_due(_Atomic int64_t *last_ms, int64_t now, int64_t every_ms)
{
	int64_t last = atomic_load(last_ms);

	if (last != 0 && now - last < every_ms)
		return 0;
	return atomic_compare_exchange_strong(last_ms, &last, now);
}

/* What an alarm is about; members may be NULL. */
struct subject {
	const char *source;
	const struct fingerprint *fingerprint;
	const struct mac *mac;
};

static void raise_alarm(const struct abuse *abuse, enum abuse_alarm alarm,
    const struct subject *subject, const char *detail)
{
	static const struct fingerprint NO_FINGERPRINT;
	static const struct mac NO_MAC;
	const struct fingerprint *fingerprint =
	    subject->fingerprint != NULL ? subject->fingerprint : &NO_FINGERPRINT;

	metrics_add(METRIC_ABUSE_ALARMS, alarm, 1);
	LOG_WARN("abuse_alarm", log_str("kind", abuse_alarm_name(alarm)),
	    log_str("peer", subject->source), log_str("detail", detail),
	    subject->fingerprint != NULL
		? log_hex("certificate", fingerprint->bytes, sizeof fingerprint->bytes)
		: log_str("certificate", NULL));
	events_add_security(abuse->events, &(struct security_event){.kind = abuse_alarm_name(alarm),
					       .source = subject->source,
					       .detail = detail,
					       .mac = subject->mac != NULL ? *subject->mac : NO_MAC,
					       .fingerprint = *fingerprint});
}

/* Takes a token; 1 when the bucket is empty. */
static int charge(struct abuse_record *record, const struct bucket_policy *policy, int64_t now)
{
	int64_t before = atomic_load(&record->full_at_ms), after = 0;

	atomic_fetch_add(&record->failures, 1);
	do
		after = bucket_charge(before, now, policy);
	while (!atomic_compare_exchange_weak(&record->full_at_ms, &before, after));
	return bucket_is_empty(after, now, policy);
}

/* Bans the record of `key`, unless it already is or has changed hands. 1 when this call did. */
static int ban(struct abuse_record *record, uint64_t key, int64_t now, int64_t ban_ms)
{
	int64_t before = atomic_load(&record->banned_until_ms);

	if (before > now ||
	    !atomic_compare_exchange_strong(&record->banned_until_ms, &before, now + ban_ms))
		return 0;
	if (atomic_load(&record->key) == key)
		return 1;
	/* The newcomer has done nothing. */
	before = now + ban_ms;
	(void)atomic_compare_exchange_strong(&record->banned_until_ms, &before, 0);
	return 0;
}

static void charge_source(const struct abuse *abuse, uint64_t source, const struct subject *subject,
    const char *reason, int64_t now)
{
	struct abuse_record *record = abuse_table_take(abuse->shared->sources, source, now);

	if (charge(record, &abuse->policy->source, now) &&
	    source_may_be_banned(atomic_load(&record->verified_ms), now) &&
	    ban(record, source, now, abuse->policy->ban_ms))
		raise_alarm(abuse, ABUSE_SOURCE_BANNED, subject, reason);
}

static void charge_network(
    const struct abuse *abuse, uint64_t source, const char *reason, int64_t now)
{
	uint64_t network = source_network(source);
	struct abuse_record *record = abuse_table_take(abuse->shared->networks, network, now);
	char text[SOURCE_TEXT_LEN];

	if (!charge(record, &abuse->policy->network, now) ||
	    !alarm_is_due(&record->alarm_ms, now, ALARM_EVERY_MS))
		return;
	source_format_network(network, text);
	raise_alarm(abuse, ABUSE_NETWORK, &(struct subject){.source = text}, reason);
}

static void charge_certificate(
    const struct abuse *abuse, const struct subject *subject, const char *reason, int64_t now)
{
	uint64_t key = abuse_certificate_key(subject->fingerprint);
	struct abuse_record *record = abuse_table_take(abuse->shared->certificates, key, now);

	if (charge(record, &abuse->policy->certificate, now) &&
	    ban(record, key, now, abuse->policy->ban_ms))
		raise_alarm(abuse, ABUSE_CERTIFICATE_BANNED, subject, reason);
}

/* Whether this MAC makes a scan of what was asked for under this record. */
static const char *watch_scan(struct abuse_record *record, const struct mac *probed, int64_t now)
{
	int64_t began = atomic_load(&record->scan_began_ms);
	uint64_t run = 0, set = 0, next = 0;

	if ((began == 0 || now - began >= SCAN_WINDOW_MS) &&
	    atomic_compare_exchange_strong(&record->scan_began_ms, &began, now)) {
		atomic_store(&record->scan_run, 0);
		atomic_store(&record->scan_set, 0);
	}
	run = atomic_load(&record->scan_run);
	do
		next = scan_run_next(run, probed);
	while (!atomic_compare_exchange_weak(&record->scan_run, &run, next));
	set = atomic_load(&record->scan_set);
	while (!atomic_compare_exchange_weak(&record->scan_set, &set, scan_set_add(set, probed)))
		continue;
	const char *found = scan_judge(next, scan_set_add(set, probed));
	if (found == NULL || !alarm_is_due(&record->scan_alarm_ms, now, ALARM_EVERY_MS))
		return NULL;
	return found;
}

static void look_for_scan(const struct abuse *abuse, uint64_t source, const struct subject *subject,
    const struct mac *probed, int64_t now)
{
	const char *found =
	    watch_scan(abuse_table_take(abuse->shared->sources, source, now), probed, now);

	if (subject->fingerprint != NULL) {
		uint64_t key = abuse_certificate_key(subject->fingerprint);
		const char *by_certificate = watch_scan(
		    abuse_table_take(abuse->shared->certificates, key, now), probed, now);
		/* One alarm for one who did it from one place with one certificate. */
		found = found != NULL ? found : by_certificate;
	}
	if (found != NULL)
		raise_alarm(abuse, ABUSE_SCAN, subject, found);
}

void abuse_note_failure(const struct abuse *abuse, const struct server_peer *peer,
    const struct fingerprint *fingerprint, const struct mac *mac, int is_probe, const char *reason)
{
	uint64_t source = source_of_address(&peer->address);
	struct subject subject = {.source = peer->text, .fingerprint = fingerprint, .mac = mac};
	int64_t now = now_ms();

	if (source == 0)
		return;
	if (is_probe)
		look_for_scan(abuse, source, &subject, mac, now);
	if (is_exempt(abuse, peer))
		return;
	charge_source(abuse, source, &subject, reason, now);
	charge_network(abuse, source, reason, now);
	if (fingerprint != NULL)
		charge_certificate(abuse, &subject, reason, now);
}

void abuse_note_guess(const struct abuse *abuse, const struct server_peer *peer,
    const struct fingerprint *user, const struct mac *mac)
{
	int64_t now = now_ms();
	struct abuse_record *record =
	    abuse_table_take(abuse->shared->certificates, abuse_certificate_key(user), now);
	const struct mac *probed = mac_to_uint(mac) != 0 ? mac : NULL;
	struct subject subject = {.source = peer->text, .mac = probed};

	abuse_note_failure(abuse, peer, NULL, probed, probed != NULL, "wrong_credentials");
	if (charge(record, &abuse->policy->certificate, now) &&
	    alarm_is_due(&record->alarm_ms, now, ALARM_EVERY_MS))
		raise_alarm(abuse, ABUSE_GUESSING, &subject, "wrong_credentials");
}

/* The same certificate in two networks in turn. */
static void look_for_clone(
    const struct abuse *abuse, uint64_t source, const struct subject *subject, int64_t now)
{
	uint64_t key = abuse_certificate_key(subject->fingerprint);
	struct abuse_record *record = abuse_table_take(abuse->shared->certificates, key, now);
	size_t family = source_is_ipv4(source) ? 0 : 1;
	uint64_t word = atomic_load(&record->clone[family]);
	struct clone_step step;
	char text[SOURCE_TEXT_LEN];

	do
		step = clone_see(word, atomic_load(&record->clone_moved_ms[family]),
		    source_network(source), now);
	while (!atomic_compare_exchange_weak(&record->clone[family], &word, step.word));
	if (step.moved)
		atomic_store(&record->clone_moved_ms[family], now);
	if (!step.suspicious || !alarm_is_due(&record->alarm_ms, now, CLONE_ALARM_EVERY_MS))
		return;
	source_format_network(source_network(source), text);
	raise_alarm(abuse, ABUSE_CLONE, subject, text);
}

void abuse_note_verified(const struct abuse *abuse, const struct server_peer *peer,
    const struct fingerprint *fingerprint, const struct mac *mac)
{
	uint64_t source = source_of_address(&peer->address);
	struct subject subject = {.source = peer->text, .fingerprint = fingerprint, .mac = mac};
	int64_t now = now_ms();

	if (source == 0)
		return;
	atomic_store(&abuse_table_take(abuse->shared->sources, source, now)->verified_ms, now);
	if (fingerprint != NULL)
		look_for_clone(abuse, source, &subject, now);
}
