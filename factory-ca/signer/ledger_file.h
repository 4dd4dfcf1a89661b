/*
 * The signer's memory on disk: records of what was issued, a journal of statements, and a head.
 *
 * Both files only grow, and each entry holds the hash of all before it. The head says how much was
 * durable and with which hash: an entry below it that does not fit was altered, and the signer
 * refuses to start; behind it may lie what a power cut left of the last group, which nobody was
 * told of, and which is cut off. One process at a time (flock). The folder is the signer's own,
 * its bytes are still verified whole at each start. It knows no orders: ledger.c does.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_LEDGER_FILE_H
#define FIRSTRING_FACTORY_CA_SIGNER_LEDGER_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/mac.h"
#include "common/pki/digest.h"
#include "factory-ca/signer/protocol.h"

enum {
	/* A power of two that divides a disk's sector: after a power cut a record is whole, absent,
	 * or zeros, never half. */
	LEDGER_RECORD_LEN = 256,
	LEDGER_HEADER_LEN = 256,
	LEDGER_GROUP_MAX = 4096, /* records of one commit */
	LEDGER_ORDER_ID_LEN = 16,
	LEDGER_STATION_ID_LEN = 16,
	LEDGER_WHY_LEN = 512,
	LEDGER_HEAD_LEN = 4 + 8 + SHA256_LEN + 8 + SHA256_LEN + 8 + SHA256_LEN,
};

/* One phone under one order. */
struct ledger_entry {
	uint8_t order_id[LEDGER_ORDER_ID_LEN]; /* begin of SHA-256 of the order's statement */
	struct mac mac;
	char serial_number[SIGNER_SERIAL_NUMBER_MAX + 1];
	uint8_t serial[SIGNER_SERIAL_LEN];
	int64_t not_before_unix_s;
	uint8_t spki_sha256[SHA256_LEN];
	/* The certificate of this MAC whose place it takes; zeros: it is the MAC's first. */
	uint8_t replaces[SIGNER_SERIAL_LEN];
	/* How many keys the signer has made for this MAC in a row, and the begin of SHA-256 of the
	 * name of the station that asked; 0: the phone made its key. */
	uint8_t server_keys;
	uint8_t station_id[LEDGER_STATION_ID_LEN];
	/* 1: the key of the record whose place it takes never left the signer, and is not among
	 * server_keys. */
	uint8_t after_unsent;
	/* In memory alone: this record's own key never left. Whoever restarts does not know. */
	uint8_t is_unsent;
};

/* Pure: the record with that sequence number (from 1) and the chain up to it. `chain` is the hash
 * before, and becomes the hash after. */
void ledger_entry_encode(const struct ledger_entry *entry, uint64_t sequence,
    uint8_t chain[SHA256_LEN], uint8_t record[LEDGER_RECORD_LEN]);
/* ERR_SIGNATURE when the hash does not fit; ERR_SYNTAX when it fits and the record makes no sense.
 * `chain` is untouched then. */
MUST_CHECK enum err ledger_entry_decode(const uint8_t record[LEDGER_RECORD_LEN], uint64_t sequence,
    uint8_t chain[SHA256_LEN], struct ledger_entry *entry);

/* What the head vouches for. It is one sector, written in place, and ends with its own hash. */
struct ledger_head {
	uint64_t record_count;
	uint8_t record_chain[SHA256_LEN];
	uint64_t journal_len;
	uint8_t journal_chain[SHA256_LEN];
	int64_t latest_unix_s;
};
void ledger_head_encode(const struct ledger_head *head, uint8_t bytes[LEDGER_HEAD_LEN]);
MUST_CHECK enum err ledger_head_decode(
    const uint8_t bytes[LEDGER_HEAD_LEN], struct ledger_head *head);

struct ledger_witness;

struct ledger_files {
	int records_fd, journal_fd, head_fd;
	uint64_t record_count; /* durable */
	uint8_t record_chain[SHA256_LEN];
	uint64_t journal_len; /* durable, bytes with the file's header */
	uint8_t journal_chain[SHA256_LEN];
	int64_t latest_unix_s; /* the latest time in any entry */
	struct buf group; /* records that wait for ledger_files_commit() */
	uint8_t group_chain[SHA256_LEN];
	uint64_t group_count;
	int64_t group_latest_unix_s;
	struct ledger_witness *witness; /* borrowed; NULL: nobody saw more */
	int is_older; /* than the witness saw: until ledger_files_restored() it is not written */
	int broken; /* what is on disk is not known any more: only a restart helps */
};

/* Told of each entry, oldest first, statements before records. Anything but ERR_OK ends the
 * reading with that error and what it wrote into `why`. */
struct ledger_reader {
	enum err (*on_statement)(
	    void *ctx, int64_t accepted_unix_s, struct cursor statement, char why[LEDGER_WHY_LEN]);
	enum err (*on_record)(
	    void *ctx, const struct ledger_entry *entry, char why[LEDGER_WHY_LEN]);
	void *ctx;
};

/* Makes the three files of an empty ledger in an existing folder: ERR_EXISTS. */
MUST_CHECK enum err ledger_files_create(const char *folder, char why[LEDGER_WHY_LEN]);
/* Opens, locks, verifies and reads all. ERR_SIGNATURE: altered or cut; ERR_FULL: another process
 * has it. With a witness (NULL: none) is_older tells whether what it saw is missing. */
MUST_CHECK enum err ledger_files_open(const char *folder, struct ledger_witness *witness,
    const struct ledger_reader *reader, struct ledger_files *files, char why[LEDGER_WHY_LEN]);
/* What is here is what counts from now on, and what the witness sees. ERR_IO. */
MUST_CHECK enum err ledger_files_restored(struct ledger_files *files);
void ledger_files_close(struct ledger_files *files);

/* Adds to the group; CHECKs LEDGER_GROUP_MAX. */
void ledger_files_add(struct ledger_files *files, const struct ledger_entry *entry);
/* Makes the group durable with one write and one fsync. On failure nothing of it is there. */
MUST_CHECK enum err ledger_files_commit(struct ledger_files *files);
/* Durable when it returns. */
MUST_CHECK enum err ledger_files_add_statement(
    struct ledger_files *files, int64_t accepted_unix_s, const struct buf *statement);
/* Reads the durable records again, for an order over a range that had phones before. */
MUST_CHECK enum err ledger_files_read_records(
    const struct ledger_files *files, const struct ledger_reader *reader, char why[LEDGER_WHY_LEN]);

#endif
