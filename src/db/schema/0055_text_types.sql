-- What is kept of large files of text (CSV, JSON, lines, packed or not): beside the places of rows, the types of columns, and of packed files the points from
-- which they can be unpacked.  A file that is read in another way (with another separator, say) has a row of its own.
-- Derived: what was kept before is made again.
DROP TABLE dataset_text_index;
CREATE TABLE dataset_text_index (
    sha256         BLOB    NOT NULL REFERENCES cas_object (sha256) ON DELETE CASCADE,
    way            TEXT    NOT NULL,                       -- how it is read, as text_way_format writes it
    at             INTEGER NOT NULL CHECK (at >= 0),       -- bytes read so far, of what is unpacked
    places         BLOB    NOT NULL,                       -- as text_index_format writes them
    points         BLOB    NOT NULL,                       -- as unpack_points_format writes them; empty where nothing is packed
    types          TEXT    NOT NULL,                       -- as text_types_format writes them
    PRIMARY KEY (sha256, way)
) WITHOUT ROWID;
