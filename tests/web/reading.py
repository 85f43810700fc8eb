"""A page as it is read: its elements, and what of it would be against the rules."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_FIELDS = {"input", "select", "textarea"}


@dataclass
class Element:
    """An element, with the words in it."""

    name: str
    attributes: dict[str, str | None]
    inside: tuple[str, ...]
    text: str = ""


@dataclass
class Read(HTMLParser):
    """What was read."""

    elements: list[Element] = field(default_factory=list)
    _open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def __hash__(self) -> int:
        return id(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs), tuple(one.name for one in self._open))
        self.elements.append(element)
        if tag not in {"meta", "link", "input", "br", "rect", "line", "polyline", "polygon"}:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in {one.name for one in self._open}:
            while self._open.pop().name != tag:
                pass

    def handle_data(self, data: str) -> None:
        for one in self._open:
            one.text += f" {data}"

    def all(self, name: str) -> list[Element]:
        """The elements of that name."""
        return [one for one in self.elements if one.name == name]

    def rows(self) -> list[str]:
        """The words of each row in a body of a table."""
        return [" ".join(one.text.split()) for one in self.all("tr") if "tbody" in one.inside]


def read(html: str) -> Read:
    """*html*, read."""
    found = Read()
    found.feed(html)
    return found


def against_the_rules(html: str) -> list[str]:
    """What of *html* can't be used by everybody, or would be refused by the policy that is sent with it."""
    return [*_unusable(read(html)), *_refused(read(html))]


def _unusable(page: Read) -> Iterator[str]:
    if len(page.all("h1")) != 1:
        yield f"{len(page.all('h1'))} h1"
    yield from (f"th without scope: {one.text}" for one in page.all("th") if one.attributes.get("scope") not in {"row", "col"})  # fmt: skip
    if len(page.all("caption")) != len(page.all("table")):
        yield "a table without caption"
    yield from (
        f"a field without a name: {one.attributes}"
        for one in page.elements
        if one.name in _FIELDS
        and one.attributes.get("type") != "hidden"
        and "label" not in one.inside
        and "id" not in one.attributes
    )
    ids = Counter(one.attributes["id"] for one in page.elements if "id" in one.attributes)
    yield from (f"two of id {name}" for name, count in ids.items() if count > 1)
    yield from (f"a link without words: {one.attributes}" for one in page.all("a") if not one.text.strip())  # fmt: skip
    yield from (
        f"a picture without words: {one.attributes}"
        for one in page.all("svg")
        if not one.attributes.get("aria-label") and one.attributes.get("aria-hidden") != "true"
    )


def _refused(page: Read) -> Iterator[str]:
    for one in page.elements:
        names = set(one.attributes)
        if "style" in names or one.name == "style":
            yield f"a style inline: {one.name}"
        yield from (f"{one.name} {name}" for name in names if name.startswith("on"))
        if one.name == "script" and not one.attributes.get("src"):
            yield "a script inline"
        if one.name in {"img", "iframe", "object", "embed"}:
            yield one.name
        address = one.attributes.get("href") or ""
        if one.name == "a" and not address.startswith(("/", "https://", "http://", "#", "?")):
            yield f"a link to {address}"
