-- Every request to a model's server: what was set aside before it was sent, and what it
-- came to. Amounts are tokens and millionths of a dollar; NULL is not known.
CREATE TABLE ledger (
    run               TEXT NOT NULL,
    task              TEXT NOT NULL,
    number            INTEGER NOT NULL,
    -- From 0, in the order in which the run's requests were made.
    entry             INTEGER NOT NULL CHECK (entry >= 0),
    phase             TEXT NOT NULL CHECK (phase IN ('solve', 'grade')),
    conversation      INTEGER NOT NULL CHECK (conversation >= 0),
    -- Which question of the conversation it is of, from 0.
    ordinal           INTEGER NOT NULL CHECK (ordinal >= 0),
    -- The name that plugins ask for the model by.
    model             TEXT NOT NULL,
    -- `lost`: its host died before it knew what the request came to, so that it counts as
    -- what was held for it.
    state             TEXT NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'settled', 'lost')),
    held_input        INTEGER CHECK (held_input >= 0),
    held_output       INTEGER CHECK (held_output >= 0),
    held_microdollars INTEGER CHECK (held_microdollars >= 0),
    input             INTEGER CHECK (input >= 0),
    input_cached      INTEGER CHECK (input_cached >= 0),
    input_written     INTEGER CHECK (input_written >= 0),
    output            INTEGER CHECK (output >= 0),
    output_reasoning  INTEGER CHECK (output_reasoning >= 0),
    microdollars      INTEGER CHECK (microdollars >= 0),
    estimated         INTEGER NOT NULL DEFAULT 0 CHECK (estimated IN (0, 1)),
    -- Calls of tools in the answer; NULL when the request gave none.
    tool_calls        INTEGER CHECK (tool_calls >= 0),
    -- Milliseconds that the attempt, and its run, had gone on by then.
    attempt_ms        INTEGER NOT NULL CHECK (attempt_ms >= 0),
    run_ms            INTEGER NOT NULL CHECK (run_ms >= 0),
    -- RFC 3339, UTC.
    held_at           TEXT NOT NULL,
    PRIMARY KEY (run, task, number, entry),
    FOREIGN KEY (run, task, number) REFERENCES attempts (run, task, number)
) STRICT, WITHOUT ROWID;
