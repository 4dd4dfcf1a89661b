/* Names of errors, and the one way to die of our own mistake. Runs in every process. */
#include "common/base/err.h"

#include <stdlib.h>

#include "common/base/log.h"

const char *err_name(enum err err)
{
	switch (err) {
	case ERR_OK:
		return "ok";
	case ERR_SYNTAX:
		return "syntax";
	case ERR_RANGE:
		return "range";
	case ERR_TOO_LONG:
		return "too_long";
	case ERR_NOT_FOUND:
		return "not_found";
	case ERR_EXISTS:
		return "exists";
	case ERR_DENIED:
		return "denied";
	case ERR_SIGNATURE:
		return "signature";
	case ERR_WEAK_KEY:
		return "weak_key";
	case ERR_REFUSED:
		return "refused";
	case ERR_MORE:
		return "more";
	case ERR_IO:
		return "io";
	case ERR_TIMEOUT:
		return "timeout";
	case ERR_UNAVAILABLE:
		return "unavailable";
	case ERR_FULL:
		return "full";
	case ERR_CRYPTO:
		return "crypto";
	case ERR_CLOSED:
		return "closed";
	}
	return "unknown";
}

_Noreturn void err_abort(const char *file, int line, const char *condition)
{
	LOG_ERROR("check_failed", log_str("file", file), log_int("line", line),
	    log_str("condition", condition));
	abort();
}
