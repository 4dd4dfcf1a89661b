/*
 * The table of factory-ca.yaml, and the names that follow from it. The file is the
 * administrator's. Runs in every process of factory-ca, before it does anything else.
 */
#include "factory-ca/config.h"

#include <stdio.h>
#include <string.h>

#include "factory-ca/signer/generation.h"
#include "factory-ca/signer/profile.h"
#include "factory-ca/signer/x509_write.h"
#include "factory-ca/statement.h"

#define MEMBER(name) offsetof(struct factory_config, name)
#define DAYS(count) ((int64_t)(count)*24 * 60 * 60 * 1000)

/* The longest file name that is put behind a folder. */
enum { FILE_NAME_ROOM = 64 };

static const struct conf_field fields[] = {
    {.name = "pki.state_dir",
	.type = CONF_PATH,
	.offset = MEMBER(state_dir),
	.help = "the signer's folder: sealed keys, ledger, journal; made by init"},
    {.name = "pki.published_dir",
	.type = CONF_PATH,
	.offset = MEMBER(published_dir),
	.help = "where certificates and CRLs are put for everybody to read"},
    {.name = "pki.witness_file",
	.type = CONF_PATH,
	.offset = MEMBER(witness_file),
	.default_value = "",
	.help = "tells a ledger that was put back from a backup; outside state_dir and of every "
		"backup of it; empty: state_dir and .witness"},
    {.name = "pki.passphrase_file",
	.type = CONF_PATH,
	.offset = MEMBER(passphrase_file),
	.default_value = "",
	.help = "credential that opens sealed key files; mode 0600; empty with a token or with "
		"custodians"},
    {.name = "pki.custodians_dir",
	.type = CONF_PATH,
	.offset = MEMBER(custodians_dir),
	.default_value = "",
	.help = "folder of credentials custodian-1, custodian-2, ... with custodians' passphrases; "
		"empty: they come and enter them"},
    {.name = "pki.pkcs11_uri",
	.type = CONF_STRING,
	.offset = MEMBER(pkcs11_uri),
	.default_value = "",
	.help = "token that holds the keys (RFC 7512): "
		"pkcs11:token=NAME;object=PREFIX?module-path=/usr/lib/...; empty: sealed files"},
    {.name = "pki.pkcs11_pin_file",
	.type = CONF_PATH,
	.offset = MEMBER(pkcs11_pin_file),
	.default_value = "",
	.help = "credential: the token's user PIN; mode 0600"},
    {.name = "pki.organisation",
	.type = CONF_STRING,
	.offset = MEMBER(organisation),
	.help = "O of the CAs and of every phone; keep it short and for ever"},
    {.name = "pki.root_name",
	.type = CONF_STRING,
	.offset = MEMBER(root_name),
	.default_value = "Device Root CA",
	.help = "CN of the root"},
    {.name = "pki.issuing_name",
	.type = CONF_STRING,
	.offset = MEMBER(issuing_name),
	.default_value = "Device Issuing CA 1",
	.help = "CN of this factory's issuing CA; some ITSPs compare it"},
    {.name = "pki.line_access_name",
	.type = CONF_STRING,
	.offset = MEMBER(line_access_name),
	.default_value = "Line Access CA",
	.help = "CN of the CA of stations and operators"},
    {.name = "pki.oid_arc",
	.type = CONF_STRING,
	.offset = MEMBER(oid_arc),
	.help = "your private arc (1.3.6.1.4.1.N...): policy .1.1, station .2.1, operator .2.2, "
		"hardware type .3.1"},
    {.name = "pki.crl_base_url",
	.type = CONF_URL,
	.offset = MEMBER(crl_base_url),
	.help = "where CRLs will be served as long as phones live; http, no slash at the end"},
    {.name = "pki.aia_base_url",
	.type = CONF_URL,
	.offset = MEMBER(aia_base_url),
	.help = "where CA certificates will be served; http, no slash at the end"},
    {.name = "pki.ocsp_url",
	.type = CONF_STRING, /* may be empty; see check() */
	.offset = MEMBER(ocsp_url),
	.default_value = "",
	.help = "OCSP responder that certificates name; empty: aia_base_url and /ocsp"},
    {.name = "pki.ocsp_public_key",
	.type = CONF_PATH,
	.offset = MEMBER(ocsp_public_key),
	.default_value = "",
	.help =
	    "public key (PEM) of the portal's OCSP responder, for its certificate; empty: none"},
    {.name = "pki.station_lifetime",
	.type = CONF_DURATION,
	.offset = MEMBER(station_lifetime_ms),
	.default_value = "90d",
	.min = DAYS(30),
	.max = DAYS(90),
	.help = "of a station's certificate"},
    {.name = "pki.operator_lifetime",
	.type = CONF_DURATION,
	.offset = MEMBER(operator_lifetime_ms),
	.default_value = "90d",
	.min = DAYS(30),
	.max = DAYS(90),
	.help = "of an operator's certificate"},
    {.name = "signer.socket",
	.type = CONF_PATH,
	.offset = MEMBER(signer_socket),
	.help = "Unix socket between front and signer"},
    {.name = "signer.user",
	.type = CONF_STRING,
	.offset = MEMBER(signer_user),
	.default_value = "",
	.help = "user that the signer becomes and that owns state_dir; empty: stay"},
    {.name = "signer.peer_user",
	.type = CONF_STRING,
	.offset = MEMBER(signer_peer_user),
	.default_value = "",
	.help = "user of the front, who may connect beside the signer's own; empty: nobody"},
    {.name = "signer.unlock_time",
	.type = CONF_DURATION,
	.offset = MEMBER(signer_unlock_ms),
	.default_value = "12h",
	.max = DAYS(366),
	.help = "how long keys that custodians opened stay open; 0s: until the signer stops"},
    {.name = "signer.operators",
	.type = CONF_INT,
	.offset = MEMBER(signer_operators),
	.default_value = "1",
	.min = 1,
	.max = STATEMENT_SIGNATURES_MAX,
	.help = "how many operators must sign an order, re-key grant, revocation or removal"},
    {.name = "signer.threads",
	.type = CONF_INT,
	.offset = MEMBER(signer_threads),
	.default_value = "2",
	.min = 1,
	.max = 64,
	.help = "threads that check and sign, one for each core; with a token the signer has one "
		"thread"},
    {.name = "signer.pkcs11_connect",
	.type = CONF_BOOL,
	.offset = MEMBER(signer_pkcs11_connect),
	.default_value = "false",
	.help = "true for a PKCS#11 module that reaches its token over a network or a daemon's "
		"socket"},
    {.name = "database.conninfo",
	.type = CONF_STRING,
	.offset = MEMBER(database_conninfo),
	.secret = 1,
	.help = "PostgreSQL as role firstring_factory: Unix socket folder or hostaddr; not used by "
		"the signer"},
    {.name = "database.prepare",
	.type = CONF_BOOL,
	.offset = MEMBER(database_prepare),
	.default_value = "true",
	.help = "false behind PgBouncer before 1.21: statements are sent as text each time"},
    {.name = "front.listen",
	.type = CONF_ADDRESS,
	.offset = MEMBER(front_listen),
	.default_value = "*:8443",
	.help = "where stations and operators connect (mutual TLS)"},
    {.name = "front.health_listen",
	.type = CONF_ADDRESS,
	.offset = MEMBER(front_health_listen),
	.default_value = "127.0.0.1:9443",
	.help = "metrics, healthz and readyz; plain http, keep it on loopback"},
    {.name = "front.workers",
	.type = CONF_INT,
	.offset = MEMBER(front_workers),
	.default_value = "2",
	.min = 1,
	.max = 64,
	.reloadable = 1,
	.help = "processes that serve the line; one for each core"},
    {.name = "front.certificate",
	.type = CONF_PATH,
	.offset = MEMBER(front_certificate),
	.default_value = "",
	.reloadable = 1,
	.help = "the front's server certificate and its chain (PEM)"},
    {.name = "front.key",
	.type = CONF_PATH,
	.offset = MEMBER(front_key),
	.default_value = "",
	.reloadable = 1,
	.help = "its key (PEM, mode 0600)"},
    {.name = "front.user",
	.type = CONF_STRING,
	.offset = MEMBER(front_user),
	.default_value = "",
	.help = "user that the front's workers become; empty: stay"},
    {.name = "front.drain",
	.type = CONF_DURATION,
	.offset = MEMBER(front_drain_ms),
	.default_value = "30s",
	.min = 1000,
	.max = 600000,
	.help = "time that requests in flight have at a stop or reload"},
    {.name = "audit.head_file",
	.type = CONF_PATH,
	.offset = MEMBER(audit_head_file),
	.default_value = "",
	.help = "where signed heads of the audit log are appended, outside the database; empty: "
		"nowhere, not for production"},
    {.name = "audit.head_interval",
	.type = CONF_DURATION,
	.offset = MEMBER(audit_head_interval_ms),
	.default_value = "1m",
	.min = 1000,
	.max = 3600000,
	.help = "how often the signer signs where the audit log's chain ends"},
    {.name = "audit.conninfo",
	.type = CONF_STRING,
	.offset = MEMBER(audit_conninfo),
	.default_value = "",
	.secret = 1,
	.help = "PostgreSQL as role firstring_auditor, for audit verify alone"},
    {.name = "front.expiry_warning",
	.type = CONF_DURATION,
	.offset = MEMBER(front_expiry_warning_ms),
	.default_value = "14d",
	.min = DAYS(1),
	.max = DAYS(366),
	.reloadable = 1,
	.help = "from so long before the end of a station's, operator's or other certificate or of "
		"a CRL the log warns every hour"},
    {.name = "front.url",
	.type = CONF_URL,
	.offset = MEMBER(front_url),
	.default_value = "https://localhost:8443",
	.help = "where order and code find the front: https://host[:port]"},
    {.name = "front.server_ca",
	.type = CONF_PATH,
	.offset = MEMBER(front_server_ca),
	.default_value = "",
	.help = "PEM that the front's certificate chains to, for order and code"},
};

static enum err refuse(char *why, size_t why_len, const char *key, const char *what)
{
	snprintf(why, why_len, "%s: %s", key, what);
	return ERR_RANGE;
}

static int url_is_base(const char *url)
{
	size_t len = strlen(url);

	/* Clients fetch CRLs to verify certificates: https would need a certificate verified. */
	return strncmp(url, "http://", 7) == 0 && len > 7 && len <= 128 && url[len - 1] != '/';
}

static enum err check(const void *values, char *why, size_t why_len)
{
	static const char name_rule[] = "1 to 64 printable ASCII characters without , / + \\ =";
	static const char url_rule[] = "http://..., at most 128 characters, no slash at the end";
	const struct factory_config *config = values;
	const struct {
		const char *key, *value;
	} names[] = {{"pki.organisation", config->organisation},
	    {"pki.root_name", config->root_name}, {"pki.issuing_name", config->issuing_name},
	    {"pki.line_access_name", config->line_access_name}};
	struct oid arc;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!profile_name_is_valid(names[i].value))
			return refuse(why, why_len, names[i].key, name_rule);
	if (!url_is_base(config->crl_base_url))
		return refuse(why, why_len, "pki.crl_base_url", url_rule);
	if (!url_is_base(config->aia_base_url))
		return refuse(why, why_len, "pki.aia_base_url", url_rule);
	if (*config->ocsp_url && !url_is_base(config->ocsp_url))
		return refuse(why, why_len, "pki.ocsp_url", url_rule);
	if (oid_parse(config->oid_arc, &arc) || arc.len > X509_OID_MAX / 2)
		return refuse(why, why_len, "pki.oid_arc",
		    "an object identifier of dotted numbers, such as 1.3.6.1.4.1.32473");
	if (strlen(config->witness_file) >= FACTORY_PATH_MAX)
		return refuse(why, why_len, "pki.witness_file", "too long");
	if (*config->pkcs11_uri && !*config->pkcs11_pin_file)
		return refuse(why, why_len, "pki.pkcs11_pin_file", "needed with pki.pkcs11_uri");
	if (strlen(config->state_dir) + FILE_NAME_ROOM >= FACTORY_PATH_MAX)
		return refuse(why, why_len, "pki.state_dir", "too long");
	if (strlen(config->published_dir) + FILE_NAME_ROOM >= FACTORY_PATH_MAX)
		return refuse(why, why_len, "pki.published_dir", "too long");
	return ERR_OK;
}

const struct conf_table factory_config_table = {
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .struct_size = sizeof(struct factory_config),
    .check = check,
};

static void join(char path[FACTORY_PATH_MAX], const char *folder, const char *name)
{
	int n = snprintf(path, FACTORY_PATH_MAX, "%s/%s", folder, name);

	CHECK(n > 0 && n < FACTORY_PATH_MAX);
}

void factory_file_path(
    const struct factory_config *config, enum factory_file file, char path[FACTORY_PATH_MAX])
{
	static const char *const names[FACTORY_FILE_COUNT] = {
	    [FACTORY_FILE_CHAIN] = "chain.pem",
	    [FACTORY_FILE_ROOT] = "root.pem",
	    [FACTORY_FILE_ISSUING] = "issuing.pem",
	    [FACTORY_FILE_ISSUING_ALL] = "issuing-all.pem",
	    [FACTORY_FILE_LINE_ACCESS] = "line-access.pem",
	    [FACTORY_FILE_ROOT_CRL] = "root.crl",
	    [FACTORY_FILE_CRL_BUNDLE] = "crls.pem",
	};

	join(path, config->published_dir, names[file]);
}

void factory_state_path(
    const struct factory_config *config, const char *name, char path[FACTORY_PATH_MAX])
{
	join(path, config->state_dir, name);
}

void factory_crl_path(
    const struct factory_config *config, unsigned generation, char path[FACTORY_PATH_MAX])
{
	char name[32];

	snprintf(name, sizeof(name), "issuing-%u.crl", generation_shard(generation));
	join(path, config->published_dir, name);
}

void factory_issuing_path(const struct factory_config *config, unsigned generation,
    const char *ending, char path[FACTORY_PATH_MAX])
{
	char name[48];

	snprintf(name, sizeof(name), "ca/%s.%s", ca_key_name(generation_key(generation)), ending);
	join(path, config->state_dir, name);
}

void factory_witness_path(const struct factory_config *config, char path[FACTORY_PATH_MAX])
{
	int is_set = *config->witness_file != '\0';
	int n = snprintf(path, FACTORY_PATH_MAX, "%s%s",
	    is_set ? config->witness_file : config->state_dir, is_set ? "" : ".witness");

	CHECK(n > 0 && n < FACTORY_PATH_MAX);
}

void factory_url(
    const struct factory_config *config, enum factory_url which, char url[FACTORY_URL_MAX])
{
	static const char *const names[] = {
	    [FACTORY_URL_ROOT_CRL] = "root.crl",
	    [FACTORY_URL_ROOT] = "root.cer",
	    [FACTORY_URL_OCSP] = "ocsp",
	};
	int n;

	if (which == FACTORY_URL_OCSP && *config->ocsp_url)
		n = snprintf(url, FACTORY_URL_MAX, "%s", config->ocsp_url);
	else
		n = snprintf(url, FACTORY_URL_MAX, "%s/%s",
		    which == FACTORY_URL_ROOT_CRL ? config->crl_base_url : config->aia_base_url,
		    names[which]);
	CHECK(n > 0 && n < FACTORY_URL_MAX);
}

void factory_crl_url(
    const struct factory_config *config, unsigned generation, char url[FACTORY_URL_MAX])
{
	int n = snprintf(url, FACTORY_URL_MAX, "%s/issuing-%u.crl", config->crl_base_url,
	    generation_shard(generation));

	CHECK(n > 0 && n < FACTORY_URL_MAX);
}

void factory_issuing_url(
    const struct factory_config *config, unsigned generation, char url[FACTORY_URL_MAX])
{
	int n = snprintf(url, FACTORY_URL_MAX, "%s/%s.cer", config->aia_base_url,
	    ca_key_name(generation_key(generation)));

	CHECK(n > 0 && n < FACTORY_URL_MAX);
}

enum err factory_issuing_name(
    const struct factory_config *config, unsigned generation, char name[FACTORY_NAME_MAX + 1])
{
	int n =
	    generation == GENERATION_FIRST
		? snprintf(name, FACTORY_NAME_MAX + 1, "%s", config->issuing_name)
		: snprintf(name, FACTORY_NAME_MAX + 1, "%s G%u", config->issuing_name, generation);

	return n > 0 && n <= FACTORY_NAME_MAX ? ERR_OK : ERR_TOO_LONG;
}

void factory_oid(
    const struct factory_config *config, enum factory_oid oid, char dotted[FACTORY_OID_LEN])
{
	static const char *const below[] = {
	    [FACTORY_OID_POLICY] = "1.1",
	    [FACTORY_OID_STATION] = "2.1",
	    [FACTORY_OID_OPERATOR] = "2.2",
	    [FACTORY_OID_HARDWARE] = "3.1",
	};
	int n = snprintf(dotted, FACTORY_OID_LEN, "%s.%s", config->oid_arc, below[oid]);

	CHECK(n > 0 && n < FACTORY_OID_LEN);
}
