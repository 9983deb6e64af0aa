/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/host.h - the host as a plugin sees it: where services are found.
 *
 * A service is a const table of functions that starts with struct hearth_service. Tables only grow at their end inside a
 * major version. Plugins list what they need in their descriptor and resolve it once, in load, through the typed
 * accessor of the service's header.
 *
 * 1.0  first version
 */
#ifndef HEARTH_HOST_H
#define HEARTH_HOST_H

#include <hearth/field.h>

HEARTH_BEGIN_DECLS

struct hearth_task;

struct hearth_service {
	uint32_t    size; /* of the whole table, as its provider was built */
	uint16_t    major, minor;
	const char *id;   /* "hearth.db" */
	void       *self; /* the provider's own */
};

enum hearth_info {
	HEARTH_INFO_SERVER_NAME = 1, /* "example.com" */
	HEARTH_INFO_INSTANCE,        /* this process's name: "master" by default, as on the replication wire */
	HEARTH_INFO_VERSION,         /* the host's: "1.0.0" */
	HEARTH_INFO_PUBLIC_BASEURL,  /* with a final '/' */
	HEARTH_INFO_CONFIG_DIR,      /* where relative paths of the configuration start */
};

struct hearth_host {
	uint32_t size;
	void    *self; /* the host's own, of this plugin */

	/* The service's table, or NULL where nobody offers it with that minor. Only what the descriptor lists. */
	const struct hearth_service *(*service)(const struct hearth_host *host, const char *id, uint16_t major,
						uint16_t minor);

	/*
	 * Offers a service that the descriptor lists under .offers. In load only. The table stays valid until stop.
	 * -EEXIST: another plugin offers it.
	 */
	int (*offer)(const struct hearth_host *host, const struct hearth_service *table, struct hearth_error *err);

	/* Facts of this process; never NULL. As long as the process. */
	const char *(*info)(const struct hearth_host *host, uint32_t what); /* enum hearth_info */

	/*
	 * Fills a struct from the configuration as the table says, with defaults. Errors name file, line, what was
	 * expected. Texts and lists: as long as the process. In load only.
	 */
	HEARTH_MUST_CHECK
	int (*config)(const struct hearth_host *host, const struct hearth_field *table, void *ret_struct,
		      struct hearth_error *err);

	/* Says "FILE:LINE: KEY: " of a configuration key, for a complaint of the plugin's own. Borrowed. */
	const char *(*config_place)(const struct hearth_host *host, const char *key);
};

HEARTH_END_DECLS
#endif
