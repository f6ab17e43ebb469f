"""The file as text: where it comes from, and YAML in which nothing is said twice."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from connector.errors import ConfigurationError


@dataclass(frozen=True)
class Source:
    """The text of a configuration file, and the folder that its `{file: PATH}` start from."""

    text: str
    folder: Path

    @classmethod
    def open(cls, name: str) -> "Source":
        """Read a file, or standard input for `-`; raises ConfigurationError."""
        try:
            raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
            text = raw.decode("utf-8-sig")
        except OSError as exc:
            raise ConfigurationError(f"{name} cannot be read: {exc.strerror}.") from exc
        except ValueError as exc:
            raise ConfigurationError(f"{name} is not a text file in UTF-8.") from exc
        return cls(text, Path() if name == "-" else Path(name).parent)


class _Loader(yaml.SafeLoader):
    """A date in the file is the text that it looks like."""


_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: str(node.value))


def parse(text: str) -> Any:
    """What the YAML says; raises ConfigurationError, also where a key stands twice."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            raise ConfigurationError("The file is empty.")
        _refuse_repetition(node)
        return loader.construct_document(node)
    except yaml.YAMLError as exc:
        raise ConfigurationError(_in_one_line(exc)) from exc
    except (ValueError, OverflowError) as exc:
        raise ConfigurationError(f"The file holds a value that YAML cannot read: {exc}.") from exc
    except RecursionError:
        raise ConfigurationError("The file is nested too deeply.") from None


def _refuse_repetition(root: yaml.Node) -> None:
    mistakes = list(_repeated_keys(root, ""))
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))


def _repeated_keys(node: yaml.Node, path: str) -> Iterator[str]:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeated_keys(item, f"{path}[{index}]")
    elif isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            place = f"{path}.{key.value}".lstrip(".")
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                yield f"{place}: stands here twice (line {key.start_mark.line + 1})."
            seen.add(str(key.value))
            yield from _repeated_keys(value, place)


def _in_one_line(exc: yaml.YAMLError) -> str:
    if isinstance(exc, yaml.MarkedYAMLError) and exc.problem_mark:
        mark = exc.problem_mark
        problem = " ".join((exc.problem or exc.context or "cannot be read").split())
        return f"The file is not YAML: line {mark.line + 1}, column {mark.column + 1}: {problem}."
    return f"The file is not YAML: {' '.join(str(exc).split())}."
