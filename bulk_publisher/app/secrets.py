"""Where a secret is named, and the secret itself: read late, and handed to the portal alone."""

from collections.abc import Mapping
from pathlib import Path

from bulk_publisher.app import crash
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import DEFAULT_WEBHOOK, Secret
from bulk_publisher.portal.credentials import Webhook


def read_webhook(secret: Secret | None, environment: Mapping[str, str]) -> Webhook:
    """The webhook that *secret* names; None stands for ``BITRIX24_WEBHOOK``.

    Raises:
        BadSetting: If it is not there, or is no webhook.
    """
    named = secret or DEFAULT_WEBHOOK
    if named.file is not None:
        return _webhook(_read_file(Path(named.file)), where=named.file)
    name = named.env or ""
    text = environment.get(name, "").strip()
    if not text:
        raise BadSetting(
            f"The environment variable {name} is not set: it holds the portal's webhook URL.",
            f"Create an inbound webhook with the permission for sites (landing), then: export {name}=https://…/rest/1/…/"
            " - or name a file that holds it: --webhook-file FILE, in a job file webhook = { file = … }.",
        )
    return _webhook(text, where=name)


def _webhook(text: str, *, where: str) -> Webhook:
    """The webhook in *text*, whatever an editor or a shell has put around it."""
    try:
        webhook = Webhook(text.lstrip("\ufeff").strip().strip("\"'"))
    except BadSetting as error:
        raise BadSetting(f"{where}: {error.message}", error.hint) from error
    crash.hide(webhook.secret)
    return webhook


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise BadSetting(f"{path}: the webhook can't be read from it: {reason}.") from error
