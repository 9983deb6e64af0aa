/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/metrics.h - hearth.metrics/1: Prometheus metrics. Names get the prefix "hearth_" and a label plugin="...".
 *
 * 1.0  first version
 */
#ifndef HEARTH_METRICS_H
#define HEARTH_METRICS_H

#include <hearth/host.h>

HEARTH_BEGIN_DECLS

#define HEARTH_METRICS_ID "hearth.metrics"
#define HEARTH_METRICS_MAJOR 1
#define HEARTH_METRICS_MINOR 0

struct hearth_metric;

enum hearth_metric_kind {
	HEARTH_COUNTER = 1,
	HEARTH_GAUGE,
	HEARTH_HISTOGRAM, /* of seconds, from 1 ms to 60 s */
};

struct hearth_metrics {
	struct hearth_service base;

	/* A metric with at most one label (NULL: none). In load only. As long as the process. */
	struct hearth_metric *(*define)(const struct hearth_host *host, uint32_t kind, const char *name,
					const char *help, const char *label);
	/* Counter and gauge: adds. Histogram: observes. label_value: NULL where the metric has no label; copied. */
	void (*add)(struct hearth_metric *metric, const char *label_value, double amount);
	/* Gauge only. */
	void (*set)(struct hearth_metric *metric, const char *label_value, double value);
};

static inline const struct hearth_metrics *hearth_metrics(const struct hearth_host *host)
{
	return (const struct hearth_metrics *)host->service(host, HEARTH_METRICS_ID, HEARTH_METRICS_MAJOR,
							    HEARTH_METRICS_MINOR);
}

HEARTH_END_DECLS
#endif
