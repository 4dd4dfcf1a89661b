/*
 * The signer's process: start, socket, requests, end. The front's frames are hostile; operators are
 * believed by their signatures alone. What may be issued is ledger.c's, how a certificate is made
 * issue.c's business. ISSUE requests that arrived in one turn of the loop run as one group.
 */
#include "factory-ca/signer/signer.h"

#include <event2/event.h>
#include <openssl/x509v3.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/net/ipc.h"
#include "common/net/sandbox.h"
#include "common/net/sdnotify.h"
#include "common/pki/claim_hash.h"
#include "factory-ca/commands.h"
#include "factory-ca/signer/authority.h"
#include "factory-ca/signer/ca_profile.h"
#include "factory-ca/signer/issue.h"
#include "factory-ca/signer/ledger.h"

enum {
	PEERS_MAX = 64,
	/* A group is answered whole before anybody else is heard: about a fifth of a second. */
	GROUP_ROWS = 1024,
	QUEUE_JOBS = 1024,
	CRL_DAYS = 30,
	CRL_KEEP_S = 60, /* a CRL asked for again within it is the same one */
};
_Static_assert((int)GROUP_ROWS + (int)SIGNER_ROWS_MAX <= (int)LEDGER_GROUP_MAX, "groups fit");

struct peer {
	struct signer *signer;
	struct ipc *ipc; /* NULL: a free place */
	int greeted;
};

struct signer {
	const struct factory_config *config;
	struct event_base *base;
	struct authority authority;
	struct issuer issuer;
	struct fingerprint issuing_ca;
	X509 *line_access_ca;
	char policy[FACTORY_OID_LEN], operator_eku[FACTORY_OID_LEN], hardware[FACTORY_OID_LEN];
	char crl_url[FACTORY_URL_MAX], issuer_url[FACTORY_URL_MAX];
	struct ipc_listener *listener;
	struct event *group, *on_term, *on_int;
	struct peer peers[PEERS_MAX];
	uid_t peer_uid; /* who may connect beside ourselves */
	struct issue_job *queue[QUEUE_JOBS];
	size_t queued;
	struct buf crl;
	int64_t crl_made_unix_s;
};

/* Queues a frame; a peer that does not read its answers is cut off by the failing send. */
static enum err reply(
    struct peer *peer, enum signer_message type, uint32_t id, const struct buf *payload)
{
	enum err err;

	if (!peer->ipc)
		return ERR_CLOSED;
	err = ipc_send(peer->ipc, (uint16_t)type, id, payload->bytes, payload->len);
	if (err)
		LOG_WARN("signer_answer_lost", log_err(err), log_uint("type", type));
	return err;
}

static void send_issued(
    const struct issue_job *job, enum signer_message type, const struct buf *payload, void *ctx)
{
	enum err err;

	(void)ctx;
	/* A lost answer costs the front a repetition: the ledger has the reservation. */
	err = reply(issue_job_owner(job), type, issue_job_id(job), payload);
	(void)err;
}

static void on_group(evutil_socket_t fd, short what, void *ctx)
{
	struct signer *signer = ctx;
	size_t count = 0, rows = 0, i;

	(void)fd;
	(void)what;
	while (count < signer->queued && rows < GROUP_ROWS)
		rows += issue_job_rows(signer->queue[count++]);
	issue_run(&signer->issuer, signer->queue, count, clock_unix_s(), send_issued, signer);
	for (i = 0; i < count; i++)
		issue_job_free(signer->queue[i]);
	signer->queued -= count;
	memmove(signer->queue, signer->queue + count, signer->queued * sizeof(signer->queue[0]));
	if (signer->queued > 0)
		event_active(signer->group, EV_TIMEOUT, 0);
}

static enum err on_issue(struct peer *peer, uint32_t id, struct cursor payload)
{
	struct signer *signer = peer->signer;
	const struct signer_failed busy = {
	    .failure = SIGNER_FAILURE_UNAVAILABLE, .detail = "the signer's queue is full"};
	struct issue_job *job = NULL;
	struct buf frame = {0};
	enum err err = issue_job_new(payload, peer, id, &job);

	if (err)
		return err;
	if (signer->queued < QUEUE_JOBS) {
		signer->queue[signer->queued++] = job;
		event_active(signer->group, EV_TIMEOUT, 0);
		return ERR_OK;
	}
	issue_job_free(job);
	signer_failed_encode(&frame, &busy);
	err = reply(peer, SIGNER_FAILED, id, &frame);
	buf_free(&frame);
	return err;
}

static enum err on_hello(struct peer *peer, uint32_t id, struct cursor payload)
{
	struct signer_welcome welcome = {.version = SIGNER_PROTOCOL_VERSION};
	struct buf frame = {0};
	uint16_t version = 0;
	enum err err = signer_hello_decode(payload, &version);

	if (err)
		return err;
	if (version != SIGNER_PROTOCOL_VERSION)
		return ERR_REFUSED;
	peer->greeted = 1;
	welcome.issuing_ca = peer->signer->issuing_ca;
	welcome.open_orders = (uint32_t)ledger_open_orders(peer->signer->issuer.ledger);
	signer_welcome_encode(&frame, &welcome);
	err = reply(peer, SIGNER_WELCOME, id, &frame);
	buf_free(&frame);
	return err;
}

static enum err on_claim_codes(struct peer *peer, uint32_t id, struct cursor payload)
{
	struct signer *signer = peer->signer;
	struct signer_claim_codes codes;
	struct signer_claim_texts texts = {0};
	struct claim_code code;
	struct buf frame = {0};
	size_t i;
	enum err err = signer_claim_codes_decode(payload, &codes);

	if (err)
		return err;
	texts.row_count = codes.row_count;
	for (i = 0; i < codes.row_count; i++) {
		struct signer_claim_text *row = &texts.rows[i];

		row->mac = codes.rows[i].mac;
		row->epoch = codes.rows[i].epoch;
		row->known = ledger_covers(signer->issuer.ledger, &row->mac) &&
			     !issue_claim_code(signer->issuer.store, &row->mac, row->epoch, &code);
		if (!row->known)
			continue;
		claim_code_format(&code, row->text);
		claim_code_hash(&code, &row->mac, row->epoch, row->hash);
	}
	signer_claim_texts_encode(&frame, &texts);
	err = reply(peer, SIGNER_CLAIM_CODE_TEXTS, id, &frame);
	buf_free(&frame);
	return err;
}

static enum err on_statement(struct peer *peer, uint32_t id, struct cursor payload)
{
	struct signed_statement signed_statement = {0};
	struct signer_statement_outcome outcome;
	char operator_name[STATEMENT_NAME_MAX + 1];
	struct buf frame = {0};
	enum err err = signed_statement_decode(payload, &signed_statement);

	if (err)
		return err;
	ledger_accept(peer->signer->issuer.ledger, &signed_statement, clock_unix_s(), &outcome);
	signed_statement_operator(&signed_statement, operator_name);
	LOG_INFO("statement",
	    log_str("outcome", outcome.outcome == STATEMENT_ACCEPTED   ? "accepted"
			       : outcome.outcome == STATEMENT_EXISTING ? "existing"
								       : "refused"),
	    log_str("code", outcome.code), log_str("detail", outcome.detail),
	    log_str("operator", operator_name),
	    log_bytes("text", signed_statement.text.bytes, signed_statement.text.len));
	signer_statement_outcome_encode(&frame, &outcome);
	err = reply(peer, SIGNER_STATEMENT_OUTCOME, id, &frame);
	buf_free(&frame);
	signed_statement_free(&signed_statement);
	return err;
}

static enum err on_order_state(struct peer *peer, uint32_t id, struct cursor payload)
{
	char reference[STATEMENT_REFERENCE_MAX + 1];
	const struct signer_failed unknown = {.failure = SIGNER_FAILURE_UNKNOWN_ORDER,
	    .detail = "no operator opened an order of that reference"};
	struct signer_order_state state = {0};
	const struct ledger_order *order;
	struct buf frame = {0};
	enum err err = signer_order_state_decode(payload, reference);

	if (err)
		return err;
	order = ledger_find_order(peer->signer->issuer.ledger, reference);
	if (order) {
		state.closed = order->closed;
		state.issued = order->issued;
		memcpy(state.statement_sha256, order->statement_sha256, SHA256_LEN);
		signer_order_state_is_encode(&frame, &state);
	} else {
		signer_failed_encode(&frame, &unknown);
	}
	err = reply(peer, order ? SIGNER_ORDER_STATE_IS : SIGNER_FAILED, id, &frame);
	buf_free(&frame);
	return err;
}

static enum err make_crl(struct signer *signer, int64_t now_unix_s)
{
	const int64_t day_s = 24 * 60 * 60;
	/* Seconds since 1970 as cRLNumber: it grows without being kept anywhere, as long as the
	 * clock does not go back, which ledger_clock_behind_s() sees. */
	struct crl_request request = {.key = CA_KEY_ISSUING,
	    .issuer = signer->issuer.profile.issuer,
	    .issuer_len = signer->issuer.profile.issuer_len,
	    .number = (uint64_t)now_unix_s,
	    .this_update_unix_s = now_unix_s,
	    .next_update_unix_s = now_unix_s + CRL_DAYS * day_s};
	struct buf made = {0};
	enum err err;

	if (signer->crl.len && now_unix_s >= signer->crl_made_unix_s &&
	    now_unix_s - signer->crl_made_unix_s < CRL_KEEP_S)
		return ERR_OK;
	if (ledger_clock_behind_s(signer->issuer.ledger, now_unix_s) ||
	    now_unix_s <= signer->crl_made_unix_s)
		return ERR_UNAVAILABLE;
	err = crl_make(signer->authority.store, &request, &made);
	if (err) {
		buf_free(&made);
		return err;
	}
	buf_free(&signer->crl);
	signer->crl = made;
	signer->crl_made_unix_s = now_unix_s;
	return ERR_OK;
}

static enum err on_crl(struct peer *peer, uint32_t id, struct cursor payload)
{
	enum { PART_MAX = IPC_PAYLOAD_MAX - 1 };
	struct signer *signer = peer->signer;
	const struct signer_failed failed = {
	    .failure = SIGNER_FAILURE_UNAVAILABLE, .detail = "no CRL can be signed now"};
	struct signer_crl_part part = {0};
	struct buf frame = {0};
	size_t sent = 0;
	enum err err;

	if (cursor_left(&payload))
		return ERR_SYNTAX;
	if (make_crl(signer, clock_unix_s())) {
		signer_failed_encode(&frame, &failed);
		err = reply(peer, SIGNER_FAILED, id, &frame);
		buf_free(&frame);
		return err;
	}
	do {
		part.bytes = signer->crl.bytes + sent;
		part.len = signer->crl.len - sent < PART_MAX ? signer->crl.len - sent : PART_MAX;
		sent += part.len;
		part.last = sent == signer->crl.len;
		buf_clear(&frame);
		signer_crl_part_encode(&frame, &part);
		err = reply(peer, SIGNER_CRL_PART, id, &frame);
	} while (!err && !part.last);
	buf_free(&frame);
	return err;
}

static enum err on_ping(struct peer *peer, uint32_t id, struct cursor payload)
{
	const struct buf empty = {0};

	return cursor_left(&payload) ? ERR_SYNTAX : reply(peer, SIGNER_PONG, id, &empty);
}

static enum err on_frame(
    struct ipc *ipc, uint16_t type, uint32_t id, struct cursor payload, void *ctx)
{
	struct peer *peer = ctx;

	(void)ipc;
	if (!peer->greeted && type != SIGNER_HELLO)
		return ERR_SYNTAX;
	switch (type) {
	case SIGNER_HELLO:
		return on_hello(peer, id, payload);
	case SIGNER_PING:
		return on_ping(peer, id, payload);
	case SIGNER_ISSUE:
		return on_issue(peer, id, payload);
	case SIGNER_CLAIM_CODES:
		return on_claim_codes(peer, id, payload);
	case SIGNER_STATEMENT:
		return on_statement(peer, id, payload);
	case SIGNER_ORDER_STATE:
		return on_order_state(peer, id, payload);
	case SIGNER_CRL:
		return on_crl(peer, id, payload);
	default:
		return ERR_SYNTAX;
	}
}

/* The place of a peer is free again only when no job of it waits: jobs point there. */
static void drop_jobs(struct signer *signer, const struct peer *peer)
{
	size_t i, kept = 0;

	for (i = 0; i < signer->queued; i++) {
		if (issue_job_owner(signer->queue[i]) == peer)
			issue_job_free(signer->queue[i]);
		else
			signer->queue[kept++] = signer->queue[i];
	}
	signer->queued = kept;
}

static void on_close(struct ipc *ipc, void *ctx)
{
	struct peer *peer = ctx;

	(void)ipc;
	drop_jobs(peer->signer, peer);
	peer->ipc = NULL;
	peer->greeted = 0;
}

static const struct ipc_handler handler = {.on_frame = on_frame, .on_close = on_close};

static void on_accept(int fd, uid_t uid, gid_t gid, pid_t pid, void *ctx)
{
	struct signer *signer = ctx;
	size_t i;

	(void)gid;
	if (uid != geteuid() && uid != signer->peer_uid) {
		LOG_WARN("signer_peer_refused", log_uint("uid", uid), log_int("peer_pid", pid));
		close(fd);
		return;
	}
	for (i = 0; i < PEERS_MAX && signer->peers[i].ipc; i++)
		;
	if (i == PEERS_MAX) {
		LOG_WARN("signer_peers_full", log_int("peer_pid", pid));
		close(fd);
		return;
	}
	signer->peers[i].signer = signer;
	signer->peers[i].ipc = ipc_new(signer->base, fd, &handler, &signer->peers[i]);
}

static void on_signal(evutil_socket_t fd, short what, void *ctx)
{
	struct signer *signer = ctx;

	(void)fd;
	(void)what;
	LOG_INFO("stopping");
	event_base_loopbreak(signer->base);
}

static enum err open_ledger(struct signer *signer, char why[LEDGER_WHY_LEN])
{
	struct ledger_config config = {.folder = signer->config->state_dir};
	int64_t behind;
	enum err err;

	signer->line_access_ca = authority_certificate(&signer->authority.line_access);
	config.line_access_ca = signer->line_access_ca;
	config.operator_eku = signer->operator_eku;
	err = ledger_open(&config, &signer->issuer.ledger, why);
	if (err)
		return err;
	behind = ledger_clock_behind_s(signer->issuer.ledger, clock_unix_s());
	if (behind)
		LOG_ERROR("clock_behind_ledger", log_int("seconds", behind),
		    log_str("meaning", "nothing is issued until the clock is right"));
	return ERR_OK;
}

static void fill_profile(struct signer *signer)
{
	const struct factory_config *config = signer->config;
	const struct buf *issuing = &signer->authority.issuing;
	struct profile *profile = &signer->issuer.profile;
	X509 *certificate = authority_certificate(issuing);
	const ASN1_OCTET_STRING *key_id = X509_get0_subject_key_id(certificate);

	factory_oid(config, FACTORY_OID_POLICY, signer->policy);
	factory_oid(config, FACTORY_OID_OPERATOR, signer->operator_eku);
	factory_oid(config, FACTORY_OID_HARDWARE, signer->hardware);
	factory_url(config, FACTORY_URL_ISSUING_CRL, signer->crl_url);
	factory_url(config, FACTORY_URL_ISSUING, signer->issuer_url);
	profile->organisation = config->organisation;
	profile->issuer_algorithm = ca_key_algorithm(CA_KEY_ISSUING);
	profile->crl_url = signer->crl_url;
	profile->issuer_url = signer->issuer_url;
	profile->ocsp_url = config->ocsp_url;
	CHECK(!certificate_subject(
	    issuing->bytes, issuing->len, &profile->issuer, &profile->issuer_len));
	CHECK(key_id && ASN1_STRING_length(key_id) == X509_KEY_ID_LEN);
	memcpy(profile->issuer_key_id, ASN1_STRING_get0_data(key_id), X509_KEY_ID_LEN);
	CHECK(!oid_parse(signer->policy, &profile->policy));
	CHECK(!oid_parse(signer->hardware, &profile->hardware_type));
	sha256(issuing->bytes, issuing->len, signer->issuing_ca.bytes);
	X509_free(certificate);
}

static enum err find_peer_user(struct signer *signer, char why[LEDGER_WHY_LEN])
{
	const char *name = signer->config->signer_peer_user;
	const struct passwd *user;

	signer->peer_uid = geteuid();
	if (!*name)
		return ERR_OK;
	user = getpwnam(name);
	if (!user) {
		snprintf(why, LEDGER_WHY_LEN, "signer.peer_user: there is no user %s", name);
		return ERR_NOT_FOUND;
	}
	signer->peer_uid = user->pw_uid;
	return ERR_OK;
}

/* Everything that needs a file, a name or a privilege; afterwards none is left. */
static enum err start(struct signer *signer, char why[LEDGER_WHY_LEN])
{
	static const enum ca_key keys[] = {CA_KEY_ISSUING, CA_KEY_CLAIM_CODE};
	const struct factory_config *config = signer->config;
	enum err err;

	err = find_peer_user(signer, why);
	if (!err)
		err = authority_open(
		    config, keys, sizeof(keys) / sizeof(keys[0]), &signer->authority, why);
	if (err)
		return err;
	signer->issuer.store = signer->authority.store;
	fill_profile(signer);
	err = sandbox_drop_privileges(config->signer_user);
	if (err) {
		snprintf(why, LEDGER_WHY_LEN, "signer.user: %s: %s", config->signer_user,
		    err == ERR_NOT_FOUND ? "there is no such user" : "only root can become it");
		return err;
	}
	err = open_ledger(signer, why);
	if (err)
		return err;
	err = ipc_listen(signer->base, config->signer_socket,
	    *config->signer_peer_user ? 0660 : 0600, on_accept, signer, &signer->listener);
	if (err)
		snprintf(why, LEDGER_WHY_LEN, "%s: %s", config->signer_socket,
		    err == ERR_EXISTS ? "another signer listens there"
				      : "cannot listen there; does its folder exist and belong to "
					"the signer?");
	return err;
}

static void stop(struct signer *signer)
{
	size_t i;

	ipc_listener_free(signer->listener);
	/* What was accepted is answered: the jobs that wait, then what is unsent, once. */
	while (signer->queued > 0)
		on_group(-1, 0, signer);
	event_base_loop(signer->base, EVLOOP_NONBLOCK);
	for (i = 0; i < PEERS_MAX; i++)
		if (signer->peers[i].ipc)
			ipc_free(signer->peers[i].ipc);
	ledger_free(signer->issuer.ledger);
	authority_close(&signer->authority);
	X509_free(signer->line_access_ca);
	buf_free(&signer->crl);
	if (signer->group)
		event_free(signer->group);
	if (signer->on_term)
		event_free(signer->on_term);
	if (signer->on_int)
		event_free(signer->on_int);
	event_base_free(signer->base);
}

static enum err prepare(struct signer *signer, char why[LEDGER_WHY_LEN])
{
	enum err err;

	sandbox_harden();
	umask(077);
	if (authority_lock_memory()) {
		snprintf(why, LEDGER_WHY_LEN,
		    "keys cannot be locked in memory: raise RLIMIT_MEMLOCK to 1 MiB or more");
		return ERR_DENIED;
	}
	signer->base = event_base_new();
	CHECK(signer->base != NULL);
	signer->group = event_new(signer->base, -1, 0, on_group, signer);
	signer->on_term = evsignal_new(signer->base, SIGTERM, on_signal, signer);
	signer->on_int = evsignal_new(signer->base, SIGINT, on_signal, signer);
	CHECK(signer->group && signer->on_term && signer->on_int);
	CHECK(event_add(signer->on_term, NULL) == 0 && event_add(signer->on_int, NULL) == 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	err = start(signer, why);
	if (!err && signer_sandbox()) {
		snprintf(why, LEDGER_WHY_LEN, "the kernel refuses the list of system calls");
		err = ERR_DENIED;
	}
	return err;
}

int signer_run(const struct factory_config *config)
{
	struct signer *signer = calloc(1, sizeof(*signer));
	char why[LEDGER_WHY_LEN] = "";
	int status = EX_OK;
	enum err err;

	CHECK(signer != NULL);
	signer->config = config;
	err = prepare(signer, why);
	if (err) {
		LOG_ERROR("signer_not_started", log_err(err), log_str("detail", why));
		fprintf(stderr, "factory-ca: signer: %s\n", why);
		status = EX_CONFIG;
	} else {
		LOG_INFO("signer_started", log_str("socket", config->signer_socket),
		    log_uint("open_orders", ledger_open_orders(signer->issuer.ledger)));
		sd_notify_send("READY=1");
		if (event_base_dispatch(signer->base) < 0)
			status = EX_SOFTWARE;
		sd_notify_send("STOPPING=1");
	}
	if (signer->base)
		stop(signer);
	free(signer);
	return status;
}
