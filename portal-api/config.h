/*
 * portal-api.yaml as a struct: what each key means stands in the table of config.c.
 */
#ifndef FIRSTRING_PORTAL_CONFIG_H
#define FIRSTRING_PORTAL_CONFIG_H

#include "common/conf/conf.h"

struct portal_tls_pair {
	char *certificate, *key;
};

struct portal_config {
	struct conf_address listen, health_listen, status_listen;
	int status_enabled;
	struct conf_sections tls; /* of struct portal_tls_pair */
	int64_t workers, connections_per_worker;
	char *user;
	int proxy_protocol;
	char *tenant_database, *admin_database, *status_database;
	int prepare;
	int64_t database_deadline_ms, database_queue;
	char *seal_ring, *formats;
	int64_t wrong_codes_per_hour, password_length;
	int64_t request_ms, idle_ms, drain_ms;
	int log_level; /* enum log_level */
};

extern const struct conf_table portal_config_table;

#endif
