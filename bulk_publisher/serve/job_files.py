"""The jobs of a daemon: files, read again when they change; a bad one keeps its last good version."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bulk_publisher.errors import BadJobFile
from bulk_publisher.jobs import Job, read_job
from bulk_publisher.serve.happenings import FileRefused

_Signature = tuple[int, int, int]
_SUFFIX = ".toml"


class JobFiles:
    """Job files, and all that are in folders."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Nothing is read yet.

        Args:
            paths: Files, and folders whose ``.toml`` files are jobs.
        """
        self._paths = paths
        self._seen: dict[Path, _Signature | None] = {}
        self._good: dict[Path, Job] = {}
        self._jobs: dict[str, Job] = {}
        self._refused: set[Path] = set()

    @property
    def jobs(self) -> Mapping[str, Job]:
        """The jobs by their names."""
        return self._jobs

    def path_of(self, name: str) -> Path | None:
        """The file of the job *name*."""
        return next((path for path, job in self._good.items() if job.name == name), None)

    def have_changed(self) -> bool:
        """Whether a file was written, has come or has gone since they were read."""
        return {path: _signature(path) for path in self._files()} != self._seen

    def read(self) -> Iterator[FileRefused]:
        """Read those that have changed; gives those that can't be used.

        Two of one name are refused, the later one; so is a file that is named and not there.
        """
        seen = {path: _signature(path) for path in self._files()}
        for path in set(self._good) - set(seen):
            del self._good[path]
        fresh: dict[Path, Job] = {}
        refused: dict[Path, str] = {}
        for path, signature in seen.items():
            if (
                path not in self._refused
                and path in self._good
                and self._seen.get(path) == signature
            ):
                continue
            try:
                fresh[path] = read_job(path)
            except BadJobFile as error:
                refused[path] = error.message
        # All are read before names are compared: two files may have exchanged theirs.
        while (clash := self._clash(seen, fresh)) is not None:
            path, other = clash
            name = fresh.pop(path).name
            refused[path] = (
                f"{path}: a job named {name} is already in {other}: give one of them another name"
            )
        for path, why in refused.items():
            yield FileRefused(path, why, keeps_last=path in self._good)
        self._good |= fresh
        # Once, and not whenever a job is looked at: there may be thousands.
        self._jobs = {job.name: job for job in self._good.values()}
        # Those are read again next time: what was wrong may have been in another file.
        self._seen = seen
        self._refused = set(refused)

    def _clash(self, paths: Iterable[Path], fresh: Mapping[Path, Job]) -> tuple[Path, Path] | None:
        """The first file of *fresh* whose job has another's name, and that other; those in use go first."""
        names = {job.name: path for path, job in self._good.items() if path not in fresh}
        for path in paths:
            if path in fresh and names.setdefault(fresh[path].name, path) != path:
                return path, names[fresh[path].name]
        return None

    def _files(self) -> list[Path]:
        found: list[Path] = []
        for path in self._paths:
            found.extend(sorted(path.glob(f"*{_SUFFIX}")) if path.is_dir() else [path])
        return list(dict.fromkeys(found))


def _signature(path: Path) -> _Signature | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
