-- An organisation may ask its members for a second factor.
ALTER TABLE account ADD COLUMN needs_factor INTEGER NOT NULL DEFAULT 0 CHECK (needs_factor IN (0, 1));
-- Derived: the organisation asks, and the member's password alone signs him in.  He is kept out meanwhile.
ALTER TABLE account_member ADD COLUMN lacks_factor INTEGER NOT NULL DEFAULT 0 CHECK (lacks_factor IN (0, 1));
