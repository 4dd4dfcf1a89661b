/*
 * OpenSSL's memory: running out of it ends the process, as everywhere in Firstring.
 *
 * OpenSSL itself would go on with whatever failed: a worker that is short of memory would refuse
 * every handshake, and live. Its parent starts another.
 */
#ifndef FIRSTRING_PKI_MEMORY_H
#define FIRSTRING_PKI_MEMORY_H

/* First thing in main: before OpenSSL has allocated anything. */
void pki_memory_init(void);

#endif
