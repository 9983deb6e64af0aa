/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/lease.h - hearth.leases/1: duties that one process of a deployment has at a time.
 *
 * A lease is a row in PostgreSQL. Its holder renews it every second or so; a holder that is gone loses it within 5 s, on
 * the same machine at once. Each change of holder raises the fencing token, and a transaction that is guarded by a lease
 * commits only while the lease is still this process's: a holder that was asleep or cut off cannot write any more.
 *
 * The host takes leases itself for streams that have named writers and for jobs: hearth_streams.next() guards its
 * transaction, plugins need nothing of this for either.
 *
 * 1.0  first version
 */
#ifndef HEARTH_LEASE_H
#define HEARTH_LEASE_H

#include <hearth/db.h>

HEARTH_BEGIN_DECLS

#define HEARTH_LEASES_ID "hearth.leases"
#define HEARTH_LEASES_MAJOR 1
#define HEARTH_LEASES_MINOR 0

struct hearth_lease;

struct hearth_leases {
	struct hearth_service base;

	/*
	 * Waits until a duty is this process's, timeout_ms at most (0: asks once). name: "PLUGIN.DUTY", at most 200 bytes.
	 * ret_lease: owned: release; given back when the process stops. After timeout_ms: -ETIMEDOUT (or -EALREADY where it
	 * was 0) and err names the holder.
	 */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*acquire)(struct hearth_task *task, const char *name, int64_t timeout_ms, struct hearth_lease **ret_lease,
		       struct hearth_error *err);

	/*
	 * Queues a check on the transaction, which fails with -ESTALE where the lease has gone to another process; the next
	 * holder waits for transactions that have passed it. Does not suspend.
	 */
	HEARTH_MUST_CHECK
	int (*guard)(struct hearth_tx *tx, const struct hearth_lease *lease, struct hearth_error *err);

	/* Grows with each change of holder; for what is fenced elsewhere than in the database. */
	int64_t (*token)(const struct hearth_lease *lease);
	/* 1 while no other process can have it. 0 says stop, not that somebody else has it already. */
	int (*held)(const struct hearth_lease *lease);
	/* Calls fn(argument) once, when another process has taken it (at once, where it has already). fn does not suspend. */
	void (*on_lost)(struct hearth_lease *lease, void (*fn)(void *argument), void *argument);

	/* Gives it back: the next in line has it within a second. *lease may be NULL; becomes NULL. */
	void (*release)(struct hearth_lease **lease);
};

static inline const struct hearth_leases *hearth_leases(const struct hearth_host *host)
{
	return (const struct hearth_leases *)host->service(host, HEARTH_LEASES_ID, HEARTH_LEASES_MAJOR, HEARTH_LEASES_MINOR);
}

HEARTH_END_DECLS
#endif
