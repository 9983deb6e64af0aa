-- What end-to-end encryption stores for local users. The server never holds a secret of theirs.
CREATE SEQUENCE device_lists_sequence;
SELECT nextval('device_lists_sequence');
CREATE SEQUENCE to_device_sequence;
SELECT nextval('to_device_sequence');

CREATE TABLE device_keys (
	user_id    text NOT NULL,
	device_id  text NOT NULL,
	keys       text NOT NULL,           -- canonical JSON as uploaded, with signatures
	PRIMARY KEY (user_id, device_id)
);

CREATE TABLE one_time_keys (
	serial     bigint GENERATED ALWAYS AS IDENTITY,  -- claimed in the order of upload
	user_id    text NOT NULL,
	device_id  text NOT NULL,
	algorithm  text NOT NULL,
	key_id     text NOT NULL,
	key        text NOT NULL,
	PRIMARY KEY (user_id, device_id, algorithm, key_id)
);
CREATE INDEX one_time_keys_order ON one_time_keys (user_id, device_id, algorithm, serial);

CREATE TABLE fallback_keys (
	user_id    text NOT NULL,
	device_id  text NOT NULL,
	algorithm  text NOT NULL,
	key_id     text NOT NULL,
	key        text NOT NULL,
	used       boolean NOT NULL DEFAULT false,
	PRIMARY KEY (user_id, device_id, algorithm)
);

CREATE TABLE cross_signing_keys (
	user_id    text NOT NULL,
	usage      text NOT NULL,           -- master, self_signing, user_signing
	keys       text NOT NULL,
	PRIMARY KEY (user_id, usage)
);

-- Signatures that were uploaded apart from the key they sign.
CREATE TABLE key_signatures (
	signer     text NOT NULL,
	key_id     text NOT NULL,           -- of the key that signs: "ed25519:..."
	user_id    text NOT NULL,           -- whose key is signed
	target     text NOT NULL,           -- device id, or the public part of a cross-signing key
	signature  text NOT NULL,
	PRIMARY KEY (user_id, target, signer, key_id)
);

-- When each user's devices or keys last changed.
CREATE TABLE device_lists (
	user_id    text PRIMARY KEY,
	stream_id  bigint NOT NULL
);
CREATE INDEX device_lists_stream ON device_lists (stream_id);

CREATE TABLE to_device (
	stream_id  bigint PRIMARY KEY,
	user_id    text NOT NULL,
	device_id  text NOT NULL,
	message    text NOT NULL            -- {"content", "sender", "type"}
);
CREATE INDEX to_device_recipient ON to_device (user_id, device_id, stream_id);

-- Makes a retry of sendToDevice answer without sending again.
CREATE TABLE to_device_txns (
	user_id    text NOT NULL,
	device_id  text NOT NULL,
	txn_id     text NOT NULL,
	sent_ts    bigint NOT NULL,
	PRIMARY KEY (user_id, device_id, txn_id)
);
CREATE INDEX to_device_txns_age ON to_device_txns (sent_ts);

CREATE TABLE backup_versions (
	user_id    text NOT NULL,
	version    bigint NOT NULL,
	algorithm  text NOT NULL,
	auth_data  text NOT NULL,
	etag       bigint NOT NULL DEFAULT 0,  -- counts changes of its keys
	deleted    boolean NOT NULL DEFAULT false,
	PRIMARY KEY (user_id, version)
);

CREATE TABLE backup_keys (
	user_id             text NOT NULL,
	version             bigint NOT NULL,
	room_id             text NOT NULL,
	session_id          text NOT NULL,
	first_message_index bigint NOT NULL,
	forwarded_count     bigint NOT NULL,
	is_verified         boolean NOT NULL,
	session_data        text NOT NULL,
	PRIMARY KEY (user_id, version, room_id, session_id)
);
