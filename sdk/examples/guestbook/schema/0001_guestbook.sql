-- Ids come from the stream's sequence: an entry's id is its position in the stream.
CREATE SEQUENCE guestbook_positions;
CREATE TABLE guestbook_entries (
	id bigint PRIMARY KEY,
	owner text NOT NULL,
	author text NOT NULL,
	body text NOT NULL,
	written_ms bigint NOT NULL
);
CREATE INDEX guestbook_entries_of_owner ON guestbook_entries (owner, id);
