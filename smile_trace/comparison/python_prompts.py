"""The prompts that a Python file makes, read from its syntax tree: none of its code is run."""

import ast
import inspect
import re
import textwrap
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_CALLED: dict[str, Callable[[str], str]] = {"dedent": textwrap.dedent, "cleandoc": inspect.cleandoc}
"""Functions of a text that are applied to constants."""
LONGEST, MOST = 1_000_000, 10_000_000
"""Characters of a template that is put together, and of all texts of a file: names of names of
names could be put together without end."""
MOST_WRITTEN = 20_000_000
"""Characters of the syntax trees of a file's calls: those of a megabyte, say."""


@dataclass(frozen=True)
class WrittenPrompt:
    """A call `Prompt("name", template="…")`. `template` is None where it is not written as a
    string, for the reason `why`; `same` is equal for two calls that are written alike."""

    name: str
    template: str | None
    line: int
    why: str
    same: str


class NotPython(ValueError):
    """A file cannot be parsed; the message says where."""


def prompts_in(source: str) -> list[WrittenPrompt]:
    """The calls of smile_trace's `Prompt` in a file, in its order. Raises NotPython."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in its texts
            tree = ast.parse(source)
        return sorted(_Reader(tree).found(), key=lambda one: one.line)
    except SyntaxError as error:
        raise NotPython(
            f"it is not valid in this release of Python (line {error.lineno})"
        ) from None
    except (ValueError, RecursionError, MemoryError):
        raise NotPython("it cannot be parsed") from None


class _Reader:
    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._prompts, self._modules = set[str](), set[str]()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "smile_trace":
                called = [alias for alias in node.names if alias.name == "Prompt"]
                self._prompts |= {alias.asname or alias.name for alias in called}
            elif isinstance(node, ast.Import):
                called = [alias for alias in node.names if alias.name == "smile_trace"]
                self._modules |= {alias.asname or alias.name for alias in called}
        self._set = Counter(filter(None, map(_sets, ast.walk(tree))))
        self._constants = dict(self._assigned(tree))
        self._left, self._unwritten = MOST, MOST_WRITTEN

    def _assigned(self, tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
        """The names of the module that are set once."""
        for node in tree.body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value) | (
                    ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                ) if self._set[name] == 1:
                    yield name, value

    def found(self) -> Iterator[WrittenPrompt]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and self._makes_a_prompt(node.func):
                given = {word.arg: word.value for word in node.keywords}
                named = node.args[0] if node.args else given.get("name")
                name, template = self._sendable(named), self._sendable(given.get("template"))
                why = f"its template is {_kind(given.get('template'))}"
                if name is None:
                    name, template, why = "a prompt", None, f"its name is {_kind(named)}"
                yield WrittenPrompt(name, template, node.lineno, why, self._written(node))

    def _written(self, node: ast.Call) -> str:
        """What is equal for calls that are written alike, as far as `MOST_WRITTEN` goes: of calls
        within calls, each is written again with all that is in it."""
        if self._unwritten <= 0:
            return f"line {node.lineno}"
        written = ast.dump(node)
        self._unwritten -= len(written)
        return written

    def _sendable(self, node: ast.expr | None) -> str | None:
        """The text, if it holds no half of a character, which nobody could send."""
        text = self._text(node)
        return None if text is None or re.search("[\ud800-\udfff]", text) else text

    def _makes_a_prompt(self, called: ast.expr) -> bool:
        match called:
            case ast.Name(id=name):
                return name in self._prompts
            case ast.Attribute(value=ast.Name(id=module), attr="Prompt"):
                return module in self._modules
        return False

    def _text(self, node: ast.expr | None, within: int = 9) -> str | None:
        """The text that an expression stands for, as far as nothing has to be run to know it."""
        match node:
            case ast.Constant(value=str(constant)):
                return constant
            case ast.Name(id=name) if within:
                return self._text(self._constants.get(name), within - 1)
            case ast.BinOp(left=left, op=ast.Add(), right=right) if self._left > 0:
                one = self._text(left, within)
                other = None if one is None else self._text(right, within)
                if one is None or other is None or not self._takes(one, other):
                    return None
                return one + other
            case ast.Call(func=ast.Attribute(value=inner, attr="strip"), args=[], keywords=[]):
                return self._applied(str.strip, inner, within)
            case ast.Call(
                func=ast.Name(id=name) | ast.Attribute(attr=name), args=[inner], keywords=[]
            ) if name in _CALLED:
                return self._applied(_CALLED[name], inner, within)
        return None

    def _applied(self, to: Callable[[str], str], node: ast.expr, within: int) -> str | None:
        text = self._text(node, within)
        return None if text is None or not self._takes(text) else to(text)

    def _takes(self, *texts: str) -> bool:
        """Whether these may be put together; each time counts as a hundred characters."""
        length = sum(map(len, texts))
        self._left -= length + 100
        return length <= LONGEST and self._left > 0


def _sets(node: ast.AST) -> str | None:
    """The name that a node gives a value."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            return name
    return None


def _kind(node: ast.expr | None) -> str:
    match node:
        case None:
            return "not given by name"
        case ast.JoinedStr():
            return "an f-string"
        case ast.Name() | ast.Attribute():
            return f"{ast.unparse(node)[:60]}, which this file does not define as a string"
    return "not written as a string"
