/*
 * Fuzz target: the HTTP reader understands bytes the same way however they are cut.
 *
 * The input's first byte is how many cuts follow, each one byte long: the length of a piece. The
 * rest is what a peer sends. It is read once whole and once in those pieces (the last piece is what
 * is left); the transcripts must be equal.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/http1_transcript.h"

enum { BODY_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size - 1 < data[0])
		return 0;
	const uint8_t *cuts = data + 1;
	size_t cut_count = data[0];
	const char *sent = (const char *)cuts + cut_count;
	size_t left = size - 1 - cut_count;

	struct transcript whole, pieces;
	transcript_begin(&whole, BODY_MAX);
	transcript_begin(&pieces, BODY_MAX);
	transcript_feed(&whole, sent, left);
	transcript_close(&whole);
	for (size_t i = 0; left > 0; i++) {
		size_t piece = i < cut_count && cuts[i] < left ? cuts[i] : left;
		if (i < cut_count && piece == 0)
			continue;
		transcript_feed(&pieces, sent, piece);
		sent += piece;
		left -= piece;
	}
	transcript_close(&pieces);

	if (whole.text.len != pieces.text.len ||
	    (whole.text.len > 0 &&
		memcmp(whole.text.bytes, pieces.text.bytes, whole.text.len) != 0))
		abort();
	transcript_end(&whole);
	transcript_end(&pieces);
	return 0;
}
