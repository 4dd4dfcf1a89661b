/* Talking to the engineer. Texts of the front pass through here: printable ASCII is shown, the rest
 * as dots, so that no answer can move the cursor. */
#include "factory-ca/line/say.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 24, TEXT_MAX = 1024, LINES_EVERY_MS = 10000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int bar_is_shown;

void line_say(const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;
	char *c;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '.';
	pthread_mutex_lock(&lock);
	fprintf(stderr, "%sfactory-line: %s\n", bar_is_shown ? "\r\033[K" : "", text);
	bar_is_shown = 0;
	pthread_mutex_unlock(&lock);
}

const char *line_advice(const char *code)
{
	static const struct {
		const char *code, *advice;
	} table[] = {
	    {"out_of_range", "compare list and order"},
	    {"order_full", "have an operator extend it, or open another order"},
	    {"order_closed", "have an operator open another order"},
	    {"mac_has_other_key",
		"find the folder of the run that made it, or have an operator allow a new key "
		"(factory-ca rekey) and run with --rework"},
	    {"key_reused",
		"put both aside and tell security; a phone that makes no random keys must not "
		"leave the factory"},
	    {"revoked", "put the phone aside"},
	    {"weak_key", "see --key-type, or the phone's firmware"},
	    {"bad_csr",
		"CN must be the phone's MAC, serialNumber its serial number, and the signature its "
		"own"},
	    {"bad_row", "compare the list with the phone"},
	    {"same_key", "give the CSR of the new one"},
	    {"serial_number_differs", "right the list, or --serial"},
	    {"bad_key",
		"put the key file back from where it was copied to, or have an operator allow a "
		"new key (factory-ca rekey) and run with --rework"},
	    {"no_claim_code",
		"an operator makes a new one (factory-ca code --rotate); then run again"},
	    {"bad_csr_file", "check the file's name in the list, relative to the list"},
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].code, code) == 0)
			return table[i].advice;
	return "ask the PKI officer";
}

void line_explain_identity(
    const struct line_config *config, enum err err, const char *why, char text[LINE_IDENTITY_LEN])
{
	if (err == ERR_SIGNATURE)
		snprintf(text, LINE_IDENTITY_LEN,
		    "%s: is --url right, and does --server-ca %s hold the CA of this factory's "
		    "server?",
		    why, config->server_ca);
	else if (strncmp(why, "TLS: ", strlen("TLS: ")) == 0)
		snprintf(text, LINE_IDENTITY_LEN,
		    "the factory does not take --station-cert %s (%s): of another factory, or no "
		    "station's? Have one made there (factory-ca station add)",
		    config->station_cert, why);
	else
		snprintf(text, LINE_IDENTITY_LEN, "%s", why);
}

static void format_progress(const struct line_progress *progress, char *text, size_t len)
{
	size_t finished = progress->before + progress->done + progress->refused;
	size_t worked = progress->done + progress->refused;
	double rate =
	    progress->elapsed_ms > 0 ? 1000.0 * (double)worked / (double)progress->elapsed_ms : 0;
	char left[48] = "";

	if (progress->is_away)
		snprintf(left, sizeof(left), ", the factory does not answer: waiting");
	else if (rate > 0 && finished < progress->total) {
		long seconds = (long)((double)(progress->total - finished) / rate + 0.999);

		snprintf(left, sizeof(left), ", %ld:%02ld:%02ld left", seconds / 3600,
		    seconds / 60 % 60, seconds % 60);
	}
	snprintf(text, len, "%zu of %zu (%zu %%), %.0f/s, %zu refused%s", finished, progress->total,
	    progress->total ? 100 * finished / progress->total : 100, rate, progress->refused,
	    left);
}

void line_progress_show(const struct line_progress *progress)
{
	static int64_t next_line_ms = LINES_EVERY_MS;
	size_t finished = progress->before + progress->done + progress->refused;
	size_t filled = progress->total ? BAR * finished / progress->total : BAR;
	char text[256];

	format_progress(progress, text, sizeof(text));
	if (isatty(STDERR_FILENO)) {
		pthread_mutex_lock(&lock);
		fprintf(stderr, "\r[%.*s%.*s] %s\033[K", (int)filled, "########################",
		    (int)(BAR - filled), "........................", text);
		fflush(stderr);
		bar_is_shown = 1;
		pthread_mutex_unlock(&lock);
	} else if (progress->elapsed_ms >= next_line_ms) {
		next_line_ms = progress->elapsed_ms + LINES_EVERY_MS;
		line_say("%s", text);
	}
}

void line_progress_end(const struct line_progress *progress)
{
	char text[256];

	format_progress(progress, text, sizeof(text));
	line_say("%s", text);
}
