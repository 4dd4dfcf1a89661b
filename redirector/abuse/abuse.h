/*
 * Who is let in, and who asks too much: the rules of rules.h applied to what workers share.
 *
 * Failures are charged to the source (IPv4 address, IPv6 /64), to its network (/24, /48: alarms
 * only) and to the certificate. An empty bucket is a ban that ends by itself; sources that were
 * given a verified answer lately are not banned, exempt ones (balancers, loopback) never. Alarms
 * become security events, each once in a while. Runs in workers; the tables are made by the parent.
 */
#ifndef FIRSTRING_REDIRECTOR_ABUSE_ABUSE_H
#define FIRSTRING_REDIRECTOR_ABUSE_ABUSE_H

#include "common/base/mac.h"
#include "common/net/server.h"
#include "common/pki/digest.h"
#include "redirector/abuse/rules.h"
#include "redirector/abuse/table.h"
#include "redirector/events.h"

/* Shared by all workers of all generations. */
struct abuse_shared {
	struct abuse_table *sources, *networks, *certificates;
};
struct abuse_shared *abuse_shared_new(void);
void abuse_shared_free(struct abuse_shared *shared);

struct abuse_policy {
	struct bucket_policy source, network, certificate;
	int64_t ban_ms;
	struct networks exempt;
};

enum abuse_alarm {
	ABUSE_SCAN, /* sequential or many MACs asked for */
	ABUSE_SOURCE_BANNED,
	ABUSE_CERTIFICATE_BANNED,
	ABUSE_NETWORK, /* many failures in a /24 or /48 */
	ABUSE_GUESSING, /* one user's password, tried again and again, from wherever */
	ABUSE_CLONE, /* one certificate in two networks in turn */
	ABUSE_ALARM_COUNT,
};
/* The kind of its security event. */
const char *abuse_alarm_name(enum abuse_alarm alarm);

/* The record of a certificate in the table of certificates. */
uint64_t abuse_certificate_key(const struct fingerprint *fingerprint);

/* One worker's hold on it. */
struct abuse {
	struct abuse_shared *shared;
	const struct abuse_policy *policy;
	struct events *events;
};

/* Before the handshake: 0 while the source is banned. */
int abuse_admits(const struct abuse *abuse, const struct server_peer *peer);
/* After it: 0 while the certificate is banned. */
int abuse_admits_certificate(const struct abuse *abuse, const struct server_peer *peer,
    const struct fingerprint *fingerprint);

/* Something that a phone of ours does not do. `fingerprint` and `mac` (of which phone) may be NULL;
 * `is_probe`: that is another phone's MAC than its own, or a guess, and many are a scan. `reason`
 * is a literal. */
void abuse_note_failure(const struct abuse *abuse, const struct server_peer *peer,
    const struct fingerprint *fingerprint, const struct mac *mac, int is_probe, const char *reason);
/* Wrong credentials. `user` is a hash of the user name; `mac` is zeros when it is none. The source
 * is charged; a user that is guessed at from many is only told of, as a ban would lock it out. */
void abuse_note_guess(const struct abuse *abuse, const struct server_peer *peer,
    const struct fingerprint *user, const struct mac *mac);
/* A phone of ours was answered. `fingerprint` NULL: it showed no certificate. */
void abuse_note_verified(const struct abuse *abuse, const struct server_peer *peer,
    const struct fingerprint *fingerprint, const struct mac *mac);

#endif
