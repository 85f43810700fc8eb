"""``bulk-publisher sandbox``: a simulated portal to try jobs on."""

import asyncio
import json
import os
import signal
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulk_publisher.cli.commands.parameters.completing import scenarios
from bulk_publisher.cli.commands.parameters.written_file import a_file
from bulk_publisher.cli.output.output import Output

if TYPE_CHECKING:
    from bulk_publisher.sandbox import Scenario

_NOT_KEYS = {"scenario", "port", "truth_json", "oauth_file", "fault", "settings", "intensity"}


class _BadInput(click.ClickException):
    """One line, exit status 2."""

    exit_code = 2


@click.command("sandbox")
@click.option(
    "--scenario",
    metavar="NAME|FILE",
    shell_complete=scenarios,
    help="A built-in scenario, or a TOML file.",
)
@click.option("--pages", type=click.IntRange(0), help="Number of pages.  [default: 300]")
@click.option("--scope", help="KNOWLEDGE, PAGE, GROUP …  [default: KNOWLEDGE]")
@click.option("--plan", type=click.Choice(["standard", "enterprise", "self-hosted"]))
@click.option(
    "--billing",
    type=click.Choice(["method", "batch", "both"]),
    help="Who pays for a batch.  [default: method]",
)
@click.option("--ban/--no-ban", default=None, help="Over the limit: refuse for 300 s.")
@click.option(
    "--release", type=click.Choice(["reset_at", "minute", "earlier"]), help="When baskets leave."
)
@click.option("--counters", type=click.Choice(["present", "absent", "request"]))
@click.option(
    "--operating-limit", type=float, metavar="S", help="Limit of each meter.  [default: by plan]"
)
@click.option("--intensity", metavar="X/Y", help="Capacity and drain.  [default: by plan]")
@click.option("--tenant-rate", type=float, metavar="R", help="Requests a second of other programs.")
@click.option("--cost", type=float, metavar="S", help="Mean seconds per page.  [default: 0.28]")
@click.option("--cost-spread", type=float, metavar="SHARE", help="Its standard deviation.")
@click.option("--php-workers", type=int, help="Requests processed at once.  [default: 20]")
@click.option("--latency", type=float, metavar="S", help="Network latency of each request.")
@click.option("--page-limit", type=int, help="Published pages that the plan allows.")
@click.option("--site-limit", type=int, help="Published sites that the plan allows.")
@click.option("--missing-share", type=float, help="Pages that are gone or in the trash, 0…1.")
@click.option("--denied-share", type=float, help="Pages that answer with a silent null, 0…1.")
@click.option("--unpaid-share", type=float, help="Pages of an unpaid app, 0…1.")
@click.option("--active-share", type=float, help="Pages already online, 0…1.")
@click.option("--changed-share", type=float, help="Share of these edited since, 0…1.")
@click.option("--clock-offset", type=float, metavar="S", help="How far its clock is off.")
@click.option(
    "--fault", multiple=True, metavar="NAME=P", help="Probability of a fault; repeatable."
)
@click.option("--seed", type=int, help="Random seed.  [default: 1]")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Any other key, as TOML; repeatable.",
)
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="0 picks a free one.")
@click.option(
    "--truth-json",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=a_file,
    help="Also write the truth to this file.",
)
@click.option(
    "--oauth-file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=a_file,
    help="Also write an application's tokens to this file, for --oauth-file and login.",
)
def sandbox(
    scenario: str | None,
    port: int,
    truth_json: Path | None,
    oauth_file: Path | None,
    **flags: Any,
) -> None:
    """Start a simulated portal on this machine, as strict as a real one.

    It prints the webhook to export and serves until Ctrl-C. Then it prints the truth: what was
    really published, how often, what was refused, and how close to its limits it came.

    \b
    Built-in scenarios: demo, full-plan, banning, self-hosted, storm, ten-hours, million.
    """  # noqa: D301 - click's own mark
    from bulk_publisher.sandbox import ScenarioError

    # It may be called by itself, too.
    output = click.get_current_context().obj or Output(0, "console", is_plain=False)
    try:
        made = _make_scenario(scenario, flags)
        truth = asyncio.run(_serve(made, port, output, oauth_file))
        output.tell(_as_text(truth).split("\n"))
        if truth_json is not None:
            truth_json.write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
    except ScenarioError as error:
        raise _BadInput(str(error)) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise _BadInput(f"{where}cannot serve or write: {error.strerror or error}") from error


def _make_scenario(name: str | None, flags: Mapping[str, Any]) -> "Scenario":
    from bulk_publisher.sandbox import load_scenario
    from bulk_publisher.sandbox.scenario import make_scenario

    changes = {
        key: value for key, value in flags.items() if value is not None and key not in _NOT_KEYS
    }
    if flags["intensity"] is not None:
        changes["intensity"] = _parse_intensity(flags["intensity"])
    if flags["fault"]:
        changes["faults"] = dict(_parse_fault(text) for text in flags["fault"])
    for text in flags["settings"]:
        changes.update(_parse_setting(text))
    if name is None:
        return make_scenario(changes, where="sandbox")
    return load_scenario(name, **changes)


def _parse_intensity(text: str) -> list[float]:
    try:
        capacity, drain = (float(part) for part in text.split("/"))
    except ValueError:
        raise _BadInput(f"--intensity {text}: write it as X/Y, such as 50/2") from None
    return [capacity, drain]


def _parse_fault(text: str) -> tuple[str, float]:
    name, _, chance = text.partition("=")
    try:
        return name.strip(), float(chance)
    except ValueError:
        raise _BadInput(f"--fault {text}: write it as NAME=P, such as html502=0.05") from None


def _parse_setting(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        raise _BadInput(f"--set {text}: write it as KEY=VALUE, as in TOML") from None


async def _serve(
    scenario: "Scenario", port: int, output: Output, oauth_file: Path | None
) -> dict[str, object]:
    from bulk_publisher.sandbox import serve

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with serve(scenario, port=port) as running:
        if oauth_file is not None:
            _write_private(oauth_file, running.token_file())
        output.tell([f"export BITRIX24_WEBHOOK={running.webhook}"])
        pages = len(running.world)
        output.complain(f"{pages:,} pages on {scenario.plan}. Press Ctrl-C to stop.")
        await stopped.wait()
        return running.truth.as_dict()


def _write_private(path: Path, told: Mapping[str, object]) -> None:
    """*told* as JSON in a new file that is its owner's alone: a program with tokens wants no other."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(json.dumps(told, indent=2) + "\n")


def _as_text(truth: Mapping[str, object]) -> str:
    width = max(len(key) for key in truth) + 2
    return "\n".join(
        f"{key.replace('_', ' '):<{width}}{_shown(value)}" for key, value in truth.items()
    )


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {count}" for key, count in value.items()) or "none"
    return "none" if value is None else str(value)
