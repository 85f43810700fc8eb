"""Which collections has Knowledge base 2.0? Their documents have no publish step.

Source: docs/bitrix24.md §10 [doc].
"""

from bulk_publisher.client.session import Session
from bulk_publisher.portal.wire import Answer

_METHOD = "note.collection.list"
_MOST = 200
"""Collections in one list, as many as the portal gives."""


async def collection_names(session: Session) -> list[str]:
    """The names of the first of them; none where the portal does not list them.

    Nothing depends on them: one question, and a refusal is no more than no answer.
    """
    answer = await session.calls.call(_METHOD, {"pagination": {"limit": _MOST}}, attempts=1)
    result = answer.result if isinstance(answer, Answer) else None
    items = result.get("items") if isinstance(result, dict) else None
    rows = [row for row in items if isinstance(row, dict)] if isinstance(items, list) else []
    return [str(row.get("name") or row.get("id") or "?") for row in rows]
