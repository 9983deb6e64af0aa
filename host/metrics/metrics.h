/* SPDX-License-Identifier: Apache-2.0
 *
 * host/metrics/metrics.h - the metrics registry and its Prometheus text form.
 */
#ifndef HOST_METRICS_METRICS_H
#define HOST_METRICS_METRICS_H

#include <hearth/metrics.h>

/* As hearth_metrics.define; plugin: "host" or a name. The same name and plugin again: the same metric. */
struct hearth_metric *metrics_define(const char *plugin, uint32_t kind, const char *name, const char *help,
				     const char *label);
void metrics_add(struct hearth_metric *metric, const char *label_value, double amount);
void metrics_set(struct hearth_metric *metric, const char *label_value, double value);

/* The whole registry as text/plain; version=0.0.4. arena. */
const char *metrics_text(struct hearth_arena *arena, size_t *ret_length);
void metrics_finish(void);

const struct hearth_metrics *metrics_service(void);

#endif
