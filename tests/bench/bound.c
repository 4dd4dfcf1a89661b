/*
 * The least that a first boot can cost a server: the public-key operations of a mutual TLS 1.3
 * handshake and nothing else.
 *
 * Test tool; run by a bench. Prints microseconds of CPU as a JSON object: one signature with the
 * server's P-256 key, an X25519 key and its agreement, and verifying the phone's certificate, its
 * issuer's, and the phone's CertificateVerify.
 *
 * Usage: bound [--milliseconds N]
 */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/err.h"

static const unsigned char TEXT[] = "about as long as what is signed in a handshake: 64 spaces, a "
				    "label, a hash of 32 bytes, which is hashed";

static int64_t cpu_us(void)
{
	struct timespec now;

	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

struct work {
	EVP_PKEY *signer, *ours, *theirs;
	unsigned char signature[256];
	size_t signature_len;
};

static void sign(struct work *work)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	work->signature_len = sizeof work->signature;
	CHECK(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, work->signer) == 1);
	CHECK(
	    EVP_DigestSign(context, work->signature, &work->signature_len, TEXT, sizeof TEXT) == 1);
	EVP_MD_CTX_free(context);
}

static void verify(struct work *work)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	CHECK(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, work->signer) == 1);
	CHECK(EVP_DigestVerify(context, work->signature, work->signature_len, TEXT, sizeof TEXT) ==
	      1);
	EVP_MD_CTX_free(context);
}

static void agree(struct work *work)
{
	unsigned char shared[32];
	size_t len = sizeof shared;

	EVP_PKEY *mine = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(mine, NULL);
	CHECK(EVP_PKEY_derive_init(context) == 1);
	CHECK(EVP_PKEY_derive_set_peer(context, work->theirs) == 1);
	CHECK(EVP_PKEY_derive(context, shared, &len) == 1);
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(mine);
}

static double measure(struct work *work, void (*operation)(struct work *work), long milliseconds)
{
	int64_t begun = cpu_us();
	long count = 0;

	while (cpu_us() - begun < milliseconds * 1000) {
		for (int i = 0; i < 50; i++)
			operation(work);
		count += 50;
	}
	return (double)(cpu_us() - begun) / (double)count;
}

int main(int argc, char **argv)
{
	struct work work = {
	    .signer = EVP_EC_gen("P-256"), .theirs = EVP_PKEY_Q_keygen(NULL, NULL, "X25519")};
	long milliseconds =
	    argc == 3 && strcmp(argv[1], "--milliseconds") == 0 ? strtol(argv[2], NULL, 10) : 300;

	CHECK(work.signer != NULL && work.theirs != NULL);
	sign(&work);
	double sign_us = measure(&work, sign, milliseconds);
	double verify_us = measure(&work, verify, milliseconds);
	double agree_us = measure(&work, agree, milliseconds);
	printf("{\"sign_us\": %.1f, \"verify_us\": %.1f, \"agree_us\": %.1f, \"lb2_us\": %.1f, "
	       "\"lb3_us\": %.1f}\n",
	    sign_us, verify_us, agree_us, sign_us + agree_us + 2 * verify_us,
	    sign_us + agree_us + 3 * verify_us);
	EVP_PKEY_free(work.signer);
	EVP_PKEY_free(work.theirs);
	return 0;
}
