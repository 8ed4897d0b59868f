-- The blob of the run's own record, which lists its attempts; NULL for runs that
-- were made before there was one.
ALTER TABLE runs ADD COLUMN record TEXT;
