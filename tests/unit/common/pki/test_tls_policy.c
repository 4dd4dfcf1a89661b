/*
 * What our TLS agrees to and what it refuses, shown by real handshakes between two ends in memory.
 *
 * A client that is refused may see its own handshake succeed (TLS 1.3 judges the certificate
 * after it), so a refusal means: the client never gets an answer.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/pki/tls_policy.h"
#include "tests/lib/certificates.h"
#include "tests/lib/unit.h"

/* --- keys and certificates, made once -------------------------------------------------------- */

static char folder[] = "/tmp/firstring-tls-XXXXXX";
static char paths[16][sizeof folder + 32];
static size_t path_count;

static const char *in_folder(const char *name)
{
	for (size_t i = 0; i < path_count; i++) {
		if (strcmp(paths[i] + sizeof folder, name) == 0)
			return paths[i];
	}
	ck_assert_uint_lt(path_count, COUNT(paths));
	snprintf(paths[path_count], sizeof paths[0], "%s/%s", folder, name);
	return paths[path_count++];
}

static EVP_PKEY *root_key, *issuing_key, *other_key, *server_ec_key, *server_rsa_key, *phone_key;
static X509 *root, *issuing, *other, *server_ec, *server_rsa, *phone;

#define CA_EXTENSIONS                                                                              \
	.basic_constraints = "critical,CA:TRUE", .key_usage = "critical,keyCertSign,cRLSign"
#define SERVER_EXTENSIONS                                                                          \
	.basic_constraints = "critical,CA:FALSE", .key_usage = "critical,digitalSignature",        \
	.ext_key_usage = "serverAuth", .subject_alt_name = "DNS:redirector.example"

static void begin(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	root_key = key_make("p384");
	issuing_key = key_make("p256");
	other_key = key_make("p256");
	server_ec_key = key_make("p256");
	server_rsa_key = key_make("rsa2048");
	phone_key = key_make("p256");
	root = certificate_make(
	    &(struct recipe){.common_names = {"Root"}, CA_EXTENSIONS, .key = root_key}, NULL, NULL);
	issuing = certificate_make(
	    &(struct recipe){.common_names = {"Issuing"}, CA_EXTENSIONS, .key = issuing_key}, root,
	    root_key);
	/* The same name by another authority. */
	other = certificate_make(
	    &(struct recipe){.common_names = {"Issuing"}, CA_EXTENSIONS, .key = other_key}, NULL,
	    NULL);
	server_ec = certificate_make(
	    &(struct recipe){.common_names = {"server"}, SERVER_EXTENSIONS, .key = server_ec_key},
	    root, root_key);
	server_rsa = certificate_make(
	    &(struct recipe){.common_names = {"server"}, SERVER_EXTENSIONS, .key = server_rsa_key},
	    root, root_key);
	phone = certificate_make(
	    &(struct recipe){.common_names = {"001565AABBCC"}, PHONE_EXTENSIONS, .key = phone_key},
	    issuing, issuing_key);
	certificate_write(in_folder("root.pem"), root, NULL);
	certificate_write(in_folder("issuing.pem"), issuing, NULL);
	certificate_write(in_folder("ec.pem"), server_ec, NULL);
	certificate_write(in_folder("rsa.pem"), server_rsa, NULL);
	certificate_write(in_folder("phone.pem"), phone, issuing);
	key_write(in_folder("ec.key"), 0600, server_ec_key, NULL);
	key_write(in_folder("rsa.key"), 0600, server_rsa_key, NULL);
	key_write(in_folder("phone.key"), 0600, phone_key, NULL);
}

static void end(void)
{
	EVP_PKEY *keys[] = {
	    root_key, issuing_key, other_key, server_ec_key, server_rsa_key, phone_key};
	X509 *certificates[] = {root, issuing, other, server_ec, server_rsa, phone};

	for (size_t i = 0; i < COUNT(keys); i++)
		EVP_PKEY_free(keys[i]);
	for (size_t i = 0; i < COUNT(certificates); i++)
		X509_free(certificates[i]);
	for (size_t i = 0; i < path_count; i++)
		unlink(paths[i]);
	rmdir(folder);
}

static struct tls_key_pair pair_of(const char *certificate, const char *key)
{
	return (struct tls_key_pair){in_folder(certificate), in_folder(key)};
}

/* A server with both of its key pairs. */
static SSL_CTX *server_of_floor(enum tls_client_auth client_auth, enum tls_floor floor)
{
	struct tls_key_pair pairs[] = {pair_of("ec.pem", "ec.key"), pair_of("rsa.pem", "rsa.key")};
	struct tls_server_policy policy = {.pairs = pairs,
	    .pair_count = 2,
	    .floor = floor,
	    .client_auth = client_auth,
	    .client_ca_path = client_auth != TLS_CLIENT_NONE ? in_folder("issuing.pem") : NULL,
	    .check_client_purpose = 1};
	SSL_CTX *context = NULL;
	char why[256] = "";

	ck_assert_msg(tls_server_context(&policy, &context, why, sizeof why) == ERR_OK, "%s", why);
	return context;
}

static SSL_CTX *server_new(enum tls_client_auth client_auth)
{
	return server_of_floor(client_auth, TLS_FLOOR_MODERN);
}

/* A client that would agree to anything OpenSSL knows. */
static SSL_CTX *client_new(X509 *certificate, EVP_PKEY *key)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	ck_assert_ptr_nonnull(context);
	SSL_CTX_set_security_level(context, 0);
	ck_assert_int_eq(SSL_CTX_set_min_proto_version(context, 0), 1);
	if (certificate != NULL) {
		ck_assert_int_eq(SSL_CTX_use_certificate(context, certificate), 1);
		ck_assert_int_eq(SSL_CTX_use_PrivateKey(context, key), 1);
	}
	return context;
}

/* --- connections ----------------------------------------------------------------------------- */

struct connection {
	SSL *server, *client;
	int answered; /* the client asked and read the answer */
};

static void connection_pump(struct connection *connection)
{
	char request[16];

	/* A handshake, its alerts and one request need far fewer turns. */
	for (int turn = 0; turn < 20 && !connection->answered; turn++) {
		if (SSL_do_handshake(connection->client) == 1)
			SSL_write(connection->client, "ask", 3);
		if (SSL_do_handshake(connection->server) == 1 &&
		    SSL_read(connection->server, request, sizeof request) == 3)
			SSL_write(connection->server, "answer", 6);
		connection->answered = SSL_read(connection->client, request, sizeof request) == 6;
	}
	ERR_clear_error();
}

static struct connection connection_open(SSL_CTX *server, SSL_CTX *client, SSL_SESSION *resumed)
{
	struct connection connection = {.server = SSL_new(server), .client = SSL_new(client)};
	BIO *near = NULL, *far = NULL;

	ck_assert_int_eq(BIO_new_bio_pair(&near, 65536, &far, 65536), 1);
	SSL_set_bio(connection.server, near, near);
	SSL_set_bio(connection.client, far, far);
	SSL_set_accept_state(connection.server);
	SSL_set_connect_state(connection.client);
	if (resumed != NULL)
		ck_assert_int_eq(SSL_set_session(connection.client, resumed), 1);
	connection_pump(&connection);
	return connection;
}

static void connection_close(struct connection *connection)
{
	SSL_free(connection->server);
	SSL_free(connection->client);
}

/* Whether a client gets an answer; frees the client. */
static int is_answered(SSL_CTX *server, SSL_CTX *client)
{
	struct connection connection = connection_open(server, client, NULL);
	int answered = connection.answered;

	connection_close(&connection);
	SSL_CTX_free(client);
	return answered;
}

/* --- what is agreed to ----------------------------------------------------------------------- */

static const int VERSIONS[] = {TLS1_2_VERSION, TLS1_3_VERSION};

START_TEST(a_phone_is_answered)
{
	SSL_CTX *server = server_new(TLS_CLIENT_REQUIRED), *client = client_new(phone, phone_key);

	SSL_CTX_set_max_proto_version(client, VERSIONS[_i]);
	struct connection connection = connection_open(server, client, NULL);
	ck_assert_int_eq(connection.answered, 1);
	ck_assert_int_eq(SSL_version(connection.server), VERSIONS[_i]);
	ck_assert_int_eq(SSL_get_verify_result(connection.server), X509_V_OK);
	X509 *seen = SSL_get0_peer_certificate(connection.server);
	ck_assert(seen != NULL && X509_cmp(seen, phone) == 0);
	/* The names of the CAs that we trust are not told. */
	ck_assert_int_le(sk_X509_NAME_num(SSL_get0_peer_CA_list(connection.client)), 0);
	connection_close(&connection);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}
END_TEST

/* Ours in our order in TLS 1.2; in 1.3 the client's key share, where it is one of ours, saves a
 * round trip. NULL: no answer. */
static const struct {
	const char *groups, *taken[COUNT(VERSIONS)];
} GROUPS[] = {
    {"P-256:X25519", {"x25519", "secp256r1"}},
    {"X448:P-521:P-384", {"secp384r1", "secp384r1"}},
    {"P-521:P-256", {"secp256r1", "secp256r1"}},
    {"X448", {NULL, NULL}},
    {"P-521", {NULL, NULL}},
    {"ffdhe2048:ffdhe3072", {NULL, NULL}},
    {"brainpoolP256r1", {NULL, NULL}},
};

START_TEST(only_three_groups_are_taken)
{
	SSL_CTX *server = server_new(TLS_CLIENT_NONE);

	for (size_t i = 0; i < COUNT(VERSIONS); i++) {
		SSL_CTX *client = client_new(NULL, NULL);
		char groups[64];
		snprintf(groups, sizeof groups, "%s", GROUPS[_i].groups);
		if (SSL_CTX_set1_groups_list(client, groups) != 1) {
			/* One that this client does not know either. */
			SSL_CTX_free(client);
			continue;
		}
		SSL_CTX_set_max_proto_version(client, VERSIONS[i]);
		struct connection connection = connection_open(server, client, NULL);
		ck_assert_int_eq(connection.answered, GROUPS[_i].taken[i] != NULL);
		if (GROUPS[_i].taken[i] != NULL) {
			int nid = (int)SSL_get_negotiated_group(connection.server);
			const char *name = SSL_group_to_name(connection.server, nid);
			ck_assert_msg(strcmp(name, GROUPS[_i].taken[i]) == 0, "%s", name);
		}
		connection_close(&connection);
		SSL_CTX_free(client);
	}
	SSL_CTX_free(server);
}
END_TEST

static const struct {
	int version;
	const char *suites;
	int modern, compatible; /* answered on a listener of that floor */
} SUITES[] = {
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", 1, 1},
    {TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384", 1, 1},
    {TLS1_2_VERSION, "ECDHE-RSA-CHACHA20-POLY1305", 1, 1},
    {TLS1_2_VERSION, "ECDHE-RSA-AES128-SHA256", 0, 1}, /* CBC */
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA", 0, 1},
    {TLS1_2_VERSION, "AES128-GCM-SHA256", 0, 0}, /* no forward secrecy */
    {TLS1_2_VERSION, "ECDHE-RSA-AES256-SHA384", 0, 1},
    {TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256", 0, 0},
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-CCM8", 0, 0},
    {TLS1_2_VERSION, "ECDHE-ECDSA-NULL-SHA", 0, 0},
    {TLS1_2_VERSION, "AECDH-AES128-SHA", 0, 0},
    {TLS1_1_VERSION, "ALL:@SECLEVEL=0", 0, 0},
    {TLS1_VERSION, "ALL:@SECLEVEL=0", 0, 0},
};

START_TEST(tls_1_2_is_ecdhe_with_aead_and_nothing_is_older)
{
	for (int floor = TLS_FLOOR_MODERN; floor <= TLS_FLOOR_COMPATIBLE; floor++) {
		SSL_CTX *server = server_of_floor(TLS_CLIENT_NONE, (enum tls_floor)floor);
		SSL_CTX *client = client_new(NULL, NULL);
		ck_assert_int_eq(SSL_CTX_set_cipher_list(client, SUITES[_i].suites), 1);
		SSL_CTX_set_security_level(client, 0);
		SSL_CTX_set_max_proto_version(client, SUITES[_i].version);
		ck_assert_int_eq(is_answered(server, client),
		    floor == TLS_FLOOR_MODERN ? SUITES[_i].modern : SUITES[_i].compatible);
		SSL_CTX_free(server);
	}
}
END_TEST

/* The server that a client who asks for `name` meets; NULL asks for none. */
static X509 *met(SSL_CTX *server, const char *name, const char *algorithms, int version)
{
	SSL_CTX *client = client_new(phone, phone_key);
	struct connection connection = {.server = SSL_new(server), .client = SSL_new(client)};
	BIO *near = NULL, *far = NULL;

	ck_assert_int_eq(SSL_set1_sigalgs_list(connection.client, algorithms), 1);
	ck_assert_int_eq(SSL_set_max_proto_version(connection.client, version), 1);
	if (name != NULL)
		ck_assert_int_eq(SSL_set_tlsext_host_name(connection.client, name), 1);
	ck_assert_int_eq(BIO_new_bio_pair(&near, 65536, &far, 65536), 1);
	SSL_set_bio(connection.server, near, near);
	SSL_set_bio(connection.client, far, far);
	SSL_set_accept_state(connection.server);
	SSL_set_connect_state(connection.client);
	connection_pump(&connection);
	ck_assert_int_eq(connection.answered, 1);
	/* Whichever name it asked for, its own certificate was verified. */
	ck_assert_int_eq(SSL_get_verify_result(connection.server), X509_V_OK);
	ck_assert_ptr_nonnull(SSL_get0_peer_certificate(connection.server));
	X509 *seen = SSL_get1_peer_certificate(connection.client);
	connection_close(&connection);
	SSL_CTX_free(client);
	return seen;
}

START_TEST(the_name_that_is_asked_for_chooses_the_certificate)
{
	X509 *old_ec =
	    certificate_make(&(struct recipe){.common_names = {"old"},
				 .basic_constraints = "critical,CA:FALSE",
				 .key_usage = "critical,digitalSignature",
				 .ext_key_usage = "serverAuth",
				 .subject_alt_name = "DNS:prov.old.example,DNS:*.fleet.example",
				 .key = server_ec_key},
		root, root_key);
	certificate_write(in_folder("old.pem"), old_ec, NULL);
	struct tls_key_pair pairs[] = {pair_of("ec.pem", "ec.key"), pair_of("old.pem", "ec.key"),
	    pair_of("rsa.pem", "rsa.key")};
	struct tls_server_policy policy = {.pairs = pairs,
	    .pair_count = 3,
	    .client_auth = TLS_CLIENT_REQUIRED,
	    .client_ca_path = in_folder("issuing.pem"),
	    .check_client_purpose = 1};
	const struct {
		const char *name, *algorithms;
		X509 *expected;
	} CLIENTS[] = {
	    {NULL, "ECDSA+SHA256", server_ec},
	    {NULL, "RSA-PSS+SHA256:RSA+SHA256:ECDSA+SHA256", server_ec},
	    {"redirector.example", "ECDSA+SHA256", server_ec},
	    {"prov.old.example", "ECDSA+SHA256", old_ec},
	    {"PROV.OLD.EXAMPLE", "ECDSA+SHA256", old_ec},
	    {"a.fleet.example", "ECDSA+SHA256", old_ec},
	    {"a.b.fleet.example", "ECDSA+SHA256", server_ec},
	    {"unheard.example", "ECDSA+SHA256", server_ec},
	};
	SSL_CTX *server = NULL;
	char why[256] = "";

	ck_assert_msg(tls_server_context(&policy, &server, why, sizeof why) == ERR_OK, "%s", why);
	for (size_t i = 0; i < COUNT(CLIENTS); i++) {
		X509 *seen = met(server, CLIENTS[i].name, CLIENTS[i].algorithms, VERSIONS[_i]);
		ck_assert_msg(X509_cmp(seen, CLIENTS[i].expected) == 0, "%s",
		    CLIENTS[i].name != NULL ? CLIENTS[i].name : "none");
		X509_free(seen);
	}
	SSL_CTX_free(server);
	X509_free(old_ec);
}
END_TEST

START_TEST(rsa_and_ecdsa_stand_side_by_side)
{
	static const struct {
		const char *algorithms;
		int type;
	} CLIENTS[] = {{"RSA-PSS+SHA256:RSA+SHA256", EVP_PKEY_RSA}, {"ECDSA+SHA256", EVP_PKEY_EC}};
	SSL_CTX *server = server_new(TLS_CLIENT_NONE);

	for (size_t i = 0; i < COUNT(CLIENTS); i++) {
		for (size_t j = 0; j < COUNT(VERSIONS); j++) {
			SSL_CTX *client = client_new(NULL, NULL);
			char algorithms[64];
			snprintf(algorithms, sizeof algorithms, "%s", CLIENTS[i].algorithms);
			ck_assert_int_eq(SSL_CTX_set1_sigalgs_list(client, algorithms), 1);
			SSL_CTX_set_max_proto_version(client, VERSIONS[j]);
			struct connection connection = connection_open(server, client, NULL);
			ck_assert_int_eq(connection.answered, 1);
			ck_assert_int_eq(EVP_PKEY_get_base_id(X509_get0_pubkey(
					     SSL_get0_peer_certificate(connection.client))),
			    CLIENTS[i].type);
			connection_close(&connection);
			SSL_CTX_free(client);
		}
	}
	SSL_CTX_free(server);
}
END_TEST

static SSL_SESSION *offered_session;

static int session_keep(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(offered_session);
	offered_session = session;
	return 1;
}

/* A resumed session would carry an identity without its certificate being shown. */
START_TEST(no_session_is_resumed)
{
	SSL_CTX *server = server_new(TLS_CLIENT_REQUIRED), *client = client_new(phone, phone_key);

	SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(client, session_keep);
	SSL_CTX_set_max_proto_version(client, VERSIONS[_i]);
	struct connection first = connection_open(server, client, NULL);
	ck_assert_int_eq(first.answered, 1);
	SSL_SESSION *session = SSL_get1_session(first.client);
	ck_assert_ptr_nonnull(session);
	ck_assert_int_eq(SSL_SESSION_has_ticket(session), 0);
	if (VERSIONS[_i] == TLS1_3_VERSION)
		ck_assert_ptr_null(offered_session);
	ck_assert_int_eq(SSL_SESSION_is_resumable(session), 0);
	connection_close(&first);

	struct connection second = connection_open(server, client, session);
	ck_assert_int_eq(second.answered, 1);
	ck_assert_int_eq(SSL_session_reused(second.server), 0);
	ck_assert_ptr_nonnull(SSL_get0_peer_certificate(second.server));
	connection_close(&second);
	SSL_SESSION_free(session);
	SSL_SESSION_free(offered_session);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}
END_TEST

/* A client that makes its session look like one that it could resume gets nothing by it. */
START_TEST(an_invented_session_is_not_resumed)
{
	SSL_CTX *server = server_new(TLS_CLIENT_REQUIRED), *client = client_new(phone, phone_key);

	SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION);
	struct connection first = connection_open(server, client, NULL);
	SSL_SESSION *session = SSL_get1_session(first.client);
	static const unsigned char ID[32] = {1, 2, 3};
	ck_assert_int_eq(SSL_SESSION_set1_id(session, ID, sizeof ID), 1);
	connection_close(&first);

	SSL_CTX *bare = client_new(NULL, NULL);
	SSL_CTX_set_max_proto_version(bare, TLS1_2_VERSION);
	struct connection second = connection_open(server, bare, session);
	ck_assert_int_eq(second.answered, 0);
	connection_close(&second);
	SSL_SESSION_free(session);
	SSL_CTX_free(bare);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}
END_TEST

START_TEST(nobody_renegotiates)
{
	SSL_CTX *server = server_new(TLS_CLIENT_NONE), *client = client_new(NULL, NULL);

	SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION);
	struct connection connection = connection_open(server, client, NULL);
	ck_assert_int_eq(connection.answered, 1);
	ck_assert_int_eq(SSL_renegotiate(connection.client), 1);
	connection.answered = 0;
	connection_pump(&connection);
	ck_assert_int_eq(connection.answered, 0);
	connection_close(&connection);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}
END_TEST

START_TEST(idle_connections_give_their_buffers_back)
{
	SSL_CTX *server = server_new(TLS_CLIENT_REQUIRED);

	ck_assert(SSL_CTX_get_mode(server) & SSL_MODE_RELEASE_BUFFERS);
	ck_assert(SSL_CTX_get_options(server) & SSL_OP_NO_COMPRESSION);
	ck_assert_int_eq(SSL_CTX_get_security_level(server), 2);
	SSL_CTX_free(server);
}
END_TEST

/* --- client certificates --------------------------------------------------------------------- */

static X509 *phone_of(const struct recipe *recipe, X509 *issuer, EVP_PKEY *issuer_key)
{
	struct recipe whole = *recipe;

	whole.common_names[0] = "001565AABBCC";
	whole.key = phone_key;
	return certificate_make(&whole, issuer, issuer_key);
}

static X509 *tampered(void)
{
	X509 *made = phone_of(&(struct recipe){PHONE_EXTENSIONS}, issuing, issuing_key);
	const ASN1_BIT_STRING *signature = NULL;
	unsigned char *der = NULL;

	X509_get0_signature(&signature, NULL, made);
	int len = i2d_X509(made, &der);
	der[len - 1] ^= 1;
	const unsigned char *next = der;
	X509 *parsed = d2i_X509(NULL, &next, len);
	ck_assert_ptr_nonnull(parsed);
	OPENSSL_free(der);
	X509_free(made);
	return parsed;
}

static X509 *stranger_make(size_t kind)
{
	static const struct recipe PHONE = {PHONE_EXTENSIONS};

	switch (kind) {
	case 0: /* another CA with the same name */
		return phone_of(&PHONE, other, other_key);
	case 1: /* self-signed */
		return phone_of(&PHONE, NULL, NULL);
	case 2: /* signed by a leaf */
		return phone_of(&PHONE, phone, phone_key);
	case 3: /* by the root, which is no issuing CA */
		return phone_of(&PHONE, root, root_key);
	case 4: /* expired */
		return phone_of(
		    &(struct recipe){PHONE_EXTENSIONS, .not_before_s = -20, .not_after_s = -10},
		    issuing, issuing_key);
	case 5: /* not yet valid */
		return phone_of(
		    &(struct recipe){PHONE_EXTENSIONS, .not_before_s = 500, .not_after_s = 900},
		    issuing, issuing_key);
	case 6: /* for servers only */
		return phone_of(&(struct recipe){SERVER_EXTENSIONS}, issuing, issuing_key);
	default:
		return tampered();
	}
}

enum { STRANGERS = 8 };

START_TEST(a_stranger_gets_no_answer)
{
	X509 *stranger = stranger_make((size_t)_i);

	for (size_t i = 0; i < COUNT(VERSIONS); i++) {
		for (int auth = TLS_CLIENT_OPTIONAL; auth <= TLS_CLIENT_REQUIRED; auth++) {
			SSL_CTX *server = server_new((enum tls_client_auth)auth);
			SSL_CTX *client = client_new(stranger, phone_key);
			/* A leaf that signs others is sent along, as a helpful chain would be. */
			if (_i == 2)
				ck_assert_int_eq(SSL_CTX_add1_chain_cert(client, phone), 1);
			SSL_CTX_set_max_proto_version(client, VERSIONS[i]);
			ck_assert_int_eq(is_answered(server, client), 0);
			SSL_CTX_free(server);
		}
	}
	X509_free(stranger);
}
END_TEST

START_TEST(who_shows_no_certificate_is_answered_only_where_none_is_required)
{
	for (size_t i = 0; i < COUNT(VERSIONS); i++) {
		for (int auth = TLS_CLIENT_NONE; auth <= TLS_CLIENT_REQUIRED; auth++) {
			SSL_CTX *server = server_new((enum tls_client_auth)auth);
			SSL_CTX *client = client_new(NULL, NULL);
			SSL_CTX_set_max_proto_version(client, VERSIONS[i]);
			ck_assert_int_eq(is_answered(server, client), auth != TLS_CLIENT_REQUIRED);
			SSL_CTX_free(server);
		}
	}
}
END_TEST

START_TEST(our_client_verifies_the_server)
{
	SSL_CTX *server = server_new(TLS_CLIENT_REQUIRED), *client = NULL;
	struct tls_key_pair pair = pair_of("phone.pem", "phone.key");
	char why[256] = "";

	ck_assert_msg(
	    tls_client_context(in_folder("root.pem"), &pair, &client, why, sizeof why) == ERR_OK,
	    "%s", why);
	ck_assert_int_eq(is_answered(server, client), 1);
	/* The server's chain does not end at this CA. */
	ck_assert_int_eq(
	    tls_client_context(in_folder("issuing.pem"), &pair, &client, why, sizeof why), ERR_OK);
	ck_assert_int_eq(is_answered(server, client), 0);
	SSL_CTX_free(server);
}
END_TEST

/* --- files ----------------------------------------------------------------------------------- */

static void policy_refused(const struct tls_key_pair *pairs, size_t count, const char *ca,
    enum err expected, const char *file, const char *says)
{
	struct tls_server_policy policy = {.pairs = pairs,
	    .pair_count = count,
	    .client_auth = TLS_CLIENT_REQUIRED,
	    .client_ca_path = ca};
	SSL_CTX *context = NULL;
	char why[256] = "";

	enum err err = tls_server_context(&policy, &context, why, sizeof why);
	ck_assert_ptr_null(context);
	ck_assert_msg(err == expected, "%s: %s", err_name(err), why);
	ck_assert_msg(strstr(why, file) != NULL && strstr(why, says) != NULL, "%s", why);
	ck_assert_uint_eq(ERR_peek_error(), 0);
}

START_TEST(a_wrong_file_is_named)
{
	const char *ca = in_folder("issuing.pem"), *bad = in_folder("bad");
	struct tls_key_pair pair = pair_of("ec.pem", "ec.key");

	pair.certificate_path = "/nonexistent/ec.pem";
	policy_refused(&pair, 1, ca, ERR_SYNTAX, "/nonexistent/ec.pem", "No such file");
	pair = pair_of("ec.pem", "ec.key");
	pair.key_path = "/nonexistent/ec.key";
	policy_refused(&pair, 1, ca, ERR_IO, "/nonexistent/ec.key", "No such file");

	text_write(bad, 0600, "not PEM at all\n");
	pair = (struct tls_key_pair){bad, in_folder("ec.key")};
	policy_refused(&pair, 1, ca, ERR_SYNTAX, bad, "no PEM certificate");
	pair = (struct tls_key_pair){in_folder("ec.pem"), bad};
	policy_refused(&pair, 1, ca, ERR_SYNTAX, bad, "no unencrypted PEM key");
	pair = pair_of("ec.pem", "ec.key");
	policy_refused(&pair, 1, bad, ERR_SYNTAX, bad, "no PEM CA certificates");
	text_write(bad, 0600, "");
	policy_refused(&pair, 1, bad, ERR_SYNTAX, bad, "no PEM CA certificates");
	policy_refused(
	    &pair, 1, "/nonexistent/ca.pem", ERR_SYNTAX, "/nonexistent/ca.pem", "No such file");
}
END_TEST

START_TEST(a_wrong_key_is_named)
{
	const char *ca = in_folder("issuing.pem"), *bad = in_folder("bad");
	struct tls_key_pair pair = pair_of("ec.pem", "phone.key");

	policy_refused(&pair, 1, ca, ERR_REFUSED, "phone.key", "does not belong");
	pair = pair_of("ec.pem", "rsa.key");
	policy_refused(&pair, 1, ca, ERR_REFUSED, "rsa.key", "does not belong");
	pair = (struct tls_key_pair){in_folder("ec.pem"), bad};
	key_write(bad, 0600, server_ec_key, "passphrase");
	policy_refused(&pair, 1, ca, ERR_SYNTAX, bad, "no unencrypted PEM key");
	key_write(bad, 0644, server_ec_key, NULL);
	policy_refused(&pair, 1, ca, ERR_DENIED, bad, "see the log");
	struct tls_key_pair twice[] = {pair_of("ec.pem", "ec.key"), pair_of("ec.pem", "ec.key")};
	policy_refused(twice, 2, ca, ERR_REFUSED, "ec.pem", "second");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls_policy");
	TCase *tests = tcase_create("tls_policy");

	tcase_set_timeout(tests, 60);
	tcase_add_unchecked_fixture(tests, begin, end);
	tcase_add_loop_test(tests, a_phone_is_answered, 0, COUNT(VERSIONS));
	tcase_add_loop_test(tests, only_three_groups_are_taken, 0, COUNT(GROUPS));
	tcase_add_loop_test(
	    tests, tls_1_2_is_ecdhe_with_aead_and_nothing_is_older, 0, COUNT(SUITES));
	tcase_add_test(tests, rsa_and_ecdsa_stand_side_by_side);
	tcase_add_loop_test(
	    tests, the_name_that_is_asked_for_chooses_the_certificate, 0, COUNT(VERSIONS));
	tcase_add_loop_test(tests, no_session_is_resumed, 0, COUNT(VERSIONS));
	tcase_add_test(tests, an_invented_session_is_not_resumed);
	tcase_add_test(tests, nobody_renegotiates);
	tcase_add_test(tests, idle_connections_give_their_buffers_back);
	tcase_add_loop_test(tests, a_stranger_gets_no_answer, 0, STRANGERS);
	tcase_add_test(tests, who_shows_no_certificate_is_answered_only_where_none_is_required);
	tcase_add_test(tests, our_client_verifies_the_server);
	tcase_add_test(tests, a_wrong_file_is_named);
	tcase_add_test(tests, a_wrong_key_is_named);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
