-- The store's log, one leaf after the other: what the tree of RFC 6962 is over.
CREATE TABLE log (
    -- From 0, without gaps.
    place INTEGER PRIMARY KEY NOT NULL CHECK (place >= 0),
    run   TEXT NOT NULL REFERENCES runs (id),
    -- JSON. These bytes are the leaf's.
    leaf  TEXT NOT NULL
) STRICT;
CREATE INDEX log_of_run ON log (run, place);
CREATE TRIGGER log_stays BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
CREATE TRIGGER log_keeps BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;

CREATE TABLE log_origin (
    one    INTEGER PRIMARY KEY NOT NULL CHECK (one = 0),
    -- What names the log in checkpoints, different for each store.
    origin TEXT NOT NULL,
    -- The last row of `runs` from before there was a log: those runs have no leaves.
    before INTEGER NOT NULL CHECK (before >= 0)
) STRICT;
INSERT INTO log_origin (one, origin, before)
    SELECT 0, 'lancet:log/' || lower(hex(randomblob(16))), ifnull(max(rowid), 0) FROM runs;
