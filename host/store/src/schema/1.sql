-- Digests are texts, `sha256:…`; amounts are cents; times are microseconds.

CREATE TABLE runs (
    id       TEXT PRIMARY KEY NOT NULL,
    -- RFC 3339, UTC.
    created  TEXT NOT NULL,
    -- All that the run is defined by, as JSON.
    spec     TEXT NOT NULL,
    finished INTEGER NOT NULL DEFAULT 0 CHECK (finished IN (0, 1))
) STRICT;

CREATE TABLE attempts (
    run            TEXT NOT NULL REFERENCES runs (id),
    task           TEXT NOT NULL,
    number         INTEGER NOT NULL CHECK (number >= 1),
    kind           TEXT NOT NULL,
    price_cents    INTEGER NOT NULL CHECK (price_cents >= 0),
    task_blob      TEXT NOT NULL,
    -- The task's private configuration; NULL when it has none.
    key_blob       TEXT,
    grader         TEXT NOT NULL,
    grader_digest  TEXT NOT NULL,
    state          TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'submitted', 'decided')),
    -- Events recorded, and so the next one's sequence number.
    events         INTEGER NOT NULL DEFAULT 0 CHECK (events >= settled),
    -- Events recorded when the state last changed: these are never taken back.
    settled        INTEGER NOT NULL DEFAULT 0 CHECK (settled >= 0),
    outcome        TEXT CHECK (outcome IN ('pass', 'fail', 'invalid')),
    reason         TEXT,
    earned_cents   INTEGER CHECK (earned_cents >= 0),
    verdict_digest TEXT,
    solve_us       INTEGER,
    grade_us       INTEGER,
    PRIMARY KEY (run, task, number),
    CHECK ((state = 'decided') = (outcome IS NOT NULL)),
    CHECK ((state = 'decided') = (reason IS NOT NULL)),
    CHECK ((state = 'decided') = (earned_cents IS NOT NULL)),
    CHECK ((state = 'decided') = (verdict_digest IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    run    TEXT NOT NULL,
    task   TEXT NOT NULL,
    number INTEGER NOT NULL,
    -- From 0, without gaps.
    seq    INTEGER NOT NULL CHECK (seq >= 0),
    -- Since the attempt was started, or resumed.
    at_us  INTEGER NOT NULL CHECK (at_us >= 0),
    -- The event as JSON, or the blob that holds it when it is long.
    event  TEXT,
    blob   TEXT,
    PRIMARY KEY (run, task, number, seq),
    FOREIGN KEY (run, task, number) REFERENCES attempts (run, task, number),
    CHECK ((event IS NULL) <> (blob IS NULL))
) STRICT, WITHOUT ROWID;
