"""A simulated Bitrix24 portal: how would the portal have answered?

It is written from ``docs/bitrix24.md`` and its dossier, and shares no line with the client that is
proved on it: a mistake on one side must show on the other.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulk_publisher.sandbox.scenario import (
        Scenario,
        ScenarioError,
        Site,
        TimedFault,
        User,
        load_scenario,
        scenario_names,
    )
    from bulk_publisher.sandbox.server import Sandbox, serve

__all__ = [
    "Sandbox",
    "Scenario",
    "ScenarioError",
    "Site",
    "TimedFault",
    "User",
    "load_scenario",
    "scenario_names",
    "serve",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # aiohttp costs 150 ms: only who starts a sandbox pays for it.
        from importlib import import_module  # noqa: PLC0415 - lazy on purpose

        room = "server" if name in {"Sandbox", "serve"} else "scenario"
        return getattr(import_module(f"bulk_publisher.sandbox.{room}"), name)
