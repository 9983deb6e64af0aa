/* SPDX-License-Identifier: Apache-2.0
 *
 * host/plugin/internal.h - what the files of this folder share.
 */
#ifndef HOST_PLUGIN_INTERNAL_H
#define HOST_PLUGIN_INTERNAL_H

#include <limits.h>
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

/* --- files.c; linked.c under HEARTH_STATIC --- */
/*
 * The descriptor of the plugin of that name, unchecked. path: the file that it is in; NULL: wherever it is installed.
 * ret_file: that file, "" where it is linked in.
 */
int find_plugin(const char *name, const char *path, char ret_file[PATH_MAX], const struct hearth_plugin **ret_descriptor,
		struct hearth_error *err);

/* --- elf.c --- */
/* -EINVAL, with the reason, where the dynamic linker had better not see the file. */
int elf_check(const char *file, const char *name, struct hearth_error *err);

/* --- open.c --- */
/* The name of an installed plugin that would meet the need, or NULL. arena. */
const char *find_offerer(struct hearth_arena *arena, const struct hearth_need *need);

/* --- services.c --- */
const struct hearth_service *service_find(const char *id, uint16_t major, uint16_t minor);
/* The host's own table of that id and major, or NULL. */
const struct hearth_service *service_of_host(const char *id, uint16_t major);
void service_bind_host(struct plugin *plugin);
void service_forget_all(void);

/* --- order.c --- */
/* Providers before users; an error, with a line for each need that is not met, for two that offer the same, for a circle. */
int order_plugins(struct plugin *ret_order[PLUGINS_MAX], struct hearth_error *err);

/* --- hooks.c --- */
/* -EEXIST: two plugins run the same hook. */
int hooks_build(struct hearth_error *err);
void hooks_finish(void);

/* --- jobs.c --- */
int jobs_start(struct hearth_error *err);

#endif
