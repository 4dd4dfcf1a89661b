/* The output folder of a run. Files that are found there may be anybody's and are checked; what is
 * written is the line's most valuable: keys are 0600 from their first byte. */
#include "factory-ca/line/store.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"

static enum err fail(enum err err, char *why, const char *name, const char *what)
{
	snprintf(why, STORE_WHY_LEN, "%s: %s", name, what);
	return err;
}

void store_name(const struct line_phone *phone, const char *file, char name[STORE_NAME_LEN])
{
	char mac[MAC_TEXT_LEN + 1];

	mac_format(&phone->mac, mac);
	CHECK(snprintf(name, STORE_NAME_LEN, "%s%s/%s", mac, phone->is_rework ? ".rework" : "",
		  file) < STORE_NAME_LEN);
}

enum err store_open(const char *folder, struct store *store, char why[STORE_WHY_LEN])
{
	struct stat st;

	if (mkdir(folder, 0700) == 0) {
		if (file_sync_folder(folder))
			return fail(ERR_IO, why, folder, strerror(errno));
	} else if (errno != EEXIST) {
		return fail(ERR_IO, why, folder, strerror(errno));
	}
	store->fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->fd < 0 || fstat(store->fd, &st) != 0)
		return fail(ERR_IO, why, folder, strerror(errno));
	if (st.st_mode & 022)
		return fail(ERR_DENIED, why, folder,
		    "others may write in this folder, where keys will be: chmod go-w it");
	return ERR_OK;
}

void store_close(struct store *store)
{
	sk_X509_pop_free(store->chain, X509_free);
	if (store->fd >= 0)
		close(store->fd);
	store->fd = -1;
	store->chain = NULL;
}

enum err store_sync(const struct store *store)
{
	return syncfs(store->fd) == 0 ? ERR_OK : ERR_IO;
}

static enum err make_folder(const struct store *store, const struct line_phone *phone)
{
	char name[STORE_NAME_LEN];

	store_name(phone, "", name);
	return mkdirat(store->fd, name, 0700) == 0 || errno == EEXIST ? ERR_OK : ERR_IO;
}

/* Writes beside and renames; takes `memory`'s bytes. */
static enum err put_file(const struct store *store, const struct line_phone *phone,
    const char *file, mode_t mode, BIO *memory, char *why)
{
	char name[STORE_NAME_LEN], beside[STORE_NAME_LEN], *bytes = NULL;
	long len = BIO_get_mem_data(memory, &bytes);
	enum err err = ERR_IO;
	int fd, saved;

	store_name(phone, file, name);
	CHECK(snprintf(beside, sizeof(beside), "%s.new", name) < STORE_NAME_LEN);
	fd = openat(store->fd, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd >= 0) {
		err = file_write_all(fd, bytes, (size_t)len);
		saved = errno;
		if (close(fd) != 0 && !err) {
			err = ERR_IO;
			saved = errno;
		}
		errno = saved;
	}
	if (!err && renameat(store->fd, beside, store->fd, name) != 0)
		err = ERR_IO;
	if (err) {
		saved = errno;
		unlinkat(store->fd, beside, 0);
		errno = saved;
		fail(err, why, name, strerror(errno));
	}
	return err;
}

static FILE *open_file(
    const struct store *store, const struct line_phone *phone, const char *name_in_folder)
{
	char name[STORE_NAME_LEN];
	FILE *file = NULL;
	int fd;

	store_name(phone, name_in_folder, name);
	fd = openat(store->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		CHECK((file = fdopen(fd, "r")) != NULL);
	return file;
}

/* --- keys ----------------------------------------------------------------------------------- */

static EVP_PKEY *make_key(enum key_type type)
{
	switch (type) {
	case KEY_P256:
		return EVP_EC_gen("P-256");
	case KEY_P384:
		return EVP_EC_gen("P-384");
	case KEY_RSA2048:
		return EVP_RSA_gen(2048);
	case KEY_RSA3072:
		return EVP_RSA_gen(3072);
	case KEY_TYPE_COUNT:
		break;
	}
	return NULL;
}

/* NULL: none, or damaged (`is_there` tells). */
static EVP_PKEY *read_key(const struct store *store, const struct line_phone *phone, int *is_there)
{
	FILE *file = open_file(store, phone, "key.pem");
	EVP_PKEY *key;

	*is_there = file != NULL || errno != ENOENT;
	if (!file)
		return NULL;
	/* No password is asked for: a terminal prompt would stop the line. */
	key = PEM_read_PrivateKey(file, NULL, NULL, (void *)(uintptr_t) "");
	fclose(file);
	ERR_clear_error();
	return key;
}

enum err store_put_key(const struct store *store, const struct line_phone *phone, EVP_PKEY *key,
    char why[STORE_WHY_LEN])
{
	BIO *memory = BIO_new(BIO_s_secmem());
	enum err err;

	CHECK(memory != NULL &&
	      PEM_write_bio_PKCS8PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL) == 1);
	err = put_file(store, phone, "key.pem", 0600, memory, why);
	BIO_free(memory);
	return err;
}

static enum key_type type_of(const EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);

	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
		return bits == 256 ? KEY_P256 : bits == 384 ? KEY_P384 : KEY_TYPE_COUNT;
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		return bits == 2048 ? KEY_RSA2048 : bits == 3072 ? KEY_RSA3072 : KEY_TYPE_COUNT;
	return KEY_TYPE_COUNT;
}

enum err store_find_key(const struct store *store, const struct line_phone *phone, EVP_PKEY **key,
    char why[STORE_WHY_LEN])
{
	char name[STORE_NAME_LEN];
	EVP_PKEY *found;
	int is_there = 0;

	store_name(phone, "key.pem", name);
	if (make_folder(store, phone))
		return fail(ERR_IO, why, name, strerror(errno));
	found = read_key(store, phone, &is_there);
	if (!found && phone->state == PHONE_PREPARED && !phone->is_rework)
		return fail(ERR_DENIED, why, name,
		    is_there ? "damaged, and a certificate may have been issued for it"
			     : "gone, and a certificate may have been issued for it");
	if (!found)
		return ERR_NOT_FOUND;
	*key = found;
	return ERR_OK;
}

enum err store_key(const struct store *store, const struct line_phone *phone, enum key_type type,
    EVP_PKEY **key, char why[STORE_WHY_LEN])
{
	enum err err = store_find_key(store, phone, key, why);
	EVP_PKEY *made;

	if (err != ERR_NOT_FOUND)
		return err;
	made = make_key(type);
	CHECK(made != NULL);
	err = store_put_key(store, phone, made, why);
	if (err)
		EVP_PKEY_free(made);
	else
		*key = made;
	return err;
}

/* --- certificates --------------------------------------------------------------------------- */

static int is_root(X509 *certificate)
{
	return X509_NAME_cmp(
		   X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
}

X509 *store_issuer_of(const struct store *store, X509 *certificate)
{
	X509 *found = NULL;
	int i;

	for (i = 0; i < sk_X509_num(store->chain) && !found; i++) {
		X509 *candidate = sk_X509_value(store->chain, i);

		if (!is_root(candidate) &&
		    X509_verify(certificate, X509_get0_pubkey(candidate)) == 1)
			found = candidate;
	}
	ERR_clear_error();
	return found;
}

/* Of this certificate alone: a factory has several issuing CAs once it renewed its first. Borrowed
 * but for the stack itself. */
static STACK_OF(X509) * chain_of(const struct store *store, X509 *certificate)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509 *issuer = store_issuer_of(store, certificate);
	int i;

	CHECK(chain != NULL && issuer != NULL && sk_X509_push(chain, issuer) > 0);
	for (i = 0; i < sk_X509_num(store->chain); i++)
		if (is_root(sk_X509_value(store->chain, i)))
			CHECK(sk_X509_push(chain, sk_X509_value(store->chain, i)) > 0);
	return chain;
}

static enum err put_pkcs12(const struct store *store, const struct line_phone *phone,
    X509 *certificate, EVP_PKEY *key, STACK_OF(X509) * chain, char *why)
{
	BIO *memory = BIO_new(BIO_s_secmem());
	char mac[MAC_TEXT_LEN + 1];
	PKCS12 *container;
	enum err err;

	mac_format(&phone->mac, mac);
	container = PKCS12_create((const char *)store->pkcs12_password->bytes, mac, key,
	    certificate, chain, 0, 0, 0, 0, 0);
	CHECK(memory != NULL && container != NULL && i2d_PKCS12_bio(memory, container) == 1);
	err = put_file(store, phone, "phone.p12", 0600, memory, why);
	PKCS12_free(container);
	BIO_free(memory);
	return err;
}

static int pkcs12_is_there(const struct store *store, const struct line_phone *phone)
{
	FILE *file = open_file(store, phone, "phone.p12");
	PKCS12 *container = file ? d2i_PKCS12_fp(file, NULL) : NULL;
	int opens =
	    container && PKCS12_verify_mac(container, (const char *)store->pkcs12_password->bytes,
			     (int)store->pkcs12_password->len) == 1;

	if (file)
		fclose(file);
	PKCS12_free(container);
	ERR_clear_error();
	return opens;
}

enum err store_complete_pkcs12(const struct store *store, const struct line_phone *phone,
    X509 *certificate, char why[STORE_WHY_LEN])
{
	STACK_OF(X509) *chain = NULL;
	EVP_PKEY *key = NULL;
	int key_is_there;
	enum err err;

	if (pkcs12_is_there(store, phone))
		return ERR_OK;
	key = read_key(store, phone, &key_is_there);
	if (!key && !key_is_there)
		return ERR_NOT_FOUND;
	if (!key || EVP_PKEY_eq(X509_get0_pubkey(certificate), key) != 1 ||
	    !store_issuer_of(store, certificate)) {
		err = fail(ERR_SIGNATURE, why, "key.pem", "not the key of the phone's certificate");
	} else {
		chain = chain_of(store, certificate);
		err = put_pkcs12(store, phone, certificate, key, chain, why);
	}
	sk_X509_free(chain);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return err;
}

enum err store_certificate(const struct store *store, const struct line_phone *phone,
    X509 *certificate, EVP_PKEY *key, char why[STORE_WHY_LEN])
{
	BIO *leaf = BIO_new(BIO_s_mem()), *chain = BIO_new(BIO_s_mem());
	BIO *presented = BIO_new(BIO_s_mem());
	STACK_OF(X509) *above = chain_of(store, certificate);
	char name[STORE_NAME_LEN];
	enum err err;
	int i;

	store_name(phone, "certificate.pem", name);
	CHECK(leaf && chain && presented && PEM_write_bio_X509(leaf, certificate) == 1 &&
	      PEM_write_bio_X509(presented, certificate) == 1 &&
	      PEM_write_bio_X509(presented, sk_X509_value(above, 0)) == 1);
	for (i = 0; i < sk_X509_num(above); i++)
		CHECK(PEM_write_bio_X509(chain, sk_X509_value(above, i)) == 1);
	err = make_folder(store, phone);
	if (err)
		fail(err, why, name, strerror(errno));
	if (!err)
		err = put_file(store, phone, "chain.pem", 0644, chain, why);
	if (!err)
		err = put_file(store, phone, "fullchain.pem", 0644, presented, why);
	if (!err)
		err = put_file(store, phone, "certificate.pem", 0644, leaf, why);
	if (!err && key && store->pkcs12_password)
		err = put_pkcs12(store, phone, certificate, key, above, why);
	BIO_free(leaf);
	BIO_free(chain);
	BIO_free(presented);
	sk_X509_free(above);
	return err;
}

int store_has_key_of(const struct store *store, const struct line_phone *phone, X509 *certificate)
{
	int is_there;
	EVP_PKEY *key = read_key(store, phone, &is_there);
	int is_its = key && EVP_PKEY_eq(X509_get0_pubkey(certificate), key) == 1;

	EVP_PKEY_free(key);
	ERR_clear_error();
	return is_its;
}

enum err store_key_type(
    const struct store *store, const struct line_phone *phone, enum key_type *type)
{
	int is_there;
	EVP_PKEY *key = read_key(store, phone, &is_there);

	if (!key)
		return ERR_NOT_FOUND;
	*type = type_of(key);
	EVP_PKEY_free(key);
	return ERR_OK;
}

X509 *store_read_certificate(const struct store *store, const struct line_phone *phone)
{
	FILE *file = open_file(store, phone, "certificate.pem");
	X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;

	if (file)
		fclose(file);
	ERR_clear_error();
	return certificate;
}

void store_serial_number_of(X509 *certificate, char serial_number[CSR_SERIAL_NUMBER_MAX + 1])
{
	char text[CSR_SERIAL_NUMBER_MAX + 2] = "";
	int len = X509_NAME_get_text_by_NID(
	    X509_get_subject_name(certificate), NID_serialNumber, text, sizeof(text));

	*serial_number = '\0';
	if (len > 0 && csr_serial_number_is_valid(text, (size_t)len))
		strcpy(serial_number, text);
}
