/*
 * Steps of the ceremonies. Configuration and credentials are the PKI officer's; what is made here
 * is ours. Runs in commands, in part as the keeper of the state folder.
 */
#include "factory-ca/commands/ceremony.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "common/net/sandbox.h"
#include "factory-ca/commands/command.h"

enum { DAY_S = 24 * 60 * 60, ROOT_CRL_DAYS = 365, ISSUING_CRL_DAYS = 30 };

void ceremony_begin(
    struct ceremony *ceremony, const struct factory_config *config, const char *suffix)
{
	enum err err;

	memset(ceremony, 0, sizeof(*ceremony));
	sandbox_harden();
	/* Locking failing was logged; the ceremony's machine is the officer's choice. */
	err = authority_lock_memory();
	(void)err;
	umask(077);
	ceremony->config = config;
	ceremony->staged = *config;
	snprintf(ceremony->folder, sizeof(ceremony->folder), "%s%s", config->state_dir, suffix);
	ceremony->staged.state_dir = ceremony->folder;
	ceremony->now_unix_s = clock_unix_s();
	ceremony->generation = GENERATION_FIRST;
}

void ceremony_stay(struct ceremony *ceremony)
{
	snprintf(ceremony->folder, sizeof(ceremony->folder), "%s", ceremony->config->state_dir);
}

void ceremony_free(struct ceremony *ceremony)
{
	struct buf *bytes[] = {&ceremony->root, &ceremony->issuing, &ceremony->line_access,
	    &ceremony->root_crl, &ceremony->issuing_crl, &ceremony->transcript};
	size_t i;

	keystore_free(ceremony->store);
	secret_free(&ceremony->opener);
	for (i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
		buf_free(bytes[i]);
}

enum err ceremony_check_absent(const struct ceremony *ceremony, char *why)
{
	const char *path = ceremony->config->state_dir;

	if (access(path, F_OK) != 0)
		return ERR_OK;
	return keystore_say(
	    ERR_EXISTS, why, "%s is there already: a CA is made once and never overwritten", path);
}

static enum err make_folder(const char *path, char *why)
{
	if (mkdir(path, 0700) == 0)
		return ERR_OK;
	return keystore_say(ERR_IO, why, "%s cannot be made: %s%s", path, strerror(errno),
	    errno == EEXIST ? "; it is left from a ceremony that was interrupted, or waits for its "
			      "end: look at it and remove it"
			    : "");
}

enum err ceremony_make_folder(struct ceremony *ceremony, char *why)
{
	static const char *const names[] = {"keys", "ca"};
	char path[FACTORY_PATH_MAX];
	enum err err = authority_opener(ceremony->config, &ceremony->opener, why);
	size_t i;

	if (!err)
		err = make_folder(ceremony->folder, why);
	if (err)
		return err;
	err = authority_give_to_keeper(ceremony->config, ceremony->folder, why);
	if (!err)
		err = authority_become_keeper(ceremony->config, why);
	for (i = 0; i < 2 && !err; i++) {
		factory_state_path(&ceremony->staged, names[i], path);
		err = make_folder(path, why);
	}
	authority_become_ourselves();
	if (err)
		ceremony_undo(ceremony);
	return err;
}

enum err ceremony_open_store(struct ceremony *ceremony, char *why)
{
	char uses[FACTORY_PATH_MAX];
	enum err err =
	    authority_key_store(&ceremony->staged, &ceremony->opener, &ceremony->store, why);

	factory_state_path(&ceremony->staged, "key-uses", uses);
	return err ? err : keystore_count_uses(ceremony->store, uses, why);
}

enum err ceremony_make_key(struct ceremony *ceremony, enum ca_key key, char *why)
{
	enum err err = keystore_generate(ceremony->store, key, why);

	if (!err)
		ceremony->made |= 1U << key;
	return err;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *place)
{
	(void)st;
	(void)kind;
	(void)place;
	return remove(path);
}

/* A token keeps its keys whatever becomes of the folder. */
void ceremony_undo(struct ceremony *ceremony)
{
	int i;

	for (i = 0; i < CA_KEY_COUNT; i++)
		if (ceremony->made & 1U << i)
			keystore_discard(ceremony->store, (enum ca_key)i);
	nftw(ceremony->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

enum err ceremony_put_in_place(struct ceremony *ceremony, char *why)
{
	if (rename(ceremony->folder, ceremony->config->state_dir) == 0 &&
	    file_sync_folder(ceremony->config->state_dir) == ERR_OK)
		return ERR_OK;
	return keystore_say(ERR_IO, why, "%s cannot be renamed to %s: %s", ceremony->folder,
	    ceremony->config->state_dir, strerror(errno));
}

/* --- certificates and CRLs --- */

static enum err say_unsigned(enum err err, char *why)
{
	if (err)
		keystore_say(err, why, "a certificate or CRL cannot be signed (%s)", err_name(err));
	return err;
}

static enum err make_self_signed(struct ceremony *ceremony, enum ca_certificate kind,
    const char *common_name, struct buf *out, char *why)
{
	const struct ca_request request = {.kind = kind,
	    .organisation = ceremony->config->organisation,
	    .common_name = common_name,
	    .not_before_unix_s = ceremony->now_unix_s};

	return say_unsigned(ca_certificate_make(ceremony->store, &request, out), why);
}

static enum err make_crl(struct ceremony *ceremony, enum ca_key key, const struct buf *certificate,
    int days, struct buf *out, char *why)
{
	struct crl_request request = {.key = key,
	    .number = (uint64_t)ceremony->now_unix_s,
	    .this_update_unix_s = ceremony->now_unix_s,
	    .next_update_unix_s = ceremony->now_unix_s + (int64_t)days * DAY_S};

	CHECK(!certificate_subject(
	    certificate->bytes, certificate->len, &request.issuer, &request.issuer_len));
	return say_unsigned(crl_make(ceremony->store, &request, out), why);
}

enum err ceremony_make_root(struct ceremony *ceremony, char *why)
{
	enum err err = make_self_signed(
	    ceremony, CA_CERTIFICATE_ROOT, ceremony->config->root_name, &ceremony->root, why);

	return err ? err : ceremony_make_root_crl(ceremony, why);
}

enum err ceremony_make_root_crl(struct ceremony *ceremony, char *why)
{
	return make_crl(
	    ceremony, CA_KEY_ROOT, &ceremony->root, ROOT_CRL_DAYS, &ceremony->root_crl, why);
}

enum err ceremony_make_line_access(struct ceremony *ceremony, char *why)
{
	return make_self_signed(ceremony, CA_CERTIFICATE_LINE_ACCESS,
	    ceremony->config->line_access_name, &ceremony->line_access, why);
}

enum err ceremony_make_issuing_crl(struct ceremony *ceremony, char *why)
{
	return make_crl(ceremony, generation_key(ceremony->generation), &ceremony->issuing,
	    ISSUING_CRL_DAYS, &ceremony->issuing_crl, why);
}

struct ca_request ceremony_issuing_request(
    const struct ceremony *ceremony, const struct buf *root, struct ceremony_texts *texts)
{
	const struct factory_config *config = ceremony->config;
	struct ca_request request = {.kind = CA_CERTIFICATE_ISSUING,
	    .organisation = config->organisation,
	    .common_name = texts->name,
	    .issuing_key = generation_key(ceremony->generation),
	    .not_before_unix_s = ceremony->now_unix_s};
	char policy[FACTORY_OID_LEN];

	CHECK(!factory_issuing_name(config, ceremony->generation, texts->name));
	factory_url(config, FACTORY_URL_ROOT_CRL, texts->crl_url);
	factory_url(config, FACTORY_URL_ROOT, texts->issuer_url);
	factory_oid(config, FACTORY_OID_POLICY, policy);
	request.crl_url = texts->crl_url;
	request.issuer_url = texts->issuer_url;
	CHECK(!oid_parse(policy, &request.policy));
	if (root)
		CHECK(!certificate_subject(
		    root->bytes, root->len, &request.issuer, &request.issuer_len));
	return request;
}

/* --- transcript and files --- */

void ceremony_note_begin(struct ceremony *ceremony, const char *what)
{
	char at[CLOCK_TEXT_LEN + 1];

	clock_format_s(ceremony->now_unix_s, at);
	buf_printf(&ceremony->transcript, "factory-ca %s, %s of %s\norganisation %s\n\n",
	    FIRSTRING_VERSION, what, at, ceremony->config->organisation);
}

void ceremony_note_key(struct ceremony *ceremony, enum ca_key key)
{
	char why[KEYSTORE_WHY_LEN] = "", id[2 * CA_KEY_ID_LEN + 1];
	struct ca_key_info info = {0};

	CHECK(!keystore_describe(ceremony->store, key, &info, why));
	hex_encode_lower(info.id, sizeof(info.id), id);
	buf_printf(&ceremony->transcript, "key %-20s %s, id %s\n", ca_key_name(key),
	    ca_key_algorithm_name(info.algorithm), id);
}

void ceremony_note_hash(struct ceremony *ceremony, const char *what, const struct buf *der)
{
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	sha256(der->bytes, der->len, digest);
	hex_encode_lower(digest, sizeof(digest), hex);
	buf_printf(&ceremony->transcript, "%-24s sha256 %s\n", what, hex);
}

enum err ceremony_append_transcript(const struct ceremony *ceremony, char *why)
{
	char path[FACTORY_PATH_MAX];
	FILE *file;
	int wrote = 0;

	factory_state_path(ceremony->config, "transcript.txt", path);
	file = fopen(path, "ae");
	if (file) {
		wrote = fprintf(file, "\n%s", (char *)ceremony->transcript.bytes) > 0 &&
			fflush(file) == 0 && fsync(fileno(file)) == 0;
		fclose(file);
	}
	return wrote ? ERR_OK
		     : keystore_say(ERR_IO, why, "%s cannot be written: %s", path, strerror(errno));
}

enum err ceremony_write(
    const struct ceremony *ceremony, const char *name, const struct buf *bytes, char *why)
{
	char path[FACTORY_PATH_MAX];
	enum err err;

	factory_state_path(&ceremony->staged, name, path);
	err = file_write_new(path, 0600, bytes->bytes, bytes->len);
	if (err)
		keystore_say(err, why, "%s cannot be written: %s", path, strerror(errno));
	return err;
}

enum err ceremony_write_pem(
    const struct ceremony *ceremony, const char *name, const struct buf *der, char *why)
{
	struct buf pem = {0};
	enum err err;

	command_put_pem(&pem, "CERTIFICATE", der);
	err = ceremony_write(ceremony, name, &pem, why);
	buf_free(&pem);
	return err;
}
