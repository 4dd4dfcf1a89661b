/*
 * Who is let in: by its address before the handshake, by its certificate after it, and what a
 * connection that came to nothing says of its source. Nothing of HTTP comes here. Runs in workers.
 *
 * The members of struct server_handler that their names say; `ctx` is a struct entrance.
 */
#ifndef FIRSTRING_REDIRECTOR_DOOR_H
#define FIRSTRING_REDIRECTOR_DOOR_H

#include "common/net/server.h"

int door_on_connect(const struct server_peer *peer, void *ctx);
enum server_verdict door_on_handshake(const struct server_peer *peer, void *ctx);
void door_on_refusal(
    enum server_refusal refusal, const char *detail, const struct server_peer *peer, void *ctx);

#endif
