"""A real PostgreSQL of its own, on a socket alone, with what pgvector's search needs of a type and an operator."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# pgvector's cosine distance, on arrays: the statements and the driver are those of an application that uses pgvector.
COSINE = """
CREATE FUNCTION cosine_distance(a float8[], b float8[]) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
  SELECT 1 - sum(x * y) / (sqrt(sum(x * x)) * sqrt(sum(y * y))) FROM unnest(a, b) AS pair(x, y)
$$;
CREATE OPERATOR <=> (LEFTARG = float8[], RIGHTARG = float8[], FUNCTION = cosine_distance);
"""


@contextmanager
def server() -> Iterator[str]:
    """Run it until the block ends; gives its address."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    as_whom = {"user": "nobody"} if os.geteuid() == 0 else {}
    home = Path(tempfile.mkdtemp(prefix="haechi-pg-"))  # short: the path of a socket has at most 107 bytes
    if as_whom:
        shutil.chown(home, "nobody")

    def run(program: str, *words: str) -> None:
        command = [str(programs / program), "-D", str(home / "data"), *words]
        subprocess.run(command, check=True, cwd=home, stdout=subprocess.DEVNULL, **as_whom)  # type: ignore[call-overload]

    run("initdb", "-U", "haechi", "-A", "trust", "-N")
    try:
        run("pg_ctl", "-w", "-l", str(home / "log"), "-o", f"-c listen_addresses='' -k {home} -c fsync=off", "start")
        try:
            yield f"postgresql://haechi@/postgres?host={home}"
        finally:
            run("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home)
