/*
 * The one list of errors, and how a function says that it must be listened to.
 *
 * Every function that can fail returns enum err; 0 (ERR_OK) is fine. On failure its outputs are
 * untouched. There are three classes (see house rules in CONTRIBUTING.md): our own mistake aborts
 * (CHECK), the peer's input returns ERR_SYNTAX..ERR_REFUSED, the environment returns
 * ERR_IO..ERR_FULL.
 */
#ifndef FIRSTRING_BASE_ERR_H
#define FIRSTRING_BASE_ERR_H

enum err {
	ERR_OK = 0,
	/* The peer's input. */
	ERR_SYNTAX, /* it does not parse */
	ERR_RANGE, /* it parses, and a value lies outside what is allowed */
	ERR_TOO_LONG, /* larger than a stated limit */
	ERR_NOT_FOUND, /* what it names is not there */
	ERR_EXISTS, /* what it would make is there already */
	ERR_DENIED, /* not allowed for this caller */
	ERR_SIGNATURE, /* a signature, tag, digest or checksum does not verify */
	ERR_WEAK_KEY, /* a key of a kind or size that is not accepted */
	ERR_REFUSED, /* valid, and refused by policy */
	ERR_MORE, /* incomplete: feed more bytes */
	/* The environment. */
	ERR_IO, /* a system call failed; errno tells */
	ERR_TIMEOUT, /* a deadline passed */
	ERR_UNAVAILABLE, /* a service that is needed does not answer */
	ERR_FULL, /* a bounded queue, table or disk is full */
	ERR_CRYPTO, /* the crypto library failed at something that should work */
	ERR_CLOSED, /* the peer or the process is closing */
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* A short name such as "syntax" for logs and exit messages; never NULL. */
const char *err_name(enum err err);

/* Aborts with file, line and condition in the log: for what only our own mistake can bring about.
 */
#define CHECK(condition) ((condition) ? (void)0 : err_abort(__FILE__, __LINE__, #condition))
_Noreturn void err_abort(const char *file, int line, const char *condition);

#endif
