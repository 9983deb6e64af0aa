/* SPDX-License-Identifier: Apache-2.0 */
/* The registry as Prometheus reads it, with a few facts about the process itself. */
#include <dirent.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <hearth/arena.h>

#include "metrics/metrics_internal.h"

struct text {
	struct hearth_arena *arena;
	char *bytes;
	size_t used, size;
};

static void reserve(struct text *text, size_t more)
{
	size_t size = text->size;

	if (text->used + more + 1 <= size)
		return;
	while (text->used + more + 1 > size)
		size = size ? size * 2 : 16384;
	text->bytes = hearth_arena_grow(text->arena, text->bytes, text->size, size);
	text->size = size;
}

HEARTH_PRINTF(2, 3)
static void put(struct text *text, const char *format, ...)
{
	va_list arguments, again;
	int length;

	va_start(arguments, format);
	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	hearth_assert(length >= 0);
	reserve(text, (size_t)length);
	vsnprintf(text->bytes + text->used, (size_t)length + 1, format, arguments);
	va_end(arguments);
	text->used += (size_t)length;
}

static void put_escaped(struct text *text, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n')
			put(text, "\\n");
		else if (*value == '"' || *value == '\\')
			put(text, "\\%c", *value);
		else
			put(text, "%c", *value);
	}
}

static void put_labels(struct text *text, const struct hearth_metric *metric, const struct sample *sample, const char *le)
{
	put(text, "{plugin=\"");
	put_escaped(text, metric->plugin);
	put(text, "\"");
	if (metric->label && sample != metric->only) {
		put(text, ",%s=\"", metric->label);
		put_escaped(text, sample->label_value);
		put(text, "\"");
	}
	if (le)
		put(text, ",le=\"%s\"", le);
	put(text, "} ");
}

static void put_number(struct text *text, double value)
{
	if (value == floor(value) && fabs(value) < 1e15)
		put(text, "%.0f\n", value);
	else
		put(text, "%.9g\n", value);
}

static void put_histogram(struct text *text, const struct hearth_metric *metric, const struct sample *sample)
{
	uint64_t below = 0;
	char bound[32];

	for (size_t i = 0; i < METRIC_BUCKETS; i++) {
		below += sample->observed[i];
		snprintf(bound, sizeof(bound), "%g", METRIC_BOUNDS[i]);
		put(text, "hearth_%s_bucket", metric->name);
		put_labels(text, metric, sample, bound);
		put_number(text, (double)below);
	}
	put(text, "hearth_%s_bucket", metric->name);
	put_labels(text, metric, sample, "+Inf");
	put_number(text, (double)sample->count);
	put(text, "hearth_%s_sum", metric->name);
	put_labels(text, metric, sample, NULL);
	put_number(text, sample->value);
	put(text, "hearth_%s_count", metric->name);
	put_labels(text, metric, sample, NULL);
	put_number(text, (double)sample->count);
}

static void put_metric(struct text *text, const struct hearth_metric *metric)
{
	for (size_t i = 0; i < metric->bucket_count; i++) {
		for (const struct sample *sample = metric->buckets[i]; sample; sample = sample->next) {
			if (metric->kind == HEARTH_HISTOGRAM) {
				put_histogram(text, metric, sample);
				continue;
			}
			put(text, "hearth_%s", metric->name);
			put_labels(text, metric, sample, NULL);
			put_number(text, sample->value);
		}
	}
}

static void put_head(struct text *text, const struct hearth_metric *metric)
{
	static const char *const KINDS[] = { [HEARTH_COUNTER] = "counter", [HEARTH_GAUGE] = "gauge",
					     [HEARTH_HISTOGRAM] = "histogram" };

	put(text, "# HELP hearth_%s ", metric->name);
	put_escaped(text, metric->help);
	put(text, "\n# TYPE hearth_%s %s\n", metric->name, KINDS[metric->kind]);
}

static double seconds(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static size_t open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t count = 0;

	if (!directory)
		return 0;
	while (readdir(directory))
		count++;
	closedir(directory);
	return count > 3 ? count - 3 : 0; /* without ".", ".." and the directory's own */
}

static void put_descriptors(struct text *text)
{
	struct rlimit limit = { 0 };

	getrlimit(RLIMIT_NOFILE, &limit);
	put(text, "# HELP process_open_fds Files and sockets that are open.\n"
		  "# TYPE process_open_fds gauge\nprocess_open_fds %zu\n", open_descriptors());
	put(text, "# HELP process_max_fds How many may be.\n"
		  "# TYPE process_max_fds gauge\nprocess_max_fds %llu\n", (unsigned long long)limit.rlim_cur);
}

static void put_process(struct text *text)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long resident = 0;
	struct rusage usage;

	if (file && fscanf(file, "%*u %lu", &resident) != 1)
		resident = 0;
	if (file)
		fclose(file);
	getrusage(RUSAGE_SELF, &usage);
	put(text, "# HELP process_cpu_seconds_total Processor time of this process.\n"
		  "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total %.6f\n",
	    seconds(&usage.ru_utime) + seconds(&usage.ru_stime));
	put(text, "# HELP process_resident_memory_bytes Memory in use by this process.\n"
		  "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %lu\n",
	    resident * (unsigned long)sysconf(_SC_PAGESIZE));
	put_descriptors(text);
}

const char *metrics_text(struct hearth_arena *arena, size_t *ret_length)
{
	struct text text = { .arena = arena };
	const char *name = "";

	for (const struct hearth_metric *metric = metrics_first(); metric; metric = metric->next) {
		if (strcmp(metric->name, name) != 0)
			put_head(&text, metric);
		name = metric->name;
		put_metric(&text, metric);
	}
	put_process(&text);
	*ret_length = text.used;
	return text.bytes;
}
