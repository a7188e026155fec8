-- the journal: append-only, each row's hash covers the one before it
CREATE TABLE event (
  seq INTEGER PRIMARY KEY,
  mono_ns INTEGER NOT NULL,
  wall_ns INTEGER NOT NULL,
  kind TEXT NOT NULL,
  occurrence TEXT,
  rule TEXT,
  source TEXT,
  by TEXT,
  body TEXT NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX event_occurrence ON event (occurrence, seq) WHERE occurrence IS NOT NULL;

-- one row for each life of an alarm; the columns are what lists filter by, json is the whole
CREATE TABLE occurrence (
  occurrence TEXT PRIMARY KEY,
  rule TEXT NOT NULL,
  source TEXT NOT NULL,
  system TEXT NOT NULL,
  severity INTEGER NOT NULL,
  class TEXT NOT NULL,
  state TEXT NOT NULL,
  raised_ns INTEGER NOT NULL,
  closed_ns INTEGER,
  seq INTEGER NOT NULL,
  json TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX occurrence_open ON occurrence (rule, source) WHERE closed_ns IS NULL;
CREATE INDEX occurrence_system ON occurrence (system, occurrence);

-- what changed since the checkpoint; a checkpoint holds every instance and empties this table
CREATE TABLE instance (
  rule TEXT NOT NULL,
  source TEXT NOT NULL,
  position INTEGER NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY (rule, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  position INTEGER NOT NULL,
  mono_ns INTEGER NOT NULL,
  wall_ns INTEGER NOT NULL,
  next_seq INTEGER NOT NULL,
  zjson BLOB NOT NULL  -- zlib: 4 MB of JSON at 100,000 points, every ten seconds
) STRICT;

-- a notice is announced when its row here is committed; key is what makes a second sending harmless
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  seq INTEGER NOT NULL,
  wall_ns INTEGER NOT NULL,
  json TEXT NOT NULL
) STRICT;

CREATE TABLE delivery (
  id INTEGER PRIMARY KEY,
  outbox INTEGER NOT NULL REFERENCES outbox (id),
  channel TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'refused')),
  attempts INTEGER NOT NULL DEFAULT 0,
  next_wall_ns INTEGER NOT NULL DEFAULT 0,
  done_wall_ns INTEGER,
  error TEXT,
  UNIQUE (outbox, channel)
) STRICT;
CREATE INDEX delivery_pending ON delivery (channel, next_wall_ns, id) WHERE state = 'pending';

CREATE TABLE token (
  name TEXT PRIMARY KEY,
  role TEXT NOT NULL,
  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  created_wall_ns INTEGER NOT NULL,
  expires_wall_ns INTEGER,
  revoked_wall_ns INTEGER
) STRICT;
