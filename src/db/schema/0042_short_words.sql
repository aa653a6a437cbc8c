-- Searches for one or two letters ask for all pieces that can begin so; which there are is dearer to learn: SQLite reads
-- all repositories of a piece to tell that it is there.
DROP TABLE repo_search_piece;
