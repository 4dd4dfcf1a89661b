/*
 * What it costs to start with a large ledger: fills one with phones of many orders, all but the
 * last closed, through the code that the signer uses; then opens it again and again. Usage:
 *
 *     ledgerfill FOLDER RECORDS ORDERS ROUNDS
 *
 * FOLDER must be empty. One JSON line for the filling and one for each start.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "factory-ca/signer/ledger.h"
#include "tests/lib/test_factory.h"

struct fill {
	const char *folder;
	uint64_t records, orders;
	X509 *ca, *operator_certificate;
	EVP_PKEY *operator_key;
	struct ledger *ledger;
};

static double seconds_since(int64_t begin_ms)
{
	return (double)(clock_monotonic_ms() - begin_ms) / 1000;
}

/* Resident now, in KiB. */
static long resident_kib(void)
{
	long pages = 0, ignored = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	CHECK(file && fscanf(file, "%ld %ld", &ignored, &pages) == 2);
	fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void open_ledger(struct fill *fill)
{
	const struct ledger_config config = {
	    .folder = fill->folder, .line_access_ca = fill->ca, .operator_eku = TEST_OPERATOR_EKU};
	char why[LEDGER_WHY_LEN] = "";

	if (ledger_open(&config, &fill->ledger, why)) {
		fprintf(stderr, "%s\n", why);
		exit(1);
	}
}

static void accept(struct fill *fill, const struct statement *statement)
{
	struct signer_statement_outcome outcome;
	struct signed_statement made = {0};
	char why[300] = "";

	CHECK(!statement_sign(
	    statement, fill->operator_certificate, fill->operator_key, &made, why, sizeof(why)));
	ledger_accept(fill->ledger, &made, TEST_NOW, &outcome);
	CHECK(outcome.outcome == STATEMENT_ACCEPTED);
	signed_statement_free(&made);
}

static void fill_order(struct fill *fill, uint64_t number, uint64_t quantity)
{
	struct statement statement = {.type = STATEMENT_ORDER_OPEN};
	char reference[32], first[MAC_TEXT_LEN + 1], detail[SIGNER_DETAIL_MAX + 1];
	struct ledger_grant grant;
	uint8_t spki[SHA256_LEN];
	uint64_t i;

	snprintf(reference, sizeof(reference), "PO-%llu", (unsigned long long)number);
	snprintf(first, sizeof(first), "%012llX",
	    (unsigned long long)(0x001565000000 + number * quantity));
	statement = test_order(reference, first, (uint32_t)quantity);
	accept(fill, &statement);
	for (i = 0; i < quantity; i++) {
		struct ledger_claim claim = {
		    .order = reference, .serial_number = "SN-0123456789", .spki_sha256 = spki};

		random_fill(spki, sizeof(spki));
		CHECK(!mac_from_uint(0x001565000000 + number * quantity + i, &claim.mac));
		CHECK(
		    ledger_reserve(fill->ledger, &claim, TEST_NOW, &grant, detail) == ISSUE_ISSUED);
		if ((i + 1) % LEDGER_GROUP_MAX == 0 || i + 1 == quantity)
			CHECK(ledger_commit(fill->ledger) == ERR_OK);
	}
	if (number + 1 < fill->orders) {
		memset(&statement, 0, sizeof(statement));
		statement.type = STATEMENT_ORDER_CLOSE;
		snprintf(
		    statement.order.reference, sizeof(statement.order.reference), "%s", reference);
		accept(fill, &statement);
	}
}

static void make_people(struct fill *fill, const char *keys_folder)
{
	struct keystore *store = test_keystore(keys_folder);

	fill->ca = test_line_access(store);
	fill->operator_key = test_key("P-256");
	fill->operator_certificate = test_person(
	    store, fill->ca, fill->operator_key, "ann", TEST_OPERATOR_EKU, TEST_NOW + 1000);
	keystore_free(store);
}

int main(int argc, char **argv)
{
	struct fill fill = {0};
	char keys_folder[TEST_PATH], why[LEDGER_WHY_LEN] = "";
	int64_t begin_ms;
	uint64_t i, rounds;

	if (argc != 5) {
		fputs("usage: ledgerfill FOLDER RECORDS ORDERS ROUNDS\n", stderr);
		return 64;
	}
	fill.folder = argv[1];
	fill.records = strtoull(argv[2], NULL, 10);
	fill.orders = strtoull(argv[3], NULL, 10);
	rounds = strtoull(argv[4], NULL, 10);
	CHECK(fill.orders > 0 && fill.records >= fill.orders);
	test_folder_make(keys_folder);
	make_people(&fill, keys_folder);
	test_folder_remove(keys_folder);
	CHECK(!ledger_files_create(fill.folder, why));
	open_ledger(&fill);
	begin_ms = clock_monotonic_ms();
	for (i = 0; i < fill.orders; i++)
		fill_order(&fill, i, fill.records / fill.orders);
	printf(
	    "{\"filled_s\":%.2f,\"resident_kib\":%ld}\n", seconds_since(begin_ms), resident_kib());
	ledger_free(fill.ledger);
	for (i = 0; i < rounds; i++) {
		malloc_trim(0);
		begin_ms = clock_monotonic_ms();
		open_ledger(&fill);
		printf("{\"start_s\":%.2f,\"resident_kib\":%ld,\"open_orders\":%zu}\n",
		    seconds_since(begin_ms), resident_kib(), ledger_open_orders(fill.ledger));
		fflush(stdout);
		ledger_free(fill.ledger);
	}
	X509_free(fill.ca);
	X509_free(fill.operator_certificate);
	EVP_PKEY_free(fill.operator_key);
	return 0;
}
