-- What local users uploaded. The bytes are files below media_store_path, named by media_id.
CREATE TABLE media_uploads (
	media_id     text PRIMARY KEY,
	user_id      text NOT NULL,
	media_type   text NOT NULL,   -- as the uploader said
	upload_name  text,            -- NULL: none was given
	size_bytes   bigint NOT NULL,
	created_ms   bigint NOT NULL
);
CREATE INDEX media_uploads_user ON media_uploads (user_id, created_ms);
