/*
 * What the ledger held at least, told from outside its folder.
 *
 * A folder put back from a backup is whole and verifies, and lacks what was issued since: only
 * somebody outside can know. The witness is a file beside the folder (pki.witness_file), into which
 * each commit writes the ledger's head. It is never part of a backup of the folder. The
 * administrator's file system, the signer's own bytes.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_LEDGER_WITNESS_H
#define FIRSTRING_FACTORY_CA_SIGNER_LEDGER_WITNESS_H

#include "factory-ca/signer/ledger_file.h"

struct ledger_witness {
	int fd;
	int is_empty; /* made just now: it has seen nothing */
	struct ledger_head head;
};

/* Opens the file, or makes it (mode 0600), while files can be opened; the descriptor is enough
 * later. ERR_IO; ERR_SIGNATURE: it was altered. */
MUST_CHECK enum err ledger_witness_open(
    const char *path, struct ledger_witness **witness, char why[LEDGER_WHY_LEN]);
void ledger_witness_free(struct ledger_witness *witness);
/* A failure is logged: the witness may know less than was issued, never more. */
void ledger_witness_write(
    struct ledger_witness *witness, const uint8_t bytes[LEDGER_HEAD_LEN], int durable);

#endif
