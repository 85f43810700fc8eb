"""A run's folder: what its files are called. Nothing outside this room knows that.

``runs/<run-id>/`` holds ``run.json`` (what was asked for, and how it ended), ``outcomes.jsonl`` (the
journal), ``log.jsonl`` and ``lock``, and at times the others.
"""

from pathlib import Path


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        """The run in *path*; nothing is read."""
        self.path = path

    @property
    def journal(self) -> Path:
        """Its outcomes, a line each."""
        return self.path / "outcomes.jsonl"

    @property
    def log(self) -> Path:
        """What happened on the way, a line each."""
        return self.path / "log.jsonl"

    @property
    def description(self) -> Path:
        """The run as asked for, and its totals at the end."""
        return self.path / "run.json"

    @property
    def sent(self) -> Path:
        """The pages that are out and have no line yet."""
        return self.path / "sent.jsonl"

    @property
    def verdicts(self) -> Path:
        """What the portal said of each page when it was asked afterwards."""
        return self.path / "verify.jsonl"

    @property
    def again(self) -> Path:
        """The pages that are not as the journal says, and can be done again: a CSV."""
        return self.path / "again.csv"

    @property
    def progress(self) -> Path:
        """How the run stands, while it goes on."""
        return self.path / "progress.json"

    @property
    def steering(self) -> Path:
        """What it was asked from outside."""
        return self.path / "steering.json"

    @property
    def report(self) -> Path:
        """For a person to open."""
        return self.path / "report.html"

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file that a run may have."""
        return (
            self.journal, self.log, self.description, self.sent, self.verdicts,
            self.again, self.progress, self.steering, self.report, self.lock,
        )  # fmt: skip

    @property
    def all_kept(self) -> tuple[Path, ...]:
        """Those that outlive a process, the description first."""
        return (
            self.description,
            self.journal,
            self.sent,
            self.log,
            self.verdicts,
            self.again,
            self.report,
            self.steering,
        )

    @property
    def lock(self) -> Path:
        """The file that a process holds, and has written its name into when it took it."""
        return self.path / "lock"
