"""What an error code of the portal means: its class, and what a person can do about it.

Rules: a table and the order in which it is asked; no branch per code. This file knows no HTTP
client, no retry and no page.

The code decides, before the status: sources give different statuses for the same code. Next comes
where the error stands (in the answer itself, or on one command of a batch), then the status, then
the kind of body.

Source: docs/bitrix24.md §7, docs/bitrix24-dossier.md §9.
"""

import html
import re
from typing import NamedTuple

from bulk_publisher.model import Fault, FaultClass


class Rule(NamedTuple):
    """One row of the table: what a code means, and what to do about it.

    Attributes:
        is_alone: See ``Fault.is_alone``.
        sent: What an answer with this code says of the work: see ``Fault.sent``.
    """

    kind: FaultClass
    hint: str
    is_alone: bool = False
    sent: bool | None = False


RATE, OPERATING, TRANSIENT, TOKEN, PAGE, SITE, PORTAL, CREDENTIAL, BATCH = FaultClass

NOT_PUBLISHED = "NOT_PUBLISHED"
"""Ours: the portal answered without an error and without ``true``."""

NO_ANSWER = "NO_ANSWER"
"""Ours: a request whose answer never came, or was cut."""

UNREACHABLE = "UNREACHABLE"
"""Ours: no connection to the portal, so nothing was sent."""

NO_NETWORK = "NO_NETWORK"
"""Ours: no way leads from this machine to the portal just now, so nothing was sent."""

TOO_MANY_FILES = "TOO_MANY_FILES"
"""Ours: this process may open no more files, and so no connection: nothing was sent."""

NO_PORTAL = "NO_PORTAL"
"""Ours: a whole answer, and one that no portal gives."""

SURROUNDED = "SURROUNDED"
"""Ours: an answer of the portal with something else around it."""

NOT_JSON = "NOT_JSON"
"""Ours: a page of the front server instead of an answer."""

MOVED = "MOVED"
"""Ours: a redirect to another address."""

NO_SUCH_ADDRESS = "NO_SUCH_ADDRESS"
"""Ours: 403 or 404 with no answer of a portal in it."""

BAD_CERTIFICATE = "BAD_CERTIFICATE"
"""Ours: the portal's certificate is not trusted here."""

NO_TLS = "NO_TLS"
"""Ours: no TLS could be agreed on with what answers at the portal's address."""

PROXY_FAILED = "PROXY_FAILED"
"""Ours: no connection by way of the proxy, so nothing was sent."""

PROXY_REFUSED = "PROXY_REFUSED"
"""Ours: the proxy does not let requests through."""

PROXY_WANTS_LOGIN = "PROXY_WANTS_LOGIN"
"""Ours: the proxy lets nobody through without a name and a password."""

TOO_LARGE = "TOO_LARGE"
"""Ours: an answer larger than any real one."""

MISSING_FROM_ANSWER = "MISSING_FROM_ANSWER"
"""Ours: a command of a batch that the answer says nothing about."""

SITE_CHECKED_ONCE = "SITE_CHECKED_ONCE"
"""Ours: ``true``, but after a check of the site that is made once a request had failed in it."""

TOKEN_NOT_RENEWED = "TOKEN_NOT_RENEWED"  # noqa: S105 - a code, not a secret
"""Ours: the authorisation server gave no new token just now, so the request was not sent with one."""

LOGIN_NEEDED = "LOGIN_NEEDED"
"""Ours: the application's tokens are of no use any more."""

TOKENS_NOT_KEPT = "TOKENS_NOT_KEPT"
"""Ours: the application's tokens can't be read or written where they are kept."""

OURS = frozenset(
    {
        NOT_PUBLISHED,
        NO_ANSWER,
        UNREACHABLE,
        NO_NETWORK,
        TOO_MANY_FILES,
        NO_PORTAL,
        SURROUNDED,
        NOT_JSON,
        MOVED,
        NO_SUCH_ADDRESS,
        BAD_CERTIFICATE,
        NO_TLS,
        PROXY_FAILED,
        PROXY_REFUSED,
        PROXY_WANTS_LOGIN,
        TOO_LARGE,
        MISSING_FROM_ANSWER,
        SITE_CHECKED_ONCE,
        TOKEN_NOT_RENEWED,
        LOGIN_NEEDED,
        TOKENS_NOT_KEPT,
    }
)
"""Codes that no portal sends: what we call that which came without one."""

NOT_CONNECTED = frozenset(
    {UNREACHABLE, PROXY_FAILED, NO_NETWORK, TOO_MANY_FILES, TOKEN_NOT_RENEWED}
)
"""Of these, what says that nothing could be sent just now."""

NO_SUCH_PAGE = "LANDING_NOT_EXIST"
"""The portal's: the page is not there, or not for this credential or scope."""

CHECKED_ONCE = frozenset(
    {
        "PUBLIC_SITE_REACHED",
        "PUBLIC_SITE_REACHED_FREE",
        "FREE_DOMAIN_IS_NOT_ALLOWED",
        "ACCESS_DENIED",
    }
)
"""The portal's, of a check that it makes once a site and request: after one of them, what later pages of
that site are answered in the same request cannot be believed [source]."""

TABLE: dict[str, Rule] = {
    # limits
    "QUERY_LIMIT_EXCEEDED": Rule(RATE, "The portal gets too many requests from this address; slowing down."),
    "OPERATION_TIME_LIMIT": Rule(OPERATING, "The operating time of ten minutes is used up; waiting until some is free again."),
    # it may work the next time
    "INTERNAL_SERVER_ERROR": Rule(TRANSIENT, "The portal failed; retry later.", sent=None),
    "ERROR_UNEXPECTED_ANSWER": Rule(TRANSIENT, "The portal failed; retry later.", sent=None),
    "ERROR_CORE": Rule(TRANSIENT, "The portal failed; retry later.", sent=None),
    "CONNECTION_ERROR": Rule(TRANSIENT, "The portal cannot reach its authorisation server; retry later."),
    "WRONG_ENCODING": Rule(TRANSIENT, "The portal could not encode its answer; retry later.", is_alone=True, sent=True),
    "SYSTEM_ERROR": Rule(TRANSIENT, "The portal failed on this page: open it in the editor, save it, and retry.", is_alone=True),
    # the token
    "expired_token": Rule(TOKEN, "The access token has expired; renew it."),
    "invalid_token": Rule(TOKEN, "The access token is not known to the portal; authorise the application again."),
    TOKEN_NOT_RENEWED: Rule(TRANSIENT, "Check that this machine reaches the authorisation server; retry later."),
    LOGIN_NEEDED: Rule(CREDENTIAL, "Authorise the application again."),
    TOKENS_NOT_KEPT: Rule(CREDENTIAL, "Nothing is lost: make room or mend the file, then resume."),
    # this page
    "LANDING_NOT_EXIST": Rule(PAGE, "No such page for this credential: deleted, in the trash or in a deleted folder, not visible to the webhook's owner, or of another scope (knowledge bases need --scope KNOWLEDGE)."),
    "MISSING_PARAMS": Rule(PAGE, "The portal did not read the page's ID; check it in the list of pages."),
    "TYPE_ERROR": Rule(PAGE, "The portal did not accept the page's ID; check it in the list of pages."),
    "ERROR_ARGUMENT": Rule(PAGE, "The portal did not accept the page's ID; check it in the list of pages."),
    "URLCHECKER_FAIL": Rule(PAGE, "The portal considers something on this page, such as a link, malicious; remove it and retry."),
    "LANDING_PAYMENT_FAILED": Rule(PAGE, "The page comes from a Market application that is not paid for; renew it or rebuild the page."),
    "LANDING_PAYMENT_FAILED_BLOCK": Rule(PAGE, "A block of the page comes from a Market application that is not paid for; renew it or remove the block."),
    "SITE_NOT_FOUND": Rule(PAGE, "The page belongs to no site any more; move it to one and retry."),
    NOT_PUBLISHED: Rule(PAGE, "The portal accepted the call and did nothing: most likely the webhook's owner lacks the right to publish on this site (Sites > Access rights > Publish)."),
    # this site
    "PUBLIC_HTML_DISALLOWED": Rule(SITE, "On this plan a page with custom HTML blocks its whole site; remove the HTML block from the page (L) or site (S) in brackets."),
    "PUBLIC_SITE_REACHED": Rule(SITE, "The plan's limit of sites, created or published, is reached; take a site down, delete one, or upgrade the plan."),
    "PUBLIC_SITE_REACHED_FREE": Rule(SITE, "This plan publishes no sites of this kind; it never means knowledge bases or stores. Upgrade the plan, or leave these sites out."),
    "FREE_DOMAIN_IS_NOT_ALLOWED": Rule(SITE, "A free domain is not allowed for this site on this plan; give it a domain of its own."),
    "ACCESS_DENIED": Rule(SITE, "The webhook's owner may not publish on this site; give them the right in Sites > Access rights."),
    SITE_CHECKED_ONCE: Rule(SITE, "Retry it once the site can be published."),
    # the whole portal
    "PUBLIC_PAGE_REACHED": Rule(PORTAL, "The plan's limit of published pages is reached; take pages down or upgrade the plan, then resume."),
    "LICENSE_EXPIRED": Rule(PORTAL, "The licence of this self-hosted portal has expired; renew it, then resume."),
    "PHONE_NOT_CONFIRMED": Rule(PORTAL, "Confirm the portal's phone number once (publish one page by hand and follow the dialog), then resume."),
    "EMAIL_NOT_CONFIRMED": Rule(PORTAL, "Confirm the portal's e-mail address once (publish one page by hand and follow the dialog), then resume."),
    # the portal or the credential cannot be used
    "NO_AUTH_FOUND": Rule(CREDENTIAL, "The webhook URL, or an application's access token, is incomplete or wrong; copy the URL again from Developer resources > Inbound webhook."),
    "INVALID_CREDENTIALS": Rule(CREDENTIAL, "The webhook is wrong, deleted or out of date, or its owner lacks the rights; look at it, or create one, in Developer resources > Inbound webhook."),
    "insufficient_scope": Rule(CREDENTIAL, "The webhook lacks the permission for sites; tick Sites (landing) in its settings."),
    "user_access_error": Rule(CREDENTIAL, "The portal's administrator has not granted this application to the user."),
    "PORTAL_DELETED": Rule(CREDENTIAL, "The portal is closed or deleted. A self-hosted one can be opened again: Settings > Product settings > Module settings > Main module > Temporary closure."),
    "INVALID_REQUEST": Rule(CREDENTIAL, "The portal requires https; use https:// in the webhook URL."),
    "OVERLOAD_LIMIT": Rule(CREDENTIAL, "Bitrix24 has blocked this webhook or application by hand, for the load it made; only their support lifts that."),
    "ERROR_METHOD_NOT_FOUND": Rule(CREDENTIAL, "The portal does not know the method: the Sites module is missing, or the webhook lacks the permission for sites (landing)."),
    "authorization_error": Rule(CREDENTIAL, "The webhook's owner is no longer active on the portal."),
    "METHOD_CONFIRM_WAITING": Rule(CREDENTIAL, "An administrator of the portal has to confirm this call first."),
    "METHOD_CONFIRM_DENIED": Rule(CREDENTIAL, "An administrator of the portal has refused this call."),
    "allowed_only_intranet_user": Rule(CREDENTIAL, "The webhook's owner is not an employee on the portal; use another user's webhook."),
    "ERROR_MANIFEST_IS_NOT_AVAILABLE": Rule(CREDENTIAL, "The portal has no such import: the call did not reach the method for pages; check the address in the webhook URL."),
    "PAYMENT_REQUIRED": Rule(CREDENTIAL, "The subscription has ended; REST needs a plan that includes it."),
    "invalid_grant": Rule(CREDENTIAL, "Authorise the application again."),
    "invalid_client": Rule(CREDENTIAL, "Check the application's client ID and secret."),
    "wrong_client": Rule(CREDENTIAL, "Check the application's client ID and secret."),
    "ERROR_OAUTH": Rule(CREDENTIAL, "The application is not installed on the portal."),
    "NOT_INSTALLED": Rule(CREDENTIAL, "The application is not installed on the portal."),
    "APPLICATION_NOT_FOUND": Rule(CREDENTIAL, "The application is not installed on the portal."),
    SURROUNDED: Rule(CREDENTIAL, "Something on the portal prints into its answers: set display_errors to Off in its php.ini, and fix what is named here, often in php_interface/init.php. What was sent may be done.", sent=True),
    MOVED: Rule(CREDENTIAL, "The portal has another address now; put it into the webhook URL."),
    NO_SUCH_ADDRESS: Rule(CREDENTIAL, "This is not a portal's address, or something in between refuses it; check the webhook URL."),
    BAD_CERTIFICATE: Rule(CREDENTIAL, "Name the authority that signed the certificate with --ca-file or SSL_CERT_FILE. If it has expired or is for another host, fix it there, or fix the address in the webhook URL."),
    NO_TLS: Rule(CREDENTIAL, "Check the host and the port in the webhook URL: a portal speaks TLS there."),
    PROXY_REFUSED: Rule(CREDENTIAL, "Allow the portal's host on the proxy that HTTPS_PROXY names, or add it to NO_PROXY to bypass the proxy."),
    PROXY_WANTS_LOGIN: Rule(CREDENTIAL, "Put its user name and password into HTTPS_PROXY: http://NAME:PASSWORD@HOST:PORT."),
    # the batch, not its pages
    "ERROR_BATCH_METHOD_NOT_ALLOWED": Rule(BATCH, "The portal takes no batch of this method; sending single calls."),
    "ERROR_BATCH_LENGTH_EXCEEDED": Rule(BATCH, "The portal takes shorter batches."),
    # what came back was no answer
    NO_ANSWER: Rule(TRANSIENT, "No answer came; retry later."),
    UNREACHABLE: Rule(TRANSIENT, "The portal could not be reached; check the network and retry."),
    NO_NETWORK: Rule(TRANSIENT, "This machine has no network route to the portal, or its name servers do not answer; check both and retry."),
    TOO_MANY_FILES: Rule(TRANSIENT, "Raise the limit of open files (ulimit -n, or LimitNOFILE in a systemd unit), or lower --concurrency."),
    PROXY_FAILED: Rule(TRANSIENT, "Check the proxy that HTTPS_PROXY names; to bypass it, add the portal's host to NO_PROXY."),
    NO_PORTAL: Rule(TRANSIENT, "What answered does not look like a Bitrix24 portal: check the address in the webhook URL, and whether something in between answers instead."),
    NOT_JSON: Rule(TRANSIENT, "The portal's front server answered instead of the portal; retry later."),
    TOO_LARGE: Rule(TRANSIENT, "The answer was larger than any real one; retry later."),
    MISSING_FROM_ANSWER: Rule(TRANSIENT, "The answer said nothing about this page; retry later."),
}  # fmt: skip
"""Every code that is known, in the portal's own spelling."""

PASSING = frozenset(
    code.upper() for code, rule in TABLE.items() if rule.kind in {RATE, OPERATING, TRANSIENT}
)
"""Codes, in capitals, of causes that pass: what failed by one of them may work the next time."""

_BY_UPPER_CODE = {code.upper(): rule for code, rule in TABLE.items()}

REST_NOT_ON_PLAN = Rule(
    CREDENTIAL, "REST is not part of this portal's plan; it needs one that includes REST."
)
"""``ACCESS_DENIED`` of the answer itself with 401: with 403 or 400 it is the method's own."""

REFUSED_CREDENTIAL = Rule(
    CREDENTIAL, "The portal refused the webhook; check it, and what its owner may do."
)
"""401 or 403 with a code that is not known."""

UNKNOWN = Rule(
    PAGE,
    "This error is not known here; publish the page by hand on the portal to see what is wrong.",
)
"""A code that says little, which is taken for the page's own failure."""

_SERVER_ERRORS = range(500, 600)
_REDIRECTS = range(300, 400)
_LONGEST_TEXT = 500
_LONGEST_CODE = 100
_LONGEST_QUOTE = 200


def classify(code: object, description: str, *, status: int, in_command: bool) -> Fault:
    """An error answer of the portal as a fault.

    Args:
        code: ``error`` as it came: text, a number, or empty.
        description: ``error_description`` as it came; tags and entities are taken out.
        status: The HTTP status of the whole answer.
        in_command: The error stands on one command of a batch.
    """
    text = "" if code is None else _one_line(str(code)[:_LONGEST_CODE])
    rule = _rule(text, status=status, in_command=in_command)
    return Fault(
        kind=rule.kind,
        code=text or "0",
        description=plain_text(description),
        hint=rule.hint,
        sent=rule.sent,
        is_alone=rule.is_alone,
    )


def own_fault(code: str, description: str, *, sent: bool | None) -> Fault:
    """A fault that the portal gave no code for; *code* is one of ours."""
    rule = TABLE[code]
    return Fault(rule.kind, code, description, rule.hint, sent, rule.is_alone)


def surrounded(around: str) -> Fault:
    """The fault in an answer with *around* around it, of which nothing is believed."""
    # PHP makes single words of its warnings bold: no blanks belong in their place.
    words = plain_text(re.sub(r"</?b>", "", around)) or _one_line(around)
    words = words if len(words) <= _LONGEST_QUOTE else f"{words[:_LONGEST_QUOTE].rstrip()}…"
    return own_fault(
        SURROUNDED, f"The portal's answer is mixed with something else: '{words}'.", sent=True
    )


def classify_page_of_html(status: int) -> Fault:
    """The fault in an answer that is no JSON.

    Source: docs/bitrix24.md §6, §7: a 503 in HTML is no rate limit; a 500 without JSON is a fatal
    error in one command, and the earlier ones are done.
    """
    if status in _REDIRECTS:
        return own_fault(MOVED, f"The portal answered {status}.", sent=False)
    if status in {401, 403, 404, 405, 410}:
        return own_fault(
            NO_SUCH_ADDRESS, f"The address answered {status}, but not as a portal.", sent=False
        )
    # A front server that says 4xx has kept the request to itself.
    return own_fault(
        NOT_JSON,
        f"HTTP {status} with a page instead of an answer.",
        sent=status not in range(400, 500),
    )


def base_code(code: str) -> str:
    """*code* without what stands in brackets, in capitals: failures alike have it in common."""
    return code.partition("[")[0].strip().upper()


def is_known(code: str) -> bool:
    """Whether the table says what is wrong with a page that failed with *code*."""
    base = base_code(code)
    return base in _BY_UPPER_CODE and base != "ERROR_CORE"


def plain_text(description: str) -> str:
    """*description* without tags, entities, control characters and runs of white space, at most 500 characters."""
    unescaped = html.unescape(description[: 10 * _LONGEST_TEXT])
    return _one_line(re.sub(r"</?[A-Za-z][^<>]*>", " ", unescaped))[:_LONGEST_TEXT].strip()


def _one_line(text: str) -> str:
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", text).strip()


def _rule(code: str, *, status: int, in_command: bool) -> Rule:
    base = base_code(code)
    # A command of a batch has no status of its own: the answer's 200 says nothing about it.
    status = 200 if in_command else status
    if base == "ACCESS_DENIED" and status == 401:
        return REST_NOT_ON_PLAN
    if base == "ERROR_CORE" and status not in _SERVER_ERRORS:
        return UNKNOWN
    return _BY_UPPER_CODE.get(base) or _by_status(status)


def _by_status(status: int) -> Rule:
    if status in _SERVER_ERRORS:
        return TABLE["INTERNAL_SERVER_ERROR"]
    if status == 429:
        return TABLE["OPERATION_TIME_LIMIT"]
    if status in {401, 403}:
        return REFUSED_CREDENTIAL
    return UNKNOWN
