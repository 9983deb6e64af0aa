/* SPDX-License-Identifier: Apache-2.0
 *
 * host/stream/stream.h - streams as the host starts them; hearth/stream.h is what plugins see.
 */
#ifndef HOST_STREAM_STREAM_H
#define HOST_STREAM_STREAM_H

#include <hearth/stream.h>

/* Notes a declaration; before stream_start. self: where the plugin's self will stand. */
int stream_declare(const char *plugin, const struct hearth_stream *stream, void *const *self, struct hearth_error *err);

/* Reads every stream's position from the database. After the migrations. */
HEARTH_SUSPENDS int stream_start(struct hearth_task *task, struct hearth_error *err);
/* The process drains: every wait for news, now and later, ends as if its time were over. */
void stream_drain(void);
void stream_finish(void);

const struct hearth_streams *stream_service(void);

#endif
