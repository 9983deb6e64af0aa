/* SPDX-License-Identifier: Apache-2.0
 *
 * host/plugin/internal.h - what the files of this folder share.
 */
#ifndef HOST_PLUGIN_INTERNAL_H
#define HOST_PLUGIN_INTERNAL_H

#include <stdbool.h>

#include "plugin/plugin.h"

#define PLUGINS_MAX 128

struct plugin {
	char                *file;       /* NULL: linked in */
	struct hearth_plugin descriptor; /* a copy as long as this host knows it; what an older plugin lacks is zero */
	struct hearth_host   host;       /* what the plugin gets to see */
	void                *self;
	bool                 loaded, started;
};

/* In the order of the configuration's list: hooks run in it. */
extern struct plugin *plugins[PLUGINS_MAX];
extern size_t plugin_count;

/* --- services.c --- */
const struct hearth_service *service_find(const char *id, uint16_t major, uint16_t minor);
/* The minor that somebody offers for (id, major), or -1; also what a plugin not loaded yet says it will offer. */
int service_minor_offered(const char *id, uint16_t major);
void service_bind_host(struct plugin *plugin);
void service_forget_all(void);

/* --- order.c --- */
/* Providers before users; -EINVAL, with a line for each thing that is missing. */
int order_plugins(struct plugin *ret_order[PLUGINS_MAX], struct hearth_error *err);

/* --- hooks.c --- */
int hooks_build(struct hearth_error *err);
void hooks_finish(void);

/* --- jobs.c --- */
int jobs_start(struct hearth_error *err);

#endif
