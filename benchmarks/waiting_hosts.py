"""What does a daemon cost that has nothing to do, beside another one on the same database?

``python benchmarks/waiting_hosts.py [SECONDS] > benchmarks/results/waiting_hosts.md``; it starts a PostgreSQL of
its own. What is counted is CPU time, so that it does not matter how busy the machine is.
"""

import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from watched import cpu_of_postgres, load, postgres, program, statements

from tests.postgres_server import PostgresServer, name_in

HOSTS, JOBS = 2, 50
_SETTLES_IN = 15.0
"""Seconds for which nothing is counted: it reads its files, and says so."""
_JOB = """
name = "waiting-{number}"
[portal]
plan = "self-hosted"
[select]
scope = "KNOWLEDGE"
[schedule]
cron = "0 0 29 2 *"
"""


def measure(server: PostgresServer, seconds: float) -> None:
    url = server.prepared()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "jobs").mkdir()
        for number in range(JOBS):
            (folder / "jobs" / f"{number}.toml").write_text(_JOB.format(number=number))
        environment = {"BULK_PUBLISHER_STORE": url, "XDG_STATE_HOME": name}
        hosts = [
            stack.enter_context(
                program(f"host-{number}", folder, ["serve", str(folder / "jobs")], environment)
            )
            for number in range(HOSTS)
        ]
        for host in hosts:
            host.until("Jobs:", most=60)
        time.sleep(_SETTLES_IN)
        began_at, began = time.monotonic(), [host.cpu for host in hosts]
        theirs, asked = cpu_of_postgres(server), statements(server, name_in(url))
        time.sleep(seconds)
        took = time.monotonic() - began_at
        theirs = cpu_of_postgres(server) - theirs
        asked = statements(server, name_in(url)) - asked
        used = [host.cpu - before for host, before in zip(hosts, began, strict=True)]
        print(
            f"{HOSTS} hosts on one database, each with {JOBS} jobs of which none is due, for {took:.0f} s"
            f" ({load()}):\n"
        )
        print("| | CPU s | of a core | memory, MB |\n|--|--:|--:|--:|")
        for number, (host, cpu) in enumerate(zip(hosts, used, strict=True), start=1):
            print(f"| host {number} | {cpu:.2f} | {cpu / took:.2%} | {host.megabytes:.0f} |")
        print(f"| PostgreSQL, for both | {theirs:.2f} | {theirs / took:.2%} | |")
        print(f"\n{asked / took / HOSTS:.1f} statements a second of each host.")


if __name__ == "__main__":
    with postgres() as started:
        measure(started, float(sys.argv[1]) if sys.argv[1:] else 60.0)
