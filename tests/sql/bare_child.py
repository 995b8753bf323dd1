"""A throwaway engine that carries out whatever it is sent: what an attack does where nothing guards it.

One line of JSON comes in, ``{"sql": ...}``, one goes out: ``{"error", "answer", "state"}``; ``state`` changes when the
tables, users, functions or settings do, and the child then makes everything anew. The argument is a directory.
"""

import json
import os
import sys
from pathlib import Path

import chdb

PATH = Path(sys.argv[1])
USERS = """<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users><default><no_password/>
<networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
<access_management>1</access_management><named_collection_control>1</named_collection_control>
<show_named_collections>1</show_named_collections></default></users></clickhouse>"""
CONFIG = (
    """<clickhouse><users_config>{path}/users.xml</users_config><logger><level>none</level></logger></clickhouse>"""
)
SETUP = """
DROP DATABASE IF EXISTS evil; DROP DATABASE IF EXISTS haechi; DROP DATABASE IF EXISTS prod;
DROP FUNCTION IF EXISTS f; DROP FUNCTION IF EXISTS g; DROP WORKLOAD IF EXISTS w; DROP RESOURCE IF EXISTS r;
DROP NAMED COLLECTION IF EXISTS n;
CREATE DATABASE haechi; CREATE DATABASE prod;
CREATE TABLE haechi.spans (project String, trace_id String, span_id String, name String, kind String,
    start_time DateTime DEFAULT now(), duration_ns UInt64) ENGINE = MergeTree ORDER BY name SAMPLE BY name
    SETTINGS allow_nullable_key = 1;
CREATE TABLE prod.users (name String, id UInt64, secret String, INDEX i secret TYPE text(tokenizer = 'splitByNonAlpha'),
    PROJECTION p (SELECT secret ORDER BY secret)) ENGINE = MergeTree ORDER BY name;
CREATE TABLE prod.j (id UInt64, secret String) ENGINE = Join(ANY, LEFT, id);
CREATE DICTIONARY prod.d (id UInt64, secret String) PRIMARY KEY id SOURCE(CLICKHOUSE(DB 'prod' TABLE 'users'))
    LAYOUT(HASHED()) LIFETIME(0);
INSERT INTO haechi.spans (project, name, trace_id) VALUES ('ours', 'chat', 'a'), ('theirs', 'root:theirs', 'b');
CREATE TABLE prod.names (name String) ENGINE = Memory; INSERT INTO prod.names VALUES ('root-secret');
INSERT INTO prod.users VALUES ('root-secret', 1, 'root:secret'); INSERT INTO prod.j VALUES (1, 'root:secret');
USE haechi; SET max_memory_usage = 3000000000
""".replace(" SAMPLE BY name\n    SETTINGS allow_nullable_key = 1", "")
STATE = """
SELECT (SELECT groupArray((database, name, total_rows, create_table_query)) FROM (SELECT * FROM system.tables
            WHERE database IN ('haechi', 'prod', 'evil', 'default') ORDER BY database, name)),
       (SELECT groupArray(name) FROM system.databases), (SELECT count() FROM system.functions),
       (SELECT groupArray((name, value)) FROM (SELECT * FROM system.settings WHERE changed ORDER BY name)),
       (SELECT count() FROM system.users), (SELECT count() FROM system.grants), (SELECT count() FROM system.quotas),
       (SELECT count() FROM system.row_policies), (SELECT count() FROM system.named_collections), currentDatabase(),
       (SELECT sum(cityHash64(*)) FROM haechi.spans), (SELECT count() FROM system.workloads),
       (SELECT count() FROM system.resources), (SELECT count() FROM system.mutations)
"""


def fresh(connection: "chdb.Connection | None") -> tuple["chdb.Connection", bytes]:
    """A connection to tables as they were in the beginning, and their state."""
    if connection is not None:
        connection.close()
    made = chdb.connect(f"{PATH}/tables?config-file={PATH}/config.xml")
    for statement in SETUP.split(";"):
        made.query(statement)
    return made, made.query(STATE, "TSV").bytes()


PATH.mkdir(exist_ok=True)
(PATH / "users.xml").write_text(USERS)
(PATH / "config.xml").write_text(CONFIG.format(path=PATH))
connection, state = fresh(None)
out = os.fdopen(os.dup(1), "w")  # some attacks print
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
out.write("ready\n")
out.flush()
for line in sys.stdin:
    error, answer = "", b""
    try:
        answer = connection.query(json.loads(line)["sql"], "TSVRaw").bytes()[:100_000]
    except (RuntimeError, ValueError) as caught:
        error = str(caught) or "error"
    try:
        changed = connection.query(STATE, "TSV").bytes() != state
    except RuntimeError:
        changed = True
    if changed:
        connection, state = fresh(connection)
    json.dump({"error": error, "answer": answer.decode("latin-1"), "changed": changed}, out)
    out.write("\n")
    out.flush()
connection.close()
