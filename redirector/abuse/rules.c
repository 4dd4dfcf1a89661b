/* The arithmetic of abuse, word by word. See rules.h. Pure. */
#include "redirector/abuse/rules.h"

enum { MAC_BITS = 48, RUN_MAX = 0xffff };

int64_t bucket_charge(int64_t full_at_ms, int64_t now_ms, const struct bucket_policy *policy)
{
	int64_t from_ms = full_at_ms > now_ms ? full_at_ms : now_ms;
	/* Debt has a bottom: it is paid off within the time of two bursts. */
	int64_t latest_ms = now_ms + 2 * policy->burst * policy->refill_ms;

	return from_ms + policy->refill_ms < latest_ms ? from_ms + policy->refill_ms : latest_ms;
}

int bucket_is_empty(int64_t full_at_ms, int64_t now_ms, const struct bucket_policy *policy)
{
	return full_at_ms - now_ms > policy->burst * policy->refill_ms;
}

int source_may_be_banned(int64_t verified_ms, int64_t now_ms)
{
	return verified_ms == 0 || now_ms - verified_ms >= VERIFIED_GRACE_MS;
}

int source_is_shut_out(int64_t banned_until_ms, int64_t verified_ms, int64_t now_ms)
{
	return now_ms < banned_until_ms && source_may_be_banned(verified_ms, now_ms);
}

/* splitmix64's finish: every bit of the result hangs on every bit of the number. */
static uint64_t mix(uint64_t number)
{
	number ^= number >> 30;
	number *= UINT64_C(0xbf58476d1ce4e5b9);
	number ^= number >> 27;
	number *= UINT64_C(0x94d049bb133111eb);
	return number ^ (number >> 31);
}

uint64_t scan_run_next(uint64_t run, const struct mac *mac)
{
	uint64_t last = run & ((UINT64_C(1) << MAC_BITS) - 1), now = mac_to_uint(mac);
	unsigned length = scan_run_length(run);
	uint64_t step = now > last ? now - last : last - now;

	if (step == 0)
		return run;
	length = last != 0 && step <= SCAN_STEP_MAX ? length + 1 : 1;
	if (length > RUN_MAX)
		length = RUN_MAX;
	return ((uint64_t)length << MAC_BITS) | now;
}

unsigned scan_run_length(uint64_t run)
{
	return (unsigned)(run >> MAC_BITS);
}

uint64_t scan_set_add(uint64_t set, const struct mac *mac)
{
	return set | (UINT64_C(1) << (mix(mac_to_uint(mac)) & 63));
}

const char *scan_judge(uint64_t run, uint64_t set)
{
	if (scan_run_length(run) >= SCAN_RUN)
		return "sequential_macs";
	return __builtin_popcountll(set) >= SCAN_SET_BITS ? "many_macs" : NULL;
}

struct clone_step clone_see(uint64_t word, int64_t moved_ms, uint64_t network, int64_t now_ms)
{
	/* Never 0, which is "none yet". */
	uint32_t here = (uint32_t)mix(network) | 1;
	uint32_t last = (uint32_t)(word >> 32), before = (uint32_t)word;

	if (here == last)
		return (struct clone_step){.word = word};
	return (struct clone_step){.word = ((uint64_t)here << 32) | last,
	    .moved = last != 0,
	    .suspicious = here == before && now_ms - moved_ms < CLONE_WINDOW_MS};
}
