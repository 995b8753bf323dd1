-- What DBeaver's ClickHouse extension sends by itself, written after its sources (dbeaver/dbeaver, folder
-- plugins/org.jkiss.dbeaver.ext.clickhouse: ClickhouseDataSource, ClickhouseMetaModel), beside what its JDBC driver sends.
-- A statement ends at a line that is empty. "-- refused: why" stands before what /sql and the store's reader refuse.

SELECT VERSION()

SELECT name FROM system.table_engines

SHOW DATABASES

SELECT name as TABLE_NAME, engine as TABLE_TYPE, database as TABLE_SCHEM,comment as REMARKS, * FROM system.tables
WHERE database = 'haechi'

SELECT name as TABLE_NAME, engine as TABLE_TYPE, database as TABLE_SCHEM,comment as REMARKS, * FROM system.tables
WHERE database = 'haechi' and name='spans'

SHOW CREATE TABLE haechi.spans

SHOW CREATE TABLE haechi.otel_traces

SELECT * FROM haechi.spans LIMIT 0, 200

SELECT * FROM haechi.spans ORDER BY start_time DESC LIMIT 200

SELECT count(*) FROM haechi.spans

-- refused: nothing is set for a session; there is none
SET readonly=1
