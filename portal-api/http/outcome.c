/* The table of outcomes; see outcome.h. Pure. */
#include "portal-api/http/outcome.h"

#include <string.h>

static const struct outcome outcomes[] = {
    {"not_found", PROBLEM_NOT_FOUND, NULL, NULL, "There is no such thing of yours."},
    {"version_mismatch", PROBLEM_VERSION_MISMATCH, NULL, NULL,
	"It was changed since you read it: read it again and decide anew."},
    {"name_taken", PROBLEM_NAME_TAKEN, NULL, NULL, "Another one has this name."},
    {"in_use", PROBLEM_IN_USE, NULL, NULL,
	"Something else depended on it a moment ago: try again."},
    {"purged", PROBLEM_PASSWORD_PURGED, NULL, NULL,
	"The password was purged after its delivery; rotate or rearm makes a new one."},
    {"needs_password", PROBLEM_VERSION_MISMATCH, NULL, NULL,
	"The password was purged in this very moment: ask again."},
    {"itsp_suspended", PROBLEM_ITSP_SUSPENDED, NULL, NULL,
	"The manufacturer has suspended this ITSP: nothing can be changed."},
    {"claim_differs", PROBLEM_CLAIM_DIFFERS, NULL, NULL,
	"You hold this phone with other values; PATCH changes a claim."},
    {"claimed_elsewhere", PROBLEM_CLAIMED_ELSEWHERE, NULL, NULL,
	"Your proof is right, and another provider holds this phone: POST /v1/transfers asks for "
	"it."},
    {"not_claimed", PROBLEM_NOT_CLAIMED, NULL, NULL,
	"Nobody holds this phone: PUT /v1/claims/{mac} takes it."},
    {"own_claim", PROBLEM_OWN_CLAIM, NULL, NULL,
	"This phone is yours: there is nothing to ask for."},
    {"transfer_open", PROBLEM_TRANSFER_OPEN, NULL, NULL,
	"Another provider has asked for this phone: wait until that is decided."},
    {"transfer_decided", PROBLEM_TRANSFER_DECIDED, NULL, NULL,
	"This transfer came to its end before; GET it to see which."},
    {"not_the_owner", PROBLEM_NOT_YOUR_SIDE, NULL, NULL,
	"The present holder consents or objects; you asked for the phone and may withdraw."},
    {"not_the_requester", PROBLEM_NOT_YOUR_SIDE, NULL, NULL,
	"Who asked may withdraw; you hold the phone and may consent or object."},
    {"rate_limited", PROBLEM_TOO_MANY_WRONG_CODES, NULL, NULL,
	"Too many wrong claim codes in the last hour: codes are not looked at for a while."},
    {"already_rotated", PROBLEM_ALREADY_ROTATED, NULL, NULL,
	"This token has a successor already: rotate that one."},
    {"too_many_webhooks", PROBLEM_TOO_MANY_WEBHOOKS, NULL, NULL,
	"You have as many webhooks as this portal allows: delete one."},
    {"nothing_to_replay", PROBLEM_NOTHING_TO_REPLAY, NULL, NULL,
	"Nothing of yours has happened since that time."},
    {"unknown_profile", PROBLEM_INVALID, "profile_id", "unknown_profile",
	"There is no such profile of yours."},
    {"unknown_itsp", PROBLEM_INVALID, "itsp_id", "unknown_itsp", "There is no such ITSP."},
    {"unknown_format", PROBLEM_INVALID, "format", "unknown_format", "There is no such format."},
    {"bad_key_type", PROBLEM_INVALID, "key_types", "bad_key_type", "A key type is not known."},
    {"model_claimed", PROBLEM_IN_USE, NULL, NULL,
	"Phones of this model are claimed: its format and its admin user stay until the last one "
	"is released."},
    {"needs_certificate", PROBLEM_INVALID, "encrypt_answers", "needs_certificate",
	"Answers can be encrypted to phones with a certificate only."},
    {"not_imported", PROBLEM_NOT_IMPORTED, NULL, NULL,
	"Its claim code is made by the factory's signer: factory-ca code --rotate."},
    {"no_credentials", PROBLEM_NO_CREDENTIALS, NULL, NULL,
	"This phone shows a certificate: it has no password."},
    {"bad_scope", PROBLEM_INVALID, "scopes", "bad_scope", "A scope is not one for this token."},
    {"email_taken", PROBLEM_EMAIL_TAKEN, NULL, NULL,
	"Somebody signs in with this address already."},
    {"bad_role", PROBLEM_INVALID, "role", "bad_role", "There is no such role for this person."},
    {"own_account", PROBLEM_OWN_ACCOUNT, NULL, NULL,
	"Nobody changes or removes his own role: ask another one who may."},
    {"user_suspended", PROBLEM_USER_SUSPENDED, NULL, NULL,
	"A suspended person gets no link: make the account live first."},
    {"not_signed_in", PROBLEM_NOT_SIGNED_IN, NULL, NULL, "The session has ended: sign in again."},
    {"link_not_valid", PROBLEM_LINK_NOT_VALID, NULL, NULL,
	"It was used, replaced by a newer one, or is too old: ask for a new one."},
    {"nothing_proposed", PROBLEM_NOT_READY, NULL, NULL,
	"No second factor waits to be confirmed: begin again."},
    {"url_not_approved", PROBLEM_INVALID, "provisioning_url", "host_not_approved",
	"The host is not under a domain that the manufacturer approved for you."},
    {"too_many_jobs", PROBLEM_TOO_MANY_JOBS, NULL, NULL,
	"You have as many jobs that wait or run as are taken: wait for one to end, or cancel it."},
    {"job_ended", PROBLEM_JOB_ENDED, NULL, NULL, "There is nothing left to cancel."},
    {"being_claimed", PROBLEM_NOT_READY, NULL, NULL,
	"All its rows are being claimed in this moment: look again."},
    {"not_receiving", PROBLEM_NOT_READY, NULL, NULL, "The job was already handed in."},
};

const struct outcome *outcome_find(const char *name)
{
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (strcmp(outcomes[i].name, name) == 0)
			return &outcomes[i];
	return NULL;
}
