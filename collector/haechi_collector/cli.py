"""The command line. Each command imports what it needs when it runs, so that `haechi --help` is quick."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

from haechi_collector.config import SETTINGS, Config, load
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
    _add_serve(commands)
    _add_store(commands)
    _add_sql(commands)
    _add_doctor(commands)
    _add_migrate(commands)
    _add_reprice(commands)
    _add_demo(commands)
    _add_dialects(commands)
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


def _add_serve(commands: Commands) -> None:
    command = commands.add_parser("serve", help="run the collector")
    command.add_argument("--demo", action="store_true", help="send live sample traffic to it")
    _add_settings(command)

    def run(options: argparse.Namespace) -> int:
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
    command.add_argument("query", help="the SQL text; '-' reads it from standard input")
    command.add_argument("--url", default="http://127.0.0.1:8318", help="web address of the collector")
    command.add_argument("--format", dest="format_", default="pretty", help="pretty or any ClickHouse output format")

    def run(options: argparse.Namespace) -> int:
        from haechi_collector.cli_sql import run_sql

        return run_sql(options.url, sys.stdin.read() if options.query == "-" else options.query, options.format_)

    command.set_defaults(run=run)


def _add_doctor(commands: Commands) -> None:
    command = commands.add_parser("doctor", help="what is configured, reachable and wrong, and how to mend it")
    _add_settings(command)

    def run(options: argparse.Namespace) -> int:
        from haechi_collector.doctor import run_doctor

        return run_doctor(_config(options))

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

    def run(options: argparse.Namespace) -> int:
        from haechi_collector.demo import run_demo

        return run_demo(options.endpoint, options.rate, options.seed, options.backfill, options.duration)

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
