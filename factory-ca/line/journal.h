/*
 * The run's memory: which phones have a key, which have their certificate. A text file, appended
 * and made durable in groups, in the output folder; what a power cut left unfinished is passed
 * over.
 *
 *     factory-line journal 1 PO-1
 *     prepared 001565AABBCC
 *     done 001565AABBCC 4A…(certificate serial) XXXXX-XXXXX-XXXX "SN 1"
 *
 * "prepared" is written when the key is on disk for good, and before anything is sent: a damaged
 * key without it was never used and is made again; with it, it never is. The serial
 * number behind "done" is the one in the certificate; earlier versions did not write it.
 */
#ifndef FIRSTRING_FACTORY_CA_LINE_JOURNAL_H
#define FIRSTRING_FACTORY_CA_LINE_JOURNAL_H

#include "common/base/buf.h"
#include "factory-ca/line/phones.h"

enum { JOURNAL_WHY_LEN = 512 };

struct journal {
	int fd;
};

/*
 * Opens or makes OUT/journal of that order, held alone (ERR_EXISTS: another factory-line is at
 * work), sets the states of the phones it tells of, and adds those that are done and not on the
 * list. ERR_REFUSED: it is of another order; ERR_IO.
 */
MUST_CHECK enum err journal_open(const char *folder, const char *order, struct line_phones *phones,
    struct journal *journal, char why[JOURNAL_WHY_LEN]);
void journal_close(struct journal *journal);

/* Appends lines to a group, */
void journal_put_prepared(struct buf *lines, const struct line_phone *phone);
void journal_put_done(struct buf *lines, const struct line_phone *phone);
/* and makes the group durable. ERR_IO with errno. One group at a time. */
MUST_CHECK enum err journal_commit(const struct journal *journal, const struct buf *lines);

#endif
