/*
 * Is the audit log what was written? Heads and rows go in, sentences come out. Pure.
 *
 * Everything that goes in may have been tampered with; believed are certificates that the caller
 * trusts. Order of calls: certificates, heads, audit_check_begin(), rows in the order of chain_seq,
 * audit_check_finish().
 */
#ifndef FIRSTRING_FACTORY_CA_AUDIT_CHECK_H
#define FIRSTRING_FACTORY_CA_AUDIT_CHECK_H

#include <openssl/x509.h>

#include "factory-ca/audit_head.h"
#include "factory-ca/audit_row.h"

enum {
	AUDIT_CHECK_LINE_MAX = 512,
	AUDIT_CHECK_REPORTS_MAX = 100, /* sentences; what is beyond is only counted */
	AUDIT_CHECK_LATE_S = 600, /* a row must be chained and vouched for by then */
};

/* A sentence for people: which row, what is wrong with it. */
typedef void audit_report_fn(const char *text, void *ctx);

struct audit_check;

struct audit_check *audit_check_new(audit_report_fn *report, void *ctx);
void audit_check_free(struct audit_check *check);

/* An issuing CA whose heads count. */
void audit_check_add_certificate(struct audit_check *check, X509 *certificate);
/* A head and where it was found ("the database"). The same head from two places is one. */
void audit_check_add_head(
    struct audit_check *check, const struct signed_audit_head *head, const char *where);
/* Reports something that the caller found. */
void audit_check_problem(struct audit_check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void audit_check_begin(struct audit_check *check);
void audit_check_row(struct audit_check *check, const struct audit_place *place,
    const struct audit_content *content);
void audit_check_finish(struct audit_check *check, int64_t now_unix_s);

struct audit_summary {
	uint64_t rows, heads, problems;
	int64_t last_seq; /* 0: none */
	int64_t vouched_seq; /* of the last head that agrees; 0: none */
	int64_t vouched_at_unix_s;
};
void audit_check_summary(const struct audit_check *check, struct audit_summary *summary);

#endif
