/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/stream.h - hearth.streams/1: streams, their positions, and waking those who wait for news.
 *
 * A stream is one declaration in a plugin's descriptor. Its ids come from a PostgreSQL sequence; several can be under way
 * at once, and the stream's position is the largest id below which nothing is unfinished. Readers never look beyond it.
 *
 * What a stream contributes to /sync is declared with it: the sync plugin asks every stream whose position has moved.
 *
 * 1.0  first version
 */
#ifndef HEARTH_STREAM_H
#define HEARTH_STREAM_H

#include <hearth/db.h>
#include <hearth/writer.h>

HEARTH_BEGIN_DECLS

#define HEARTH_STREAMS_ID "hearth.streams"
#define HEARTH_STREAMS_MAJOR 1
#define HEARTH_STREAMS_MINOR 0

/* --- what a stream gives to /sync --- */

/* Where an item stands in the response. */
enum hearth_sync_section {
	HEARTH_SYNC_ACCOUNT_DATA = 1, /* account_data.events; with room_id: the room's */
	HEARTH_SYNC_PRESENCE,         /* presence.events */
	HEARTH_SYNC_TO_DEVICE,        /* to_device.events */
	HEARTH_SYNC_EPHEMERAL,        /* the room's ephemeral.events */
	HEARTH_SYNC_TOP,              /* a member of the response: key, json */
	HEARTH_SYNC_ROOM,             /* a member of the joined room: key, json (unread_notifications) */
};

/* Whom a sync is for, and from where to where. Positions are of the stream that is asked. */
struct hearth_sync_query {
	uint32_t    size;
	uint32_t    initial;   /* 1: no since; everything that is current */
	const char *user_id;
	const char *device_id; /* NULL: a token without a device */
	int64_t     since;     /* exclusive; 0 when initial */
	int64_t     upto;      /* inclusive */
	/* Ephemeral and room items are wanted of these alone: the rooms the user is joined to. */
	const char *const *joined_rooms;
	size_t             joined_count;
	/* Those of them that the user has joined since the token: of these, everything current. */
	const char *const *fresh_rooms;
	size_t             fresh_count;
	/* Rooms that stand in the response anyway (they have timeline events); ROOM members may be given for these. */
	const char *const *active_rooms;
	size_t             active_count;
	/* All streams' positions, for a source that spans two: by stream name. */
	int64_t (*position_of)(const struct hearth_sync_query *query, const char *stream, int since_or_upto);
	const void *sync; /* the asker's own */
	/* Rooms that the user has left since the token. */
	const char *const *left_rooms;
	size_t             left_count;
	uint32_t           thread_counts; /* 1: the filter asks for unread counts of each thread */
};

/* Takes the items; everything is copied where it is not in the task's arena. */
struct hearth_sync_sink {
	/* json: one complete JSON text (an event, or a member's value). type and sender: what filters look at, or NULL. */
	void (*add)(struct hearth_sync_sink *sink, uint32_t section, const char *room_id, const char *key,
		    const char *type, const char *sender, const char *json, size_t length);
	/* Set by a source that stopped early: the next token stands here instead of query->upto, and the rest follows. */
	int64_t reached;
};

/* Adds what the writer holds as a member of the response: HEARTH_SYNC_TOP. */
static inline void hearth_sync_add_member(struct hearth_sync_sink *sink, const char *key, struct hearth_writer *w)
{
	size_t length;
	const char *text = hearth_writer_text(w, &length);

	sink->add(sink, HEARTH_SYNC_TOP, NULL, key, NULL, NULL, text, length);
}

/* Values of hearth_stream.sync_slot beside the numbers of Synapse's token. */
#define HEARTH_SYNC_BY_NAME (-1) /* the token holds the stream's name and position: what plugins of third parties take */
#define HEARTH_SYNC_LAST (-2)    /* not in the token: asked last of all, of the rooms in the response (active_rooms) */

struct hearth_stream {
	const char *name;      /* as on the wire and in metrics: "account_data" */
	const char *sequence;  /* PostgreSQL sequence; its owner's migrations create it */
	const char *writers;   /* key under stream_writers that names the instances that may write; NULL: any */
	int32_t     sync_slot; /* position in the sync token, as Synapse counts: events 0, presence 1, typing 2,
				* receipts 3, account_data 4, push_rules 5, to_device 6, device_lists 7; or
				* HEARTH_SYNC_BY_NAME, HEARTH_SYNC_LAST */
	uint32_t    memory;    /* 1: positions live in memory and start from the clock (typing); sequence is NULL */
	/* Contributes to a sync. NULL: nothing. Errors fail the sync. */
	HEARTH_SUSPENDS int (*sync)(void *self, struct hearth_task *task, const struct hearth_sync_query *query,
				    struct hearth_sync_sink *sink, struct hearth_error *err);
	const char *about;
	const char *also_on;   /* another stream whose moving makes sync ask this one, too; NULL */
};

/* Whom news concern: waiters of these users, and of users who wait on these rooms. */
struct hearth_news {
	const char *const *users;
	size_t             user_count;
	const char *const *rooms;
	size_t             room_count;
};

struct hearth_stream_ref; /* a declared stream, found by name */
struct hearth_waiter;

struct hearth_streams {
	struct hearth_service base;

	/*
	 * A stream by its name; NULL: no such. As long as the process. In load: the plugin's own and those of plugins
	 * whose services it needs; later: any plugin's.
	 */
	const struct hearth_stream_ref *(*find)(const struct hearth_host *host, const char *name);
	/* All of them by index; NULL beyond the last. With its declaration and its plugin's self. */
	const struct hearth_stream_ref *(*at)(size_t index);
	const struct hearth_stream *(*declaration)(const struct hearth_stream_ref *stream, void **ret_self);

	/*
	 * Draws count ids in the transaction; they count as unfinished until it ends, either way. *ret_first is the
	 * first; the others follow without a gap. When the transaction has committed, news are told (copied now).
	 */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*next)(struct hearth_tx *tx, const struct hearth_stream_ref *stream, size_t count,
		    const struct hearth_news *news, int64_t *ret_first, struct hearth_error *err);
	/* Tells more news on a transaction that has drawn ids, at its commit. */
	void (*news_at_commit)(struct hearth_tx *tx, const struct hearth_stream_ref *stream,
			       const struct hearth_news *news);
	/* A stream in memory: draws an id, moves the position and tells news at once. */
	int64_t (*advance)(const struct hearth_stream_ref *stream, const struct hearth_news *news);

	/* Everything up to here is finished. */
	int64_t (*position)(const struct hearth_stream_ref *stream);

	/*
	 * Who waits: a user and the rooms they are in (copied). From the moment of its making it notes news, so that none
	 * falls between reading and waiting. Owned: waiter_free; also freed when the task ends.
	 */
	struct hearth_waiter *(*waiter_new)(struct hearth_task *task, const char *user_id, const char *const *rooms,
					    size_t room_count);
	void (*waiter_free)(struct hearth_waiter **waiter);
	/*
	 * Waits for news since the last wait: 0; -ETIMEDOUT after timeout_ms, or at once when the process drains (err is
	 * not set then); -ECANCELED.
	 */
	HEARTH_SUSPENDS int (*wait)(struct hearth_task *task, struct hearth_waiter *waiter, int64_t timeout_ms,
				    struct hearth_error *err);
};

static inline const struct hearth_streams *hearth_streams(const struct hearth_host *host)
{
	return (const struct hearth_streams *)host->service(host, HEARTH_STREAMS_ID, HEARTH_STREAMS_MAJOR,
							    HEARTH_STREAMS_MINOR);
}

HEARTH_END_DECLS
#endif
