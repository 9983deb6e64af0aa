/* SPDX-License-Identifier: Apache-2.0 */
/* The persister: batches queue at a lane, and a lane stores all that wait in one transaction. */
#include "persist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_JOBS_MAX 128
#define GROUP_TRIES 3

struct rooms_lane {
	struct rooms *rooms;
	struct rooms_job *first, **last;
	bool busy;
};

void rooms_lanes_new(struct rooms *r)
{
	for (size_t i = 0; i < ROOMS_LANES; i++) {
		r->lanes[i] = calloc(1, sizeof(*r->lanes[i]));
		hearth_assert(r->lanes[i]);
		r->lanes[i]->rooms = r;
		r->lanes[i]->last = &r->lanes[i]->first;
	}
}

static void job_unref(struct rooms_job *job)
{
	if (--job->refs)
		return;
	job->rooms->tasks->signal_free(job->done);
	hearth_arena_free(job->arena);
}

void rooms_lanes_free(struct rooms *r)
{
	for (size_t i = 0; i < ROOMS_LANES; i++) {
		struct rooms_job *next;

		for (struct rooms_job *job = r->lanes[i] ? r->lanes[i]->first : NULL; job; job = next) {
			next = job->next;
			job_unref(job);
		}
		free(r->lanes[i]);
	}
}

static void finish(struct rooms_job *job)
{
	job->finished = true;
	job->rooms->tasks->wake_all(job->done);
	job_unref(job);
}

static void fail_all(struct rooms_group_work *work, const struct hearth_error *error)
{
	for (size_t i = 0; i < work->job_count; i++) {
		if (work->jobs[i]->rc < 0)
			continue;
		work->jobs[i]->rc = error->code ? error->code : -EIO;
		work->jobs[i]->error = *error;
	}
}

static void drop_rooms(struct rooms_group_work *work)
{
	for (size_t i = 0; i < work->job_count; i++) {
		const char *room_ids[] = { work->jobs[i]->room_id, work->jobs[i]->replaces };

		for (size_t k = 0; k < HEARTH_COUNT(room_ids); k++)
			if (room_ids[k])
				rooms_lru_drop(work->r->room_cache, room_ids[k], strlen(room_ids[k]));
	}
}

void rooms_group_ended(void *argument, int committed)
{
	struct rooms_group_work *work = argument;

	work->unknown = committed < 0;
	if (committed <= 0) {
		drop_rooms(work);
		return;
	}
	for (size_t i = 0; i < work->new_room_count; i++)
		rooms_lru_put(work->r->room_cache, NULL, &work->new_rooms[i]->node);
	for (size_t i = 0; i < work->touched_count; i++)
		work->touched[i].room->last_ordering = work->touched[i].ordering;
	for (size_t i = 0; i < work->made_count; i++) {
		if (!work->made[i].known)
			continue;
		rooms_lru_drop(work->r->event_cache, &work->made[i].number, sizeof(work->made[i].number));
		work->r->placed++;
	}
}

static void forget_answers(struct rooms_group_work *work)
{
	for (size_t i = 0; i < work->job_count; i++) {
		if (work->jobs[i]->count)
			memset(work->jobs[i]->event_ids, 0, work->jobs[i]->count * sizeof(*work->jobs[i]->event_ids));
		for (size_t p = 0; p < work->jobs[i]->pdu_count; p++)
			if (work->jobs[i]->pdus[p].event)
				work->jobs[i]->outcomes[p] = (struct hearth_pdu_outcome){
					.size = sizeof(struct hearth_pdu_outcome) };
		work->jobs[i]->rc = 0;
		hearth_error_clear(&work->jobs[i]->error);
		if (work->jobs[i]->create_version)
			work->jobs[i]->room_id = NULL;
	}
}

/* What is in memory of an event's citations may be older than what another writer has made of them. */
static void drop_cited(struct rooms_group_work *work)
{
	for (size_t i = 0; i < work->made_count; i++)
		for (size_t a = 0; a < work->made[i].auth_count; a++)
			rooms_lru_drop(work->r->event_cache, &work->made[i].auth[a], sizeof(work->made[i].auth[a]));
}

/* The constraint that is violated is one of those that another writer's rows can violate. */
static bool is_stale(const struct hearth_error *err)
{
	return strstr(err->message, ": events_") || strstr(err->message, ": rooms_room_id_key");
}

/* One attempt. 0: every job has its answer, good or bad. -EAGAIN: nothing is stored, and another one may do better. */
HEARTH_SUSPENDS static int attempt(struct rooms_group_work *work, struct hearth_error *err)
{
	int rc = work->jobs[0]->pdus ? rooms_take_incoming(work, err) : rooms_create_events(work, err);

	if (rc >= 0 && work->made_count)
		rc = rooms_write_group(work, err);
	if (rc == -EBUSY && work->unknown) {
		rc = rooms_find_outcome(work, err);
		if (rc == 0)
			rc = -EAGAIN;
	}
	if (rc == -EEXIST && is_stale(err)) {
		drop_cited(work);
		rc = -EAGAIN;
	}
	if (rc < 0)
		drop_rooms(work);
	return rc < 0 ? rc : 0;
}

HEARTH_SUSPENDS static void tell_hooks(struct rooms_group_work *work)
{
	struct rooms *r = work->r;

	if (!r->hooks->present(r->host, HEARTH_HOOK_EVENT_ON_PERSISTED))
		return;
	for (size_t i = 0; i < work->made_count; i++) {
		struct hearth_hook_event subject = { .event = work->made[i].event,
						     .stream_ordering = work->made[i].stream_ordering };
		struct hearth_error err = { 0 };

		if (work->made[i].flags)
			continue;
		if (r->hooks->run(r->host, work->task, HEARTH_HOOK_EVENT_ON_PERSISTED, &subject, &err) < 0)
			r->log->write(r->host, work->task, HEARTH_WARNING, "%s: %s", HEARTH_HOOK_EVENT_ON_PERSISTED,
				      err.message);
	}
}

/* A transaction that fails for one job's sake must not take the others along: then each is tried alone. */
HEARTH_SUSPENDS static void store(struct rooms_group_work *work)
{
	struct hearth_error err = { 0 };
	int rc = -EAGAIN;

	for (int tries = 0; tries < GROUP_TRIES && rc == -EAGAIN; tries++) {
		struct rooms_group_work fresh = { .r = work->r, .task = work->task, .arena = work->arena,
						  .jobs = work->jobs, .job_count = work->job_count };

		hearth_error_clear(&err);
		forget_answers(work);
		rc = attempt(&fresh, &err);
		if (rc >= 0)
			*work = fresh;
	}
	if (rc >= 0 || work->job_count == 1 || rc == -EBUSY || rc == -ECANCELED) {
		if (rc < 0)
			fail_all(work, &err);
		return;
	}
	for (size_t i = 0; i < work->job_count; i++) {
		struct rooms_group_work one = { .r = work->r, .task = work->task, .arena = work->arena,
						.jobs = &work->jobs[i], .job_count = 1 };

		store(&one);
		tell_hooks(&one);
	}
}

HEARTH_SUSPENDS static void run_lane(struct hearth_task *task, void *argument);

static void start_lane(struct rooms_lane *lane)
{
	struct hearth_error err = { 0 };

	lane->busy = lane->first && lane->rooms->tasks->spawn(lane->rooms->host, "rooms.persist", run_lane, lane, &err) >= 0;
	while (!lane->busy && lane->first) {
		struct rooms_job *job = lane->first;

		lane->first = job->next;
		job->rc = -EBUSY;
		job->error = err;
		finish(job);
	}
	if (!lane->first)
		lane->last = &lane->first;
}

/* Local drafts go in groups; another server's batch is a group of its own. */
static bool joins_group(const struct rooms_job *job, const struct rooms_group_work *work)
{
	return !work->job_count || (work->job_count < GROUP_JOBS_MAX && !job->pdus && !work->jobs[0]->pdus);
}

/* One group; a task of its own, so that its memory ends with it. */
HEARTH_SUSPENDS static void run_lane(struct hearth_task *task, void *argument)
{
	struct rooms_lane *lane = argument;
	struct rooms *r = lane->rooms;
	struct hearth_arena *arena = r->tasks->arena(task);
	struct rooms_group_work work = { .r = r, .task = task, .arena = arena };
	int64_t taken_ms = r->tasks->monotonic_ms();

	work.jobs = hearth_arena_array_of(arena, struct rooms_job *, GROUP_JOBS_MAX);
	while (lane->first && joins_group(lane->first, &work)) {
		struct rooms_job *job = lane->first;

		lane->first = job->next;
		job->next = NULL;
		work.jobs[work.job_count++] = job;
		r->metrics->add(r->metric.lane_wait, NULL, (double)(taken_ms - job->queued_ms) / 1000);
	}
	if (!lane->first)
		lane->last = &lane->first;
	store(&work);
	r->metrics->set(r->metric.group_size, NULL, (double)work.job_count);
	r->metrics->add(r->metric.groups, NULL, 1);
	r->metrics->add(r->metric.events, NULL, (double)work.made_count);
	r->metrics->add(r->metric.persist, NULL, (double)(r->tasks->monotonic_ms() - taken_ms) / 1000);
	for (size_t i = 0; i < work.job_count; i++)
		finish(work.jobs[i]);
	start_lane(lane);
	tell_hooks(&work);
}

static void enqueue(struct rooms *r, struct rooms_job *job)
{
	const char *name = job->replaces ? job->replaces : job->room_id ? job->room_id : job->drafts[0].sender;
	struct rooms_lane *lane = r->lanes[rooms_state_hash(r->hash_key, name, "") % ROOMS_LANES];

	job->refs++;
	job->queued_ms = r->tasks->monotonic_ms();
	*lane->last = job;
	lane->last = &job->next;
	if (!lane->busy)
		start_lane(lane);
}

/* --- what happens in the asker's task --- */

static int copy_content(struct hearth_arena *arena, const struct hearth_json *content, uint32_t flags,
			const struct hearth_json **ret_content, struct hearth_error *err)
{
	size_t length;
	char *text;
	int rc = hearth_json_canonical(arena, content, flags, &text, &length, err);

	if (rc < 0)
		return rc;
	if (length > HEARTH_EVENT_MAX_BYTES)
		return hearth_refuse(err, 413, "M_TOO_LARGE", "The event is larger than %d bytes", HEARTH_EVENT_MAX_BYTES);
	return hearth_json_parse(arena, text, length, HEARTH_JSON_BIG_INTS, ret_content, err);
}

HEARTH_SUSPENDS static int run_checks(struct rooms *r, struct hearth_task *task, const struct rooms_job *job,
				      const struct hearth_room_version *version, struct hearth_draft *draft,
				      struct hearth_error *err)
{
	static const char *const POINTS[] = { HEARTH_HOOK_EVENT_CHECK_SPAM, HEARTH_HOOK_EVENT_CHECK_ALLOWED };
	const struct hearth_event event = {
		.size = sizeof(event), .version = version, .room_id = draft->room_id, .type = draft->type,
		.sender = draft->sender, .state_key = draft->state_key, .redacts = draft->redacts,
		.content = draft->content, .origin_server_ts = draft->origin_server_ts,
	};

	for (size_t i = 0; i < HEARTH_COUNT(POINTS); i++) {
		struct hearth_hook_event subject = { .event = &event };
		int rc;

		if (!r->hooks->present(r->host, POINTS[i]))
			continue;
		rc = r->hooks->run(r->host, task, POINTS[i], &subject, err);
		if (rc < 0)
			return rc;
		if (subject.replacement) {
			rc = copy_content(job->arena, subject.replacement, HEARTH_JSON_NO_FLOATS, &draft->content, err);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static int copy_draft(struct rooms_job *job, const struct hearth_draft *draft,
		      const struct hearth_room_version *version, struct hearth_draft *ret_copy, struct hearth_error *err)
{
	struct hearth_arena *arena = job->arena;

	*ret_copy = *draft;
	ret_copy->room_id = job->room_id;
	ret_copy->sender = hearth_arena_strdup(arena, draft->sender);
	ret_copy->type = hearth_arena_strdup(arena, draft->type);
	ret_copy->state_key = hearth_arena_strdup(arena, draft->state_key);
	ret_copy->redacts = hearth_arena_strdup(arena, draft->redacts);
	ret_copy->txn_id = hearth_arena_strdup(arena, draft->txn_id);
	ret_copy->device_id = hearth_arena_strdup(arena, draft->device_id);
	return copy_content(arena, draft->content,
			    version->strict_canonical_json ? HEARTH_JSON_NO_FLOATS : HEARTH_JSON_BIG_INTS,
			    &ret_copy->content, err);
}

HEARTH_SUSPENDS static int fill_job(struct rooms *r, struct hearth_task *task, struct rooms_job *job,
				    const struct rooms_batch *batch, struct hearth_error *err)
{
	struct rooms_facts facts = { .version = batch->create_version };
	int rc;

	if (!batch->create_version) {
		job->room_id = hearth_arena_strdup(job->arena, batch->drafts[0].room_id);
		rc = rooms_facts(r, task, &batch->drafts[0].room_id, 1, &facts, err);
		if (rc < 0)
			return rc;
		if (!facts.number)
			return hearth_refuse(err, 404, "M_NOT_FOUND", "There is no such room here");
	}
	job->create_version = batch->create_version;
	job->replaces = hearth_arena_strdup(job->arena, batch->replaces);
	job->published = batch->published;
	job->alias = hearth_arena_strdup(job->arena, batch->alias);
	job->count = batch->count;
	job->drafts = hearth_arena_array_of(job->arena, struct hearth_draft, batch->count);
	job->event_ids = hearth_arena_array_of(job->arena, const char *, batch->count);
	for (size_t i = 0; i < batch->count; i++) {
		rc = copy_draft(job, &batch->drafts[i], facts.version, &job->drafts[i], err);
		if (rooms_is_farewell(job, i))
			job->drafts[i].room_id = job->replaces;
		if (rc >= 0)
			rc = run_checks(r, task, job, facts.version, &job->drafts[i], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void rooms_job_unrefp(struct rooms_job **job)
{
	job_unref(*job);
}

struct rooms_job *rooms_job_new(struct rooms *r)
{
	struct hearth_arena *arena = hearth_arena_new();
	struct rooms_job *job = hearth_arena_new_of(arena, struct rooms_job);

	job->arena = arena;
	job->rooms = r;
	job->refs = 1;
	job->done = r->tasks->signal_new();
	return job;
}

int rooms_job_run(struct rooms *r, struct hearth_task *task, struct rooms_job *job, struct hearth_error *err)
{
	enqueue(r, job);
	while (!job->finished) {
		int rc = r->tasks->wait(task, job->done, 0, err);

		if (rc < 0)
			return rc;
	}
	if (job->rc < 0 && err)
		*err = job->error;
	return job->rc < 0 ? job->rc : 0;
}

int rooms_send_batch(struct rooms *r, struct hearth_task *task, const struct rooms_batch *batch,
		     const char **ret_room_id, const char *const **ret_event_ids, struct hearth_error *err)
{
	HEARTH_CLEANUP(rooms_job_unrefp) struct rooms_job *job = rooms_job_new(r);
	struct hearth_arena *arena = r->tasks->arena(task);
	const char **ids;
	int rc;

	hearth_assert(batch->count > 0);
	rc = fill_job(r, task, job, batch, err);
	if (rc < 0)
		return rc;
	rc = rooms_job_run(r, task, job, err);
	if (rc < 0)
		return rc;
	ids = hearth_arena_array_of(arena, const char *, job->count);
	for (size_t i = 0; i < job->count; i++)
		ids[i] = hearth_arena_strdup(arena, job->event_ids[i]);
	if (ret_room_id)
		*ret_room_id = hearth_arena_strdup(arena, job->room_id);
	*ret_event_ids = ids;
	return 0;
}

int rooms_send(struct rooms *r, struct hearth_task *task, const struct hearth_draft *draft, const char **ret_event_id,
	       struct hearth_error *err)
{
	struct rooms_batch batch = { .drafts = draft, .count = 1 };
	const char *const *event_ids;
	int rc = rooms_send_batch(r, task, &batch, NULL, &event_ids, err);

	if (rc < 0)
		return rc;
	*ret_event_id = event_ids[0];
	return 0;
}
