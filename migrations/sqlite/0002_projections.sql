-- Tables derived from the events in the transaction that appends them; `journal rebuild` derives them again.
-- Prices are in billionths, quantities in hundred-millionths, money in millionths, times in nanoseconds since the epoch.

CREATE TABLE orders (
    client_order_id TEXT    NOT NULL PRIMARY KEY,
    intent_id       TEXT    NOT NULL,
    symbol          TEXT    NOT NULL,
    side            TEXT    NOT NULL,
    order_type      TEXT    NOT NULL,
    qty             INTEGER NOT NULL,
    limit_price     INTEGER,
    stop_price      INTEGER,
    tif             TEXT    NOT NULL,
    tif_until       INTEGER,
    status          TEXT    NOT NULL,
    filled          INTEGER NOT NULL, -- sum over fills
    value           INTEGER NOT NULL, -- sum over the fills' signed notionals
    broker_order_id TEXT,
    reason          TEXT    NOT NULL,
    submitted_at    INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE fills (
    venue           TEXT    NOT NULL,
    exec_id         TEXT    NOT NULL,
    seq             INTEGER NOT NULL,
    ts              INTEGER NOT NULL,
    client_order_id TEXT,             -- null: did not come from this node
    broker_order_id TEXT    NOT NULL,
    symbol          TEXT    NOT NULL,
    side            TEXT    NOT NULL,
    qty             INTEGER NOT NULL,
    price           INTEGER NOT NULL,
    multiplier      INTEGER NOT NULL,
    currency        TEXT    NOT NULL,
    value           INTEGER NOT NULL, -- signed notional
    PRIMARY KEY (venue, exec_id)
) STRICT;

CREATE TABLE commissions (
    venue    TEXT    NOT NULL,
    exec_id  TEXT    NOT NULL,
    seq      INTEGER NOT NULL,
    amount   INTEGER NOT NULL,
    currency TEXT    NOT NULL,
    PRIMARY KEY (venue, exec_id)
) STRICT;

CREATE TABLE positions (
    symbol     TEXT    NOT NULL PRIMARY KEY,
    qty        INTEGER NOT NULL,
    basis      INTEGER NOT NULL, -- what the open quantity cost
    realised   INTEGER NOT NULL, -- profit taken, before commissions
    multiplier INTEGER NOT NULL,
    currency   TEXT    NOT NULL,
    fills      INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE cash (
    currency    TEXT    NOT NULL PRIMARY KEY,
    fills       INTEGER NOT NULL,
    commissions INTEGER NOT NULL
) STRICT;

-- The bulk tables are clustered by time: the rows of a step are written side by side, not all over the file.
CREATE TABLE bars (
    bar_start   INTEGER NOT NULL,
    timeframe_s INTEGER NOT NULL,
    symbol      TEXT    NOT NULL,
    bar_end     INTEGER NOT NULL,
    open        INTEGER NOT NULL,
    high        INTEGER NOT NULL,
    low         INTEGER NOT NULL,
    close       INTEGER NOT NULL,
    volume      INTEGER NOT NULL,
    vwap        INTEGER NOT NULL,
    trades      INTEGER NOT NULL,
    spread      INTEGER,
    PRIMARY KEY (bar_start, timeframe_s, symbol)
) STRICT, WITHOUT ROWID;

CREATE TABLE decisions (
    ts         INTEGER NOT NULL,
    symbol     TEXT    NOT NULL,
    step       INTEGER NOT NULL,
    weight     REAL    NOT NULL,
    confidence REAL    NOT NULL,
    regime     TEXT,
    PRIMARY KEY (ts, symbol)
) STRICT, WITHOUT ROWID;

CREATE TABLE equity (
    ts         INTEGER NOT NULL PRIMARY KEY,
    step       INTEGER NOT NULL,
    currency   TEXT    NOT NULL,
    cash       INTEGER NOT NULL,
    equity     INTEGER NOT NULL,
    gross      INTEGER NOT NULL,
    net        INTEGER NOT NULL,
    realised   INTEGER NOT NULL,
    unrealised INTEGER NOT NULL,
    fees       INTEGER NOT NULL
) STRICT;

CREATE TABLE breakers (
    scope  TEXT    NOT NULL PRIMARY KEY,
    state  TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    set_by TEXT    NOT NULL,
    ts     INTEGER NOT NULL,
    trips  INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
    seq     INTEGER NOT NULL PRIMARY KEY,
    ts      INTEGER NOT NULL,
    uid     INTEGER NOT NULL,
    command TEXT    NOT NULL,
    allowed INTEGER NOT NULL,
    outcome TEXT    NOT NULL
) STRICT;

CREATE TABLE watchlist (
    symbol TEXT    NOT NULL PRIMARY KEY,
    active INTEGER NOT NULL,
    reason TEXT    NOT NULL,
    ts     INTEGER NOT NULL
) STRICT;
