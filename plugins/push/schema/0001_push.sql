-- Push rules, and what each local user has not read.
CREATE SEQUENCE push_rules_sequence;
SELECT nextval('push_rules_sequence');

-- A user's own rules, in the order of place (the lowest first).
CREATE TABLE push_rules (
	user_id    text NOT NULL,
	kind       text NOT NULL,           -- override, content, room, sender, underride
	rule_id    text NOT NULL,
	place      double precision NOT NULL,
	rule       text NOT NULL,           -- {"actions": [...], "conditions": [...], "pattern": "..."}
	PRIMARY KEY (user_id, kind, rule_id)
);

-- What a user changed about rules, their own and the server's: NULL means unchanged.
CREATE TABLE push_rule_settings (
	user_id    text NOT NULL,
	kind       text NOT NULL,
	rule_id    text NOT NULL,
	enabled    boolean,
	actions    text,
	PRIMARY KEY (user_id, kind, rule_id)
);

CREATE TABLE push_rule_changes (
	user_id    text PRIMARY KEY,
	stream_id  bigint NOT NULL
);

-- Who is joined where, kept up to date in the transactions that change it: evaluation asks nobody else.
CREATE TABLE push_members (
	room_id       text NOT NULL,
	user_id       text NOT NULL,
	display_name  text,
	PRIMARY KEY (room_id, user_id)
);

-- One row an unread event that notifies; receipts remove them, so that counting is all that reading takes.
CREATE TABLE push_actions (
	user_id          text NOT NULL,
	room_id          text NOT NULL,
	stream_ordering  bigint NOT NULL,
	thread_id        text NOT NULL,     -- a thread's root, or 'main'
	highlight        boolean NOT NULL,
	PRIMARY KEY (user_id, room_id, stream_ordering)
);
