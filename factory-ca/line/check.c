/*
 * What a run can know before the first key is made: the list, the files of this station, and the
 * files that the list names. Everything here was typed or exported by people.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "factory-ca/line/csr_make.h"
#include "factory-ca/line/labels.h"
#include "factory-ca/line/run_state.h"
#include "factory-ca/line/say.h"
#include "factory-ca/signer/csr.h"

enum {
	LIST_MAX = 256 * 1024 * 1024,
	CSR_FILE_MAX = 64 * 1024,
	TEMPLATE_MAX = 64 * 1024,
	PASSWORD_MAX = 256,
	PATH_LEN = 4096,
};

/* --- the list ------------------------------------------------------------------------------- */

static int read_list(struct line_run *run)
{
	const struct line_job *job = run->job;
	char why[PHONES_WHY_LEN] = "";
	struct buf text = {.max = LIST_MAX};
	enum err err;

	if (!job->list_path) {
		err = phones_from_range(
		    &job->first_mac, job->count, job->serial_format, &run->phones, why);
		if (err)
			line_say("%s", why);
		return err ? EX_DATAERR : EX_OK;
	}
	if (file_read(job->list_path, LIST_MAX, &text)) {
		line_say("%s: %s", job->list_path, strerror(errno));
		return EX_NOINPUT;
	}
	buf_put(&text, "", 0);
	err = phones_from_csv((const char *)text.bytes, text.len,
	    job->has_first_mac ? &job->first_mac : NULL, &run->phones, why);
	buf_free(&text);
	if (err)
		line_say("%s: %s", job->list_path, why);
	return err ? EX_DATAERR : EX_OK;
}

/* File names of CSRs are relative to the list. */
static void place_csr_files(struct line_run *run)
{
	const char *slash = run->job->list_path ? strrchr(run->job->list_path, '/') : NULL;
	char path[PATH_LEN];
	size_t i;

	for (i = 0; slash && i < run->phones.count; i++) {
		char **name = &run->phones.items[i].csr_path;

		if (!*name || **name == '/')
			continue;
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - run->job->list_path),
		    run->job->list_path, *name);
		free(*name);
		*name = strdup(path);
		CHECK(*name != NULL);
	}
}

/* What the factory would say of a phone's CSR; "": nothing. */
static void judge_csr(const struct line_run *run, const struct line_phone *phone, char *why)
{
	struct buf file = {0}, der = {0};
	struct csr csr;

	*why = '\0';
	if (file_read(phone->csr_path, CSR_FILE_MAX, &file))
		snprintf(why, CSR_WHY_LEN, "%s", strerror(errno));
	else if (csr_from_file(&file, &der))
		snprintf(why, CSR_WHY_LEN, "no CSR in PEM or DER");
	else if (csr_verify(der.bytes, der.len, &csr, why) == ERR_OK)
		snprintf(why, CSR_WHY_LEN, "%s",
		    !mac_equal(&csr.mac, &phone->mac) ? "its CN is another MAC"
		    : *csr.serial_number && strcmp(csr.serial_number, phone->serial_number) != 0
			? "it has another serial number"
		    : !line_run_takes_key(run, csr.key_type) ? "the order takes no such key"
							     : "");
	buf_free(&file);
	buf_free(&der);
	ERR_clear_error();
}

/* For a dry run: in earnest each phone is refused by itself, and the others go on. */
static int check_csr_files(const struct line_run *run)
{
	char why[CSR_WHY_LEN];
	size_t i, bad = 0;

	for (i = 0; i < run->phones.count; i++) {
		const struct line_phone *phone = &run->phones.items[i];

		if (!phone->csr_path)
			continue;
		judge_csr(run, phone, why);
		if (*why)
			line_say("%s:%zu: %s: %s", run->job->list_path, phone->line,
			    phone->csr_path, why);
		bad += *why != '\0';
	}
	return bad ? EX_DATAERR : EX_OK;
}

/* --- this station's files ------------------------------------------------------------------- */

/* A key or a password: EX_OK when nobody but its owner can read it. */
static int check_private_file(const char *option, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		line_say("%s %s: %s", option, path, strerror(errno));
		return EX_NOINPUT;
	}
	/* A service manager's own rules are those of secret_read_file(). */
	if ((st.st_mode & 077) && !getenv("CREDENTIALS_DIRECTORY")) {
		line_say("%s %s: others can read it: chmod 600 %s", option, path, path);
		return EX_NOINPUT;
	}
	return EX_OK;
}

static int read_station_certificate(struct line_run *run)
{
	const char *path = run->job->config->station_cert;
	FILE *file = fopen(path, "re");

	if (!file) {
		line_say("--station-cert %s: %s", path, strerror(errno));
		return EX_NOINPUT;
	}
	run->station = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	ERR_clear_error();
	if (!run->station) {
		line_say("--station-cert %s: no certificate in PEM", path);
		return EX_NOINPUT;
	}
	return EX_OK;
}

static int check_station_is_not_expired(const struct line_run *run)
{
	const ASN1_TIME *end = X509_get0_notAfter(run->station);
	char name[65] = "", at[CLOCK_TEXT_LEN + 1];
	int days = 0, seconds = 0;

	if (X509_cmp_current_time(end) >= 0 || ASN1_TIME_diff(&days, &seconds, NULL, end) != 1)
		return EX_OK;
	X509_NAME_get_text_by_NID(
	    X509_get_subject_name(run->station), NID_commonName, name, sizeof(name));
	clock_format_s(clock_unix_s() + (int64_t)days * 86400 + seconds, at);
	line_say("--station-cert %s expired at %s: have a new one made (factory-ca station add %s)",
	    run->job->config->station_cert, at, name);
	return EX_NOPERM;
}

/* What opens the keys that the signer makes. */
static int read_station_key(struct line_run *run)
{
	FILE *file = fopen(run->job->config->station_key, "re");

	if (file) {
		run->station_key = PEM_read_PrivateKey(file, NULL, NULL, (void *)(uintptr_t) "");
		fclose(file);
	}
	ERR_clear_error();
	if (run->station_key)
		return EX_OK;
	line_say(
	    "--station-key %s: no key in PEM without a password", run->job->config->station_key);
	return EX_NOINPUT;
}

static int check_station(struct line_run *run)
{
	const struct line_config *config = run->job->config;
	FILE *server_ca = fopen(config->server_ca, "re");
	int status;

	if (!server_ca) {
		line_say("--server-ca %s: %s", config->server_ca, strerror(errno));
		return EX_NOINPUT;
	}
	fclose(server_ca);
	status = check_private_file("--station-key", config->station_key);
	if (status == EX_OK)
		status = read_station_certificate(run);
	if (status == EX_OK)
		status = check_station_is_not_expired(run);
	if (status == EX_OK && config->server_keys)
		status = read_station_key(run);
	return status;
}

static int read_pkcs12_password(struct line_run *run)
{
	const char *path = run->job->config->pkcs12_password_file;

	if (*path && check_private_file("--pkcs12-password-file", path) != EX_OK)
		return EX_NOINPUT;
	if (!*path || secret_read_file(path, PASSWORD_MAX, &run->pkcs12_password) ||
	    run->pkcs12_password.len == 0) {
		line_say("--pkcs12 needs --pkcs12-password-file: a file that only its owner can "
			 "read (mode 0600), with the password in it");
		return EX_NOINPUT;
	}
	run->store.pkcs12_password = &run->pkcs12_password;
	return EX_OK;
}

static int read_label_template(struct line_run *run)
{
	const char *path = run->job->config->label_template;
	char field[32];

	if (!*path)
		return EX_OK;
	if (file_read(path, TEMPLATE_MAX, &run->label_template)) {
		line_say("%s: %s", path, strerror(errno));
		return EX_NOINPUT;
	}
	buf_put(&run->label_template, "", 0);
	if (label_check_template((const char *)run->label_template.bytes, field)) {
		line_say("%s: %s%s; there are {mac}, {serial_number}, {model}, {claim_code}", path,
		    *field ? "no such field: " : "no field is used", field);
		return EX_DATAERR;
	}
	return EX_OK;
}

int line_check(struct line_run *run)
{
	int status = read_list(run);

	if (status == EX_OK)
		status = check_station(run);
	if (status == EX_OK && run->job->config->pkcs12)
		status = read_pkcs12_password(run);
	if (status == EX_OK)
		status = read_label_template(run);
	if (status == EX_OK)
		place_csr_files(run);
	if (status == EX_OK)
		status = line_check_order(run);
	if (status == EX_OK && run->job->dry_run)
		status = check_csr_files(run);
	return status;
}
