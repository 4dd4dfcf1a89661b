/* A claim job in hand; see job.h. Runs in the job worker. */
#include "portal-api/jobs/job.h"

#include "common/base/log.h"
#include "queries_portal-api.h"

struct pg_call job_tenant_call(const struct job *job)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, job->itsp_id);
	return (struct pg_call){&query_tenant_set, params};
}

void job_param_lease(const struct job *job, struct pg_params *params)
{
	pg_param_text(params, job->id);
	pg_param_text(params, job->worker);
	pg_param_int(params, JOB_LEASE_S);
}

void job_param_actor(const struct job *job, struct pg_params *params)
{
	pg_param_text(params, job->actor_kind);
	pg_param_text(params, job->actor_id);
	pg_param_null(params);
	pg_param_text(params, job->id);
}

void job_complain(const struct job *job, const char *what, const struct pg_error *error)
{
	static struct log_gate gate;
	if (log_gate_open(&gate))
		LOG_WARN("claim_job_interrupted", log_str("doing", what),
		    log_str("job", job ? job->id : NULL), log_err(error->err),
		    log_str("message", error->message), log_uint("suppressed", gate.suppressed));
}
