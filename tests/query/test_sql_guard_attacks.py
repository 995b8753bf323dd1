"""Attacks that the guard refuses; what passes of their mutations is harmless to ClickHouse's own parser."""

import itertools
import re
from collections.abc import Callable
from random import Random
from typing import Final

import pytest

from haechi_collector.query.sql_guard import check
from haechi_collector.query.sql_lexer import SqlRefused

ATTACKS: Final[tuple[str, ...]] = (
    "",
    "   ",
    ";",
    "-- nothing",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE spans",
    "INSERT INTO spans SELECT * FROM spans",
    "INSERT INTO FUNCTION file('/tmp/x', 'CSV', 'a Int8') VALUES (1)",
    "DROP TABLE spans",
    "TRUNCATE TABLE spans",
    "ALTER TABLE spans DELETE WHERE 1",
    "CREATE TABLE x (a Int8) ENGINE = Memory",
    "CREATE FUNCTION f AS x -> x",
    "OPTIMIZE TABLE spans FINAL",
    "SYSTEM SHUTDOWN",
    "SYSTEM RELOAD CONFIG",
    "SET readonly = 0",
    "USE system",
    "KILL QUERY WHERE 1",
    "GRANT ALL ON *.* TO default",
    "ATTACH TABLE x FROM '/etc'",
    "BACKUP TABLE spans TO File('/tmp/x')",
    "EXECUTE AS default SELECT 1",
    "RENAME TABLE spans TO y",
    "DELETE FROM spans WHERE 1",
    "WATCH spans",
    "SHOW USERS",
    "SHOW GRANTS",
    "SHOW PROCESSLIST",
    "SHOW CREATE USER default",
    "SHOW CREATE TABLE system.users",
    "SHOW CREATE TABLE prod.users",
    "DESCRIBE TABLE system.query_log",
    "DESCRIBE file('/etc/passwd')",
    "DESCRIBE TABLE url('http://169.254.169.254/', CSV)",
    "EXPLAIN TABLE OVERRIDE mysql('h:1', 'd', 't', 'u', 'p')",
    "EXPLAIN DROP TABLE spans",
    "EXPLAIN SYNTAX SELECT * FROM file('/etc/passwd')",
    "SELECT file('/etc/passwd')",
    "SELECT FILE('/etc/passwd')",
    "SELECT `file`('/etc/passwd')",
    "SELECT \"file\"('/etc/passwd')",
    "SELECT file/**/('/etc/passwd')",
    "SELECT file -- x\n ('/etc/passwd')",
    "SELECT f\\ile('/etc/passwd')",
    "SELECT `fi\\x6ce`('/etc/passwd')",
    "SELECT arrayMap(file, ['/etc/passwd'])",
    "SELECT arrayMap((file), ['/etc/passwd'])",
    "SELECT arrayMap(`file`, ['/etc/passwd'])",
    "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
    "SELECT arrayFilter(file, ['/etc/passwd'])",
    "SELECT mapApply(file, map('a', 'b'))",
    "SELECT * APPLY file FROM (SELECT '/etc/passwd' AS x)",
    "SELECT * APPLY(file) FROM (SELECT '/etc/passwd' AS x)",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT '/etc/passwd' AS x)",
    "SELECT COLUMNS('x') APPLY `file` FROM (SELECT '/etc/passwd' AS x)",
    "SELECT * REPLACE (file(x) AS x) FROM (SELECT '/etc/passwd' AS x)",
    "WITH (x -> file(x)) AS upper SELECT upper('/etc/passwd')",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM `/etc/passwd`",
    'SELECT * FROM "/etc/passwd"',
    "SELECT * FROM haechi.`/etc/passwd`",
    "SELECT * FROM numbers(1) AS a, '/etc/passwd' AS b",
    "SELECT * FROM numbers(1) AS a JOIN `../x.csv` AS b ON 1",
    "SELECT * FROM default.`/etc/passwd`",
    "SELECT * FROM url('http://169.254.169.254/latest/meta-data', 'LineAsString')",
    "SELECT * FROM s3('https://b.s3.amazonaws.com/x', 'CSV')",
    "SELECT * FROM remote('10.0.0.1', system.one)",
    "SELECT * FROM remoteSecure('10.0.0.1', system, one)",
    "SELECT * FROM cluster('default', system.one)",
    "SELECT * FROM clusterAllReplicas(default, system.query_log)",
    "SELECT * FROM mysql('h:3306', 'd', 't', 'u', 'p')",
    "SELECT * FROM postgresql('h:5432', 'd', 't', 'u', 'p')",
    "SELECT * FROM sqlite('/x.db', 't')",
    "SELECT * FROM executable('x.sh', TSV, 'a String')",
    "SELECT * FROM python('x')",
    "SELECT * FROM Python(df)",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT * FROM filesystem('/')",
    "SELECT * FROM merge('system', '.*')",
    "SELECT * FROM merge(REGEXP('.*'), 'users')",
    "SELECT * FROM loop(system.users)",
    "SELECT * FROM dictionary('d')",
    "SELECT * FROM input('a String')",
    "SELECT * FROM format(CSV, '1,2')",
    "SELECT * FROM mergeTreeIndex(system, query_log)",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT 1))",
    "SELECT * FROM view(SELECT * FROM file('/etc/passwd', 'LineAsString'))",
    "SELECT * FROM view(SELECT * FROM system.users)",
    "SELECT * FROM viewIfPermitted(SELECT 1 ELSE null('x UInt8'))",
    "SELECT * FROM (EXPLAIN SELECT 1)",
    "SELECT * FROM system.users",
    "SELECT * FROM `system`.users",
    "SELECT * FROM system.`users`",
    'SELECT * FROM "system"."users"',
    "SELECT * FROM system . users",
    "SELECT * FROM system/**/./**/users",
    "SELECT * FROM `sys\\x74em`.`users`",
    "SELECT * FROM system.query_log",
    "SELECT * FROM system.processes",
    "SELECT * FROM system.named_collections",
    "SELECT * FROM system.server_settings",
    "SELECT * FROM system.disks",
    "SELECT * FROM system.certificates",
    "SELECT * FROM prod.users",
    "SELECT * FROM default.users",
    "SELECT * FROM information_schema.passwords",
    "SELECT (SELECT count() FROM system.users)",
    "SELECT 1 WHERE 1 IN system.users",
    "SELECT 1 WHERE 1 IN (system.users)",
    "SELECT 1 WHERE 1 IN ((system.users))",
    "SELECT 1 WHERE 1 NOT IN prod.users",
    "SELECT 1 WHERE 1 GLOBAL IN (prod.users)",
    "SELECT 1 FROM spans AS prod WHERE 1 IN prod.users",
    "WITH 1 AS prod SELECT 1 WHERE 1 IN (prod.users)",
    "SELECT quantile((SELECT count() FROM prod.users))(1)",
    "SELECT quantile(0.5)((SELECT count() FROM prod.users))",
    "SELECT * APPLY(x -> x IN (SELECT name FROM prod.users)) FROM spans",
    "SELECT 1 FROM spans LIMIT 1 OFFSET 1 BY (SELECT 1 FROM prod.users)",
    "SELECT a FROM spans LIMIT 1 BY a LIMIT (SELECT count() FROM prod.users)",
    "SELECT a FROM spans LIMIT 1 BY a LIMIT 5 UNION ALL SELECT a FROM prod.users",
    "SELECT in(1, system.users)",
    "SELECT in(1, prod.users)",
    "SELECT notIn(1, prod.users)",
    "SELECT globalIn(1, prod.users)",
    "SELECT nullIn(1, prod.users)",
    "WITH t AS (SELECT * FROM system.users) SELECT * FROM t",
    "SELECT 1 UNION ALL SELECT name FROM system.users",
    "SELECT * FROM spans ANY LEFT JOIN system.users USING (name)",
    "SELECT * FROM spans PASTE JOIN system.users",
    "SELECT * FROM spans, system.users",
    "SELECT * FROM {t:Identifier}",
    "SELECT * FROM {db:Identifier}.{t:Identifier}",
    "SELECT {c:identifier} FROM spans",
    "SELECT * FROM haechi.{t:Identifier}",
    "SELECT dictGet('d', 'a', 1)",
    "SELECT dictGetOrDefault('d', 'a', 1, 2)",
    "SELECT joinGet('system.x', 'a', 1)",
    "SELECT hasColumnInTable('10.0.0.1', 'u', 'p', 'system', 'one', 'dummy')",
    "SELECT getMacro('x')",
    "SELECT getSetting('max_threads')",
    "SELECT getServerSetting('x')",
    "SELECT getClientHTTPHeader('authorization')",
    "SELECT showCertificate()",
    "SELECT filesystemAvailable()",
    "SELECT addressToLine(1)",
    "SELECT addressToSymbol(1)",
    "SELECT demangle('x')",
    "SELECT sleep(3)",
    "SELECT sleepEachRow(3) FROM numbers(100)",
    "SELECT aiGenerate('x')",
    "SELECT catboostEvaluate('/m', 1)",
    "SELECT naiveBayesClassifier('m', 'x')",
    "SELECT formatRow('Template', 1)",
    "SELECT my_executable_udf(1)",
    "SELECT evalMLMethod(1)",
    "SELECT logTrace('x')",
    "SELECT generateSerialID('/path')",
    "SELECT serverUUID()",
    "SELECT tcpPort()",
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    "SELECT 1 INTO/**/OUTFILE '/tmp/x' FORMAT CSV",
    "SELECT 1 INTO OUTFILE '/tmp/x' TRUNCATE",
    "SELECT 1 FORMAT Template",
    "SELECT 1 FORMAT CapnProto",
    "SELECT 1 FORMAT Protobuf",
    "SELECT 1 FORMAT MySQLWire",
    "SELECT 1 FORMAT `Template`",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SELECT 1 SETTINGS max_threads = 1, max_memory_usage = 0",
    "SELECT 1 SETTINGS `readonly` = 0",
    "SELECT 1 SETTINGS max_result_rows = 0",
    "SELECT * FROM (SELECT 1 SETTINGS max_memory_usage = 0)",
    "SELECT 1 SETTINGS format_schema = 'x:y'",
    "SELECT 1 SETTINGS output_format_schema = '/tmp/x'",
    "SELECT 1 SETTINGS format_template_row = '/etc/passwd'",
    "SELECT 1 SETTINGS allow_introspection_functions = 1",
    "SELECT 1 SETTINGS allow_ddl",
    "SELECT 1 SETTINGS max_threads = [1, 2], readonly = 0",
    "SELECT 1 FORMAT JSON SETTINGS readonly = 2",
    "SELECT $$a$$",
    "SELECT $x$ ' $x$, file('/etc/passwd'), $x$ ' $x$",
    "SELECT 1 # comment\n FROM system.users",
    "SELECT 1 #! comment",
    "SELECT /* a /* b */ file('/etc/passwd') */",
    "SELECT /* never closed",
    "SELECT 'never closed",
    "SELECT `never closed",
    "SELECT ‘text’",
    "SELECT “name”",
    "SELECT\u00a01",
    "SELECT 1\x00",
    "SELECT 1 -- x\r, file('/etc/passwd')",
    "SELECT 1\x0b",
    "SELECT x'41'",
    "SELECT N'a'",
    "SELECT 'a'file('/etc/passwd')",
    "SELECT {{ file }}",
    "SELECT {% x %} 1",
    "SELECT @@version",
    "SELECT 1 |> SELECT file('/etc/passwd')",
    "SELECT 1 PARALLEL WITH SELECT 2",
    "VALUES (1)",
    "TABLE system.users",
    "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "SELECT 1 " + "/**/" * 30_000,
    "SELECT \ud800",
)

Engine = Callable[[list[str]], list[str]]

HARMFUL: Final = re.compile(r"(?:Table)?Function (?:file|url|remote)\b|TableIdentifier (?:system\.users|\S*passwd)")
PAYLOADS: Final = (
    "SELECT {a}file{b}({c}'/etc/passwd')",
    "SELECT 1{a},{b}file({c}'/etc/passwd')",
    "SELECT 'a{a}', {b}file('/etc/passwd'), 'b{c}'",
    "SELECT `x{a}`, {b}file('/etc/passwd') AS `y{c}`",
    "SELECT 1 {a} FROM {b} system{c}.users",
    "SELECT 1 WHERE 1 {a} IN {b} system.{c}users",
    "SELECT arrayMap({a}file{b}, ['/etc/passwd']{c})",
    "SELECT * APPLY{a} file {b} FROM (SELECT '/etc/passwd' AS x{c})",
    "SELECT * {a} FROM {b} url('http://127.0.0.1'{c})",
)
PIECES: Final = (
    "", " ", "\n", "/**/", "/* ' */", "/* ` */", "/* /* */", "*/", "-- '\n", "-- \r", "#\n", "# ", "'", "''", "\\",
    "\\'", "`", '"', "$$", "$a$", "(", ")", ";", "\t", "\x00", "{", "}", "{#", "#}", "/*+", "N", "x", "\u2019", "\xa0",
)  # fmt: skip


@pytest.mark.parametrize("sql", ATTACKS)
def test_an_attack_is_refused(sql: str) -> None:
    """With one line for people and an offset inside the text."""
    with pytest.raises(SqlRefused) as refusal:
        check(sql)
    assert str(refusal.value)
    assert 0 <= refusal.value.offset <= len(sql)


def accepted(texts: set[str]) -> list[str]:
    """Those that the guard lets through."""
    passed = []
    for text in sorted(texts):
        try:
            passed.append(check(text).sql)
        except SqlRefused:
            continue
    return passed


def harmful(texts: list[str], engine: Engine, run: Engine) -> list[str]:
    """Those in which ClickHouse's parser finds a harmful name, or that read the file when they run."""
    trees, answers = engine(texts), run(texts)
    told = zip(texts, trees, answers, strict=True)
    return [sql for sql, tree, answer in told if HARMFUL.search(tree) or "root:" in answer]


def test_no_mutation_of_an_attack_does_harm(engine: Engine, run: Engine) -> None:
    """Comments, quotes, spaces and heredocs in every seam of an attack: what passes reads nothing it should not."""
    mutations = {
        payload.format(a=a, b=b, c=c)
        for payload in PAYLOADS
        for a, b, c in itertools.chain(
            ((p, q, "") for p, q in itertools.product(PIECES, PIECES)), (("", p, q) for p in PIECES for q in PIECES)
        )
    }
    assert len(mutations) > 10_000
    assert harmful(accepted(mutations), engine, run) == []


def test_no_soup_of_tokens_does_harm(engine: Engine, run: Engine) -> None:
    """Random sequences of dangerous tokens, mostly nonsense: what passes reads nothing it should not."""
    draw = Random(20)
    words = [*PIECES, "SELECT", "FROM", "file", "('/etc/passwd')", "system.users", "1", ",", "AS", "upper", "[1]", "x"]
    soups = {"SELECT " + "".join(draw.choices([*words, " ", " "], k=draw.randint(3, 14))) for _ in range(20_000)}
    passed = accepted(soups)
    assert len(passed) > 100
    assert harmful(passed, engine, run) == []


def test_the_measure_of_harm_sees_harm(engine: Engine, run: Engine) -> None:
    """Without the guard the same engine does read the file."""
    bare = ["SELECT file('/etc/passwd')", "SELECT * APPLY file FROM (SELECT '/etc/passwd' AS x)", "SELECT 1"]
    assert harmful(bare, engine, run) == bare[:2]


def test_deep_and_long_texts_are_refused_without_a_crash() -> None:
    """Nesting ends as a refusal, not as an exhausted stack."""
    for opening, closing in (("(", ")"), ("[", "]"), ("abs(", ")"), ("(SELECT * FROM ", ")"), ("NOT ", ""), ("- ", "")):
        with pytest.raises(SqlRefused):
            check("SELECT " + opening * 9_000 + "1" + closing * 9_000)


@pytest.mark.parametrize(
    "piece",
    [
        "{a:",
        "{a:x}",
        "arrayMap(",
        "arrayMap((((",
        "quantile(0.5)(x),",
        "* APPLY(",
        "a AND ",
        "a.",
        "1 ? 1 : ",
        "IN ",
        "x -> ",
    ],
)
def test_repetition_to_the_limit_of_length_costs_linear_work(piece: str) -> None:
    """Neither minutes nor a crash, whatever the judgement; quadratic work would run into the timeout of a test."""
    text = "SELECT " + piece * (99_000 // len(piece))
    assert accepted({text}) in ([], [text])
