/*
 * factory-ca.yaml: one file for the signer, the front and the commands.
 *
 * The table in config.c is the documentation; this struct is what it fills. The administrator's
 * file: trusted, not believed to be right. Each process reads only what concerns it.
 */
#ifndef FIRSTRING_FACTORY_CA_CONFIG_H
#define FIRSTRING_FACTORY_CA_CONFIG_H

#include <stdint.h>

#include "common/conf/conf.h"

struct factory_config {
	/* pki */
	char *state_dir; /* keys/, ledger, journal, ca/; the signer's, mode 0700 */
	char *published_dir; /* chain PEM files and CRLs, for everybody to read */
	char *witness_file; /* outside state_dir: what the ledger held; "": see factory_witness_path
			     */
	char *passphrase_file; /* credential that opens the key files; "": a token, or custodians */
	char *
	    custodians_dir; /* credentials custodian-1, ...: passphrases for a start without people;
			       "": people come */
	char *pkcs11_uri; /* the token that holds the keys; "": sealed files */
	char *pkcs11_pin_file; /* credential: its PIN */
	char *organisation; /* O of CAs and devices */
	char *root_name, *issuing_name, *line_access_name; /* CN of the CAs */
	char *oid_arc; /* private arc, dotted: see factory_oid */
	char *crl_base_url, *aia_base_url; /* http, no slash at the end */
	char *ocsp_url; /* may be "": see factory_url */
	char *ocsp_public_key; /* PEM; "" : no responder certificate is made */
	int64_t station_lifetime_ms, operator_lifetime_ms;
	/* signer */
	char *signer_socket;
	char *signer_user; /* "" : stay */
	char *signer_peer_user; /* who may connect beside ourselves; "" : nobody */
	int64_t
	    signer_unlock_ms; /* how long custodians' opening lasts; 0: until the signer stops */
	int64_t signer_operators; /* who must sign a statement: 1 or 2 */
	int64_t signer_threads; /* beside its loop; not with a token */
	int signer_pkcs11_connect; /* the token's module may make connections */
	/* database */
	char *database_conninfo; /* of the front and of the commands */
	int database_prepare;
	/* front */
	struct conf_address front_listen, front_health_listen;
	int64_t front_workers;
	char *front_certificate, *front_key; /* PEM; "" where no front runs */
	char *front_user; /* "" : stay */
	int64_t front_drain_ms;
	int64_t front_expiry_warning_ms; /* before a certificate or CRL ends */
	/* audit */
	char *audit_head_file; /* "": none */
	int64_t audit_head_interval_ms;
	char *audit_conninfo; /* of audit verify; "": it cannot run here */
	/* where the operator's commands find the front */
	char *front_url;
	char *front_server_ca; /* PEM; "" : --server-ca must be given */
};

extern const struct conf_table factory_config_table;

/* File names under the folders above; they fit because conf_load() checked the folders. */
enum { FACTORY_PATH_MAX = 4096 };
enum factory_file {
	FACTORY_FILE_CHAIN, /* published/chain.pem: issuing CAs, the newest first, then root */
	FACTORY_FILE_ROOT, /* published/root.pem */
	FACTORY_FILE_ISSUING, /* published/issuing.pem: the same without the root */
	FACTORY_FILE_ISSUING_ALL, /* published/issuing-all.pem: withdrawn ones, too */
	FACTORY_FILE_LINE_ACCESS, /* published/line-access.pem */
	FACTORY_FILE_ROOT_CRL, /* published/root.crl (DER) */
	FACTORY_FILE_CRL_BUNDLE, /* published/crls.pem: all */
	FACTORY_FILE_COUNT,
};
void factory_file_path(
    const struct factory_config *config, enum factory_file file, char path[FACTORY_PATH_MAX]);
/* A generation's CRL: published/issuing-0.crl (DER), issuing-2.crl. */
void factory_crl_path(
    const struct factory_config *config, unsigned generation, char path[FACTORY_PATH_MAX]);
/* A file of the signer's own: "keys", "ca/issuing.pem". */
void factory_state_path(
    const struct factory_config *config, const char *name, char path[FACTORY_PATH_MAX]);

/* A generation's file of the signer's own: ca/issuing.pem, ca/issuing-2.pem ("pem" is the ending).
 */
void factory_issuing_path(const struct factory_config *config, unsigned generation,
    const char *ending, char path[FACTORY_PATH_MAX]);

/* pki.witness_file, or state_dir with ".witness" behind it. */
void factory_witness_path(const struct factory_config *config, char path[FACTORY_PATH_MAX]);

/* What certificates name: where the status worker serves CRLs and CA certificates. */
enum factory_url {
	FACTORY_URL_ROOT_CRL, /* crl_base_url/root.crl */
	FACTORY_URL_ROOT, /* aia_base_url/root.cer, DER */
	FACTORY_URL_OCSP, /* ocsp_url, or aia_base_url/ocsp */
};
enum { FACTORY_URL_MAX = 192 };
void factory_url(
    const struct factory_config *config, enum factory_url which, char url[FACTORY_URL_MAX]);
/* Of a generation: crl_base_url/issuing-0.crl, issuing-2.crl; aia_base_url/issuing.cer, DER,
 * issuing-2.cer. */
void factory_crl_url(
    const struct factory_config *config, unsigned generation, char url[FACTORY_URL_MAX]);
void factory_issuing_url(
    const struct factory_config *config, unsigned generation, char url[FACTORY_URL_MAX]);

/* CN of a generation's issuing CA: issuing_name, and from the second on " G2" behind it.
 * ERR_TOO_LONG. */
enum { FACTORY_NAME_MAX = 64 };
MUST_CHECK enum err factory_issuing_name(
    const struct factory_config *config, unsigned generation, char name[FACTORY_NAME_MAX + 1]);

/* Object identifiers under the private arc, dotted. */
enum factory_oid {
	FACTORY_OID_POLICY, /* arc.1.1: certificate policy of devices */
	FACTORY_OID_STATION, /* arc.2.1: EKU of stations */
	FACTORY_OID_OPERATOR, /* arc.2.2: EKU of operators */
	FACTORY_OID_HARDWARE, /* arc.3.1: hwType in a phone's hardwareModuleName */
};
enum { FACTORY_OID_LEN = 128 };
void factory_oid(
    const struct factory_config *config, enum factory_oid oid, char dotted[FACTORY_OID_LEN]);

#endif
