-- API keys. Of a key only the SHA-256 of its text is kept. Times are seconds since 1970.
CREATE TABLE api_keys
(
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    project TEXT NOT NULL,
    scopes TEXT NOT NULL,
    digest TEXT NOT NULL,
    requests_per_second DOUBLE PRECISION,
    bytes_per_day BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);

-- What a key has sent on a day (UTC, 2026-01-31), by all collectors.
CREATE TABLE key_usage
(
    key_id TEXT NOT NULL,
    day TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (key_id, day)
);

-- Counts the changes of a subject, so that a collector sees with one small read whether it must read again.
CREATE TABLE revisions
(
    subject TEXT PRIMARY KEY,
    number BIGINT NOT NULL
);

INSERT INTO revisions (subject, number) VALUES ('api_keys', 1);
