/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/plugin.h - the descriptor: the one constant that a plugin exports.
 *
 * Reading a descriptor runs no code of the plugin: routes, streams, hooks, tables and settings are data. The host refuses
 * in one line that names both sides what does not fit. Lifecycle: load (configuration, services; no I/O, no
 * suspension) -> start (a task; may use the database) -> drain -> stop.
 *
 * 1.0  first version
 */
#ifndef HEARTH_PLUGIN_H
#define HEARTH_PLUGIN_H

#include <hearth/hook.h>
#include <hearth/http.h>
#include <hearth/stream.h>

HEARTH_BEGIN_DECLS

struct hearth_need {
	const char *id; /* "hearth.db" */
	uint16_t    major, minor;
	uint32_t    optional; /* 1: service() may answer NULL */
};

struct hearth_offer {
	const char *id;
	uint16_t    major, minor;
};

/* A duty that runs by the clock, on one instance of a deployment. */
struct hearth_job {
	const char *name; /* "media.expire" */
	int64_t     every_ms;
	HEARTH_SUSPENDS int (*run)(void *self, struct hearth_task *task, struct hearth_error *err);
	const char *about;
	uint32_t    everywhere; /* 1: on every instance that has the plugin: it tends what is in memory */
};

struct hearth_plugin {
	uint32_t    size;
	uint16_t    abi_major, abi_minor; /* of the headers it was built with */
	const char *name;                 /* as in the plugins: list */
	const char *version;
	const char *license;              /* SPDX */
	const char *summary;              /* one sentence */

	const struct hearth_need            *needs;       /* ends with id NULL; may be NULL */
	const struct hearth_offer           *offers;      /* ends with id NULL; may be NULL */
	const struct hearth_endpoint *const *endpoints;   /* tables, each with its own end; ends with NULL */
	const struct hearth_stream *const   *streams;     /* ends with NULL */
	const struct hearth_hook_point      *hook_points; /* ends with id NULL */
	const struct hearth_hook            *hooks;       /* ends with id NULL */
	const struct hearth_job             *jobs;        /* ends with name NULL */
	const struct hearth_migration       *migrations;  /* ends with number 0; hearth_add_plugin() makes it of schema/ */
	const struct hearth_field *const    *config;      /* tables of the keys it reads; ends with NULL */

	/*
	 * Reads the configuration, finds services, makes self; no I/O, and seconds at most. One that fails frees what it has
	 * made: its stop is not called. Those that were loaded before it are stopped, and the process ends.
	 */
	int (*load)(const struct hearth_host *host, void **ret_self, struct hearth_error *err);
	HEARTH_SUSPENDS int (*start)(void *self, struct hearth_task *task, struct hearth_error *err); /* may be NULL */
	HEARTH_SUSPENDS int (*drain)(void *self, struct hearth_task *task, struct hearth_error *err); /* may be NULL */
	void (*stop)(void *self); /* frees self; may be NULL */

	/*
	 * The kinds of instance that load it where the configuration has no plugins: list, as worker_app names them:
	 * "homeserver|generic_worker". NULL: none; it is loaded where plugins: or modules: names it.
	 */
	const char *apps;
};

#define HEARTH_NEED(service_) { .id = service_##_ID, .major = service_##_MAJOR, .minor = service_##_MINOR }
#define HEARTH_NEED_OPTIONAL(service_) \
	{ .id = service_##_ID, .major = service_##_MAJOR, .minor = service_##_MINOR, .optional = 1 }

/*
 * Lists of the descriptor, with their end:
 *	.needs = HEARTH_NEEDS(HEARTH_DB, HEARTH_LOG), .endpoints = HEARTH_ENDPOINT_TABLES(ENDPOINTS),
 */
#define HEARTH_NEEDS(...) \
	((const struct hearth_need[]){ HEARTH_EACH(HEARTH_NEEDS_ONE_, , __VA_ARGS__) { .id = NULL } })
#define HEARTH_NEEDS_ONE_(nothing_, service_) HEARTH_NEED(service_),
#define HEARTH_ENDPOINT_TABLES(...) ((const struct hearth_endpoint *const[]){ __VA_ARGS__, NULL })
#define HEARTH_CONFIG_TABLES(...) ((const struct hearth_field *const[]){ __VA_ARGS__, NULL })
#define HEARTH_STREAM_LIST(...) ((const struct hearth_stream *const[]){ __VA_ARGS__, NULL })

#define HEARTH_OFFER(service_) { .id = service_##_ID, .major = service_##_MAJOR, .minor = service_##_MINOR }

/* Exports const struct hearth_plugin hearth_plugin_<ident>. */
#define HEARTH_PLUGIN(ident, ...)                                                \
	HEARTH_EXPORT extern const struct hearth_plugin hearth_plugin_##ident;   \
	const struct hearth_plugin hearth_plugin_##ident = {                     \
		.size = sizeof(struct hearth_plugin),                            \
		.abi_major = HEARTH_ABI_MAJOR, .abi_minor = HEARTH_ABI_MINOR,    \
		.name = #ident, __VA_ARGS__ }

HEARTH_END_DECLS
#endif
