"""What each tool takes: data, from which its schema is made, and by which it is checked. Pure."""

from typing import Annotated, Any, Literal

import msgspec

from bulk_publisher.errors import BadSetting
from bulk_publisher.text.misfits import misfit_in_words
from bulk_publisher.text.redaction import is_webhook_url

_Text = Annotated[str, msgspec.Meta(max_length=1000)]
_Id = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
_MANY = 1000
_PortalName = Annotated[
    str,
    msgspec.Meta(
        max_length=60,
        description="Name of a portal, as `bulk-publisher portals` lists it. Never a URL. Leave it out for the portal of this server's environment.",
    ),
]
_Run = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9A-Za-z-]{1,40}$",
        description="A run's ID, the beginning of it, or `latest`.",
    ),
]
_SCOPE = "Kind of site. Leave it out for plain sites and stores."
_ScopeName = Literal["KNOWLEDGE", "GROUP", "MAINPAGE"]
_Scope = Annotated[_ScopeName | None, msgspec.Meta(description=_SCOPE)]


class BadArgument(BadSetting):
    """An argument that can't be. Invariant: its message and its hint are words of ours."""


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a tool is asked."""


class Nothing(Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No argument."""


class Doctor(Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which portal is to be looked at."""

    portal: _PortalName | None = None
    scope: Annotated[_ScopeName | None, msgspec.Meta(description="Only this kind of site.")] = None


def _ids(what: str) -> Any:
    return msgspec.Meta(max_length=_MANY, description=what)


class PlanAsked(Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which pages a plan is about."""

    portal: _PortalName | None = None
    scope: _Scope = None
    pages: Annotated[tuple[_Text, ...], _ids("IDs of pages, or ranges such as 400-420.")] = ()
    urls: Annotated[tuple[_Text, ...], _ids("Public addresses of pages.")] = ()
    sites: Annotated[tuple[_Id, ...], _ids("IDs of sites: all of their pages.")] = ()
    folders: Annotated[tuple[_Id, ...], _ids("IDs of folders, with their subfolders.")] = ()
    file: Annotated[
        _Text | None,
        msgspec.Meta(
            description="List of pages, a CSV or a spreadsheet, in a folder that this server was started with."
        ),
    ] = None
    only: Annotated[
        Literal["all", "unpublished", "changed"],
        msgspec.Meta(
            description="`unpublished`: pages that are not online; `changed`: also those edited since."
        ),
    ] = "all"
    where: Annotated[
        tuple[_Text, ...],
        msgspec.Meta(
            max_length=20,
            description="Conditions, such as `title~handbook`, that a page must match, all of them.",
        ),
    ] = ()
    limit: Annotated[
        Annotated[int, msgspec.Meta(ge=1)] | None,
        msgspec.Meta(description="Only the first so many."),
    ] = None


class StatusAsked(Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which run."""

    run: Annotated[
        _Run | None, msgspec.Meta(description="Leave it out to list the newest runs.")
    ] = None


class RunAsked(Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which run."""

    run: _Run


class HistoryAsked(Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which job."""

    job: Annotated[_Text | None, msgspec.Meta(description="A job's name; all without it.")] = None


class ApprovedAsked(Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which plan."""

    plan_id: Annotated[
        str, msgspec.Meta(pattern=r"^p-[0-9a-f]{10}$", description="As the tool `plan` gave it.")
    ]


def read_asked(given: Any, kind: type[Asked]) -> Asked:
    """*given* as what a tool takes.

    Raises:
        BadArgument: If it holds a webhook's URL, or is something else. What was given is not repeated.
    """
    refuse_secrets(given)
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise BadArgument(
            f"These arguments can't be used: {misfit_in_words(error, kind)}."
        ) from error


def refuse_secrets(given: Any) -> None:
    """See that no webhook's URL is in *given*, however deep.

    Raises:
        BadArgument: If one is.
    """
    match given:
        case str() if is_webhook_url(given):
            raise BadArgument(
                "That is a webhook's URL, which is a secret: no tool takes one.",
                "A person keeps it with: bulk-publisher portals add NAME. Then give the name. Tell the person that this webhook was shown to an assistant.",
            )
        case dict():
            for name, one in given.items():
                refuse_secrets(name)
                refuse_secrets(one)
        case list() | tuple():
            for one in given:
                refuse_secrets(one)
        case _:
            return


def schema_of(kind: type[Asked]) -> dict[str, Any]:
    """The JSON Schema of what a tool takes."""
    _, components = msgspec.json.schema_components([kind])
    schema: dict[str, Any] = components[kind.__name__]
    return {key: value for key, value in schema.items() if key not in {"title", "description"}}
