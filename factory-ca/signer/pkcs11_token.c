/* The module, its token and our session with it; see pkcs11.h. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "factory-ca/signer/pkcs11.h"

enum { SLOTS_MAX = 64 };

/* Of this process: modules in use now, and whether there ever was one. */
static unsigned modules_in_use;
static int module_was_loaded;

static void refuse_to_fork(void)
{
	/* The child would share sessions and locks that it cannot have (PKCS#11 section 5.4). */
	CHECK(modules_in_use == 0);
}

static void watch_for_forks(void)
{
	if (!module_was_loaded)
		CHECK(pthread_atfork(refuse_to_fork, NULL, NULL) == 0);
	module_was_loaded = 1;
}

void keystore_leave(int status)
{
	if (!module_was_loaded)
		return;
	/* Some modules crash in their exit handlers, long after their work is done. */
	fflush(NULL);
	_exit(status);
}

enum err pkcs11_fail(CK_RV rv, char *why, const char *doing)
{
	enum err err = ERR_CRYPTO;

	if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE)
		err = ERR_SIGNATURE;
	else if (rv == CKR_PIN_LOCKED)
		err = ERR_DENIED;
	else if (rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_DEVICE_REMOVED)
		err = ERR_UNAVAILABLE;
	return keystore_say(err, why, "the token: %s: %s (0x%lx)", doing, p11_kit_strerror(rv), rv);
}

static enum err read_prefix(struct pkcs11 *token, char *why)
{
	const CK_ATTRIBUTE *object = p11_kit_uri_get_attribute(token->uri, CKA_LABEL);
	size_t i;

	strcpy(token->prefix, "firstring");
	if (!object)
		return ERR_OK;
	for (i = 0; i < object->ulValueLen; i++)
		if (!strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.",
			((const char *)object->pValue)[i]))
			break;
	if (i == 0 || i < object->ulValueLen || i > PKCS11_PREFIX_MAX)
		return keystore_say(ERR_RANGE, why,
		    "pki.pkcs11_uri: object= is the prefix of our labels: 1 to %d letters, digits, "
		    "'-', '_' and '.'",
		    PKCS11_PREFIX_MAX);
	memcpy(token->prefix, object->pValue, i);
	token->prefix[i] = '\0';
	return ERR_OK;
}

static enum err read_uri(struct pkcs11 *token, const char *text, char *why)
{
	const char *path;
	int code;

	token->uri = p11_kit_uri_new();
	CHECK(token->uri != NULL);
	code = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, token->uri);
	if (code != P11_KIT_URI_OK || p11_kit_uri_any_unrecognized(token->uri))
		return keystore_say(ERR_SYNTAX, why, "pki.pkcs11_uri is no RFC 7512 URI%s%s",
		    code != P11_KIT_URI_OK ? ": " : " that is understood",
		    code != P11_KIT_URI_OK ? p11_kit_uri_message(code) : "");
	if (p11_kit_uri_get_pin_value(token->uri) || p11_kit_uri_get_pin_source(token->uri))
		return keystore_say(ERR_DENIED, why,
		    "pki.pkcs11_uri: a PIN has no place there; put it into pki.pkcs11_pin_file");
	path = p11_kit_uri_get_module_path(token->uri);
	if (!path || path[0] != '/')
		return keystore_say(ERR_RANGE, why,
		    "pki.pkcs11_uri: name the module by its whole path: "
		    "pkcs11:token=NAME?module-path=/usr/lib/...");
	return read_prefix(token, why);
}

static enum err load_module(struct pkcs11 *token, char *why)
{
	const char *path = p11_kit_uri_get_module_path(token->uri);
	/* Unmanaged: no wrapper of p11-kit's between us and the module, and no executable memory.
	 */
	CK_FUNCTION_LIST *module = p11_kit_module_load(path, P11_KIT_MODULE_UNMANAGED);
	CK_RV rv;

	if (!module)
		return keystore_say(ERR_NOT_FOUND, why,
		    "the PKCS#11 module %s cannot be loaded: %s", path,
		    p11_kit_message() ? p11_kit_message() : "no reason is known");
	watch_for_forks();
	rv = p11_kit_module_initialize(module);
	if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
		p11_kit_module_release(module);
		return pkcs11_fail(rv, why, "its module does not start");
	}
	modules_in_use++;
	token->module = module;
	return ERR_OK;
}

/* The one slot whose token the URI names. */
static enum err find_slot(struct pkcs11 *token, CK_SLOT_ID *slot, char *why)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX, i;
	CK_TOKEN_INFO info;
	unsigned found = 0;
	CK_RV rv = token->module->C_GetSlotList(CK_TRUE, slots, &count);

	if (rv != CKR_OK)
		return pkcs11_fail(rv, why, "its module lists no slots");
	for (i = 0; i < count; i++) {
		if (token->module->C_GetTokenInfo(slots[i], &info) != CKR_OK ||
		    p11_kit_uri_match_token_info(token->uri, &info) != 1)
			continue;
		*slot = slots[i];
		found++;
	}
	if (found == 0)
		return keystore_say(ERR_UNAVAILABLE, why,
		    "pki.pkcs11_uri: no token of the module fits (%lu are there)", count);
	if (found > 1)
		return keystore_say(ERR_REFUSED, why,
		    "pki.pkcs11_uri: %u tokens fit; name one by its serial= too", found);
	return ERR_OK;
}

void pkcs11_close_session(struct pkcs11 *token)
{
	if (token->has_session)
		token->module->C_CloseSession(token->session);
	token->has_session = 0;
}

static enum err log_in(struct pkcs11 *token, char *why)
{
	CK_RV rv;

	if (token->pin.len == 0)
		return ERR_OK;
	if (token->pin_refused)
		return keystore_say(ERR_SIGNATURE, why,
		    "the token refused this PIN before; it is not tried again, tokens lock");
	rv = token->module->C_Login(
	    token->session, CKU_USER, token->pin.bytes, (CK_ULONG)token->pin.len);
	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
		return ERR_OK;
	token->pin_refused = rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED;
	return pkcs11_fail(rv, why, "it refuses the PIN of pki.pkcs11_pin_file");
}

enum err pkcs11_open_session(struct pkcs11 *token, int may_write, char *why)
{
	CK_FLAGS flags = CKF_SERIAL_SESSION | (may_write ? CKF_RW_SESSION : 0);
	CK_SLOT_ID slot = 0;
	enum err err;
	CK_RV rv;

	pkcs11_close_session(token);
	err = find_slot(token, &slot, why);
	if (err)
		return err;
	rv = token->module->C_OpenSession(slot, flags, NULL, NULL, &token->session);
	if (rv != CKR_OK)
		return pkcs11_fail(rv, why, "it opens no session");
	token->has_session = 1;
	token->may_write = may_write;
	err = log_in(token, why);
	if (err)
		pkcs11_close_session(token);
	return err;
}

enum err pkcs11_need_session(struct pkcs11 *token, int may_write, char *why)
{
	if (token->has_session && (token->may_write || !may_write))
		return ERR_OK;
	return pkcs11_open_session(token, may_write, why);
}

enum err pkcs11_open(struct pkcs11 *token, const char *uri, const struct secret *pin, char *why)
{
	enum err err = read_uri(token, uri, why);

	if (!err)
		err = load_module(token, why);
	if (!err && pin && pin->len)
		secret_set(&token->pin, pin->bytes, pin->len);
	return err;
}

void pkcs11_close(struct pkcs11 *token)
{
	if (token->has_session)
		token->module->C_Logout(token->session);
	pkcs11_close_session(token);
	if (token->module) {
		/* Another store of this process may use the same module. */
		if (--modules_in_use == 0)
			p11_kit_module_finalize(token->module);
		p11_kit_module_release(token->module);
	}
	secret_free(&token->pin);
	p11_kit_uri_free(token->uri);
}
