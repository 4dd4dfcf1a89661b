/*
 * The state of the signer's process: one loop, the peers on its socket, the requests that wait.
 * Private to signer.c (start, socket, end) and signer_requests.c (what a peer may ask).
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
#include "factory-ca/signer/issue.h"

enum { SIGNER_PEERS_MAX = 64, SIGNER_QUEUE_JOBS = 1024 };

struct peer {
	struct signer *signer;
	struct ipc *ipc; /* NULL: a free place */
	int greeted;
	int deaf; /* does not read its answers: to be cut off */
};

struct signer {
	const struct factory_config *config;
	struct event_base *base;
	struct authority authority;
	struct issuer issuer;
	struct audit_heads *audit_heads;
	struct fingerprint issuing_ca;
	X509 *line_access_ca;
	char policy[FACTORY_OID_LEN], operator_eku[FACTORY_OID_LEN], hardware[FACTORY_OID_LEN];
	char crl_url[FACTORY_URL_MAX], issuer_url[FACTORY_URL_MAX], ocsp_url[FACTORY_URL_MAX];
	struct ipc_listener *listener;
	struct event *group, *on_term, *on_int;
	struct peer peers[SIGNER_PEERS_MAX];
	uid_t peer_uid; /* who may connect beside ourselves */
	struct issue_job *queue[SIGNER_QUEUE_JOBS];
	size_t queued;
	struct buf crl;
	int64_t crl_made_unix_s;
};

/* What peers send; the context of each connection is its struct peer. */
extern const struct ipc_handler signer_ipc_handler;

/* The callback of `group`: runs the ISSUE requests that wait, as one group. */
void signer_run_group(evutil_socket_t fd, short what, void *ctx);

#endif
