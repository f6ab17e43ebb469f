"""The Spanish of the portal's texts: which are marked in the code, and what is wrong with them.

No gettext needs to be installed. What is read on the command line stays English: the commands,
the simulator and the demo are left out.
"""

import re
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

LANGUAGE = "es"
FOLDERS = ("connector", "portal")
LEFT_OUT = ("connector/simulator/", "connector/demo/", "connector/management/")
PO = Path("connector/locale") / LANGUAGE / "LC_MESSAGES" / "django.po"

HEAD = "# The portal's texts in Spanish, for contact centres in Latin America."

PLURAL = (1, 2)
IN_CONTEXT = ((1, "c"), 2)
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": PLURAL,
    "ngettext_lazy": PLURAL,
    "pgettext": IN_CONTEXT,
    "pgettext_lazy": IN_CONTEXT,
    "npgettext": ((1, "c"), 2, 3),
}
PLACEHOLDER = re.compile(r"%%|%(?:\(\w+\))?[.\d]*[sdfr]|{\w*}")
TAG = re.compile(r"</?[a-z][^<>]*>")

Strings = str | tuple[str, ...] | list[str] | None


def marked(root: Path) -> Catalog:
    """Every text of the project in `root` that is marked for translation."""
    found = Catalog()
    for path in _files(root):
        name = path.relative_to(root).as_posix()
        for line, strings, _comments, context in extract("python", _code(path), KEYWORDS):
            found.add(strings, locations=[(name, line)], context=context)
    return found


def _files(root: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.suffix in (".py", ".html", ".txt") and not name.startswith(LEFT_OUT):
                yield path


def _code(path: Path) -> BytesIO:
    if path.suffix == ".py":
        return BytesIO(path.read_bytes())
    code = templatize(path.read_text("utf-8"), origin=str(path))
    # Between brackets, so that the template's own indentation means nothing.
    return BytesIO(f"(\n{code}\n)".encode())


def problems(root: Path) -> Iterator[str]:
    """What has to be put right before the project in `root` is whole in Spanish."""
    wanted, spanish = marked(root), _read(root)
    for message in wanted:
        if message.id and _find(spanish, message) is None:
            yield f"missing: {_name(message)}"
    for message in spanish:
        if message.id:
            yield from (f"{fault}: {_name(message)}" for fault in _faults(message, wanted))
    for message in spanish.obsolete.values():
        yield f"obsolete: {_name(message)}"
    mo = (root / PO).with_suffix(".mo")
    if not mo.exists() or mo.read_bytes() != _compile(spanish):
        yield f"out of date: {mo.name} is not what {PO.name} compiles to"


def _faults(message: Message, wanted: Catalog) -> Iterator[str]:
    if _find(wanted, message) is None:
        yield "obsolete"
    elif message.fuzzy:
        yield "fuzzy"
    elif not message.string or not all(_forms(message.string)):
        yield "empty"
    elif not _fits(message):
        yield "other placeholders or tags than the original"


def _fits(message: Message) -> bool:
    """Whether each form holds what its original does; the first of several may be that of one
    thing alone (“one queue”) or say the number as the others do."""
    originals = [_parts(text) for text in _forms(message.id)]
    first, *others = [_parts(text) for text in _forms(message.string)]
    return first in originals and all(parts == originals[-1] for parts in others)


def _parts(text: str) -> tuple[set[str], Counter[str]]:
    return set(PLACEHOLDER.findall(text)), Counter(TAG.findall(text))


def _forms(text: Strings) -> list[str]:
    return [text] if isinstance(text, str) else list(text or ())


def write(root: Path) -> None:
    """Bring both files up to date. What is new has no translation yet; where it resembles a text
    that is gone, it has the old translation and is fuzzy."""
    spanish, wanted = _read(root), marked(root)
    wanted.creation_date = spanish.creation_date  # or every call would change both files
    spanish.update(wanted)
    spanish.obsolete.clear()
    (root / PO).parent.mkdir(parents=True, exist_ok=True)
    with (root / PO).open("wb") as file:
        write_po(file, spanish, width=100, sort_by_file=True, include_lineno=False)
    (root / PO).with_suffix(".mo").write_bytes(_compile(spanish))


def _read(root: Path) -> Catalog:
    path = root / PO
    if not path.exists():
        return Catalog(locale=LANGUAGE, header_comment=HEAD, fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=LANGUAGE)


def _compile(catalog: Catalog) -> bytes:
    file = BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def _find(catalog: Catalog, message: Message) -> Message | None:
    return catalog.get(message.id, message.context)


def _name(message: Message) -> str:
    places = ", ".join(sorted({place for place, _line in message.locations}))
    return f"“{_forms(message.id)[0]}”" + (f" ({places})" if places else "")
