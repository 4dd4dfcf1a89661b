/* The table of redirector.yaml: documentation, defaults and checks in one. */
#include "redirector/config.h"

#include <stdio.h>
#include <string.h>

#include "common/db/pg.h"

static const char *const PROXY_WORDS[] = {"off", "required", NULL};

static const char *const AUTHENTICATION_WORDS[] = {"certificate", "password", NULL};
static const char *const FLOOR_WORDS[] = {"modern", "compatible", NULL};
static const char *const MAC_IN_WORDS[] = {"CN", "ST", "S", "L", "OU", "serialNumber", "UID", NULL};

static enum err check_count(
    size_t count, size_t min, size_t max, const char *name, char *why, size_t why_len)
{
	if (count >= min && count <= max)
		return ERR_OK;
	snprintf(why, why_len, "%s: %zu to %zu are needed, not %zu", name, min, max, count);
	return ERR_RANGE;
}

static enum err check_networks(
    const struct conf_strings *texts, const char *name, char *why, size_t why_len)
{
	struct networks networks;
	char problem[200];

	enum err err = networks_parse(
	    (const char *const *)texts->items, texts->count, &networks, problem, sizeof problem);
	if (err != ERR_OK)
		snprintf(why, why_len, "%s: %s", name, problem);
	return err;
}

/* Stage one writes it into a phone's settings with a path of our own behind it. */
static enum err check_public_url(const char *url, char *why, size_t why_len)
{
	static const char SCHEME[] = "https://";
	const size_t scheme_len = sizeof SCHEME - 1;

	if (*url == '\0' || (strncmp(url, SCHEME, scheme_len) == 0 && url[scheme_len] != '\0' &&
				strpbrk(url + scheme_len, "/?#@") == NULL))
		return ERR_OK;
	snprintf(why, why_len, "public_url: write https://host[:port], with nothing behind it");
	return ERR_SYNTAX;
}

static enum err check_listener(const void *values, char *why, size_t why_len)
{
	const struct listener_config *listener = values;

	enum err err = check_count(
	    listener->key_pairs.count, 0, REDIRECTOR_KEY_PAIRS_MAX, "key_pairs", why, why_len);
	if (err == ERR_OK)
		err = check_networks(&listener->balancers, "balancers", why, why_len);
	if (err == ERR_OK && listener->proxy == SERVER_PROXY_REQUIRED &&
	    listener->balancers.count == 0) {
		snprintf(why, why_len, "balancers: nobody could connect; name who may");
		err = ERR_RANGE;
	}
	return err == ERR_OK ? check_public_url(listener->public_url, why, why_len) : err;
}

static const struct conf_field KEY_PAIR_FIELDS[] = {
    {.name = "certificate",
	.type = CONF_PATH,
	.offset = offsetof(struct key_pair_config, certificate),
	.reloadable = 1,
	.help = "PEM: the server's certificate, then its intermediates"},
    {.name = "key",
	.type = CONF_PATH,
	.offset = offsetof(struct key_pair_config, key),
	.reloadable = 1,
	.help = "PEM: its key, readable by its owner only"},
};
static const struct conf_table KEY_PAIR_TABLE = {KEY_PAIR_FIELDS,
    sizeof KEY_PAIR_FIELDS / sizeof KEY_PAIR_FIELDS[0], sizeof(struct key_pair_config), NULL};

static const struct conf_field LISTENER_FIELDS[] = {
    {.name = "name",
	.type = CONF_STRING,
	.offset = offsetof(struct listener_config, name),
	.help = "how the log names this listener"},
    {.name = "address",
	.type = CONF_ADDRESS,
	.offset = offsetof(struct listener_config, address),
	.help = "address and port, such as *:443"},
    {.name = "authentication",
	.type = CONF_WORD,
	.offset = offsetof(struct listener_config, authentication),
	.words = AUTHENTICATION_WORDS,
	.default_value = "certificate",
	.reloadable = 1,
	.help = "certificate, or password: user and password of a phone that has no certificate "
		"on record"},
    {.name = "tls_floor",
	.type = CONF_WORD,
	.offset = offsetof(struct listener_config, floor),
	.words = FLOOR_WORDS,
	.default_value = "modern",
	.reloadable = 1,
	.help = "modern, or compatible: TLS 1.2 with wider suites, for models marked so only"},
    {.name = "models",
	.type = CONF_STRINGS,
	.offset = offsetof(struct listener_config, models),
	.default_value = "",
	.reloadable = 1,
	.help = "the models that are answered here; none: all that the rest allows"},
    {.name = "proxy_protocol",
	.type = CONF_WORD,
	.offset = offsetof(struct listener_config, proxy),
	.words = PROXY_WORDS,
	.default_value = "off",
	.help = "PROXY protocol v1 or v2 from a balancer: off or required, never guessed"},
    {.name = "balancers",
	.type = CONF_STRINGS,
	.offset = offsetof(struct listener_config, balancers),
	.default_value = "127.0.0.0/8 ::1",
	.reloadable = 1,
	.help = "where proxy_protocol is required: networks that may connect; never banned"},
    {.name = "key_pairs",
	.type = CONF_SECTIONS,
	.offset = offsetof(struct listener_config, key_pairs),
	.section = &KEY_PAIR_TABLE,
	.default_value = "",
	.reloadable = 1,
	.help = "this listener's own server certificates; none: those of the whole file"},
    {.name = "public_url",
	.type = CONF_URL,
	.offset = offsetof(struct listener_config, public_url),
	.default_value = "",
	.reloadable = 1,
	.help = "https://host[:port] where phones find this listener again; \"\": the file's"},
};
static const struct conf_table LISTENER_TABLE = {LISTENER_FIELDS,
    sizeof LISTENER_FIELDS / sizeof LISTENER_FIELDS[0], sizeof(struct listener_config),
    check_listener};

static const struct conf_field ISSUER_FIELDS[] = {
    {.name = "certificates",
	.type = CONF_PATH,
	.offset = offsetof(struct issuer_config, certificates),
	.reloadable = 1,
	.help = "PEM of issuing CAs; each is trusted by itself"},
    {.name = "mac_in",
	.type = CONF_WORD,
	.offset = offsetof(struct issuer_config, mac_in),
	.words = MAC_IN_WORDS,
	.default_value = "CN",
	.reloadable = 1,
	.help = "the attribute of their subjects that holds the MAC: CN, ST (also written S), L, "
		"OU, serialNumber, UID"},
    {.name = "mac_after",
	.type = CONF_STRING,
	.offset = offsetof(struct issuer_config, mac_after),
	.default_value = "",
	.reloadable = 1,
	.help = "what stands before the MAC in it, such as SEP; the MAC is the rest"},
};
static const struct conf_table ISSUER_TABLE = {ISSUER_FIELDS,
    sizeof ISSUER_FIELDS / sizeof ISSUER_FIELDS[0], sizeof(struct issuer_config), NULL};

const char *issuer_config_attribute(const struct issuer_config *issuer)
{
	const char *word = MAC_IN_WORDS[issuer->mac_in];

	return strcmp(word, "S") == 0 ? "ST" : word;
}

#define FIELD(member) .offset = offsetof(struct redirector_config, member)

static const struct conf_field FIELDS[] = {
    {.name = "listeners",
	.type = CONF_SECTIONS,
	FIELD(listeners),
	.section = &LISTENER_TABLE,
	.help = "where phones come in"},
    {.name = "key_pairs",
	.type = CONF_SECTIONS,
	FIELD(key_pairs),
	.section = &KEY_PAIR_TABLE,
	.default_value = "",
	.reloadable = 1,
	.help = "server certificates: one ECDSA, one RSA, or both side by side, for each set of "
		"names; a client's SNI chooses, and the first are for those that name none"},
    {.name = "device_ca",
	.type = CONF_PATH,
	FIELD(device_ca),
	.default_value = "",
	.reloadable = 1,
	.help = "PEM of the issuing CAs whose phones are known; each is trusted by itself"},
    {.name = "issuing_cas",
	.type = CONF_SECTIONS,
	FIELD(issuers),
	.section = &ISSUER_TABLE,
	.default_value = "",
	.reloadable = 1,
	.help = "more of them: of phones made elsewhere, imported by the fingerprints of their "
		"certificates"},
    {.name = "formats",
	.type = CONF_PATH,
	FIELD(formats_dir),
	.reloadable = 1,
	.help = "folder of the answer formats (*.format)"},
    {.name = "seal_ring",
	.type = CONF_PATH,
	FIELD(seal_ring),
	.reloadable = 1,
	.help = "credential file: the keys that open admin passwords"},
    {.name = "public_url",
	.type = CONF_URL,
	FIELD(public_url),
	.default_value = "",
	.reloadable = 1,
	.help = "https://host[:port] where phones find this service again: for staged delivery, "
		"which is not served without it"},
    {.name = "once_grace_s",
	.type = CONF_INT,
	FIELD(once_grace_s),
	.min = 1,
	.max = 86400,
	.default_value = "900",
	.reloadable = 1,
	.help = "redelivery once: seconds from the first answer in which it may be had again"},
    {.name = "databases",
	.type = CONF_STRINGS,
	FIELD(databases),
	.reloadable = 1,
	.help = "connection strings in order of preference: the primary, then standbys"},
    {.name = "prepare",
	.type = CONF_BOOL,
	FIELD(prepare),
	.default_value = "true",
	.reloadable = 1,
	.help = "false behind a PgBouncer older than 1.21"},
    {.name = "lookup_deadline",
	.type = CONF_DURATION,
	FIELD(lookup_deadline_ms),
	.min = 50,
	.max = 10000,
	.default_value = "1s",
	.reloadable = 1,
	.help = "for one database; then the next one is asked"},
    {.name = "standby_max_age",
	.type = CONF_DURATION,
	FIELD(standby_age_ms),
	.min = 1000,
	.max = 86400000,
	.default_value = "10m",
	.reloadable = 1,
	.help =
	    "how far a standby's replay may lie back for it to answer while the primary is away"},
    {.name = "event_interval",
	.type = CONF_DURATION,
	FIELD(event_interval_ms),
	.min = 10,
	.max = 5000,
	.default_value = "500ms",
	.reloadable = 1,
	.help = "how long an event waits to be written with others; a full batch does not wait"},
    {.name = "event_queue",
	.type = CONF_INT,
	FIELD(event_queue),
	.min = 100,
	.max = 1000000,
	.default_value = "20000",
	.reloadable = 1,
	.help = "events that a worker holds in memory; past it they are dropped and counted"},
    {.name = "event_spool",
	.type = CONF_PATH,
	FIELD(event_spool),
	.default_value = "",
	.reloadable = 1,
	.help =
	    "folder, writable for the workers, where events wait while the primary is away; \"\": "
	    "in memory"},
    {.name = "event_spool_max",
	.type = CONF_SIZE,
	FIELD(event_spool_max),
	.min = 65536,
	.max = INT64_C(1) << 40,
	.default_value = "256MiB",
	.reloadable = 1,
	.help = "bytes of that folder in all, some 150 an event"},
    {.name = "workers",
	.type = CONF_INT,
	FIELD(workers),
	.min = 1,
	.max = 256,
	.default_value = "2",
	.reloadable = 1,
	.help = "processes that serve phones"},
    {.name = "user",
	.type = CONF_STRING,
	FIELD(user),
	.default_value = "",
	.help = "whom workers become when started as root"},
    {.name = "health",
	.type = CONF_ADDRESS,
	FIELD(health),
	.help = "loopback address of /metrics, /healthz, /readyz and /bans"},
    {.name = "limits.connections",
	.type = CONF_INT,
	FIELD(connections),
	.min = 0,
	.max = 1000000,
	.default_value = "0",
	.reloadable = 1,
	.help = "per worker; 0: what the limit of open files allows"},
    {.name = "limits.handshake",
	.type = CONF_DURATION,
	FIELD(handshake_ms),
	.min = 100,
	.max = 60000,
	.default_value = "5s",
	.reloadable = 1,
	.help = "for the TLS handshake, PROXY header included"},
    {.name = "limits.head",
	.type = CONF_DURATION,
	FIELD(head_ms),
	.min = 100,
	.max = 60000,
	.default_value = "10s",
	.reloadable = 1,
	.help = "from the first byte of a request to its whole head"},
    {.name = "limits.request",
	.type = CONF_DURATION,
	FIELD(request_ms),
	.min = 100,
	.max = 600000,
	.default_value = "20s",
	.reloadable = 1,
	.help = "from the first byte of a request to the end of its answer"},
    {.name = "limits.idle",
	.type = CONF_DURATION,
	FIELD(idle_ms),
	.min = 100,
	.max = 600000,
	.default_value = "30s",
	.reloadable = 1,
	.help = "between two requests of a connection"},
    {.name = "limits.drain",
	.type = CONF_DURATION,
	FIELD(drain_ms),
	.min = 1000,
	.max = 600000,
	.default_value = "30s",
	.help = "how long a leaving worker may finish what it has begun"},
    {.name = "abuse.exempt",
	.type = CONF_STRINGS,
	FIELD(exempt),
	.default_value = "127.0.0.0/8 ::1",
	.reloadable = 1,
	.help = "addresses and networks that are never banned; balancers never are either"},
    {.name = "abuse.ban",
	.type = CONF_DURATION,
	FIELD(ban_ms),
	.min = 1000,
	.max = 7 * 24 * 3600 * 1000LL,
	.default_value = "10m",
	.reloadable = 1,
	.help = "how long a source or certificate that failed too often is shut out"},
    {.name = "abuse.source_failures",
	.type = CONF_INT,
	FIELD(source_failures),
	.min = 1,
	.max = 1000000,
	.default_value = "60",
	.reloadable = 1,
	.help = "failed handshakes and requests that an IPv4 address or IPv6 /64 has at once; one "
		"that got a verified answer within ten minutes is not banned"},
    {.name = "abuse.source_refill",
	.type = CONF_DURATION,
	FIELD(source_refill_ms),
	.min = 1,
	.max = 3600 * 1000,
	.default_value = "5s",
	.reloadable = 1,
	.help = "the time that gives a source one of them back"},
    {.name = "abuse.network_failures",
	.type = CONF_INT,
	FIELD(network_failures),
	.min = 1,
	.max = 1000000,
	.default_value = "600",
	.reloadable = 1,
	.help = "the same for a /24 or /48, which is never banned: it raises an alarm"},
    {.name = "abuse.network_refill",
	.type = CONF_DURATION,
	FIELD(network_refill_ms),
	.min = 1,
	.max = 3600 * 1000,
	.default_value = "1s",
	.reloadable = 1,
	.help = "the time that gives a network one of them back"},
    {.name = "abuse.certificate_failures",
	.type = CONF_INT,
	FIELD(certificate_failures),
	.min = 1,
	.max = 1000000,
	.default_value = "30",
	.reloadable = 1,
	.help = "failed requests that a certificate has at once"},
    {.name = "abuse.certificate_refill",
	.type = CONF_DURATION,
	FIELD(certificate_refill_ms),
	.min = 1,
	.max = 3600 * 1000,
	.default_value = "10s",
	.reloadable = 1,
	.help = "the time that gives a certificate one of them back"},
};

/* What each kind of listener needs of the whole file. */
static enum err check_listeners(const struct redirector_config *config, char *why, size_t why_len)
{
	const struct listener_config *listeners = config->listeners.items;
	int has_cas = config->device_ca[0] != '\0' || config->issuers.count > 0;

	for (size_t i = 0; i < config->listeners.count; i++) {
		if (listeners[i].key_pairs.count == 0 && config->key_pairs.count == 0) {
			snprintf(why, why_len,
			    "listeners[%zu]: key_pairs: there are none here and none in the file",
			    i);
			return ERR_NOT_FOUND;
		}
		if (listeners[i].authentication == LISTENER_CERTIFICATE && !has_cas) {
			snprintf(why, why_len,
			    "device_ca: this key or issuing_cas is needed: listeners[%zu] asks for "
			    "certificates",
			    i);
			return ERR_NOT_FOUND;
		}
	}
	return ERR_OK;
}

static enum err check(const void *values, char *why, size_t why_len)
{
	const struct redirector_config *config = values;
	char problem[160];

	enum err err = check_count(
	    config->listeners.count, 1, REDIRECTOR_LISTENERS_MAX, "listeners", why, why_len);
	if (err == ERR_OK)
		err = check_count(config->key_pairs.count, 0, REDIRECTOR_KEY_PAIRS_MAX, "key_pairs",
		    why, why_len);
	if (err == ERR_OK)
		err = check_count(
		    config->issuers.count, 0, REDIRECTOR_ISSUERS_MAX, "issuing_cas", why, why_len);
	if (err == ERR_OK)
		err = check_listeners(config, why, why_len);
	if (err == ERR_OK)
		err = check_count(config->databases.count, 1, REDIRECTOR_DATABASES_MAX, "databases",
		    why, why_len);
	if (err == ERR_OK)
		err = check_public_url(config->public_url, why, why_len);
	for (size_t i = 0; err == ERR_OK && i < config->databases.count; i++) {
		err = pg_check_conninfo(config->databases.items[i], problem, sizeof problem);
		if (err != ERR_OK)
			snprintf(why, why_len, "databases[%zu]: %s", i, problem);
	}
	if (err == ERR_OK)
		err = check_networks(&config->exempt, "abuse.exempt", why, why_len);
	return err;
}

const struct conf_table redirector_config_table = {
    FIELDS, sizeof FIELDS / sizeof FIELDS[0], sizeof(struct redirector_config), check};
