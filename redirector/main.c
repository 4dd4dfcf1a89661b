/*
 * redirector: tells a first-boot phone its admin password and its provider's URL, over mutual TLS.
 *
 * The parent binds, reads files and forks; it reads no byte from the network. Its workers are in
 * worker.c.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/net/health.h"
#include "common/net/workers.h"
#include "common/pki/memory.h"
#include "redirector/abuse/admin.h"
#include "redirector/metrics.h"
#include "redirector/render_command.h"
#include "redirector/state.h"
#include "redirector/worker.h"

static const char DEFAULT_CONFIG[] = "/etc/firstring/redirector.yaml";

static const char HELP[] =
    "usage: redirector [--config FILE] [--check-config | --print-config]\n"
    "\n"
    "Answers first-boot phones, over mutual TLS, with their admin password and provisioning URL.\n"
    "\n"
    "  --config FILE    its configuration (default /etc/firstring/redirector.yaml)\n"
    "  --check-config   says whether the configuration is right, and exits\n"
    "  --print-config   prints it with every default and what each key means, and exits\n"
    "  --version, --help\n"
    "  --render FILE    prints what a made-up phone would be told; alone, it says how\n"
    "\n"
    "SIGHUP reads the configuration, certificates and formats again and keeps the old ones when\n"
    "something is wrong; SIGTERM finishes what was begun and stops. The log is JSON lines on "
    "stderr.\n"
    "GET /bans on the health listener lists who is shut out; DELETE /bans/SOURCE lets one in.\n";

struct parent {
	const char *config_path;
	struct sockets sockets;
	struct abuse_shared *abuse;
};

static enum err load(void *ctx, void *previous, void **state)
{
	struct parent *parent = ctx;
	struct state *loaded = NULL;

	enum err err = state_load(parent->config_path, &parent->sockets, previous, &loaded);
	if (err != ERR_OK)
		return err;
	loaded->abuse = parent->abuse;
	*state = loaded;
	return ERR_OK;
}

static void release(void *state)
{
	state_free(state);
}

static int run_health(const struct worker *worker, void *shared)
{
	const struct state *state = shared;
	struct health_more bans = abuse_admin(state->abuse);

	return health_run(worker, state->sockets->health, &bans);
}

static size_t kinds(void *shared, struct worker_kind kinds[WORKERS_KINDS_MAX])
{
	const struct state *state = shared;

	kinds[0] = (struct worker_kind){.name = "phones",
	    .count = (unsigned)state->config.workers,
	    .run = redirector_worker_run};
	kinds[1] = (struct worker_kind){.name = "health", .count = 1, .run = run_health};
	return 2;
}

/* Reads the configuration alone: to show it, and for what the parent itself needs of it. */
static int read_config(const struct conf_options *options, int64_t *drain_ms)
{
	struct redirector_config config = {0};
	struct conf_error problem;

	if (conf_load(&redirector_config_table, options->config_path, &config, &problem) !=
	    ERR_OK) {
		fprintf(stderr, "%s\n", problem.text);
		return EX_CONFIG;
	}
	if (options->print_config)
		conf_print(&redirector_config_table, &config, stdout);
	*drain_ms = config.drain_ms;
	conf_free(&redirector_config_table, &config);
	return EX_OK;
}

int main(int argc, char **argv)
{
	struct conf_options options = {.config_path = DEFAULT_CONFIG};
	struct conf_error problem;
	int64_t drain_ms = 0;

	pki_memory_init();
	log_set_program("redirector");
	if (argc > 1 && strcmp(argv[1], "--render") == 0)
		return command_render(argc - 1, argv + 1);
	if (conf_parse_options(argc, argv, &options, &problem) != ERR_OK || options.rest < argc) {
		fprintf(stderr, "%s\n", options.rest > 0 ? HELP : problem.text);
		return EX_USAGE;
	}
	if (options.help || options.version) {
		puts(options.help ? HELP : FIRSTRING_VERSION);
		return EX_OK;
	}
	int status = read_config(&options, &drain_ms);
	if (status != EX_OK || options.check_config || options.print_config)
		return status;
	/* Before the first fork: all workers of all generations share it. */
	struct parent parent = {.config_path = options.config_path, .abuse = abuse_shared_new()};
	redirector_metrics_init();
	status = workers_run(&(struct workers_config){.program = "redirector",
	    .load = load,
	    .release = release,
	    .kinds = kinds,
	    .drain_ms = (unsigned)drain_ms,
	    .ctx = &parent});
	abuse_shared_free(parent.abuse);
	return status;
}
