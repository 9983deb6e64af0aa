# SPDX-License-Identifier: Apache-2.0
# Sourced by quickstart and tools/testenv: a private PostgreSQL cluster on a Unix socket, never run as root.

# The folder of PostgreSQL's server programs, the newest version that is installed. Debian keeps them out of PATH.
pg_bindir() {
	local newest
	newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sort -V | tail -n 1)
	if [ -x "$newest" ]; then
		dirname "$newest"
	elif command -v postgres >/dev/null; then
		dirname "$(command -v postgres)"
	else
		return 1
	fi
}

# Who runs the cluster: the caller, or for root the first of these that the system has.
pg_owner() {
	local name
	if [ "$(id -u)" -ne 0 ]; then
		id -un
		return
	fi
	for name in "$@" nobody; do
		if id "$name" >/dev/null 2>&1; then
			echo "$name"
			return
		fi
	done
	return 1
}

# as_owner OWNER COMMAND...: runs it as that user, in a folder that the user can enter.
as_owner() {
	local owner=$1
	shift
	if [ "$owner" = "$(id -un)" ]; then
		"$@"
	else
		(cd / && exec setpriv --reuid="$owner" --regid="$(id -g "$owner")" --clear-groups "$@")
	fi
}

# pg_create OWNER DATA DATABASE-USER [INITDB-FLAGS...]: initialises a cluster that trusts its socket's folder.
pg_create() {
	local owner=$1 data=$2 user=$3
	shift 3
	as_owner "$owner" "$(pg_bindir)/initdb" --pgdata="$data" --username="$user" --auth=trust --encoding=UTF8 \
		--locale=C "$@" >/dev/null
}

# pg_start OWNER DATA SOCKETS LOGFILE [SETTINGS...]: starts it without a TCP port and waits until it answers.
pg_start() {
	local owner=$1 data=$2 sockets=$3 log=$4 setting
	local options="-c listen_addresses= -c unix_socket_directories=$sockets -c unix_socket_permissions=0700"
	shift 4
	for setting in "$@"; do
		options+=" -c $setting"
	done
	as_owner "$owner" "$(pg_bindir)/pg_ctl" start --pgdata="$data" --log="$log" --wait --timeout=60 --silent \
		--options="$options" >/dev/null
}

# pg_runs DATA: true where its server is alive. A killed one is waited for until its parent has reaped it: PostgreSQL
# would take it for a running server.
pg_runs() {
	local pid tries=100
	pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null) && [ -n "$pid" ] || return 1
	while grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null && [ $((tries--)) -gt 0 ]; do
		sleep 0.05
	done
	[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = postgres ]
}

# pg_stop OWNER DATA [MODE]: ends its sessions and waits for it; quietly nothing where it does not run.
pg_stop() {
	local owner=$1 data=$2 mode=${3:-fast}
	pg_runs "$data" || return 0
	as_owner "$owner" "$(pg_bindir)/pg_ctl" stop --pgdata="$data" --mode="$mode" --wait --silent
}
