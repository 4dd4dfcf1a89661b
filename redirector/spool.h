/*
 * Events in files, while the primary is away.
 *
 * Each worker appends to a file of its own, held by a lock of the kernel; a file whose owner is
 * gone, killed or of an earlier generation, is taken over by whoever finds it. What is read back is
 * written to the database under the events' own keys, so that reading a file twice changes nothing.
 * Files are bounded, one and all together. A record that was being written when its process died is
 * left out; a file that is damaged otherwise is set aside under another name. Written through the
 * page cache: it survives the process, not a power cut. Runs in workers.
 */
#ifndef FIRSTRING_REDIRECTOR_SPOOL_H
#define FIRSTRING_REDIRECTOR_SPOOL_H

#include <stdint.h>

#include "redirector/event_record.h"

struct spool;

/* `folder` must be there; `file_max` bounds this process's file, `folder_max` all that lie in it.
 * On failure `why` says what is wrong with the folder. */
MUST_CHECK enum err spool_new(const char *folder, uint64_t file_max, uint64_t folder_max,
    struct spool **spool, char *why, size_t why_len);
/* What is in the files stays there. */
void spool_free(struct spool *spool);

/* ERR_FULL: the bound is reached; ERR_IO: the disk is full or broken (logged). The file is then as
 * it was before. */
MUST_CHECK enum err spool_append(struct spool *spool, const struct event_record *record);

/* The next event of an own or a left file. ERR_NOT_FOUND: none, or none before spool_settle. */
MUST_CHECK enum err spool_take(struct spool *spool, struct event_record *record);
/* All that was taken is durable elsewhere: a file that was read to its end is removed. */
void spool_settle(struct spool *spool);

/* 1 when there may be something to take. */
int spool_has_more(const struct spool *spool);
/* Others may have left files: a worker that ended, an outage that is over. */
void spool_look_again(struct spool *spool);

#endif
