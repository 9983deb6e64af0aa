/* SPDX-License-Identifier: Apache-2.0
 *
 * How many unclaimed one-time keys a device has, and which fallback keys nobody has used yet.
 */
#include "encryption.h"

#include <string.h>

static const struct hearth_field KEY_COUNT[] = { HEARTH_COLUMNS(struct key_count, algorithm, count) };

static const struct hearth_statement COUNT_KEYS = {
	.name = "encryption.count_one_time_keys",
	.sql = "SELECT algorithm, count(*) FROM one_time_keys WHERE user_id = $1 AND device_id = $2 GROUP BY algorithm",
	.params = DEVICE_REF, .row = KEY_COUNT, .row_size = sizeof(struct key_count),
};

/* Both at once for /sync: unused fallback keys count -1. */
static const struct hearth_statement COUNT_ALL = {
	.name = "encryption.count_keys",
	.sql = "SELECT algorithm, count(*) FROM one_time_keys WHERE user_id = $1 AND device_id = $2 GROUP BY algorithm"
	       " UNION ALL SELECT algorithm, -1 FROM fallback_keys WHERE user_id = $1 AND device_id = $2 AND NOT used",
	.params = DEVICE_REF, .row = KEY_COUNT, .row_size = sizeof(struct key_count),
};

int one_time_keys_count(struct encryption *encryption, struct hearth_task *task, const char *user_id, const char *device_id,
			struct hearth_rows *ret_counts, struct hearth_error *err)
{
	return encryption->db->read(task, &COUNT_KEYS, &(struct device_ref){ user_id, device_id }, ret_counts, err);
}

/* signed_curve25519 always stands in it: some clients take its absence for "enough" (as Synapse found). */
void one_time_keys_write_counts(struct hearth_writer *w, const char *key, const struct hearth_rows *counts)
{
	bool usual = false;

	hearth_write_object(w, key);
	for (size_t i = 0; i < counts->count; i++) {
		const struct key_count *row = &((const struct key_count *)counts->items)[i];

		if (row->count < 0)
			continue;
		hearth_write_int(w, row->algorithm, row->count);
		usual |= !strcmp(row->algorithm, "signed_curve25519");
	}
	if (!usual)
		hearth_write_int(w, "signed_curve25519", 0);
	hearth_write_end(w);
}

static void write_unused(struct hearth_writer *w, const struct hearth_rows *counts)
{
	hearth_write_array(w, NULL);
	for (size_t i = 0; i < counts->count; i++) {
		const struct key_count *row = &((const struct key_count *)counts->items)[i];

		if (row->count < 0)
			hearth_write_string(w, NULL, row->algorithm);
	}
	hearth_write_end(w);
}

HEARTH_SUSPENDS static int key_counts_sync(void *self, struct hearth_task *task, const struct hearth_sync_query *query,
					   struct hearth_sync_sink *sink, struct hearth_error *err)
{
	struct encryption *encryption = self;
	struct hearth_writer *w = hearth_writer_new(encryption->tasks->arena(task));
	struct hearth_rows counts;
	const char *text;
	size_t length;
	int r;

	if (!query->device_id)
		return 0;
	r = encryption->db->read(task, &COUNT_ALL, &(struct device_ref){ query->user_id, query->device_id }, &counts, err);
	if (r < 0)
		return r;
	one_time_keys_write_counts(w, NULL, &counts);
	text = hearth_writer_text(w, &length);
	sink->add(sink, HEARTH_SYNC_TOP, NULL, "device_one_time_keys_count", NULL, NULL, text, length);
	w = hearth_writer_new(encryption->tasks->arena(task));
	write_unused(w, &counts);
	text = hearth_writer_text(w, &length);
	sink->add(sink, HEARTH_SYNC_TOP, NULL, "device_unused_fallback_key_types", NULL, NULL, text, length);
	return 0;
}

const struct hearth_stream KEY_COUNTS_STREAM = {
	.name = "one_time_key_counts", .memory = 1, .sync_slot = HEARTH_SYNC_LAST, .sync = key_counts_sync,
	.about = "Not a stream of its own: the key counts that every sync response carries.",
};
