"""A unit for systemd, and lines for cron: how jobs come to be done when nobody is there."""

import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bulk_publisher.store.database_address import parse_address

_UNIT = """\
[Unit]
Description=bulk-publisher: publishes Bitrix24 pages on schedule
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=5
WatchdogSec=60
TimeoutStopSec=120
# Webhooks and other secrets: BITRIX24_WEBHOOK=https://... in this file, mode 0600.
EnvironmentFile=-/etc/bulk-publisher/environment
Environment={place} XDG_STATE_HOME=%S/bulk-publisher/state
StateDirectory=bulk-publisher
StateDirectoryMode=0700
WorkingDirectory=%S/bulk-publisher
UMask=0077
DynamicUser=yes
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
LockPersonality=yes
CapabilityBoundingSet=

[Install]
WantedBy=multi-user.target
"""


def systemd_unit(
    jobs: Sequence[Path],
    folders: Sequence[Path],
    variables: Sequence[str],
    parallel: int,
    more: Sequence[str] = (),
    *,
    database: str | None = None,
) -> str:
    """A unit that serves *jobs* from where they are now, with *more* options.

    Args:
        database: Its URL; None where runs are kept in a folder of the unit's own. A password in it is left
            out: it is for the file of secrets, which comes first.
    """
    words = [_program(), "serve", "--parallel", str(parallel)]
    words += [word for folder in folders for word in ("--allow", str(folder.resolve()))]
    words += [word for name in variables for word in ("--allow-env", name)]
    words += [*more, *(str(job.resolve()) for job in jobs)]
    place = "BULK_PUBLISHER_RUNS=%S/bulk-publisher/runs"
    if database is not None:
        named = parse_address(database).shown.replace("%", "%%").replace('"', "%22")
        place = f'"BULK_PUBLISHER_STORE={named}" BULK_PUBLISHER_CLUSTER_KEY_FILE=%S/bulk-publisher/cluster.key'
    return _UNIT.format(command=" ".join(_quoted(word) for word in words), place=place)


def cron_lines(jobs: Iterable[Path], runs: Path | str) -> str:
    """Lines for a crontab: each quarter of an hour what is due is done; mail comes where it did not go well."""
    words = [_program(), "-q", "serve", "--once"]
    # A password would stand in the list of processes: it is for the environment.
    words += (
        ["--store", parse_address(runs).shown]
        if isinstance(runs, str)
        else ["--runs", str(runs.resolve())]
    )
    words += [str(job.resolve()) for job in jobs]
    command = " ".join(shlex.quote(word) for word in words).replace("%", r"\\%")
    return (
        "# bulk-publisher: looks every 15 minutes which jobs are due. Put BITRIX24_WEBHOOK=... above.\n"
        f"*/15 * * * * {command}\n"
    )


def _program() -> str:
    return str(Path(sys.argv[0]).resolve())


def _quoted(word: str) -> str:
    """*word* for ExecStart=, where ``%`` and ``$`` mean something."""
    word = word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$").replace('"', '\\"')
    return f'"{word}"' if any(letter in word for letter in " '\t") else word
