-- A snapshot's state is stored in pieces, so that no order waits for the whole of it. Pieces without a row in `snapshots` are
-- of a snapshot that is being written, or of one that was given up, and count for nothing.
CREATE TABLE snapshot_parts (
    seq   INTEGER NOT NULL, -- the snapshot's last event
    part  INTEGER NOT NULL, -- from 0
    bytes BLOB    NOT NULL,
    PRIMARY KEY (seq, part)
) STRICT;
