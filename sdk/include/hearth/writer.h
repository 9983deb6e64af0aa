/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/writer.h - writes one JSON text, and splices stored bytes into it unparsed.
 *
 *	hearth_write_object(w, NULL);
 *	hearth_write_string(w, "room_id", room_id);
 *	hearth_write_array(w, "chunk");
 *	for (size_t i = 0; i < count; i++)
 *		hearth_write_raw(w, NULL, events[i].json, events[i].length);
 *	hearth_write_end(w);
 *	hearth_write_end(w);
 *
 * Every function takes the member's key first: a string inside an object, NULL inside an array and for the outermost
 * value. Commas and escapes are the writer's. Unbalanced calls and keys in the wrong place are our own mistake and abort.
 *
 * 1.0  first version
 */
#ifndef HEARTH_WRITER_H
#define HEARTH_WRITER_H

#include <hearth/json.h>

HEARTH_BEGIN_DECLS

struct hearth_writer;

/* A writer whose text lives as long as the arena. Bytes that are not UTF-8 are written as U+FFFD. */
HEARTH_EXPORT struct hearth_writer *hearth_writer_new(struct hearth_arena *arena);

/* Opens an object or an array, until the hearth_write_end that belongs to it. */
HEARTH_EXPORT void hearth_write_object(struct hearth_writer *w, const char *key);
HEARTH_EXPORT void hearth_write_array(struct hearth_writer *w, const char *key);
/* Closes what was opened last. */
HEARTH_EXPORT void hearth_write_end(struct hearth_writer *w);

/* One value: a text (NULL: nothing is written), a text with NULs inside, an integer, true or false, null, a parsed value. */
HEARTH_EXPORT void hearth_write_string(struct hearth_writer *w, const char *key, const char *text);
HEARTH_EXPORT void hearth_write_string_n(struct hearth_writer *w, const char *key, const char *text, size_t length);
HEARTH_EXPORT void hearth_write_int(struct hearth_writer *w, const char *key, int64_t number);
HEARTH_EXPORT void hearth_write_bool(struct hearth_writer *w, const char *key, int truth);
HEARTH_EXPORT void hearth_write_null(struct hearth_writer *w, const char *key);
HEARTH_EXPORT void hearth_write_json(struct hearth_writer *w, const char *key, const struct hearth_json *value);

/* JSON text as it stands; the caller vouches that it is one complete value. */
HEARTH_EXPORT void hearth_write_raw(struct hearth_writer *w, const char *key, const char *json, size_t length);

/* The members of an object text "{...}" without its braces, into the object that is open. */
HEARTH_EXPORT void hearth_write_members(struct hearth_writer *w, const char *json, size_t length);

/* The finished text, NUL-terminated; borrowed until the writer is written to again. Aborts if anything is open. */
HEARTH_EXPORT const char *hearth_writer_text(struct hearth_writer *w, size_t *ret_length);

/* Bytes written so far. */
HEARTH_EXPORT size_t hearth_writer_size(const struct hearth_writer *w);

HEARTH_END_DECLS
#endif
