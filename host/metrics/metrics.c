/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics registry. Used on the loop's thread only. */
#include "metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "metrics/metrics_internal.h"

#define FIRST_BUCKETS 8
#define SAMPLES_MAX   2000 /* of one metric; label values beyond that count as "other" */

static struct hearth_metric *first; /* sorted by name, so that one name's plugins stand together */

const double METRIC_BOUNDS[METRIC_BUCKETS] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
					       0.5,   1,      2.5,   5,    10,    30,   60 };

static char *copy(const char *text)
{
	char *bytes = text ? strdup(text) : NULL;

	hearth_assert(!text || bytes);
	return bytes;
}

static void *zeroed(size_t count, size_t size_bytes)
{
	void *bytes = calloc(count, size_bytes);

	hearth_assert(bytes);
	return bytes;
}

struct hearth_metric *metrics_define(const char *plugin, uint32_t kind, const char *name, const char *help,
				     const char *label)
{
	struct hearth_metric **place = &first;
	struct hearth_metric *metric;
	int order = -1;

	while (*place && (order = strcmp((*place)->name, name)) < 0)
		place = &(*place)->next;
	while (*place && (order = strcmp((*place)->name, name)) == 0) {
		if (strcmp((*place)->plugin, plugin) == 0)
			return *place;
		place = &(*place)->next;
	}
	metric = zeroed(1, sizeof(*metric));
	*metric = (struct hearth_metric){ .next = *place, .plugin = copy(plugin), .kind = kind, .name = copy(name),
					  .help = copy(help), .label = copy(label) };
	*place = metric;
	return metric;
}

static uint32_t hash_of(const char *text)
{
	uint32_t hash = 2166136261u;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return hash;
}

static void resize(struct hearth_metric *metric, size_t bucket_count)
{
	struct sample **buckets = zeroed(bucket_count, sizeof(struct sample *));

	for (size_t i = 0; i < metric->bucket_count; i++) {
		while (metric->buckets[i]) {
			struct sample *sample = metric->buckets[i];

			metric->buckets[i] = sample->next;
			sample->next = buckets[sample->hash % bucket_count];
			buckets[sample->hash % bucket_count] = sample;
		}
	}
	free(metric->buckets);
	metric->buckets = buckets;
	metric->bucket_count = bucket_count;
}

static struct sample *sample_new(struct hearth_metric *metric, const char *value, uint32_t hash)
{
	struct sample *sample = zeroed(1, sizeof(*sample));

	sample->label_value = copy(value);
	sample->hash = hash;
	if (metric->kind == HEARTH_HISTOGRAM)
		sample->observed = zeroed(METRIC_BUCKETS, sizeof(*sample->observed));
	if (metric->count >= metric->bucket_count)
		resize(metric, metric->bucket_count ? metric->bucket_count * 2 : FIRST_BUCKETS);
	sample->next = metric->buckets[hash % metric->bucket_count];
	metric->buckets[hash % metric->bucket_count] = sample;
	metric->count++;
	return sample;
}

static struct sample *find(const struct hearth_metric *metric, const char *value, uint32_t hash)
{
	struct sample *sample = metric->bucket_count ? metric->buckets[hash % metric->bucket_count] : NULL;

	while (sample && (sample->hash != hash || strcmp(sample->label_value, value) != 0))
		sample = sample->next;
	return sample;
}

static struct sample *sample_of(struct hearth_metric *metric, const char *label_value)
{
	struct sample *sample;
	uint32_t hash;

	if (!metric->label || !label_value) {
		if (!metric->only)
			metric->only = sample_new(metric, "", hash_of(""));
		return metric->only;
	}
	hash = hash_of(label_value);
	sample = find(metric, label_value, hash);
	if (sample)
		return sample;
	if (metric->count < SAMPLES_MAX)
		return sample_new(metric, label_value, hash);
	sample = find(metric, "other", hash_of("other"));
	return sample ? sample : sample_new(metric, "other", hash_of("other"));
}

void metrics_add(struct hearth_metric *metric, const char *label_value, double amount)
{
	struct sample *sample = sample_of(metric, label_value);

	sample->value += amount;
	if (metric->kind != HEARTH_HISTOGRAM)
		return;
	sample->count++;
	for (size_t i = 0; i < METRIC_BUCKETS; i++) {
		if (amount > METRIC_BOUNDS[i])
			continue;
		sample->observed[i]++;
		break;
	}
}

void metrics_set(struct hearth_metric *metric, const char *label_value, double value)
{
	hearth_assert(metric->kind == HEARTH_GAUGE);
	sample_of(metric, label_value)->value = value;
}

const struct hearth_metric *metrics_first(void)
{
	return first;
}

static void metric_free(struct hearth_metric *metric)
{
	for (size_t i = 0; i < metric->bucket_count; i++) {
		while (metric->buckets[i]) {
			struct sample *sample = metric->buckets[i];

			metric->buckets[i] = sample->next;
			free(sample->label_value);
			free(sample->observed);
			free(sample);
		}
	}
	free(metric->buckets);
	free(metric->plugin);
	free(metric->name);
	free(metric->help);
	free(metric->label);
	free(metric);
}

void metrics_finish(void)
{
	while (first) {
		struct hearth_metric *metric = first;

		first = metric->next;
		metric_free(metric);
	}
}
