-- messages that are no samples, with their bytes. Numbers have no hole: the lowest one left tells how many are gone.
-- begin is the bytes of all rows ever before this one, so that the oldest can go without adding all up
CREATE TABLE quarantine (
  number INTEGER PRIMARY KEY,
  mono_ns INTEGER NOT NULL,
  wall_ns INTEGER NOT NULL,
  link TEXT NOT NULL,
  topic TEXT NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  payload BLOB NOT NULL,
  begin INTEGER NOT NULL,
  size INTEGER NOT NULL
) STRICT;

-- what the historian's target will not take: lines of line protocol; `lines` says how many, as text may be cut short
CREATE TABLE unsent (
  number INTEGER PRIMARY KEY,
  wall_ns INTEGER NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  lines INTEGER NOT NULL,
  text BLOB NOT NULL,
  begin INTEGER NOT NULL,
  size INTEGER NOT NULL
) STRICT;

-- how far somebody has come in the log or in the journal
CREATE TABLE cursor (
  name TEXT PRIMARY KEY,
  text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- frames that somebody waits for are looked up by device, newest first, when they are delivered again; polled frames
-- are not in here and cost nothing (64 is packing.Flag.ASKED)
CREATE INDEX log_asked ON log (device) WHERE flags & 64;
