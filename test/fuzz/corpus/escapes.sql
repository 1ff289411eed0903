ATTACH '{file}' AS other
ATTACH DATABASE ':memory:' AS other
/* x */ aTtAcH '{file}' AS other
EXPLAIN ATTACH '{file}' AS other
DETACH main
VACUUM INTO '{file}'
VACUUM main INTO '{file}'
vacuum
SELECT load_extension('{file}')
SELECT coalesce(load_extension('x', 'y'), 1)
CREATE TABLE e (a DEFAULT (load_extension('x')) CHECK (load_extension('x')))
PRAGMA writable_schema = ON
PRAGMA main.writable_schema(1)
PRAGMA/**/"writable_schema"=1
PRAGMA 'synchronous' = OFF
PRAGMA synchronous(0)
PRAGMA journal_mode = DELETE
PRAGMA main.journal_mode = OFF
PRAGMA recursive_triggers = ON
PRAGMA locking_mode = EXCLUSIVE
PRAGMA wal_checkpoint(TRUNCATE)
PRAGMA wal_autocheckpoint = 0
PRAGMA schema_version = 77
PRAGMA temp_store_directory = '/tmp'
PRAGMA data_store_directory = '/tmp'
PRAGMA trusted_schema = ON
PRAGMA ignore_check_constraints = ON
PRAGMA query_only = ON
PRAGMA hard_heap_limit = 1
PRAGMA encoding = 'UTF-16'
UPDATE sqlite_schema SET sql = 'CREATE TABLE t (b)' WHERE name = 't'
DELETE FROM sqlite_master
INSERT INTO sqlite_schema VALUES ('table', 'x', 'x', 2, 'CREATE TABLE x (a)')
UPDATE sqlite_dbpage SET data = zeroblob(4096)
SELECT * FROM _quorate_key
SELECT * FROM [_QUORATE_STATE]
SELECT (SELECT count(*) FROM "_quorate_state") + 1
UPDATE _quorate_state SET tx_id = 99
DELETE FROM main._quorate_trigger
DROP TABLE `_quorate_key`
DROP INDEX _quorate_key_age
ALTER TABLE _quorate_key ADD COLUMN x
CREATE TABLE _quorate_x (a)
CREATE TEMP TABLE _quorate_state (a)
CREATE VIEW _quorate_v AS SELECT 1
CREATE TRIGGER _quorate_g AFTER INSERT ON t BEGIN SELECT 1; END
CREATE TRIGGER g AFTER INSERT ON _quorate_state BEGIN SELECT 1; END
CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM _quorate_key; END
CREATE TEMP TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END
DROP TRIGGER temp._quorate_0_insert
CREATE TABLE e (a REFERENCES _quorate_state (tx_id))
ALTER TABLE t ADD COLUMN e REFERENCES '_quorate_key' (at_ms)
CREATE TABLE e (a DEFAULT (_quorate_capture(0.0, 1.0, 5)))
CREATE INDEX e ON t (_quorate_capture(0.0, 1.0, 5))
SELECT _quorate_capture(0.0, 1.0, 5)
INSERT INTO t WITH _quorate_0_insert AS (SELECT key FROM _quorate_key) SELECT 1, key FROM _quorate_0_insert
INSERT INTO t WITH '_quorate_0_insert' AS (SELECT key FROM _quorate_key) SELECT 1, key FROM '_quorate_0_insert'
INSERT INTO t WITH "_quorate_x" AS (SELECT _quorate_capture(0.0, 1.0, 5)) SELECT 1, * FROM "_quorate_x"
INSERT INTO t VALUES (1, 2) RETURNING (SELECT hash FROM _quorate_state)
CREATE VIRTUAL TABLE e USING fts5(key, content = '_quorate_key')
CREATE VIRTUAL TABLE e USING fts4(key, content="_quorate_key")
CREATE VIRTUAL TABLE e USING csv(filename = '/etc/passwd')
CREATE VIRTUAL TABLE e USING dbstat
CREATE VIRTUAL TABLE temp.e USING fts5(a)
DELETE FROM docs_content
UPDATE "docs_data" SET block = x'00'
REPLACE INTO [docs_config] VALUES ('version', 99)
INSERT INTO boxes_node VALUES (9, x'00')
DROP TABLE docs_idx
ALTER TABLE docs_content RENAME TO e
ALTER TABLE docs_content ADD COLUMN e
CREATE INDEX e ON docs_content (c0)
CREATE TRIGGER e AFTER INSERT ON docs_content BEGIN SELECT 1; END
SAVEPOINT _quorate_statement
SELECT readfile('/etc/passwd')
SELECT writefile('{file}', 'x')
SELECT edit('x')
SELECT fts3_tokenizer('simple', x'0000000000000000')
