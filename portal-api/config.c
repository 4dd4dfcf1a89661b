/* The table of portal-api.yaml: documentation, defaults and checks in one. */
#include "portal-api/config.h"

#include <stdio.h>

#include "common/answer/password.h"
#include "common/db/pg.h"

static const char *const PROXY_WORDS[] = {"off", "required", NULL};

static const struct conf_field KEY_PAIR_FIELDS[] = {
    {.name = "certificate",
	.type = CONF_PATH,
	.offset = offsetof(struct portal_key_pair, certificate),
	.reloadable = 1,
	.help = "PEM: the server's certificate, then its intermediates"},
    {.name = "key",
	.type = CONF_PATH,
	.offset = offsetof(struct portal_key_pair, key),
	.reloadable = 1,
	.help = "PEM: its key, readable by its owner only"},
};
static const struct conf_table KEY_PAIR_TABLE = {KEY_PAIR_FIELDS,
    sizeof KEY_PAIR_FIELDS / sizeof KEY_PAIR_FIELDS[0], sizeof(struct portal_key_pair), NULL};

#define FIELD(member) .offset = offsetof(struct portal_config, member)

static const struct conf_field FIELDS[] = {
    {.name = "listen",
	.type = CONF_ADDRESS,
	FIELD(listen),
	.default_value = "*:8443",
	.help = "where ITSPs and administrators connect, https"},
    {.name = "proxy_protocol",
	.type = CONF_WORD,
	FIELD(proxy),
	.words = PROXY_WORDS,
	.default_value = "off",
	.reloadable = 1,
	.help = "PROXY protocol v1 or v2 from a balancer: off or required, never guessed"},
    {.name = "key_pairs",
	.type = CONF_SECTIONS,
	FIELD(key_pairs),
	.section = &KEY_PAIR_TABLE,
	.reloadable = 1,
	.help = "server certificates: one ECDSA, one RSA, or both side by side"},
    {.name = "seal_ring",
	.type = CONF_PATH,
	FIELD(seal_ring),
	.reloadable = 1,
	.help = "credential file: the keys that seal admin passwords"},
    {.name = "formats",
	.type = CONF_PATH,
	FIELD(formats),
	.reloadable = 1,
	.help = "folder of the answer formats (*.format), the redirector's"},
    {.name = "database.tenant",
	.type = CONF_STRING,
	FIELD(tenant_database),
	.reloadable = 1,
	.secret = 1,
	.help = "connection string of the role firstring_portal"},
    {.name = "database.admin",
	.type = CONF_STRING,
	FIELD(admin_database),
	.reloadable = 1,
	.secret = 1,
	.help = "connection string of the role firstring_admin"},
    {.name = "database.status",
	.type = CONF_STRING,
	FIELD(status_database),
	.default_value = "",
	.reloadable = 1,
	.secret = 1,
	.help = "connection string of the role firstring_status; goes with status.enabled"},
    {.name = "database.prepare",
	.type = CONF_BOOL,
	FIELD(prepare),
	.default_value = "true",
	.reloadable = 1,
	.help = "false behind a PgBouncer older than 1.21"},
    {.name = "database.deadline",
	.type = CONF_DURATION,
	FIELD(database_deadline_ms),
	.default_value = "5s",
	.min = 100,
	.max = 60000,
	.reloadable = 1,
	.help = "for one transaction; past it 503"},
    {.name = "database.queue",
	.type = CONF_INT,
	FIELD(database_queue),
	.default_value = "1024",
	.min = 1,
	.max = 65536,
	.reloadable = 1,
	.help = "transactions in flight or waiting, by worker and role; past it 503"},
    {.name = "workers",
	.type = CONF_INT,
	FIELD(workers),
	.default_value = "2",
	.min = 1,
	.max = 256,
	.reloadable = 1,
	.help = "processes that serve requests"},
    {.name = "user",
	.type = CONF_STRING,
	FIELD(user),
	.default_value = "",
	.help = "whom workers become when started as root"},
    {.name = "health",
	.type = CONF_ADDRESS,
	FIELD(health),
	.default_value = "127.0.0.1:9443",
	.help = "loopback address of /metrics, /healthz and /readyz"},
    {.name = "status.enabled",
	.type = CONF_BOOL,
	FIELD(status_enabled),
	.default_value = "false",
	.help = "serve CRLs and CA certificates"},
    {.name = "status.listen",
	.type = CONF_ADDRESS,
	FIELD(status_listen),
	.default_value = "*:8080",
	.help = "where, in plain http: they are public and signed"},
    {.name = "claims.wrong_codes_per_hour",
	.type = CONF_INT,
	FIELD(wrong_codes_per_hour),
	.default_value = "10",
	.min = 10,
	.max = 100000,
	.reloadable = 1,
	.help = "wrong claim codes of one ITSP in an hour; past it codes are refused unread"},
    {.name = "claims.password_length",
	.type = CONF_INT,
	FIELD(password_length),
	.default_value = "16",
	.min = PASSWORD_LEN_MIN,
	.max = PASSWORD_LEN_MAX,
	.reloadable = 1,
	.help = "characters of a generated admin password"},
    {.name = "limits.connections",
	.type = CONF_INT,
	FIELD(connections),
	.default_value = "0",
	.min = 0,
	.max = 1000000,
	.reloadable = 1,
	.help = "per worker; 0: what the limit of open files allows"},
    {.name = "limits.handshake",
	.type = CONF_DURATION,
	FIELD(handshake_ms),
	.default_value = "5s",
	.min = 100,
	.max = 60000,
	.reloadable = 1,
	.help = "for the TLS handshake, PROXY header included"},
    {.name = "limits.head",
	.type = CONF_DURATION,
	FIELD(head_ms),
	.default_value = "10s",
	.min = 100,
	.max = 60000,
	.reloadable = 1,
	.help = "from the first byte of a request to its whole head"},
    {.name = "limits.request",
	.type = CONF_DURATION,
	FIELD(request_ms),
	.default_value = "20s",
	.min = 100,
	.max = 600000,
	.reloadable = 1,
	.help = "from the first byte of a request to the end of its answer"},
    {.name = "limits.idle",
	.type = CONF_DURATION,
	FIELD(idle_ms),
	.default_value = "30s",
	.min = 100,
	.max = 600000,
	.reloadable = 1,
	.help = "between two requests of a connection"},
    {.name = "limits.drain",
	.type = CONF_DURATION,
	FIELD(drain_ms),
	.default_value = "30s",
	.min = 1000,
	.max = 600000,
	.help = "how long a leaving worker may finish what it has begun"},
};

static enum err check_database(const char *conninfo, const char *name, char *why, size_t why_len)
{
	char problem[160];
	enum err err = pg_check_conninfo(conninfo, problem, sizeof problem);
	if (err)
		snprintf(why, why_len, "database.%s: %s", name, problem);
	return err;
}

static enum err check(const void *values, char *why, size_t why_len)
{
	const struct portal_config *config = values;
	if (config->key_pairs.count < 1 || config->key_pairs.count > PORTAL_KEY_PAIRS_MAX) {
		snprintf(why, why_len, "key_pairs: 1 to %d are needed, not %zu",
		    PORTAL_KEY_PAIRS_MAX, config->key_pairs.count);
		return ERR_RANGE;
	}
	enum err err = check_database(config->tenant_database, "tenant", why, why_len);
	if (!err)
		err = check_database(config->admin_database, "admin", why, why_len);
	if (!err && config->status_enabled)
		err = check_database(config->status_database, "status", why, why_len);
	return err;
}

const struct conf_table portal_config_table = {
    FIELDS, sizeof FIELDS / sizeof FIELDS[0], sizeof(struct portal_config), check};
