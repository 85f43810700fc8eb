"""Job files are read again when they change, whatever their names were before."""

from pathlib import Path

from bulk_publisher.serve.job_files import JobFiles


def write(path: Path, name: str) -> Path:
    path.write_text(f'name = "{name}"\n[select]\npage = "1"\n')
    return path


def test_two_files_may_exchange_their_names(tmp_path):
    one, two = write(tmp_path / "1.toml", "a"), write(tmp_path / "2.toml", "b")
    files = JobFiles([tmp_path])
    assert not list(files.read())
    write(one, "b")
    write(two, "a")

    assert not list(files.read())
    assert files.path_of("a") == two
    assert files.path_of("b") == one


def test_of_two_of_one_name_that_in_use_stays(tmp_path):
    write(tmp_path / "2.toml", "a")
    files = JobFiles([tmp_path])
    assert not list(files.read())
    write(tmp_path / "1.toml", "a")

    (refused,) = files.read()

    assert refused.path == tmp_path / "1.toml"
    assert not refused.keeps_last
    assert files.path_of("a") == tmp_path / "2.toml"


def test_a_file_that_was_refused_for_its_name_is_read_again_once_the_name_is_free(tmp_path):
    one, two = write(tmp_path / "1.toml", "a"), write(tmp_path / "2.toml", "b")
    files = JobFiles([tmp_path])
    assert not list(files.read())
    write(two, "a")
    (refused,) = files.read()
    assert refused.keeps_last
    one.unlink()

    assert not list(files.read())
    assert set(files.jobs) == {"a"}
    assert files.path_of("a") == two


def test_jobs_are_put_together_when_they_are_read_and_not_at_each_look(tmp_path):
    write(tmp_path / "1.toml", "a")
    files = JobFiles([tmp_path])
    assert not list(files.read())

    assert files.jobs is files.jobs
