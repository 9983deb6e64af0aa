/* SPDX-License-Identifier: Apache-2.0
 *
 * host/plugin/preload.h - the plugins that are linked into this program (HEARTH_STATIC), a generated table.
 */
#ifndef HOST_PLUGIN_PRELOAD_H
#define HOST_PLUGIN_PRELOAD_H

#include <hearth/plugin.h>

extern const struct hearth_plugin *const PLUGIN_PRELOADED[]; /* NULL at the end */

#endif
