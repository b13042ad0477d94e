-- The journal: events with their hash chain, snapshots of the folded state, and what the journal says of itself.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE events (
    seq         INTEGER PRIMARY KEY NOT NULL, -- from 1, without gaps
    recorded_at INTEGER NOT NULL,             -- nanoseconds since the epoch, by the injected clock
    kind        TEXT    NOT NULL,             -- the payload's "type"
    payload     TEXT    NOT NULL,             -- canonical JSON
    prev        BLOB    NOT NULL,             -- hash of the event before
    hash        BLOB    NOT NULL              -- BLAKE3 over prev, seq, recorded_at, payload
) STRICT;

-- Whoever means to change history has to drop these first; the hash chain shows it all the same.
CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TABLE snapshots (
    seq           INTEGER PRIMARY KEY NOT NULL, -- last event covered
    hash          BLOB    NOT NULL,             -- that event's hash
    state_version INTEGER NOT NULL,
    state         BLOB    NOT NULL,             -- JSON
    state_hash    BLOB    NOT NULL              -- BLAKE3 of state
) STRICT;
