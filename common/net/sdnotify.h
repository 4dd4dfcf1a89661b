/* The sd_notify protocol (sd_notify(3)) in a few lines: a datagram to $NOTIFY_SOCKET. */
#ifndef FIRSTRING_NET_SDNOTIFY_H
#define FIRSTRING_NET_SDNOTIFY_H

/* "READY=1", "RELOADING=1\nMONOTONIC_USEC=...", "STOPPING=1", "STATUS=...". Nothing happens when
 * not started by a service manager. Failure is logged once. */
void sd_notify_send(const char *state);
/* Opens the socket now and keeps it: for a process that may not open one later. */
void sd_notify_prepare(void);

#endif
