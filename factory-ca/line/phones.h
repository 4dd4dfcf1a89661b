/*
 * The phones of a run: from a range of MACs or a CSV file. Pure.
 *
 * The list is typed or exported by people: read strictly, and what is wrong is told with its line.
 */
#ifndef FIRSTRING_FACTORY_CA_LINE_PHONES_H
#define FIRSTRING_FACTORY_CA_LINE_PHONES_H

#include <stddef.h>

#include "common/base/claim_code.h"
#include "common/base/err.h"
#include "common/base/mac.h"

enum { PHONES_MAX = 1000000, PHONES_WHY_LEN = 256, PHONE_CODE_MAX = 32 };

enum phone_state {
	PHONE_NEW,
	PHONE_PREPARED, /* its key is on disk for good, and may have been sent */
	PHONE_DONE, /* its certificate is on disk for good */
	PHONE_REFUSED, /* in this run, by the front; asked again in the next */
};

struct line_phone {
	struct mac mac;
	char *serial_number;
	char *csr_path; /* NULL: the key is made here */
	size_t line; /* of the list; 0: a range */
	int is_other; /* not of this run's list: done in this folder under another one */
	int is_rework; /* a new key is on its way, in a folder of its own */
	enum phone_state state;
	int is_confirmed; /* PHONE_DONE, and the factory said so in this run */
	/* Of PHONE_DONE: */
	char *recorded_serial_number; /* by the journal; NULL: it does not tell */
	char claim_code[CLAIM_CODE_TEXT_LEN + 1];
	char certificate_serial[33];
	/* Of PHONE_REFUSED, and of one that got no new key: */
	char code[PHONE_CODE_MAX + 1];
	char *detail;
};

struct line_phones {
	struct line_phone *items; /* in the list's order, then the others */
	size_t count, listed;
	struct line_phone **by_mac; /* sorted */
};

/*
 * `count` phones from `first` on. The serial number is the format with {mac} replaced by the MAC
 * and {n} by the number in the range, from 1. On failure `why` has a sentence.
 */
MUST_CHECK enum err phones_from_range(const struct mac *first, size_t count,
    const char *serial_format, struct line_phones *phones, char why[PHONES_WHY_LEN]);
/*
 * A CSV text (RFC 4180 without line breaks in fields; ';' where the header has it) with a header
 * line in letters of either case: serial_number, and mac, or the MACs are counted up from `first`;
 * csr is optional, a file name. NULL: no first.
 */
MUST_CHECK enum err phones_from_csv(const char *text, size_t len, const struct mac *first,
    struct line_phones *phones, char why[PHONES_WHY_LEN]);
/* Adds those that are not there yet, without a serial number: pointers to phones move. */
void phones_add_others(struct line_phones *phones, const struct mac *macs, size_t count);
void phones_free(struct line_phones *phones);

/* Where the list has it, for a sentence: "line 3 (001565AABBCC)", or the MAC of a range. */
enum { PHONE_PLACE_LEN = 64 };
const char *phone_place(const struct line_phone *phone, char text[PHONE_PLACE_LEN]);
/* NULL: not of this run. */
struct line_phone *phones_find(const struct line_phones *phones, const struct mac *mac);

#endif
