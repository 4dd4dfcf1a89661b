/* A claim job in hand: which one, for whom, under whose lease; what all that is asked for it begins
 * and ends with. */
#ifndef FIRSTRING_PORTAL_JOBS_JOB_H
#define FIRSTRING_PORTAL_JOBS_JOB_H

#include "common/db/pg.h"
#include "portal-api/http/uuid.h"

enum { JOB_LEASE_S = 30 };
/* Above the roles' statement_timeout: what is done in bulk is slow. */
enum { JOB_DEADLINE_MS = 40000 };

struct job {
	char id[UUID_TEXT_LEN + 1], itsp_id[UUID_TEXT_LEN + 1];
	char actor_kind[33], actor_id[257]; /* who handed it in */
	const char *worker; /* who holds the lease */
	int dry_run, atomic;
};

/* The first call of every submission for the job's tenant. */
struct pg_call job_tenant_call(const struct job *job);
/* Adds id, worker and length of the lease. */
void job_param_lease(const struct job *job, struct pg_params *params);
/* Adds the four parameters that an audited statement ends with. */
void job_param_actor(const struct job *job, struct pg_params *params);

/* Logs that the database failed what was being done; `job` NULL: for none. */
void job_complain(const struct job *job, const char *what, const struct pg_error *error);

#endif
