-- How far each user has read in each room: one row a (room, user, type, thread), always the furthest.
CREATE SEQUENCE receipts_sequence;
SELECT nextval('receipts_sequence');

CREATE TABLE receipts (
	room_id         text NOT NULL,
	user_id         text NOT NULL,
	receipt_type    text NOT NULL,
	thread_id       text NOT NULL DEFAULT '',  -- '': unthreaded
	event_id        text NOT NULL,
	event_ordering  bigint NOT NULL,           -- the event's stream ordering: receipts never go back
	received_ts     bigint NOT NULL,           -- ms
	stream_id       bigint NOT NULL,
	PRIMARY KEY (room_id, user_id, receipt_type, thread_id)
);
CREATE INDEX receipts_stream ON receipts (stream_id);
