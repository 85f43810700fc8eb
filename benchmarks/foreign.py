"""Bulk publishing side by side: this program, a plain loop, and three clients that others wrote.

    make foreign                  # once: installs the others
    .foreign/venv/bin/python benchmarks/foreign.py > benchmarks/results/foreign.md

Nothing is scaled: pages take 0.28 s, 480 s of them fit into ten minutes, 50 requests and 2 a
second. So it takes as long as the slowest: the plain loop, half a second a page. All of them run
at once, each on a portal of its own that is like the others' down to the seed, all portals in one
process. Ratios are those of one run; the others' defaults are left as they are where not said.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bulk_publisher.sandbox import Sandbox, Scenario, serve

FOREIGN = Path(__file__).parents[1] / "tests" / "contract" / "foreign"
PUBLICATION = "landing.landing.publication"
SCOPE = "KNOWLEDGE"
ROUGH = {"missing_share": 0.01, "faults": {"html502": 0.02, "html504_after": 0.02}}


@dataclass
class Record:
    """What a client has told whoever called it."""

    published: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    ended: str = "done"


# -- each client, as its documentation has one do it: in a process of its own ------------------


def run_plain_loop(webhook: str, pages: int) -> Record:
    """One call after the other, one each half second; an error is noted, and on it goes."""
    record = Record()
    started = time.monotonic()
    for number, page in enumerate(range(1, pages + 1)):
        time.sleep(max(0.0, started + number / 2 - time.monotonic()))
        body = json.dumps({"lid": page, "scope": SCOPE}).encode()
        request = urllib.request.Request(
            webhook + PUBLICATION, body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                done = json.load(answer)["result"] is True
            (record.published if done else record.failed).add(page)
        except urllib.error.HTTPError as error:
            if error.headers.get_content_type() == "application/json":
                record.failed.add(page)
        except OSError:
            continue
    return record


def run_fast_bitrix24(webhook: str, pages: int) -> Record:
    """``call`` with the whole list: it makes the batches and paces itself."""
    import fast_bitrix24  # noqa: PLC0415 - only its own process has it

    ids = list(range(1, pages + 1))
    client = fast_bitrix24.BitrixAsync(webhook, verbose=False)
    try:
        items = [{"lid": page, "scope": SCOPE} for page in ids]
        results = asyncio.run(client.call(PUBLICATION, items))
    except fast_bitrix24.server_response.ErrorInServerResponseException as error:
        errors = error.args[0]
        told = errors if isinstance(errors, dict) else {}
        failed = {ids[int(key.removeprefix("order"))] for key in told}
        return Record(failed=failed, ended=f"{type(error).__name__}: {first_code(told)}")
    except Exception as error:  # noqa: BLE001 - whatever it raises is its answer
        return Record(ended=describe(error))
    # Results come in the order of the answers, without a key: only if all are true is each known.
    all_true = len(results) == len(ids) and all(result is True for result in results)
    return Record(published=set(ids) if all_true else set(), ended=f"{len(results)} results")


def first_code(errors: dict[str, Any]) -> str:
    return next((str(error.get("error")) for error in errors.values()), "")


def run_b24pysdk(webhook: str, pages: int, timeout: float | None = None) -> Record:
    """``call_batches`` with a mapping, so that each result has its page's name."""
    import b24pysdk  # noqa: PLC0415 - only its own process has it

    owner, key = webhook.rstrip("/").split("/")[-2:]
    token = b24pysdk.BitrixWebhook(domain=urlsplit(webhook).netloc, webhook_token=f"{owner}/{key}")
    client = b24pysdk.Client(token)
    publication = client.landing.landing.publication
    wanted = {f"p{page}": publication(page, scope=SCOPE) for page in range(1, pages + 1)}
    try:
        answer = client.call_batches(wanted, timeout=timeout).result
    except Exception as error:  # noqa: BLE001 - whatever it raises is its answer
        return Record(ended=describe(error))
    published = {key for key, result in dict(answer.result).items() if result is True}
    return Record(numbers(published), numbers(answer.result_error))


def run_b24pysdk_patiently(webhook: str, pages: int) -> Record:
    """The same, told to wait the 60 s that the portal may take."""
    return run_b24pysdk(webhook, pages, timeout=60)


def numbers(keys: Iterable[str]) -> set[int]:
    return {int(key.removeprefix("p")) for key in keys}


def describe(error: Exception) -> str:
    name, text = type(error).__name__, str(error)
    return name if name in text else f"{name}: {text}"[:80]


CLIENTS = {
    "plain": run_plain_loop,
    "fast_bitrix24": run_fast_bitrix24,
    "b24pysdk": run_b24pysdk,
    "b24pysdk-60": run_b24pysdk_patiently,
}


def be_client(name: str, webhook: str, pages: int) -> None:
    record = CLIENTS[name](webhook, pages)
    print(json.dumps([sorted(record.published), sorted(record.failed), record.ended]))


# -- the other side of each process ------------------------------------------------------------


async def finish(
    *command: str, given: str = "", env: dict[str, str] | None = None, cwd: str | None = None
) -> tuple[bytes, int]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, env={**os.environ, **(env or {})}, cwd=cwd
    )
    said, _ = await process.communicate(given.encode())
    return said, process.returncode or 0


@asynccontextmanager
async def tls_front(url: str, ca_file: str) -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(FOREIGN / "tls_front.py"),
        url,
        ca_file,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


async def watch_python(name: str, webhook: str, pages: int, ca_file: str) -> Record:
    said, _ = await finish(
        sys.executable,
        __file__,
        "--client",
        name,
        webhook,
        str(pages),
        env={"REQUESTS_CA_BUNDLE": ca_file},
    )
    published, failed, ended = json.loads(said)
    return Record(set(published), set(failed), ended)


async def watch_b24jssdk(webhook: str, pages: int, ca_file: str) -> Record:
    """``batchByChunk`` with the whole list, told to go on after an error."""
    calls = [[PUBLICATION, {"lid": page, "scope": SCOPE}] for page in range(1, pages + 1)]
    steps = [{"action": "chunks", "calls": calls, "options": {"isHaltOnError": False}}]
    said, _ = await finish(
        "node",
        str(FOREIGN / "driver.mjs"),
        given=json.dumps({"webhook": webhook, "steps": steps}),
        env={"NODE_EXTRA_CA_CERTS": ca_file},
    )
    (outcome,) = json.loads(said)
    if "thrown" in outcome:
        return Record(ended=f"{outcome['thrown']['code']}: {outcome['thrown']['message']}")
    failed = {error["lid"] for error in outcome["errors"]}
    every, told = set(range(1, pages + 1)), len(outcome["data"]) + len(failed)
    # Results come without a key, and errors under their place in the chunk, the last one wins:
    # only if they add up is each page known.
    known = every - failed if told == pages and all(outcome["data"]) else set()
    return Record(known, failed, f"{len(outcome['data'])} results, {len(failed)} errors")


def read_outcomes(runs: Path) -> dict[int, str]:
    """The last word of the run's folder on each page."""
    status = {}
    for file in runs.glob("2*/outcomes.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            outcome = json.loads(line)
            status[outcome["page"]] = outcome["status"]
    return status


async def watch_bulk_publisher(webhook: str, pages: int, folder: str) -> Record:
    _, code = await finish(
        sys.executable,
        "-m",
        "bulk_publisher",
        "publish",
        "--page",
        f"1-{pages}",
        "--scope",
        "knowledge",
        "--runs",
        folder,
        env={"BITRIX24_WEBHOOK": webhook},
    )
    status = read_outcomes(Path(folder))
    return Record(
        {page for page, last in status.items() if last == "published"},
        {page for page, last in status.items() if last not in {"published", "unknown"}},
        f"exit status {code}",
    )


# -- the table ---------------------------------------------------------------------------------

NAMES = {
    "bulk-publisher": "`bulk-publisher publish`",
    "plain": "a plain loop, 2 calls a second",
    "fast_bitrix24": "fast_bitrix24 `call`",
    "b24pysdk": "b24pysdk `call_batches`",
    "b24pysdk-60": "b24pysdk `call_batches`, timeout=60",
    "b24jssdk": "b24jssdk `batchByChunk`",
}


@dataclass
class Row:
    name: str
    seconds: float
    record: Record
    sandbox: Sandbox

    def shown(self, pages: int) -> str:
        truth, record = self.sandbox.truth, self.record
        lost = pages - len(record.published | record.failed)
        twice = sum(1 for times in truth.publications.values() if times > 1)
        refused = ", ".join(f"{code} {n:,}" for code, n in truth.refused.items()) or "none"
        numbers = (len(truth.publications), len(record.published), len(record.failed), lost, twice)
        cells = [NAMES[self.name], f"{self.seconds:,.0f} s", *(f"{n:,}" for n in numbers)]
        return "| " + " | ".join([*cells, refused, record.ended]) + " |"


async def measure(name: str, scenario: Scenario, stack: AsyncExitStack, folder: str) -> Row:
    sandbox = await stack.enter_async_context(serve(scenario))
    webhook, pages, ca_file = sandbox.webhook, scenario.pages, f"{folder}/{name}.pem"
    if name in {"b24pysdk", "b24pysdk-60", "b24jssdk"}:
        front = await stack.enter_async_context(tls_front(sandbox.url, ca_file))
        webhook = webhook.replace(sandbox.url, front)
    began = time.perf_counter()
    if name == "bulk-publisher":
        record = await watch_bulk_publisher(webhook, pages, f"{folder}/runs")
    elif name == "b24jssdk":
        record = await watch_b24jssdk(webhook, pages, ca_file)
    else:
        record = await watch_python(name, webhook, pages, ca_file)
    row = Row(name, time.perf_counter() - began, record, sandbox)
    print(f"{NAMES[name]}: {row.seconds:.0f} s, {record.ended}", file=sys.stderr, flush=True)
    return row


HEAD = (
    "| | time | really published | told published | told failed | lost track of | published twice "
    "| refusals | how it ended |\n|---|--:|--:|--:|--:|--:|--:|---|---|"
)


def versions() -> str:
    lock = json.loads((FOREIGN / "package-lock.json").read_text(encoding="utf-8"))
    theirs = lock["packages"]["node_modules/@bitrix24/b24jssdk"]["version"]
    python = [f"{name} {version(name)}" for name in ("fast_bitrix24", "b24pysdk")]
    return ", ".join([*python, f"b24jssdk {theirs}"])


async def compare(pages: int, names: list[str]) -> None:
    worlds: dict[str, dict[str, Any]] = {
        "All pages good, nothing goes wrong": {},
        "A hundredth of the pages gone": ROUGH,
    }
    async with AsyncExitStack() as stack:
        tables = {}
        async with asyncio.TaskGroup() as group:
            for title, changes in worlds.items():
                scenario = Scenario(pages=pages, **changes)
                folders = {
                    name: stack.enter_context(tempfile.TemporaryDirectory()) for name in names
                }
                tables[title] = [
                    group.create_task(measure(name, scenario, stack, folders[name]))
                    for name in names
                ]
        # What was still on its way when a client gave up is done by now, or cut off.
        await asyncio.sleep(Scenario().request_timeout)
        print(INTRODUCTION.format(pages=pages, versions=versions()))
        for title, tasks in tables.items():
            rows = [task.result().shown(pages) for task in tasks]
            print(f"\n## {title}\n{NOTES.get(title, '')}\n{HEAD}\n" + "\n".join(rows))


INTRODUCTION = """\
# Side by side with other clients

{pages:,} pages at 0.28 s each, limits of a standard plan (480 s in ten minutes, 50 requests and 2 a
second), real time, nothing scaled; each client on a sandbox of its own, all alike, all in one run of
`benchmarks/foreign.py`. Each publishes one list of ids by the helper that its documentation gives
for that. {versions}.

*Really published* is the sandbox's truth. *Lost track of*: pages for which the client gave its
caller neither a success nor an error of that page's own, and for `bulk-publisher` those that it
calls unknown."""
NOTES = {
    "A hundredth of the pages gone": (
        "\n… and of the requests, 2 % get an HTML 502 before the work, 2 % an HTML 504 after it.\n"
    )
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", type=int, default=2_000)
    parser.add_argument("--only", choices=NAMES, nargs="+", default=list(NAMES))
    parser.add_argument("--client", nargs=3, metavar=("NAME", "WEBHOOK", "PAGES"))
    asked = parser.parse_args()
    if asked.client:
        name, webhook, pages = asked.client
        be_client(name, webhook, int(pages))
    else:
        asyncio.run(compare(asked.pages, asked.only))


if __name__ == "__main__":
    main()
