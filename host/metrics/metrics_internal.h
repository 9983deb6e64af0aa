/* SPDX-License-Identifier: Apache-2.0
 *
 * host/metrics/metrics_internal.h - what the registry holds; shared with its text form.
 */
#ifndef HOST_METRICS_METRICS_INTERNAL_H
#define HOST_METRICS_METRICS_INTERNAL_H

#include "metrics/metrics.h"

#define METRIC_BUCKETS 15
extern const double METRIC_BOUNDS[METRIC_BUCKETS]; /* seconds */

struct sample {
	struct sample *next; /* in its bucket */
	char *label_value;
	uint32_t hash;
	double value;       /* of a histogram: the sum */
	uint64_t count;     /* of a histogram */
	uint64_t *observed; /* of a histogram: by bucket, not cumulative */
};

struct hearth_metric {
	struct hearth_metric *next;
	char *plugin, *name, *help, *label;
	uint32_t kind;
	struct sample *only; /* the sample without a label */
	struct sample **buckets;
	size_t bucket_count;
	size_t count;
};

const struct hearth_metric *metrics_first(void);

#endif
