/*
 * redirector.yaml: what the table in config.c binds. The administrator's file: meant, not
 * necessarily right.
 */
#ifndef FIRSTRING_REDIRECTOR_CONFIG_H
#define FIRSTRING_REDIRECTOR_CONFIG_H

#include <stdint.h>

#include "common/conf/conf.h"
#include "common/net/server.h"

enum {
	REDIRECTOR_LISTENERS_MAX = 8,
	REDIRECTOR_DATABASES_MAX = 8,
	REDIRECTOR_KEY_PAIRS_MAX = 16,
	REDIRECTOR_ISSUERS_MAX = 16,
};

enum listener_authentication { LISTENER_CERTIFICATE, LISTENER_PASSWORD };

struct listener_config {
	char *name;
	struct conf_address address;
	int authentication; /* enum listener_authentication */
	int floor; /* enum tls_floor */
	struct conf_strings models; /* none: all */
	int proxy; /* enum server_proxy */
	struct conf_strings balancers; /* networks */
	struct conf_sections key_pairs; /* struct key_pair_config; none: those of the file */
	char *public_url; /* "": that of the file */
};

/* CAs of another maker, whose certificates hold the MAC elsewhere. */
struct issuer_config {
	char *certificates; /* PEM */
	int mac_in; /* index into the words of config.c */
	char *mac_after;
};

struct key_pair_config {
	char *certificate, *key; /* PEM paths */
};

struct redirector_config {
	struct conf_sections listeners; /* struct listener_config */
	struct conf_sections key_pairs; /* struct key_pair_config */
	char *device_ca; /* PEM of the issuing CAs; "": none */
	struct conf_sections issuers; /* struct issuer_config */
	char *formats_dir;
	char *seal_ring;
	char *public_url; /* https://host[:port]; "": no staged delivery */
	int64_t once_grace_s;
	struct conf_strings databases; /* conninfo, in order of preference */
	int prepare; /* 0 behind PgBouncer before 1.21 */
	int64_t lookup_deadline_ms; /* for one database; then the next one is asked */
	int64_t standby_age_ms; /* how old a standby's replay may be for it to answer */
	int64_t event_interval_ms; /* how long an event waits for company */
	int64_t event_queue; /* events held in memory */
	char *event_spool; /* "": none */
	int64_t event_spool_max; /* bytes, of all workers */
	int64_t workers;
	char *user;
	struct conf_address health;
	int64_t connections; /* per worker; 0: what RLIMIT_NOFILE allows */
	int64_t handshake_ms, head_ms, request_ms, idle_ms, drain_ms;
	struct conf_strings exempt; /* networks that are never banned */
	int64_t source_failures, source_refill_ms, network_failures, network_refill_ms;
	int64_t certificate_failures, certificate_refill_ms, ban_ms;
};

extern const struct conf_table redirector_config_table;

/* The OpenSSL name of the attribute that `mac_in` chose: "CN", "ST", ... */
const char *issuer_config_attribute(const struct issuer_config *issuer);

#endif
