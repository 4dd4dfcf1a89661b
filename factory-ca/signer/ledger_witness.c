/*
 * The witness's file: a head of the ledger, written in place. Runs in the signer; opened before its
 * list of system calls is in force.
 */
#include "factory-ca/signer/ledger_witness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"

enum err ledger_witness_open(
    const char *path, struct ledger_witness **witness, char why[LEDGER_WHY_LEN])
{
	uint8_t bytes[LEDGER_HEAD_LEN] = {0};
	struct ledger_witness *opened;
	ssize_t len = -1;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);

	if (fd >= 0)
		len = pread(fd, bytes, sizeof(bytes), 0);
	if (len < 0) {
		snprintf(why, LEDGER_WHY_LEN, "pki.witness_file: %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return ERR_IO;
	}
	opened = calloc(1, sizeof(*opened));
	CHECK(opened != NULL);
	opened->fd = fd;
	opened->is_empty = len == 0;
	if (len > 0 && (len < LEDGER_HEAD_LEN || ledger_head_decode(bytes, &opened->head))) {
		snprintf(why, LEDGER_WHY_LEN,
		    "pki.witness_file: %s was altered: what the ledger held is not known any more; "
		    "when that is understood, remove it",
		    path);
		ledger_witness_free(opened);
		return ERR_SIGNATURE;
	}
	*witness = opened;
	return ERR_OK;
}

void ledger_witness_free(struct ledger_witness *witness)
{
	if (!witness)
		return;
	close(witness->fd);
	free(witness);
}

void ledger_witness_write(
    struct ledger_witness *witness, const uint8_t bytes[LEDGER_HEAD_LEN], int durable)
{
	static struct log_gate gate;

	if (pwrite(witness->fd, bytes, LEDGER_HEAD_LEN, 0) == LEDGER_HEAD_LEN &&
	    (!durable || fdatasync(witness->fd) == 0))
		return;
	if (log_gate_open(&gate))
		LOG_WARN("ledger_witness_behind", log_errno());
}
