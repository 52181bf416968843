-- The ERP's part of the database, as far as recovery needs it. Runs as the owner.
CREATE TABLE invoice (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    who text NOT NULL,
    note text NOT NULL
);
INSERT INTO invoice (who, note) VALUES ('seed', 'the first invoice');

-- One row for each time a credential proved that it works; `who` is the role that wrote it.
CREATE TABLE recovery_check (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    who text NOT NULL DEFAULT session_user,
    note text NOT NULL
);
