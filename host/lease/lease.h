/* SPDX-License-Identifier: Apache-2.0
 *
 * host/lease/lease.h - leases as the host starts them; hearth/lease.h is what plugins see.
 */
#ifndef HOST_LEASE_LEASE_H
#define HOST_LEASE_LEASE_H

#include <hearth/lease.h>

/*
 * Makes the table, takes this instance's own lease, so that no second process runs under its name, and begins to renew.
 * on_lost: another process has taken a lease of the host's own; this one has to end. -EALREADY: the name is in use.
 */
HEARTH_SUSPENDS int lease_start(struct hearth_task *task, void (*on_lost)(void *argument), struct hearth_error *err);

/* Takes leases for as long as the process runs, in one go. ret_leases[i]: of names[i]. -EALREADY: another instance has one. */
HEARTH_SUSPENDS int lease_take(struct hearth_task *task, const char *const *names, size_t count,
			       struct hearth_lease **ret_leases, struct hearth_error *err);

/* Makes the table alone. */
HEARTH_SUSPENDS int lease_migrate(struct hearth_task *task, struct hearth_error *err);
/* The name of a lease that this process should have and has not, NULL. */
const char *lease_missing(void);
/* Gives back everything; after that nothing is held. */
HEARTH_SUSPENDS void lease_stop(struct hearth_task *task);
void lease_finish(void);

const struct hearth_leases *lease_service(void);

/* --- holder.c: who a process is --- */
#define LEASE_HOLDER_BYTES 128

/* This process, in a form that no other process ever has: boot, PID namespace, PID and start time. */
void lease_holder_self(char text[LEASE_HOLDER_BYTES]);
/* 1 where the holder was a process of this machine that is no more. 0: it lives, or lives elsewhere. */
int lease_holder_is_dead(const char *holder);

#endif
