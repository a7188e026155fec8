-- what the columns of a packed row mean; addressed by content, so that a restart finds its layouts again
CREATE TABLE layout (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
  device INTEGER NOT NULL REFERENCES device (id),
  points TEXT NOT NULL
) STRICT;

CREATE TABLE device (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

-- one packed row for each frame. time_ns is the event's time, time_ns + late_ns the wall time of its arrival:
-- late_ns is 0 for polled frames and then takes no byte
CREATE TABLE log (
  position INTEGER PRIMARY KEY,
  device INTEGER NOT NULL,
  time_ns INTEGER NOT NULL,
  late_ns INTEGER NOT NULL,
  mono_ns INTEGER NOT NULL,
  layout INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  blob BLOB NOT NULL
) STRICT;
CREATE INDEX log_device_time ON log (device, time_ns);
