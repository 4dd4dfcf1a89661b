/*
 * factory-ca publish: puts the CA certificates and CRLs where the world can have them: files in
 * published_dir (for web servers, phones' verifiers and the daemons), and rows in the database (for
 * the status worker). Idempotent; run after init and whenever a CRL was made. An older CRL never
 * replaces a newer one. It makes nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "common/base/file.h"
#include "common/db/row.h"
#include "factory-ca/commands.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/crl_files.h"
#include "factory-ca/signer/authority.h"
#include "queries_factory-ca.h"

enum { OBJECT_MAX = 64 * 1024 * 1024 };

struct objects {
	struct authority authority; /* certificates only, no key */
	struct buf root_crl, issuing_crls[GENERATION_MAX];
};

static enum err read_state_file(
    const struct factory_config *config, const char *name, struct buf *out, char *why)
{
	char path[FACTORY_PATH_MAX];
	enum err err;

	factory_state_path(config, name, path);
	err = file_read(path, OBJECT_MAX, out);
	if (err)
		snprintf(why, AUTHORITY_WHY_LEN, "%s cannot be read: %s", path, strerror(errno));
	return err;
}

/* The first CRL of an issuing CA, or the last one. */
enum { CRL_NAME_MAX = 48 };
static const char *crl_name(
    const struct objects *objects, unsigned generation, char name[CRL_NAME_MAX])
{
	int is_retired = authority_issuing(&objects->authority, generation)->is_retired;

	snprintf(name, CRL_NAME_MAX, "ca/issuing-%u%s.crl", generation_shard(generation),
	    is_retired ? "-last" : "");
	return name;
}

static enum err read_objects(
    const struct factory_config *config, struct objects *objects, char *why)
{
	char name[CRL_NAME_MAX];
	unsigned g;
	enum err err = authority_open(config, NULL, 0, &objects->authority, why);

	if (!err)
		err = authority_become_keeper(config, why);
	if (err)
		return err;
	err = read_state_file(config, "ca/root.crl", &objects->root_crl, why);
	for (g = GENERATION_FIRST; g <= GENERATION_MAX && !err; g++)
		if (authority_issuing(&objects->authority, g)->certificate.len > 0)
			err = read_state_file(
			    config, crl_name(objects, g, name), &objects->issuing_crls[g - 1], why);
	authority_become_ourselves();
	return err;
}

static void free_objects(struct objects *objects)
{
	size_t i;

	authority_close(&objects->authority);
	buf_free(&objects->root_crl);
	for (i = 0; i < GENERATION_MAX; i++)
		buf_free(&objects->issuing_crls[i]);
}

static enum err write_published(
    const struct factory_config *config, enum factory_file file, const struct buf *bytes)
{
	char path[FACTORY_PATH_MAX];
	enum err err;

	factory_file_path(config, file, path);
	err = file_write(path, 0644, bytes->bytes, bytes->len);
	if (err)
		command_say("%s cannot be written: %s", path, strerror(errno));
	return err;
}

/* The ceremony's is the first one; what the front has published since stays. */
static enum err write_issuing_crls(
    const struct factory_config *config, const struct objects *objects)
{
	enum err err = ERR_OK;
	unsigned g;

	for (g = GENERATION_FIRST; g <= GENERATION_MAX && !err; g++) {
		const struct buf *der = &objects->issuing_crls[g - 1];

		if (der->len > 0)
			err = crl_files_write(config, g, der);
		if (err == ERR_EXISTS)
			err = ERR_OK;
	}
	if (err)
		command_say(
		    "the CRLs cannot be written to %s: %s", config->published_dir, strerror(errno));
	return err;
}

/* The newest first. Withdrawn ones are left out of what phones are believed by. */
static void put_issuing(struct buf *out, const struct authority *authority, int with_withdrawn)
{
	unsigned g;

	for (g = GENERATION_MAX; g >= GENERATION_FIRST; g--) {
		const struct authority_issuing *issuing = authority_issuing(authority, g);

		if (issuing->certificate.len > 0 && (with_withdrawn || !issuing->is_withdrawn))
			command_put_pem(out, "CERTIFICATE", &issuing->certificate);
	}
}

static void put_chain(struct buf *out, const struct authority *authority)
{
	put_issuing(out, authority, 0);
	command_put_pem(out, "CERTIFICATE", &authority->root);
}

static enum err write_files(const struct factory_config *config, const struct objects *objects)
{
	const struct authority *authority = &objects->authority;
	struct buf root = {0}, issuing = {0}, all = {0}, line_access = {0}, chain = {0};
	enum err err;

	command_put_pem(&root, "CERTIFICATE", &authority->root);
	put_issuing(&issuing, authority, 0);
	put_issuing(&all, authority, 1);
	command_put_pem(&line_access, "CERTIFICATE", &authority->line_access);
	put_chain(&chain, authority);
	err = write_published(config, FACTORY_FILE_ROOT, &root);
	if (!err)
		err = write_published(config, FACTORY_FILE_ISSUING, &issuing);
	if (!err)
		err = write_published(config, FACTORY_FILE_ISSUING_ALL, &all);
	if (!err)
		err = write_published(config, FACTORY_FILE_LINE_ACCESS, &line_access);
	if (!err)
		err = write_published(config, FACTORY_FILE_CHAIN, &chain);
	if (!err)
		err = write_published(config, FACTORY_FILE_ROOT_CRL, &objects->root_crl);
	if (!err)
		err = write_issuing_crls(config, objects);
	buf_free(&root);
	buf_free(&issuing);
	buf_free(&all);
	buf_free(&line_access);
	buf_free(&chain);
	return err;
}

int command_publish_files(const struct factory_config *config)
{
	struct objects objects = {0};
	char why[AUTHORITY_WHY_LEN] = "";
	enum err err = read_objects(config, &objects, why);

	if (err)
		command_say("%s", why);
	if (!err && mkdir(config->published_dir, 0755) != 0 && errno != EEXIST) {
		command_say("%s cannot be made: %s", config->published_dir, strerror(errno));
		err = ERR_IO;
	}
	if (!err && chmod(config->published_dir, 0755) != 0) {
		command_say("%s: %s", config->published_dir, strerror(errno));
		err = ERR_IO;
	}
	if (!err)
		err = write_files(config, &objects);
	free_objects(&objects);
	return command_status(err);
}

static void show_outcome(const struct pg_rows *const *rows, size_t count, void *ctx)
{
	const char *kind = ctx;

	if (count == 1 && row_count(rows[0]) == 1)
		printf("%s: %s\n", kind, row_text(rows[0], 0, row_column(rows[0], "outcome")));
}

static enum err put_object(const struct factory_config *config, char *kind, unsigned shard,
    const struct buf *content, int is_crl)
{
	struct pg_params *params = pg_params_new();
	struct crl_info info = {0};

	pg_param_text(params, kind);
	pg_param_int(params, shard);
	pg_param_bytea(params, content->bytes, content->len);
	if (is_crl) {
		CHECK(!crl_info_read(content, &info));
		pg_param_int(params, info.number);
		pg_param_time_us(params, info.next_update_unix_s * 1000000);
	} else {
		pg_param_null(params);
		pg_param_null(params);
	}
	command_actor_params(params);
	return command_query(config, &query_pki_object_put, params, show_outcome, kind);
}

static enum err put_generation(
    const struct factory_config *config, const struct objects *objects, unsigned generation)
{
	char certificate[] = "issuing_certificate", crl[] = "issuing_crl";
	const struct buf *der = &authority_issuing(&objects->authority, generation)->certificate;
	unsigned shard = generation_shard(generation);
	enum err err;

	if (der->len == 0)
		return ERR_OK;
	err = put_object(config, certificate, shard, der, 0);
	return err ? err
		   : put_object(config, crl, shard, &objects->issuing_crls[generation - 1], 1);
}

static enum err put_objects(const struct factory_config *config, const struct objects *objects)
{
	char root[] = "root_certificate", line[] = "line_certificate", chain_kind[] = "chain",
	     root_crl[] = "root_crl";
	struct buf chain = {0};
	enum err err;
	unsigned g;

	put_chain(&chain, &objects->authority);
	err = put_object(config, root, 0, &objects->authority.root, 0);
	if (!err)
		err = put_object(config, line, 0, &objects->authority.line_access, 0);
	if (!err)
		err = put_object(config, chain_kind, 0, &chain, 0);
	if (!err)
		err = put_object(config, root_crl, 0, &objects->root_crl, 1);
	for (g = GENERATION_FIRST; g <= GENERATION_MAX && !err; g++)
		err = put_generation(config, objects, g);
	buf_free(&chain);
	return err;
}

static const char USAGE[] =
    "usage: factory-ca [--config FILE] publish\n\n"
    "Puts the chain and the CRLs that are in pki.state_dir into pki.published_dir and the "
    "database, from\n"
    "which the portal's status worker serves them: after init, and after ca import, renew and "
    "retire.\n"
    "Again is fine.\n";

int command_publish(const struct command_context *context, int argc, char **argv)
{
	struct objects objects = {0};
	char why[AUTHORITY_WHY_LEN] = "";
	int status;
	enum err err;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(USAGE, stdout);
		return EX_OK;
	}
	if (argc > 1) {
		command_say("publish: %s: publish takes nothing", argv[1]);
		return EX_USAGE;
	}
	status = command_publish_files(context->config);
	if (status)
		return status;
	err = read_objects(context->config, &objects, why);
	if (err)
		command_say("publish: %s", why);
	else
		err = put_objects(context->config, &objects);
	free_objects(&objects);
	return command_status(err);
}
