"""The command line. Each command imports what it needs when it runs, so that `haechi --help` is quick."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

from haechi_collector.config import SETTINGS, ClientAccess, Config, load, load_access
from haechi_collector.errors import HaechiError

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  argparse names no public type

_INSTALL = "this command needs the collector: pip install 'haechi[collector]'"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status: 0 done, 1 failed, 2 wrong usage or setting."""
    options = _parser().parse_args(argv)
    try:
        return int(options.run(options))
    except HaechiError as error:
        print(f"haechi: {error}", file=sys.stderr)
        return 2 if error.code == "setting" else 1
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("haechi"):
            raise
        print(f"haechi: {_INSTALL} (missing: {error.name})", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away, as `| head` does; nothing is left to say to it
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="haechi", description="OpenTelemetry collector for LLM applications")
    parser.add_argument("--version", action="version", version=f"haechi {version('haechi')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_run(commands)
    _add_serve(commands)
    _add_store(commands)
    _add_sql(commands)
    _add_doctor(commands)
    _add_migrate(commands)
    _add_reprice(commands)
    _add_demo(commands)
    _add_dialects(commands)
    _add_keys(commands)
    _add_journal(commands)
    _add_dead_letters(commands)
    _add_retention(commands)
    _add_delete(commands)
    _add_backup(commands)
    _add_restore(commands)
    return parser


def _add_settings(command: argparse.ArgumentParser, *names: str) -> None:
    """Give a command the settings of `Config` as options, by default all of them."""
    command.add_argument("--config", type=Path, metavar="FILE", help="TOML file of settings")
    for name in names or SETTINGS:
        declared = SETTINGS[name]
        default = "" if declared.default in (None, "") else f" (default {declared.default})"
        command.add_argument(
            f"--{name.replace('_', '-')}", dest=name, metavar="VALUE", help=f"{declared.metadata['help']}{default}"
        )


def _config(options: argparse.Namespace) -> Config:
    given = {name: value for name, value in vars(options).items() if name in SETTINGS}
    return load(given, options.config)


def _add_access(command: argparse.ArgumentParser) -> None:
    """Give a command that asks a running collector what it may need to be let in."""
    command.add_argument("--key", help="API key; '-' reads it from standard input (default HAECHI_KEY)")
    command.add_argument("--ca", metavar="FILE", help="PEM file to trust a TLS certificate by (default HAECHI_CA)")
    command.add_argument(
        "--client-cert",
        metavar="FILE",
        help="PEM file of a certificate and its key, for mTLS (default HAECHI_CLIENT_CERT)",
    )


def _access(options: argparse.Namespace) -> ClientAccess:
    key = sys.stdin.readline().strip() if options.key == "-" else options.key
    return load_access({"key": key, "ca": options.ca, "client_cert": options.client_cert})


def _add_run(commands: Commands) -> None:
    command = commands.add_parser("run", help="run a Python program and observe its LLM calls", add_help=False)
    command.add_argument("arguments", nargs=argparse.REMAINDER)

    def run(options: argparse.Namespace) -> int:
        from haechi._command import run

        return run(options.arguments)

    command.set_defaults(run=run)


def _add_serve(commands: Commands) -> None:
    command = commands.add_parser("serve", help="run the collector")
    command.add_argument("--demo", action="store_true", help="send live sample traffic to it")
    _add_settings(command)

    def run(options: argparse.Namespace) -> int:
        from haechi_collector.libraries import UNUSED_BY_COLLECTOR, leave_out, return_freed_pages

        leave_out(UNUSED_BY_COLLECTOR)
        return_freed_pages()
        from haechi_collector.app import serve

        return serve(_config(options), demo=options.demo)

    command.set_defaults(run=run)


def _add_store(commands: Commands) -> None:
    command = commands.add_parser("store", help="run the embedded store alone: ClickHouse's HTTP interface")
    command.add_argument("--path", type=Path, required=True, metavar="DIR", help="directory of the tables")
    command.add_argument("--port", type=int, default=8123, help="port to listen on; 0 takes any free one")
    command.add_argument("--host", default="127.0.0.1", help="address to bind")

    def run(options: argparse.Namespace) -> int:
        from haechi_collector.store.embedded import run_alone

        return run_alone(options.path, options.host, options.port)

    command.set_defaults(run=run)


def _add_sql(commands: Commands) -> None:
    command = commands.add_parser("sql", help="run one read-only query on a running collector")
    command.add_argument("query", nargs="?", default="", help="the SQL text; '-' reads it from standard input")
    command.add_argument("--file", type=Path, metavar="FILE", help="read the SQL text from a file")
    command.add_argument("--url", default="http://127.0.0.1:8318", help="web address of the collector")
    command.add_argument("--format", dest="format_", metavar="NAME", help="pretty or any ClickHouse output format")
    command.add_argument(
        "--output", type=Path, metavar="FILE", help="write the answer there; its suffix tells the format"
    )
    _add_access(command)

    def run(options: argparse.Namespace) -> int:
        from haechi_collector.cli_sql import Asked, run_sql

        asked = Asked(options.query, options.file, options.format_, options.output)
        return run_sql(options.url, asked, access=_access(options))

    command.set_defaults(run=run)


def _add_doctor(commands: Commands) -> None:
    command = commands.add_parser("doctor", help="what is configured, reachable and wrong, and how to mend it")
    _add_settings(command)
    _add_access(command)

    def run(options: argparse.Namespace) -> int:
        from haechi_collector.doctor import run_doctor

        return run_doctor(_config(options), _access(options))

    command.set_defaults(run=run)


def _add_migrate(commands: Commands) -> None:
    command = commands.add_parser("migrate", help="create or upgrade the tables of a ClickHouse server")
    command.add_argument("--dry-run", action="store_true", help="print the statements and run none")
    _add_settings(command, "clickhouse", "cluster", "data_dir")

    def run(options: argparse.Namespace) -> int:
        from haechi_collector.app import migrate_store

        return migrate_store(_config(options), dry_run=options.dry_run)

    command.set_defaults(run=run)


def _add_reprice(commands: Commands) -> None:
    command = commands.add_parser("reprice", help="price stored calls again with today's price book")
    command.add_argument("--from", dest="since", default="-30d", help="begin: RFC 3339 or relative (default -30d)")
    command.add_argument("--to", dest="until", default="now", help="end: RFC 3339 or relative (default now)")
    _add_settings(command, "clickhouse", "cluster", "data_dir", "prices", "store_port")

    def run(options: argparse.Namespace) -> int:
        from haechi_collector.cli_reprice import run_reprice

        return run_reprice(_config(options), options.since, options.until)

    command.set_defaults(run=run)


def _add_demo(commands: Commands) -> None:
    command = commands.add_parser("demo", help="send live sample traffic of a pretend RAG application")
    command.add_argument("--endpoint", default="http://127.0.0.1:4318", help="OTLP/HTTP endpoint")
    command.add_argument("--rate", type=float, default=2.0, help="traces per second")
    command.add_argument("--seed", type=int, default=1, help="the same seed gives the same traffic")
    command.add_argument("--backfill", default="1h", help="history to send first, such as 1h; 0 for none")
    command.add_argument("--duration", type=float, default=None, metavar="SECONDS", help="stop after so long")
    _add_access(command)

    def run(options: argparse.Namespace) -> int:
        from haechi_collector.demo import run_demo

        access = _access(options)
        return run_demo(options.endpoint, options.rate, options.seed, options.backfill, options.duration, access=access)

    command.set_defaults(run=run)


def _add_dialects(commands: Commands) -> None:
    command = commands.add_parser("dialects", help="the instrumentation dialects that are understood")
    actions = command.add_subparsers(metavar="ACTION", required=True)
    check = actions.add_parser("check", help="hold the dialects against captured payloads")
    check.add_argument("directory", type=Path, metavar="DIR", help="captures: *.binpb with sidecars *.json")

    def run(options: argparse.Namespace) -> int:
        from haechi_collector.dialects_check import run_check

        return run_check(options.directory)

    check.set_defaults(run=run)


def _add_keys(commands: Commands) -> None:
    command = commands.add_parser("keys", help="the API keys: who may send, read, administer")
    actions = command.add_subparsers(metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make a key and print it, once")
    create.add_argument("--project", default="default", help="project whose rows it sends and reads (default default)")
    create.add_argument("--scope", default="ingest,read", help="of ingest, read, metrics, admin (default ingest,read)")
    create.add_argument("--name", default="", help="what it is for")
    create.add_argument("--requests-per-second", type=float, metavar="R", help="of each collector (default no limit)")
    create.add_argument(
        "--bytes-per-day", metavar="B", help="of bodies, decompressed, such as 500MB (default no limit)"
    )
    create.add_argument("--expires", metavar="TIME", help="such as 90d, 12h (default never)")
    listed = actions.add_parser("list", help="show the keys, never their secrets")
    listed.add_argument("--revoked", action="store_true", help="the revoked ones as well")
    listed.add_argument("--format", choices=["table", "json"], default="table")
    revoke = actions.add_parser("revoke", help="make a key useless for ever")
    revoke.add_argument("id", help="the key's id, or the key itself")
    for action in (create, listed, revoke):
        _add_settings(action, "data_dir", "metadata")
        action.set_defaults(run=_run_keys, action=action.prog.split()[-1])


def _run_keys(options: argparse.Namespace) -> int:
    from haechi_collector.cli_keys import run_keys

    return run_keys(_config(options), options)


def _add_journal(commands: Commands) -> None:
    command = commands.add_parser("journal", help="what is in the journal, and what is stuck; also while one runs")
    command.add_argument("--format", choices=["table", "json"], default="table")
    _add_settings(command, "data_dir")

    def run(options: argparse.Namespace) -> int:
        from haechi_collector.cli_journal import run_journal

        return run_journal(_config(options), as_json=options.format == "json")

    command.set_defaults(run=run)


def _add_dead_letters(commands: Commands) -> None:
    text = "rows that were set aside. A collector that runs on the data directory carries this out itself."
    command = commands.add_parser("dead-letters", help="rows that were set aside: look, replay, drop", description=text)
    actions = command.add_subparsers(metavar="ACTION", required=True)
    actions.add_parser("list", help="by signal and reason", description=text)
    actions.add_parser("replay", help="after a fix: through the stages and into the tables again", description=text)
    drop = actions.add_parser("drop", help="delete them for ever", description=text)
    drop.add_argument("--dry-run", action="store_true", help="only count them")
    drop.add_argument("--yes", action="store_true", help="do not ask")
    for action in actions.choices.values():
        action.add_argument("--signal", help="only of traces, logs, metrics or scores")
        action.add_argument("--reason", metavar="TEXT", help="only where the reason holds this text")
        action.add_argument("--since", metavar="TIME", help="only those set aside since, such as -1h")
        _add_settings(action)
        action.set_defaults(run=_run_dead_letters, action=action.prog.split()[-1])


def _run_dead_letters(options: argparse.Namespace) -> int:
    from haechi_collector.cli_dead_letters import run_dead_letters

    return run_dead_letters(_config(options), options)


def _add_retention(commands: Commands) -> None:
    command = commands.add_parser("retention", help="what is kept, how large it is, and how long the disk lasts")
    command.add_argument("--apply", action="store_true", help="drop now what is over the bounds")
    command.add_argument("--format", choices=["table", "json"], default="table")
    _add_settings(command)

    def run(options: argparse.Namespace) -> int:
        from haechi_collector.cli_keep import run_retention

        return run_retention(_config(options), apply=options.apply, as_json=options.format == "json")

    command.set_defaults(run=run)


def _add_delete(commands: Commands) -> None:
    command = commands.add_parser("delete", help="delete a trace, a user or a session from every table and file")
    which = command.add_mutually_exclusive_group(required=True)
    for kind in ("trace", "user", "session"):
        which.add_argument(f"--{kind}", metavar="ID", help=f"everything of this {kind}")
    command.add_argument("--project", help="only rows of this project (default all)")
    command.add_argument("--dry-run", action="store_true", help="say what would be deleted and delete nothing")
    command.add_argument("--yes", action="store_true", help="do not ask")
    _add_settings(command)

    def run(options: argparse.Namespace) -> int:
        from haechi_collector.cli_keep import run_delete

        return run_delete(_config(options), options)

    command.set_defaults(run=run)


def _add_backup(commands: Commands) -> None:
    command = commands.add_parser("backup", help="copy the embedded store and the metadata into a new directory")
    command.add_argument("directory", type=Path, metavar="DIR", help="where to; made, or empty")
    command.add_argument("--base", type=Path, metavar="DIR", help="an earlier backup: copy only what it lacks")
    _add_settings(command)

    def run(options: argparse.Namespace) -> int:
        from haechi_collector.cli_keep import run_backup

        return run_backup(_config(options), options.directory, options.base)

    command.set_defaults(run=run)


def _add_restore(commands: Commands) -> None:
    command = commands.add_parser("restore", help="fill an empty data directory from a backup")
    command.add_argument("directory", type=Path, metavar="DIR", help="the backup")
    _add_settings(command, "data_dir")

    def run(options: argparse.Namespace) -> int:
        from haechi_collector.cli_keep import run_restore

        return run_restore(_config(options), options.directory)

    command.set_defaults(run=run)
