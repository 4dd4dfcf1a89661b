/*
 * The signer's process: start, socket, end. Configuration and key files are the administrator's;
 * who may connect is told by the kernel. What peers may ask is signer_requests.c's, what may be
 * issued ledger.c's, how a certificate is made issue.c's business.
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
#include "common/net/sandbox.h"
#include "common/net/sdnotify.h"
#include "factory-ca/signer/ca_profile.h"
#include "factory-ca/signer/ledger_witness.h"
#include "factory-ca/signer/signer_state.h"

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
	for (i = 0; i < SIGNER_PEERS_MAX && signer->peers[i].ipc; i++)
		;
	if (i == SIGNER_PEERS_MAX) {
		LOG_WARN("signer_peers_full", log_int("peer_pid", pid));
		close(fd);
		return;
	}
	signer->peers[i].signer = signer;
	signer->peers[i].uid = uid;
	signer->peers[i].ipc = ipc_new(signer->base, fd, &signer_ipc_handler, &signer->peers[i]);
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
	config.witness = signer->witness;
	config.generation = signer->authority.generation;
	config.operators = (size_t)signer->config->signer_operators;
	err = ledger_open(&config, &signer->issuer.ledger, why);
	if (err)
		return err;
	behind = ledger_clock_behind_s(signer->issuer.ledger, clock_unix_s());
	if (behind)
		LOG_ERROR("clock_behind_ledger", log_int("seconds", behind),
		    log_str("meaning", "nothing is issued until the clock is right"));
	return ERR_OK;
}

static void fill_profile(struct signer *signer, unsigned generation)
{
	const struct factory_config *config = signer->config;
	const struct buf *issuing = &authority_issuing(&signer->authority, generation)->certificate;
	struct signer_generation *texts = &signer->generations[generation - 1];
	struct profile *profile = &signer->issuer.profiles[generation - 1];
	X509 *certificate = authority_certificate(issuing);
	const ASN1_OCTET_STRING *key_id = X509_get0_subject_key_id(certificate);

	factory_crl_url(config, generation, texts->crl_url);
	factory_issuing_url(config, generation, texts->issuer_url);
	profile->organisation = config->organisation;
	profile->issuer_algorithm = ca_key_algorithm(generation_key(generation));
	profile->crl_url = texts->crl_url;
	profile->issuer_url = texts->issuer_url;
	profile->ocsp_url = signer->ocsp_url;
	CHECK(!certificate_subject(
	    issuing->bytes, issuing->len, &profile->issuer, &profile->issuer_len));
	CHECK(key_id && ASN1_STRING_length(key_id) == X509_KEY_ID_LEN);
	memcpy(profile->issuer_key_id, ASN1_STRING_get0_data(key_id), X509_KEY_ID_LEN);
	CHECK(!oid_parse(signer->policy, &profile->policy));
	CHECK(!oid_parse(signer->hardware, &profile->hardware_type));
	X509_free(certificate);
}

static void fill_profiles(struct signer *signer)
{
	const struct factory_config *config = signer->config;
	const struct authority *authority = &signer->authority;
	const struct buf *newest =
	    &authority_issuing(authority, authority->generation)->certificate;
	unsigned g;

	factory_oid(config, FACTORY_OID_POLICY, signer->policy);
	factory_oid(config, FACTORY_OID_OPERATOR, signer->operator_eku);
	factory_oid(config, FACTORY_OID_STATION, signer->station_eku);
	factory_oid(config, FACTORY_OID_HARDWARE, signer->hardware);
	factory_url(config, FACTORY_URL_OCSP, signer->ocsp_url);
	sha256(newest->bytes, newest->len, signer->issuing_ca.bytes);
	for (g = GENERATION_FIRST; g <= GENERATION_MAX; g++)
		if (authority_uses(authority, g))
			fill_profile(signer, g);
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

/* The line-access key renews stations; whom it makes an operator no request can say. */
const enum ca_key signer_keys[] = {CA_KEY_ISSUING, CA_KEY_CLAIM_CODE, CA_KEY_LINE_ACCESS};
const size_t signer_key_count = sizeof(signer_keys) / sizeof(signer_keys[0]);

/* Everything that needs a file, a name or a privilege; afterwards none is left. */
static enum err start(struct signer *signer, char why[LEDGER_WHY_LEN])
{
	const struct factory_config *config = signer->config;
	char witness[FACTORY_PATH_MAX];
	enum err err;

	err = find_peer_user(signer, why);
	if (!err)
		err = signer_read_responder_key(signer, why);
	if (!err)
		err =
		    authority_open(config, signer_keys, signer_key_count, &signer->authority, why);
	if (err == ERR_MORE) {
		signer->in_custody = signer->locked = 1;
		err = ERR_OK;
	}
	if (err)
		return err;
	factory_witness_path(config, witness);
	err = ledger_witness_open(witness, &signer->witness, why);
	if (!err)
		err = authority_give_to_keeper(config, witness, why);
	if (err)
		return err;
	signer->issuer.store = signer->authority.store;
	fill_profiles(signer);
	err = sandbox_drop_privileges(config->signer_user);
	if (err) {
		snprintf(why, LEDGER_WHY_LEN, "signer.user: %s: %s", config->signer_user,
		    err == ERR_NOT_FOUND ? "there is no such user" : "only root can become it");
		return err;
	}
	err = open_ledger(signer, why);
	if (!err)
		err = audit_heads_open(config->state_dir, &signer->audit_heads, why);
	if (err)
		return err;
	err = ipc_listen(signer->base, config->signer_socket,
	    *config->signer_peer_user ? 0660 : 0600, on_accept, signer, &signer->listener);
	if (err)
		snprintf(why, LEDGER_WHY_LEN, "%s: %s", config->signer_socket,
		    err == ERR_EXISTS ? "another signer listens there"
				      : "cannot listen there; does its folder exist and belong to "
					"the signer?");
	/* A module of a token is used from one thread. */
	signer->crew =
	    crew_new(signer->base, *config->pkcs11_uri ? 0 : (unsigned)config->signer_threads);
	return err;
}

static void stop(struct signer *signer)
{
	size_t i;

	ipc_listener_free(signer->listener);
	/* What was accepted is answered: the requests that wait, then what is unsent, once. */
	if (signer->crew)
		signer_finish_issuing(signer);
	event_base_loop(signer->base, EVLOOP_NONBLOCK);
	for (i = 0; i < SIGNER_PEERS_MAX; i++)
		if (signer->peers[i].ipc)
			ipc_free(signer->peers[i].ipc);
	signer_forget_issuing(signer, NULL);
	if (signer->crew)
		crew_wait(signer->crew);
	crew_free(signer->crew);
	ledger_free(signer->issuer.ledger);
	ledger_witness_free(signer->witness);
	audit_heads_free(signer->audit_heads);
	authority_close(&signer->authority);
	X509_free(signer->line_access_ca);
	for (i = 0; i < GENERATION_MAX; i++)
		buf_free(&signer->generations[i].crl);
	buf_free(&signer->responder_spki);
	custody_forget(&signer->custody);
	if (signer->lock_timer)
		event_free(signer->lock_timer);
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
	TAILQ_INIT(&signer->issuing);
	signer->group = event_new(signer->base, -1, 0, signer_run_group, signer);
	signer->on_term = evsignal_new(signer->base, SIGTERM, on_signal, signer);
	signer->on_int = evsignal_new(signer->base, SIGINT, on_signal, signer);
	CHECK(signer->group && signer->on_term && signer->on_int);
	CHECK(event_add(signer->on_term, NULL) == 0 && event_add(signer->on_int, NULL) == 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sd_notify_prepare();
	err = start(signer, why);
	if (!err && signer_sandbox(signer->config)) {
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
		    log_uint("open_orders", ledger_open_orders(signer->issuer.ledger)),
		    log_uint("generation", signer->authority.generation));
		sd_notify_send("READY=1");
		if (signer->in_custody)
			signer_custody_start(signer);
		if (event_base_dispatch(signer->base) < 0)
			status = EX_SOFTWARE;
		sd_notify_send("STOPPING=1");
	}
	if (signer->base)
		stop(signer);
	free(signer);
	return status;
}
