/* SPDX-License-Identifier: Apache-2.0 */
/* hearth.metrics/1: the table that plugins get. */
#include "metrics/metrics.h"
#include "plugin/plugin.h"

static struct hearth_metric *define(const struct hearth_host *host, uint32_t kind, const char *name, const char *help,
				    const char *label)
{
	return metrics_define(plugin_name_of(host), kind, name, help, label);
}

const struct hearth_metrics *metrics_service(void)
{
	static const struct hearth_metrics METRICS = {
		.base = { .size = sizeof(METRICS), .major = HEARTH_METRICS_MAJOR, .minor = HEARTH_METRICS_MINOR,
			  .id = HEARTH_METRICS_ID },
		.define = define,
		.add = metrics_add,
		.set = metrics_set,
	};

	return &METRICS;
}
