/*
 * What factory-line is told: the same names in its YAML file and as options ("server_ca" is
 * --server-ca). The line engineer's: trusted, not believed to be right.
 */
#ifndef FIRSTRING_FACTORY_CA_LINE_CONFIG_H
#define FIRSTRING_FACTORY_CA_LINE_CONFIG_H

#include <stdint.h>

#include "common/conf/conf.h"

struct line_config {
	char *url; /* of the factory front */
	char *server_ca; /* PEM that front and redirector chain to */
	char *station_cert, *station_key; /* PEM; who we are */
	int key_type; /* enum key_type */
	int server_keys; /* the factory's signer makes them */
	int64_t jobs, batch; /* chunks at work at once; phones of one */
	int64_t patience_s; /* how long the front may be away */
	int pkcs12;
	char *pkcs12_password_file;
	char *label_template; /* ZPL with {fields}; "": our own */
	char *redirector; /* for --verify */
};

extern const struct conf_table line_config_table;

#endif
