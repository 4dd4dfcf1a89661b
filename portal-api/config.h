/* portal-api.yaml as a struct: what each key means stands in the table of config.c. */
#ifndef FIRSTRING_PORTAL_CONFIG_H
#define FIRSTRING_PORTAL_CONFIG_H

#include "common/conf/conf.h"

enum { PORTAL_KEY_PAIRS_MAX = 4 };

struct portal_key_pair {
	char *certificate, *key;
};

enum people_second_factor { SECOND_FACTOR_REQUIRED, SECOND_FACTOR_OPTIONAL };

struct portal_config {
	struct conf_address listen, health, status_listen;
	int proxy, status_enabled;
	struct conf_sections key_pairs; /* of struct portal_key_pair */
	char *seal_ring, *formats;
	char *ocsp_key; /* "" : no OCSP */
	char *tenant_database, *admin_database, *status_database, *courier_database;
	int prepare;
	int64_t database_deadline_ms, database_queue;
	int64_t workers;
	char *user;
	int64_t wrong_codes_per_hour, password_length, open_jobs;
	int webhooks_enabled, webhook_allow_loopback;
	char *webhook_authorities;
	int64_t webhooks_per_itsp, webhook_retry_ms, webhook_give_up_ms, webhook_timeout_ms;
	int64_t requests_per_s, request_burst;
	int64_t streams_per_itsp, stream_heartbeat_ms, stream_life_ms;
	int64_t housekeeping_ms;
	int second_factor; /* enum people_second_factor */
	int64_t session_idle_ms, session_lifetime_ms, link_lifetime_ms, hash_threads;
	int64_t transfer_silence_ms, transfer_wait_ms, transfer_check_ms;
	int64_t connections, handshake_ms, head_ms, request_ms, idle_ms, drain_ms;
};

extern const struct conf_table portal_config_table;

#endif
