-- Where a commit last put a large file: lists name it when no branch has it any more.
ALTER TABLE repo_large_file ADD COLUMN path TEXT;
ALTER TABLE repo_large_file ADD COLUMN ref TEXT;
