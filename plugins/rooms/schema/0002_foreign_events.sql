-- Events of other servers, and the index of auth chains. README.md explains the design.

-- Accepted state events stand in chains: one event reaches all earlier ones of its chain, and what chain_links names
-- (pairs of chain and position) with all that these reach. The create event is reached by all and linked by none.
ALTER TABLE events
	ADD chain            bigint, -- number of the chain's first event; NULL: no state event, or rejected
	ADD chain_seq        bigint, -- position in it, from 1
	ADD chain_links      bigint[],
	ADD rejection_reason text;
-- An event that is older than the index is a chain of its own.
UPDATE events SET chain = number, chain_seq = 1, chain_links = (
	SELECT array_agg(v ORDER BY a.number, v <> a.number) FROM events a CROSS JOIN LATERAL unnest(ARRAY[a.number, 1]) AS v
	WHERE a.number = ANY(events.auth) AND a.type <> 'm.room.create' AND a.state_key IS NOT NULL AND a.flags & 2 = 0)
	WHERE state_key IS NOT NULL AND flags & 2 = 0;
ALTER TABLE events DROP COLUMN auth_depth;
CREATE UNIQUE INDEX events_chain ON events (chain, chain_seq) WHERE chain IS NOT NULL;

-- Whether the redaction's sender had the power to redact everybody's events: else only those of the same server.
ALTER TABLE redactions ADD by_power boolean NOT NULL DEFAULT true;

-- Fails as a serialization failure does where a writer's picture of a room was old: another transaction came between.
CREATE FUNCTION rooms_changed(room bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'room % was changed by another writer', room USING ERRCODE = '40001';
END
$$;
