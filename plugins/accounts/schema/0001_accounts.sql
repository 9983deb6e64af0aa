-- Accounts, devices, tokens, profiles, account data, filters, user-interactive authentication.

CREATE SEQUENCE account_numbers;
CREATE SEQUENCE account_data_stream;

CREATE TABLE accounts (
	user_id       text PRIMARY KEY,
	password_hash text,
	created_ms    bigint NOT NULL,
	user_type     text,
	admin         boolean NOT NULL DEFAULT false,
	guest         boolean NOT NULL DEFAULT false,
	deactivated   boolean NOT NULL DEFAULT false,
	locked        boolean NOT NULL DEFAULT false,
	suspended     boolean NOT NULL DEFAULT false,
	shadow_banned boolean NOT NULL DEFAULT false,
	erased        boolean NOT NULL DEFAULT false,
	consent_version text
);
CREATE INDEX accounts_folded ON accounts (lower(user_id));

CREATE TABLE account_devices (
	user_id      text NOT NULL REFERENCES accounts ON DELETE CASCADE,
	device_id    text NOT NULL,
	display_name text,
	created_ms   bigint NOT NULL,
	last_seen_ms bigint NOT NULL DEFAULT 0,
	last_seen_ip text,
	user_agent   text,
	PRIMARY KEY (user_id, device_id)
);

-- Tokens are kept as SHA-256 hashes: who reads the database cannot log in.
CREATE TABLE account_refresh_tokens (
	id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	token_hash         bytea NOT NULL UNIQUE,
	user_id            text NOT NULL REFERENCES accounts ON DELETE CASCADE,
	device_id          text NOT NULL,
	next_id            bigint,
	expires_ms         bigint NOT NULL DEFAULT 0,
	session_expires_ms bigint NOT NULL DEFAULT 0
);
CREATE INDEX account_refresh_tokens_device ON account_refresh_tokens (user_id, device_id);
CREATE INDEX account_refresh_tokens_next ON account_refresh_tokens (next_id);

CREATE TABLE account_access_tokens (
	id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	token_hash   bytea NOT NULL UNIQUE,
	user_id      text NOT NULL REFERENCES accounts ON DELETE CASCADE,
	device_id    text,
	expires_ms   bigint NOT NULL DEFAULT 0,
	validated_ms bigint NOT NULL,
	refresh_id   bigint,
	used         boolean NOT NULL DEFAULT false
);
CREATE INDEX account_access_tokens_device ON account_access_tokens (user_id, device_id);
CREATE INDEX account_access_tokens_refresh ON account_access_tokens (refresh_id);

CREATE TABLE account_login_tokens (
	token_hash bytea PRIMARY KEY,
	user_id    text NOT NULL REFERENCES accounts ON DELETE CASCADE,
	expires_ms bigint NOT NULL
);

CREATE TABLE account_openid_tokens (
	token_hash bytea PRIMARY KEY,
	user_id    text NOT NULL REFERENCES accounts ON DELETE CASCADE,
	expires_ms bigint NOT NULL
);

CREATE TABLE account_threepids (
	medium       text NOT NULL,
	address      text NOT NULL,
	user_id      text NOT NULL REFERENCES accounts ON DELETE CASCADE,
	added_ms     bigint NOT NULL,
	validated_ms bigint NOT NULL,
	PRIMARY KEY (medium, address)
);
CREATE INDEX account_threepids_user ON account_threepids (user_id);

CREATE TABLE account_profiles (
	user_id     text PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
	displayname text,
	avatar_url  text,
	fields      text NOT NULL DEFAULT '{}'
);

-- room_id '': global.
CREATE TABLE account_data (
	user_id   text NOT NULL REFERENCES accounts ON DELETE CASCADE,
	room_id   text NOT NULL,
	type      text NOT NULL,
	stream_id bigint NOT NULL,
	content   text NOT NULL,
	PRIMARY KEY (user_id, room_id, type)
);
CREATE INDEX account_data_by_stream ON account_data (user_id, stream_id);

CREATE TABLE account_tags (
	user_id text NOT NULL REFERENCES accounts ON DELETE CASCADE,
	room_id text NOT NULL,
	tag     text NOT NULL,
	content text NOT NULL,
	PRIMARY KEY (user_id, room_id, tag)
);
-- When a room's tags last changed, kept when the last tag goes.
CREATE TABLE account_tag_changes (
	user_id   text NOT NULL REFERENCES accounts ON DELETE CASCADE,
	room_id   text NOT NULL,
	stream_id bigint NOT NULL,
	PRIMARY KEY (user_id, room_id)
);

CREATE TABLE account_filters (
	user_id   text NOT NULL REFERENCES accounts ON DELETE CASCADE,
	filter_id bigint NOT NULL,
	hash      bytea NOT NULL,
	filter    text NOT NULL,
	PRIMARY KEY (user_id, filter_id),
	UNIQUE (user_id, hash)
);

CREATE TABLE account_registration_tokens (
	token        text PRIMARY KEY,
	uses_allowed bigint,
	pending      bigint NOT NULL DEFAULT 0,
	completed    bigint NOT NULL DEFAULT 0,
	expires_ms   bigint
);

CREATE TABLE account_uia_sessions (
	session_id    text PRIMARY KEY,
	created_ms    bigint NOT NULL,
	binding       bytea NOT NULL,
	params        text NOT NULL,
	password_hash text,
	registered    text
);
CREATE TABLE account_uia_stages (
	session_id text NOT NULL REFERENCES account_uia_sessions ON DELETE CASCADE,
	stage      text NOT NULL,
	result     text NOT NULL,
	PRIMARY KEY (session_id, stage)
);
