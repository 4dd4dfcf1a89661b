/*
 * How fast the signer issues from sealed files and from a PKCS#11 token (SoftHSM), through its real
 * socket with everything on: proof of possession, ledger with fsync, lint, self-verify, claim
 * codes. Usage: keystores PHONES; the two take turns, one JSON line for each.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "tests/integration/factory-ca/signer_process.h"

enum { IN_FLIGHT = 8, ROUNDS = 3, FIRST_MAC = 0x020000 };

/* Frames of ISSUE for consecutive MACs of an order, made before the time is taken. */
struct frames {
	struct buf *frames;
	size_t count;
};

static void make_frames(struct frames *frames, unsigned phones, unsigned round)
{
	const struct fingerprint fingerprint = {{1}};
	char order[16], mac[MAC_TEXT_LEN + 1];
	struct buf csr = {0};
	unsigned i;

	snprintf(order, sizeof(order), "PO-%u", round);
	frames->count = (phones + SIGNER_ROWS_MAX - 1) / SIGNER_ROWS_MAX;
	frames->frames = calloc(frames->count, sizeof(struct buf));
	CHECK(frames->frames != NULL);
	for (i = 0; i < phones; i++) {
		struct buf *frame = &frames->frames[i / SIGNER_ROWS_MAX];
		EVP_PKEY *key = test_key("P-256");
		struct signer_issue_row row;

		if (i % SIGNER_ROWS_MAX == 0)
			signer_issue_begin(frame, order, "line-1", &fingerprint);
		snprintf(mac, sizeof(mac), "02%02X00%06X", round, FIRST_MAC + i);
		test_csr_of(key, mac, "SN-0123456789", &csr);
		row = test_row(mac, "SN-0123456789", &csr);
		CHECK(signer_issue_add(frame, &row) == ERR_OK);
		EVP_PKEY_free(key);
	}
	buf_free(&csr);
}

static void free_frames(struct frames *frames)
{
	size_t i;

	for (i = 0; i < frames->count; i++)
		buf_free(&frames->frames[i]);
	free(frames->frames);
}

/* Receives until one request is answered whole; how many certificates it brought. */
static unsigned receive_answer(struct signer_process *signer)
{
	struct signer_issued issued = {0};
	struct frame answer = {0};
	unsigned count = 0;
	size_t i;

	while (!issued.last) {
		CHECK(process_receive(signer, &answer) && answer.type == SIGNER_ISSUED);
		CHECK(signer_issued_decode(frame_cursor(&answer), &issued) == ERR_OK);
		for (i = 0; i < issued.row_count; i++)
			count += issued.rows[i].outcome == ISSUE_ISSUED;
	}
	buf_free(&answer.payload);
	return count;
}

static void run(struct signer_process *signer, unsigned phones, unsigned round)
{
	struct statement statement;
	struct frames frames;
	char order[16], mac[MAC_TEXT_LEN + 1];
	unsigned issued = 0;
	size_t sent, answered = 0;
	int64_t begin_ms;

	snprintf(order, sizeof(order), "PO-%u", round);
	snprintf(mac, sizeof(mac), "02%02X00%06X", round, FIRST_MAC);
	statement = test_order(order, mac, phones);
	CHECK(strcmp(process_order(signer, &statement), "accepted") == 0);
	make_frames(&frames, phones, round);
	begin_ms = clock_monotonic_ms();
	for (sent = 0; sent < frames.count || answered < frames.count;) {
		if (sent < frames.count && sent - answered < IN_FLIGHT) {
			process_send(signer, SIGNER_ISSUE, &frames.frames[sent++]);
			continue;
		}
		issued += receive_answer(signer);
		answered++;
	}
	CHECK(issued == phones);
	printf("{\"side\":\"%s\",\"certificates_per_s\":%.0f}\n",
	    signer->on_token ? "token" : "files",
	    phones * 1000.0 / (double)(clock_monotonic_ms() - begin_ms));
	fflush(stdout);
	free_frames(&frames);
}

int main(int argc, char **argv)
{
	unsigned phones = argc == 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0, round;
	struct signer_process files, token;

	if (phones == 0) {
		fputs("usage: keystores PHONES\n", stderr);
		return 64;
	}
	process_new(&files, 0);
	process_hello(&files);
	process_new(&token, 1);
	process_hello(&token);
	for (round = 0; round < ROUNDS; round++) {
		run(&files, phones, 2 * round);
		run(&token, phones, 2 * round + 1);
	}
	process_free(&files);
	process_free(&token);
	return 0;
}
