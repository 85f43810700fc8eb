"""The command line: one file a command. How is it said?

Commands are loaded when they are called, so that ``--help`` answers at once.
"""

import os
import re
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from itertools import pairwise
from typing import Any

import click

from bulk_publisher import __version__
from bulk_publisher.cli.output.misplaced import refuse_misplaced, told_without_secrets
from bulk_publisher.cli.output.saying import saying_options

_COMMANDS = {
    "publish": ("publish", "Publish pages from a list, of sites, or by ID."),
    "unpublish": ("publish", "Take down the same selection."),
    "run": ("run", "Run a job file."),
    "plan": ("plan", "Show what publish would do, and how long it takes."),
    "approve": ("approve", "Let a plan be published once, within 24 hours."),
    "approvals": ("approve", "List the plans that were proposed, and who approved them."),
    "pages": ("pages", "List the pages of a selection, with IDs and addresses."),
    "status": ("status", "Show how a run stands, or list all runs."),
    "report": ("report", "Show what runs have done: as text, JSON, CSV, HTML or Excel."),
    "doctor": ("doctor", "Check the portal and the credential; list what to publish."),
    "login": ("login", "Let an application in, and keep its tokens."),
    "portals": ("portals", "Name portals, and keep their credentials."),
    "resume": ("resume", "Continue a run where it stopped."),
    "stop": ("stop", "End a run in order, from another terminal."),
    "pause": ("stop", "End a run in order until a time, or until resume."),
    "retry": ("retry", "Retry the failed and unknown pages of a run."),
    "verify": ("verify", "Check a run's journal against the portal."),
    "rollback": ("rollback", "Take down what a run put online."),
    "serve": ("serve", "Do jobs when their schedule says so."),
    "web": ("web", "Keep the tokens of the web page."),
    "submit": ("submit", "Have a daemon do a job once, now or at a time."),
    "jobs": ("submit", "List the daemon's jobs, and when each is due."),
    "history": ("history", "Show what each job has done, and what fails again and again."),
    "store": ("keeping", "Look after runs: prune, check, move them; prepare a database."),
    "mcp": ("assistant", "Serve an assistant, over the Model Context Protocol."),
    "notify": ("notify", "Send a test message to whom a job names."),
    "schema": ("schema", "Print the JSON Schema of a line of outcomes.jsonl."),
    "sandbox": ("sandbox", "Start a simulated portal to try jobs on."),
    "demo": ("demo", "Show it all on a simulated portal, in a minute."),
}
"""Each command: the file it is in, and what it does."""


_SYNONYMS = {
    **dict.fromkeys(("list", "ls", "runs", "ps"), "status lists the runs"),
    **dict.fromkeys(("show", "info", "summary", "stats"), "report RUN shows what a run has done"),
    **dict.fromkeys(("continue", "go-on"), "resume RUN continues a run"),
    **dict.fromkeys(("undo", "revert"), "rollback RUN takes down what a run put online"),
    **dict.fromkeys(("check", "test", "ping"), "doctor checks the portal and the credential"),
    **dict.fromkeys(("dry-run", "preview"), "plan shows what publish would do"),
    "help": "--help",
    "version": "--version",
}
"""What others call it, and what does it here."""


def _asks_for_json(words: Sequence[str]) -> bool:
    """Whether a program reads stderr; told before the options are parsed, since one may be wrong."""
    asks = [f"{option}=json" in words for option in ("--log-format", "--progress")]
    pairs = pairwise(words)
    return any(asks) or any(
        pair in {("--log-format", "json"), ("--progress", "json")} for pair in pairs
    )


def _leave_no_core() -> None:
    """A crash of the interpreter leaves no image of its memory, in which all secrets are."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def _share_runs(umask: str) -> None:
    """Let others see runs as far as BULK_PUBLISHER_UMASK says.

    Raises:
        BadSetting: If it is no umask.
    """
    from bulk_publisher.errors import BadSetting
    from bulk_publisher.store.files import share_by

    if not re.fullmatch("0?[0-7]{3}", umask):
        raise BadSetting(
            "BULK_PUBLISHER_UMASK is no umask.",
            "Write three octal digits: 027 lets the group read runs, 077 (the default) nobody.",
        )
    share_by(int(umask, 8))


class _Commands(click.Group):
    """The commands, each imported when it is called."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """The whole program, from its words to its exit status."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        from bulk_publisher.cli.output.streams import installed

        _leave_no_core()
        words = list(sys.argv[1:] if args is None else args)
        with installed(is_json=_asks_for_json(words)):
            sys.exit(self._status_of(words, prog_name, complete_var, extra))

    def _status_of(
        self, words: list[str], name: str | None, variable: str | None, extra: dict[str, Any]
    ) -> int:
        from bulk_publisher.cli.output.complaints import errors_said, say_usage
        from bulk_publisher.cli.output.output import Output

        log_format = "json" if _asks_for_json(words) else "console"
        output = Output(verbosity=0, log_format=log_format, is_plain="--no-color" in words)
        try:
            with errors_said(output):
                status = super().main(words, name, variable, standalone_mode=False, **extra)
        except click.ClickException as error:
            return say_usage(output, error)
        except click.Abort:
            return 128 + signal.SIGINT
        return status if isinstance(status, int) else 0

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = getattr(import_module(f"bulk_publisher.cli.commands.{entry[0]}"), cmd_name)
        return saying_options(command) if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if args[0].startswith("-"):
                raise
            # Loaded late, as all else: a mistake may take its time, --help may not.
            from bulk_publisher.text.shown import did_you_mean, shown

            meant = _SYNONYMS.get(args[0].lower())
            near = did_you_mean(args[0], _COMMANDS) or f": there is {', '.join(_COMMANDS)}"
            instead = f": bulk-publisher {meant}" if meant else near
            raise click.UsageError(f"There is no command {shown(args[0])}{instead}", ctx) from error

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        with told_without_secrets():
            return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            refuse_misplaced(args, os.environ, ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        with told_without_secrets():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry[1]) for name, entry in _COMMANDS.items()])


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bulk-publisher")
@click.option("-v", "--verbose", count=True, help="Log more; -vv logs each request.")
@click.option(
    "-q", "--quiet", is_flag=True, help="Print nothing but one line if a run goes wrong; for cron."
)
@click.option(
    "--log-format",
    type=click.Choice(["console", "json"]),
    default="console",
    help="Format of stderr.",
)
@click.option("--no-color", is_flag=True, help="No colours (also: NO_COLOR).")
@click.pass_context
def main(ctx: click.Context, verbose: int, quiet: bool, log_format: str, no_color: bool) -> None:
    """Publish Bitrix24 pages in bulk: every page accounted for, at the portal's limits.

    \b
    Exit status: 0 all pages done, 1 some failed, 2 bad usage, 3 stopped early (resume),
    4 portal or credential can't be used, 5 the run is busy, 130/143 interrupted (resume).
    """  # noqa: D301 - click's own mark
    from bulk_publisher.cli.output.output import Output

    if umask := os.environ.get("BULK_PUBLISHER_UMASK"):
        _share_runs(umask)
    ctx.obj = Output(verbosity=-1 if quiet else verbose, log_format=log_format, is_plain=no_color)


if __name__ == "__main__":
    sys.exit(main())
