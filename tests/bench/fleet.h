/*
 * How a made-up fleet stands in its file: what tests/bench/fleet.c writes and phonestorm.c reads.
 * Big-endian lengths before certificate and key, both DER, phone after phone.
 */
#ifndef FIRSTRING_TESTS_BENCH_FLEET_H
#define FIRSTRING_TESTS_BENCH_FLEET_H

#define FLEET_FILE "fleet.bin" /* certificates and keys */
#define FLEET_LIST "fleet.txt" /* "MAC fingerprint" a line, for the database */
#define FLEET_ROOT "root.pem"
#define FLEET_ISSUING "issuing.pem"

enum { FLEET_FILE_MAX = 512 * 1024 * 1024 };

#endif
