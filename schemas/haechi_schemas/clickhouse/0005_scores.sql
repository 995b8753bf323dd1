-- A judgement that tells no number (a label alone) has none: NULL, not 0.
ALTER TABLE haechi.scores MODIFY COLUMN value Nullable(Float64);

-- Whether the sender chose the id: then a later score with it takes the place of this one, whenever and about whatever
-- it is. Ids made by the collector are 32 digits, name what the score says, and need no such rule. Rows from before
-- this column count as replaceable when their id does not look like a made one.
ALTER TABLE haechi.scores ADD COLUMN IF NOT EXISTS is_replaceable Bool DEFAULT NOT match(id, '^[0-9a-f]{32}$') AFTER id;
