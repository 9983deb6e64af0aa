-- The event store. README.md explains the design.

CREATE SEQUENCE events_stream_seq;
CREATE SEQUENCE events_backfill_seq;

-- Numbers of events, state groups and rooms. A process takes a block of 1024 at a time (n * 1024 .. n * 1024 + 1023),
-- so that rows can be written without asking for their numbers.
CREATE SEQUENCE rooms_number_seq;

-- The key under which (type, state_key) are hashed in state groups: secret, so that nobody can make two collide.
CREATE TABLE rooms_secret (
	hash_key bytea NOT NULL
);
INSERT INTO rooms_secret VALUES (decode(replace(gen_random_uuid()::text, '-', ''), 'hex'));

CREATE TABLE rooms (
	number      bigint PRIMARY KEY,
	room_id     text COLLATE "C" NOT NULL UNIQUE,
	version     text NOT NULL,
	creator     text NOT NULL,
	extremities bigint[] NOT NULL DEFAULT '{}', -- events that no other event names as its predecessor
	state_group bigint NOT NULL DEFAULT 0,      -- the current state; 0: empty
	last_ordering bigint NOT NULL DEFAULT 0,    -- of the newest event
	public      boolean NOT NULL DEFAULT false, -- in the room directory
	created_ms  bigint NOT NULL
) WITH (fillfactor = 60); -- most updates stay on their page

CREATE INDEX rooms_public ON rooms (number) WHERE public;

CREATE TABLE events (
	number           bigint PRIMARY KEY,
	room             bigint NOT NULL,
	stream_ordering  bigint NOT NULL,  -- negative: backfilled
	depth            bigint NOT NULL,
	origin_server_ts bigint NOT NULL,
	state_group      bigint NOT NULL,  -- the state before; 0: empty, or an outlier
	state_after      bigint,           -- of an accepted state event: the state with it
	replaces         bigint,           -- of a state event: the one that stood in its place
	redacted_by      bigint,           -- the redaction that took effect
	auth_depth       integer NOT NULL, -- 1 + the largest of its auth events
	flags            smallint NOT NULL, -- 1 outlier, 2 rejected, 4 soft-failed
	prev             bigint[],         -- known predecessors
	auth             bigint[],
	event_id         text COLLATE "C" NOT NULL,
	type             text COLLATE "C" NOT NULL,
	sender           text COLLATE "C" NOT NULL,
	state_key        text COLLATE "C",
	txn_device       text COLLATE "C", -- '' where the sender's token has no device
	txn_id           text COLLATE "C",
	json             text COLLATE "C" NOT NULL -- the canonical PDU, never changed
);
ALTER TABLE events ALTER COLUMN json SET COMPRESSION lz4;

CREATE UNIQUE INDEX events_event_id ON events (event_id);
CREATE INDEX events_stream ON events (room, stream_ordering) WHERE flags = 0;
CREATE INDEX events_history ON events (room, depth, stream_ordering) WHERE flags = 0;
CREATE UNIQUE INDEX events_txn ON events (room, sender, txn_device, txn_id, type) WHERE txn_id IS NOT NULL;

-- Predecessors that are not here: where history can be extended.
CREATE TABLE event_gaps (
	event_id text COLLATE "C" NOT NULL,
	referrer bigint NOT NULL,
	room     bigint NOT NULL,
	PRIMARY KEY (event_id, referrer)
);
CREATE INDEX event_gaps_room ON event_gaps (room);

-- Redactions by what they redact: one may come before its target, or be refused until then.
CREATE TABLE redactions (
	event    bigint PRIMARY KEY,
	redacts  text COLLATE "C" NOT NULL
);
CREATE INDEX redactions_redacts ON redactions (redacts);

CREATE TABLE event_relations (
	event           bigint PRIMARY KEY,
	room            bigint NOT NULL,
	stream_ordering bigint NOT NULL,
	parent          text COLLATE "C" NOT NULL,
	rel_type        text COLLATE "C" NOT NULL,
	type            text COLLATE "C" NOT NULL,
	sender          text COLLATE "C" NOT NULL,
	key             text COLLATE "C" -- of m.annotation
);
CREATE INDEX event_relations_parent ON event_relations (parent, rel_type, stream_ordering);
CREATE INDEX event_relations_threads ON event_relations (room, stream_ordering) WHERE rel_type = 'm.thread';

-- A state of a room: entries of 16 bytes (hash of type and state key, event number), sorted, over those of the base.
CREATE TABLE state_groups (
	number  bigint PRIMARY KEY,
	room    bigint NOT NULL,
	base    bigint NOT NULL, -- 0: none
	height  bigint NOT NULL, -- changes since the room's first state; the base is that of height & (height - 1)
	entries bytea NOT NULL
);
ALTER TABLE state_groups ALTER COLUMN entries SET STORAGE EXTERNAL;
CREATE INDEX state_groups_room ON state_groups (room);

CREATE TABLE current_state (
	room      bigint NOT NULL,
	type      text COLLATE "C" NOT NULL,
	state_key text COLLATE "C" NOT NULL,
	event     bigint NOT NULL,
	PRIMARY KEY (room, type, state_key)
) WITH (fillfactor = 80);

-- Each change of the current state, by which the current state can be rolled back to any position.
CREATE TABLE current_state_deltas (
	room            bigint NOT NULL,
	stream_ordering bigint NOT NULL,
	event           bigint, -- NULL: the entry is gone
	prev_event      bigint,
	type            text COLLATE "C" NOT NULL,
	state_key       text COLLATE "C" NOT NULL,
	PRIMARY KEY (room, stream_ordering, type, state_key)
);
CREATE INDEX current_state_deltas_user ON current_state_deltas (state_key, stream_ordering)
	WHERE type = 'm.room.member';

CREATE TABLE memberships (
	room            bigint NOT NULL,
	user_id         text COLLATE "C" NOT NULL,
	membership      text COLLATE "C" NOT NULL,
	event           bigint NOT NULL,
	stream_ordering bigint NOT NULL,
	forgotten       boolean NOT NULL DEFAULT false,
	sender          text COLLATE "C" NOT NULL,
	PRIMARY KEY (room, user_id)
) WITH (fillfactor = 80);
CREATE INDEX memberships_user ON memberships (user_id);

CREATE TABLE room_aliases (
	alias      text COLLATE "C" PRIMARY KEY,
	room       bigint NOT NULL,
	creator    text COLLATE "C" NOT NULL,
	created_ms bigint NOT NULL
);
CREATE INDEX room_aliases_room ON room_aliases (room);
