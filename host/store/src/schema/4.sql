-- Journals may hold `asked`: a call that costs money, written before it is asked. There
-- is no column for it. The step is there so that a version that does not know the event
-- says that the store is newer, instead of stumbling over a journal.
SELECT 1 WHERE 0;
