/*
 * A PKCS#11 module for tests: SoftHSM, whose sessions die when the test wants it. Each signature
 * first looks for a file "session-dies" beside SOFTHSM2_CONF: when it is there it is removed and
 * all sessions are closed, as an HSM does with idle ones. With a file "token-is-gone" no session
 * can be opened.
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST ours;
static CK_SLOT_ID last_slot;

static int wanted(const char *name, int once)
{
	const char *configuration = getenv("SOFTHSM2_CONF");
	char path[1024];
	char *slash;

	snprintf(path, sizeof(path), "%s", configuration ? configuration : "");
	slash = strrchr(path, '/');
	if (!slash)
		return 0;
	snprintf(slash + 1, sizeof(path) - (size_t)(slash + 1 - path), "%s", name);
	return once ? unlink(path) == 0 : access(path, F_OK) == 0;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
    CK_SESSION_HANDLE *session)
{
	last_slot = slot;
	if (wanted("token-is-gone", 0))
		return CKR_TOKEN_NOT_PRESENT;
	return real->C_OpenSession(slot, flags, application, notify, session);
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	if (wanted("session-dies", 1))
		real->C_CloseAllSessions(last_slot);
	return real->C_SignInit(session, mechanism, key);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	void *library = dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW);
	CK_C_GetFunctionList get = NULL;

	if (library)
		*(void **)&get = dlsym(library, "C_GetFunctionList");
	if (!get || get(&real) != CKR_OK)
		return CKR_GENERAL_ERROR;
	ours = *real;
	ours.C_OpenSession = open_session;
	ours.C_SignInit = sign_init;
	*list = &ours;
	return CKR_OK;
}
