"""A button, pressed on a page or by a program: done once, and known at once to who looks next."""

from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web

from bulk_publisher.web.deeds.button import Button
from bulk_publisher.web.deeds.helm import helm_of, refused
from bulk_publisher.web.deeds.on_jobs import ON_JOBS
from bulk_publisher.web.deeds.on_plans import ON_PLANS
from bulk_publisher.web.deeds.on_runs import ON_RUNS
from bulk_publisher.web.deeds.once import Once
from bulk_publisher.web.deeds.question import Pressed, Question
from bulk_publisher.web.route import REPEATED, TARGET, visitor_of

ONCE: web.AppKey[Once[Pressed]] = web.AppKey("once", Once)

_LONGEST_KEY = 200


BUTTONS = (*ON_RUNS, *ON_JOBS, *ON_PLANS)
"""All that may be pressed."""


async def asked(request: web.Request, button: Button) -> tuple[Question, str]:
    """What is asked before *button* is pressed, and the token that the answer has to bring."""
    question = await button.ask(helm_of(request), request.match_info[button.kind])
    return question, request.app[ONCE].token(_about(request, button, question.mark))


async def answered(
    request: web.Request, button: Button, *, once: str, mark: str, moment: str
) -> Pressed:
    """Press *button*, which was asked; who presses twice has it done once.

    Raises:
        HTTPConflict: If something else was asked, or what was asked has changed since.
    """
    _note_target(request, button)
    request.app[ONCE].check(once, _about(request, button, mark))
    return await _once(request, once, partial(_do, request, button, moment, mark))


async def pressed(request: web.Request, button: Button, *, key: str, moment: str) -> Pressed:
    """Press *button* for a program.

    Args:
        key: The same has it done once; empty for a deed of its own.
    """
    _note_target(request, button)
    work = partial(_do, request, button, moment, None)
    if not key:
        return await work()
    if len(key) > _LONGEST_KEY or not key.isprintable():
        raise web.HTTPBadRequest(
            text=f"Idempotency-Key: at most {_LONGEST_KEY} printable characters."
        )
    return await _once(request, f"{_about(request, button, moment)} {key}", work)


async def _once(request: web.Request, key: str, work: Callable[[], Awaitable[Pressed]]) -> Pressed:
    once = request.app[ONCE]
    request[REPEATED] = once.knows(key)
    return await once.do(key, work)


async def _do(request: web.Request, button: Button, moment: str, mark: str | None) -> Pressed:
    helm, name = helm_of(request), request.match_info[button.kind]
    question = await button.ask(helm, name)
    if mark is not None and question.mark != mark:
        raise refused("It has changed since you were asked. Nothing was done: look again.")
    done = await button.do(helm, name, moment)
    helm.views.look_again()
    return done


def _note_target(request: web.Request, button: Button) -> None:
    request[TARGET] = f"{button.name} {request.match_info[button.kind]}"


def _about(request: web.Request, button: Button, mark: str) -> str:
    return f"{visitor_of(request).key} {button.name} {request.match_info[button.kind]} {mark}"
