/*
 * portal-api: where ITSPs claim phones and the manufacturer keeps house, over https.
 *
 * The parent binds, reads files and forks; it reads no byte from the network. Its workers are in
 * worker.c (the API), jobs/runner.c (bulk claims), status.c (CRLs), courier/courier.c (webhooks)
 * and common/net/health.h.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/net/health.h"
#include "common/net/workers.h"
#include "common/pki/memory.h"
#include "portal-api/bootstrap.h"
#include "portal-api/courier/courier.h"
#include "portal-api/jobs/runner.h"
#include "portal-api/metrics.h"
#include "portal-api/state.h"
#include "portal-api/status.h"
#include "portal-api/worker.h"

static const char DEFAULT_CONFIG[] = "/etc/firstring/portal-api.yaml";

static const char HELP[] =
    "usage: portal-api [--config FILE] [--check-config | --print-config]\n"
    "       portal-api [--config FILE] bootstrap-admin [--help]\n"
    "\n"
    "Serves the REST API of ITSPs (claims, profiles, events) and of the manufacturer, over https.\n"
    "\n"
    "  --config FILE    its configuration (default /etc/firstring/portal-api.yaml)\n"
    "  --check-config   says whether the configuration is right, and exits\n"
    "  --print-config   prints it with every default and what each key means, and exits\n"
    "  --version, --help\n"
    "  bootstrap-admin  makes the manufacturer's first administrator and prints its token\n"
    "\n"
    "SIGHUP reads the configuration, certificates and formats again and keeps the old ones when\n"
    "something is wrong; SIGTERM finishes what was begun and stops. The log is JSON lines on "
    "stderr.\n";

struct parent {
	const char *config_path;
	struct portal_sockets sockets;
};

static enum err load(void *ctx, void *previous, void **state)
{
	struct parent *parent = ctx;
	struct portal_state *loaded = NULL;
	enum err err = portal_state_load(parent->config_path, &parent->sockets, previous, &loaded);
	if (!err)
		*state = loaded;
	return err;
}

static void release(void *state)
{
	portal_state_free(state);
}

static int run_health(const struct worker *worker, void *shared)
{
	const struct portal_state *state = shared;
	return health_run(worker, state->sockets->health, NULL);
}

static size_t kinds(void *shared, struct worker_kind kinds[WORKERS_KINDS_MAX])
{
	const struct portal_state *state = shared;
	size_t count = 0;
	kinds[count++] = (struct worker_kind){
	    .name = "api", .count = (unsigned)state->config.workers, .run = portal_worker_run};
	kinds[count++] = (struct worker_kind){.name = "jobs", .count = 1, .run = job_worker_run};
	kinds[count++] = (struct worker_kind){.name = "health", .count = 1, .run = run_health};
	if (state->config.status_enabled)
		kinds[count++] =
		    (struct worker_kind){.name = "status", .count = 1, .run = status_worker_run};
	if (state->config.webhooks_enabled)
		kinds[count++] =
		    (struct worker_kind){.name = "courier", .count = 1, .run = courier_run};
	return count;
}

static int serve(const struct portal_config *config, const char *config_path)
{
	struct parent parent = {.config_path = config_path};
	portal_metrics_init();
	return workers_run(&(struct workers_config){.program = "portal-api",
	    .load = load,
	    .release = release,
	    .kinds = kinds,
	    .drain_ms = (unsigned)config->drain_ms,
	    .ctx = &parent});
}

int main(int argc, char **argv)
{
	struct conf_options options = {.config_path = DEFAULT_CONFIG};
	struct portal_config config = {0};
	struct conf_error problem = {""};
	int status = EX_OK;

	pki_memory_init();
	log_set_program("portal-api");
	if (conf_parse_options(argc, argv, &options, &problem) != ERR_OK) {
		fprintf(stderr, "%s\n", problem.text);
		return EX_USAGE;
	}
	if (options.help || options.version) {
		puts(options.help ? HELP : FIRSTRING_VERSION);
		return EX_OK;
	}
	if (options.rest < argc && strcmp(argv[options.rest], "bootstrap-admin") != 0) {
		fprintf(stderr, "%s: there is no such command; see --help\n", argv[options.rest]);
		return EX_USAGE;
	}
	if (conf_load(&portal_config_table, options.config_path, &config, &problem) != ERR_OK) {
		fprintf(stderr, "%s\n", problem.text);
		return EX_CONFIG;
	}
	if (options.print_config)
		conf_print(&portal_config_table, &config, stdout);
	else if (options.rest < argc)
		status = command_bootstrap_admin(&config, argc - options.rest, argv + options.rest);
	else if (!options.check_config)
		status = serve(&config, options.config_path);
	conf_free(&portal_config_table, &config);
	return status;
}
