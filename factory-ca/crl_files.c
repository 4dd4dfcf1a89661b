/* CRLs in published_dir, which is for everybody to read and for one process at a time to write. */
#include "factory-ca/crl_files.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "common/base/file.h"
#include "common/base/text.h"

static int64_t unix_s_of(const ASN1_TIME *time)
{
	struct tm tm = {0};

	return time && ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

enum err crl_info_read(const struct buf *der, struct crl_info *info)
{
	const unsigned char *next = der->bytes;
	X509_CRL *crl = der->len ? d2i_X509_CRL(NULL, &next, (long)der->len) : NULL;
	ASN1_INTEGER *number = NULL;
	enum err err = ERR_SYNTAX;
	int revoked;

	if (crl)
		number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	if (number && ASN1_INTEGER_get_int64(&info->number, number) == 1) {
		info->this_update_unix_s = unix_s_of(X509_CRL_get0_lastUpdate(crl));
		info->next_update_unix_s = unix_s_of(X509_CRL_get0_nextUpdate(crl));
		revoked = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl));
		info->entries = revoked > 0 ? (size_t)revoked : 0;
		err = info->next_update_unix_s ? ERR_OK : ERR_SYNTAX;
	}
	ASN1_INTEGER_free(number);
	X509_CRL_free(crl);
	ERR_clear_error();
	return err;
}

static void put_pem(struct buf *out, const struct buf *der)
{
	buf_put_str(out, "-----BEGIN X509 CRL-----\n");
	base64_encode(out, der->bytes, der->len, 64);
	if (out->bytes[out->len - 1] != '\n')
		buf_put_str(out, "\n");
	buf_put_str(out, "-----END X509 CRL-----\n");
}

/* All that are there: of every generation, the newest first, and the root's. */
static enum err write_bundle(const struct factory_config *config)
{
	char path[FACTORY_PATH_MAX];
	struct buf pem = {0}, der = {0};
	enum err err;
	unsigned g;

	for (g = GENERATION_MAX; g >= GENERATION_FIRST; g--) {
		buf_clear(&der);
		factory_crl_path(config, g, path);
		if (file_read(path, CRL_FILE_MAX, &der) == ERR_OK)
			put_pem(&pem, &der);
	}
	buf_clear(&der);
	factory_file_path(config, FACTORY_FILE_ROOT_CRL, path);
	err = file_read(path, CRL_FILE_MAX, &der);
	if (!err) {
		put_pem(&pem, &der);
		factory_file_path(config, FACTORY_FILE_CRL_BUNDLE, path);
		err = file_write(path, 0644, pem.bytes, pem.len);
	}
	buf_free(&der);
	buf_free(&pem);
	return err;
}

enum err crl_files_write(
    const struct factory_config *config, unsigned generation, const struct buf *der)
{
	char path[FACTORY_PATH_MAX];
	struct buf known = {0};
	struct crl_info mine, theirs;
	enum err err = crl_info_read(der, &mine);

	factory_crl_path(config, generation, path);
	if (!err && file_read(path, CRL_FILE_MAX, &known) == ERR_OK &&
	    crl_info_read(&known, &theirs) == ERR_OK && theirs.number > mine.number)
		err = ERR_EXISTS;
	if (!err)
		err = file_write(path, 0644, der->bytes, der->len);
	if (!err)
		err = write_bundle(config);
	buf_free(&known);
	return err;
}
