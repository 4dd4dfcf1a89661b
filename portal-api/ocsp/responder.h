/*
 * The OCSP responder of the status worker: holds the responder's key, fetches its certificate and
 * the issuing CA's from the database, answers requests. See ocsp.h for the protocol.
 */
#ifndef FIRSTRING_PORTAL_OCSP_RESPONDER_H
#define FIRSTRING_PORTAL_OCSP_RESPONDER_H

#include <event2/event.h>

#include "common/base/err.h"
#include "common/db/pg.h"
#include "common/net/server.h"

struct responder;

/* Reads the key; ERR_* with `why`. Before privileges are dropped. "" : no responder, *key is NULL.
 */
MUST_CHECK enum err responder_key_read(const char *path, EVP_PKEY **key, char *why, size_t why_len);

/* Takes the key. The database is freed first: its last callbacks come here. */
struct responder *responder_new(struct event_base *base, struct pg *database, EVP_PKEY *key);
void responder_free(struct responder *responder);

/* 1 when the path is the responder's: "/ca/ocsp", "/ocsp", with a request behind it for GET. */
int responder_is_path(const struct http1_head *head);
/* Answers. Its work is the exchange's data. `responder` NULL: there is none (404). */
void responder_handle(struct responder *responder, struct exchange *exchange);

#endif
