-- What an account did, and what was done to what it owns, is read newest first: the index is in that order.
DROP INDEX happening_by_actor;
DROP INDEX happening_by_owner;
CREATE INDEX happening_by_actor ON happening (actor_id, at_ms, id);
CREATE INDEX happening_by_owner ON happening (owner_id, at_ms, id);
