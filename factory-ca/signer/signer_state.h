/*
 * The state of the signer's process: one loop, the peers on its socket, the requests that wait.
 * Private to signer.c (start, socket, end), signer_requests.c (what a peer may ask) and the files
 * that answer.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_SIGNER_STATE_H
#define FIRSTRING_FACTORY_CA_SIGNER_SIGNER_STATE_H

#include <event2/event.h>
#include <openssl/x509.h>
#include <sys/types.h>

#include "common/net/ipc.h"
#include "factory-ca/config.h"
#include "factory-ca/signer/audit_heads.h"
#include "factory-ca/signer/authority.h"
#include "factory-ca/signer/crew.h"
#include "factory-ca/signer/custody.h"
#include "factory-ca/signer/issue.h"

enum { SIGNER_PEERS_MAX = 64, SIGNER_QUEUE_JOBS = 1024 };

struct peer {
	struct signer *signer;
	struct ipc *ipc; /* NULL: a free place */
	int greeted;
	uid_t uid;
	int deaf; /* does not read its answers: to be cut off */
};

/* What belongs to one generation of the issuing CA. */
struct signer_generation {
	char crl_url[FACTORY_URL_MAX], issuer_url[FACTORY_URL_MAX];
	struct buf crl; /* its latest, "" before the first was asked for */
	int64_t crl_made_unix_s; /* its number, too */
	size_t crl_entries;
};

struct signer {
	const struct factory_config *config;
	struct event_base *base;
	struct authority authority;
	struct issuer issuer;
	struct audit_heads *audit_heads;
	struct fingerprint issuing_ca; /* the newest */
	struct signer_generation generations[GENERATION_MAX];
	X509 *line_access_ca;
	struct ledger_witness *witness;
	char policy[FACTORY_OID_LEN], operator_eku[FACTORY_OID_LEN], station_eku[FACTORY_OID_LEN];
	char hardware[FACTORY_OID_LEN];
	char ocsp_url[FACTORY_URL_MAX];
	struct ipc_listener *listener;
	struct event *group, *on_term, *on_int;
	/* Custodians: see signer_custody.c. */
	int in_custody, locked;
	struct custody custody;
	struct event *lock_timer; /* while unlocked: the end of it; else shares are forgotten */
	int64_t unlocked_until_unix_s; /* 0: until the signer stops */
	struct peer peers[SIGNER_PEERS_MAX];
	uid_t peer_uid; /* who may connect beside ourselves */
	struct crew *crew;
	TAILQ_HEAD(, issuing) issuing; /* ISSUE requests on their way, in the order of arrival */
	size_t issuing_count;
	struct buf responder_spki; /* of the OCSP responder; "" : there is none */
};

/* What peers send; the context of each connection is its struct peer. */
extern const struct ipc_handler signer_ipc_handler;

/* The keys that a signer works with. */
extern const enum ca_key signer_keys[];
extern const size_t signer_key_count;

/* 1 when it is a generation whose key we have. */
int signer_has(const struct signer *signer, unsigned generation);

/* Says once more how custodians stand: log, service manager. */
void signer_custody_start(struct signer *signer);
/* SIGNER_UNLOCK and SIGNER_LOCK; `state` is the answer. ERR_DENIED: of another user. */
MUST_CHECK enum err signer_on_unlock(
    struct peer *peer, struct cursor payload, struct signer_lock_state *state);
MUST_CHECK enum err signer_on_lock(
    struct peer *peer, struct cursor payload, struct signer_lock_state *state);
/* What a front is told while nothing can be signed. */
void signer_locked_text(const struct signer *signer, char detail[SIGNER_DETAIL_MAX + 1]);
/* Forgets what waits and cuts off every peer that was greeted, with the next turn of the loop. */
void signer_drop_peers(struct signer *signer);
/* Those that do not read their answers. */
void signer_cut_off_deaf_peers(struct signer *signer);

/* signer_issue.c: takes an ISSUE request. ERR_SYNTAX: malformed. */
MUST_CHECK enum err signer_on_issue(struct peer *peer, uint32_t id, struct cursor payload);
/* The callback of `group`: reserves for the ISSUE requests that are checked, as one group. */
void signer_run_group(evutil_socket_t fd, short what, void *ctx);
/* Answers all that was accepted; at the end of the process. */
void signer_finish_issuing(struct signer *signer);
/* Nobody waits any more for what a peer asked (NULL: any peer). What the crew has in hand goes
 * when it is through. */
void signer_forget_issuing(struct signer *signer, const struct peer *peer);

/* signer_requests.c: queues a frame. An error ends the connection: at once where a frame is being
 * handled, else when the group in hand is done. */
MUST_CHECK enum err signer_reply(
    struct peer *peer, enum signer_message type, uint32_t id, const struct buf *payload);
/* The answer of a request that was not done. */
MUST_CHECK enum err signer_reply_failed(
    struct peer *peer, uint32_t id, enum signer_failure failure, const char *detail);

/* signer_ocsp.c; the first before the list of system calls is in force. ERR_IO, ERR_SYNTAX. */
MUST_CHECK enum err signer_read_responder_key(struct signer *signer, char why[LEDGER_WHY_LEN]);
MUST_CHECK enum err signer_on_ocsp_certificate(
    struct peer *peer, uint32_t id, struct cursor payload);
/* signer_renew.c */
MUST_CHECK enum err signer_on_station_renew(struct peer *peer, uint32_t id, struct cursor payload);
/* signer_crl.c */
MUST_CHECK enum err signer_on_crl(struct peer *peer, uint32_t id, struct cursor payload);

#endif
