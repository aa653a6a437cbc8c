-- Where rows lie in large files of text (CSV, JSON): found by reading them, which takes a while, so it is done once.
-- Derived: whoever asks for rows makes it again.
CREATE TABLE dataset_text_index (
    sha256         BLOB    NOT NULL REFERENCES cas_object (sha256) ON DELETE CASCADE,
    separator      INTEGER NOT NULL,                       -- of cells; 0: JSON
    at             INTEGER NOT NULL CHECK (at >= 0),       -- bytes read so far
    places         BLOB    NOT NULL,                       -- as text_index_format writes them
    PRIMARY KEY (sha256, separator)
) WITHOUT ROWID;
