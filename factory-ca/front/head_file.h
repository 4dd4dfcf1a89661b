/*
 * The file outside the database that signed heads of the audit chain are appended to, one a line.
 * Whoever can rewrite the database cannot thereby rewrite this. Used by the audit worker.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_HEAD_FILE_H
#define FIRSTRING_FACTORY_CA_FRONT_HEAD_FILE_H

#include "factory-ca/audit_head.h"

/* Appends the head and makes it durable, unless it is among the last lines already. A line that a
 * power cut left unfinished stays as it is; the head gets a line of its own. ERR_IO with errno. */
MUST_CHECK enum err head_file_append(const char *path, const struct signed_audit_head *head);

#endif
