-- What an individual contributor's task is worked on and judged in, as JSON in a
-- blob; NULL for attempts that need none of it.
ALTER TABLE attempts ADD COLUMN setting_blob TEXT;
-- Executions of test plans, once it is decided, and whether they differed.
ALTER TABLE attempts ADD COLUMN test_runs INTEGER CHECK (test_runs >= 0);
ALTER TABLE attempts ADD COLUMN flaky INTEGER CHECK (flaky IN (0, 1));
