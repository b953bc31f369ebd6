"""SBML text to a light tree in one pass of expat: formulas arrive finished, notes and annotations as raw text."""

from __future__ import annotations

import re
from itertools import pairwise
from pyexpat import ExpatError, ParserCreate

from manyscale.errors import InputError
from manyscale.formats.sbml.mathml import MATHML, Formula, MathReader
from manyscale.formats.xmltext import quoted

MAX_LEVELS = 200  # nesting of SBML elements outside formulas, notes and annotations
_TAG = r"""<[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*>"""
_RAW_START, _START_TAG, _NAME = re.compile(_TAG.encode()), re.compile(_TAG), re.compile(r"<[^\s/>]+")
_PREFIX = re.compile(r"""[<\s/]([A-Za-z_][\w.-]*):[A-Za-z_]""")
_DECLARED = re.compile(r"""xmlns:([A-Za-z_][\w.-]*)\s*=""")
DESCRIBED = frozenset(
    [
        "model",
        "functionDefinition",
        "unitDefinition",
        "compartment",
        "species",
        "parameter",
        "localParameter",
        "initialAssignment",
        "assignmentRule",
        "rateRule",
        "algebraicRule",
        "constraint",
        "reaction",
        "kineticLaw",
        "speciesReference",
        "modifierSpeciesReference",
        "event",
    ]
)  # elements whose notes and annotations are kept
RAW = ("notes", "annotation", "message")


class Node:
    """One SBML core element. `formula` is its MathML child, `raw` its notes, annotation or message as XML text."""

    __slots__ = ("attributes", "children", "formula", "line", "raw", "tag")

    def __init__(self, tag: str, attributes: dict[str, str], line: int):
        self.tag, self.attributes, self.line = tag, attributes, line
        self.children: list[Node] = []
        self.formula: Formula | None = None
        self.raw: dict[str, str] | None = None

    def get(self, name: str) -> str | None:
        """Attribute by name, None where it is missing."""
        return self.attributes.get(name)

    def text(self, name: str) -> str:
        """Attribute by name, empty where it is missing."""
        return self.attributes.get(name, "")

    def child(self, tag: str) -> Node | None:
        """First child with this tag."""
        for node in self.children:
            if node.tag == tag:
                return node
        return None

    def list(self, tag: str) -> list[Node]:
        """Children of the child list with this tag."""
        found = self.child(tag)
        return found.children if found is not None else []


class Document:
    """What the parser saw: the `sbml` element, namespaces by prefix, and per foreign namespace the names used."""

    def __init__(self, root: Node, namespaces: dict[str, str], foreign: dict[str, set[str]], core: str, left_out: set):
        self.root, self.namespaces, self.foreign, self.core = root, namespaces, foreign, core
        self.left_out = left_out  # elements whose notes or annotations find no place in a Model


def parse(data: bytes, source: str) -> Document:
    """Parse UTF-8 SBML text. Raises InputError with the line for anything that is not well-formed or hostile."""
    builder = _Builder(data, source)
    try:
        builder.parser.Parse(data, True)
    except ExpatError as error:
        raise InputError(f"{source}, line {error.lineno}: not well-formed XML ({_reason(error)}); {_FIX}") from None
    return builder.document()


_FIX = "check that the file is complete and was saved by an SBML tool"


def _reason(error: ExpatError) -> str:
    return str(error).split(":")[0]


class _Builder:
    """Handlers of the parser. Three modes: elements, formula, and raw text or foreign elements that are skipped."""

    def __init__(self, data: bytes, source: str):
        self.data, self.source = data, source
        parser = self.parser = ParserCreate("utf-8", " ")
        parser.ordered_attributes = False
        parser.buffer_text = True
        self.names: dict[str, str | None] = {}  # full tag -> local name of a core element, None if foreign
        self.core = ""
        self.root: Node | None = None
        self.stack: list[Node] = []
        self.packages = False  # whether namespaces of packages are declared
        self.left_out: set[str] = set()  # elements with notes or annotations that a Model has no place for
        self.namespaces: dict[str, str] = {}
        self.foreign: dict[str, set[str]] = {}
        self.skipped = 0
        self.raw_tag, self.content = "", -1  # of a raw element: bytes of content and its elements
        self.children: list[int] = []
        self.scope: dict[str, list[str]] = {}  # prefix -> namespaces, innermost last
        self.math = MathReader(self.where)
        self.math_line = 0
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.StartNamespaceDeclHandler = self._namespace
        parser.EndNamespaceDeclHandler = self._end_namespace
        self._element_mode()

    def where(self) -> str:
        return f"{self.source}, line {self.parser.CurrentLineNumber}"

    def document(self) -> Document:
        if self.root is None:
            raise InputError(f"{self.source}: no SBML element found; is this an SBML file?")
        return Document(self.root, self.namespaces, self.foreign, self.core, self.left_out)

    def _element_mode(self) -> None:
        parser = self.parser
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = None

    def _refuse_doctype(self, *_):
        raise InputError(
            f"{self.where()}: the file has a document type declaration, which SBML does not use and which could load "
            "other files or expand without limit; remove the <!DOCTYPE ...> part"
        )

    def _namespace(self, prefix, uri):
        if prefix:
            self.scope.setdefault(prefix, []).append(uri)

    def _end_namespace(self, prefix):
        if prefix:
            self.scope[prefix].pop()

    def _local(self, tag: str) -> str | None:
        """Local name of a core element, None for an element of another namespace."""
        space, _, local = tag.rpartition(" ")
        if self.root is None:
            if local != "sbml" or not space.startswith("http://www.sbml.org/sbml/level"):
                raise InputError(f"{self.where()}: the file is XML but not SBML (its first element is '{local}')")
            self.core = space
            self.namespaces = {prefix: uris[-1] for prefix, uris in self.scope.items() if uris}
            self.packages = any("/sbml/level3/" in uri and uri != space for uri in self.namespaces.values())
        name = self.names[tag] = local if space == self.core else None
        return name

    def _start(self, tag: str, attributes: dict) -> None:
        local = self.names[tag] if tag in self.names else self._local(tag)
        if local is None:
            self._start_foreign(tag)
        elif local in RAW:
            self._start_raw(local)
        else:
            node = Node(local, attributes, self.parser.CurrentLineNumber)
            if self.packages and self.stack:
                self._note_foreign(attributes)
            if self.stack:
                self.stack[-1].children.append(node)
                if len(self.stack) > MAX_LEVELS:
                    raise InputError(f"{self.where()}: elements are nested more than {MAX_LEVELS} levels deep")
            else:
                self.root = node
            self.stack.append(node)

    def _end(self, tag: str) -> None:
        self.stack.pop()

    def _note_foreign(self, attributes: dict) -> None:
        """Attributes of other namespaces count as use of them."""
        for name in attributes:
            if " " in name:
                space, _, local = name.rpartition(" ")
                self.foreign.setdefault(space, set()).add(local)

    # formulas

    def _start_foreign(self, tag: str) -> None:
        space, _, local = tag.rpartition(" ")
        if space == MATHML and local == "math":
            self.math.begin()
            self.math_line = self.parser.CurrentLineNumber
            parser = self.parser
            parser.StartElementHandler, parser.EndElementHandler = self.math.start, self._end_in_math
            parser.CharacterDataHandler = self.math.data
            return
        self.foreign.setdefault(space, set()).add(local)
        self._skip("")

    def _end_in_math(self, tag: str) -> None:
        if len(self.math.stack) > 1 or self.math.ignoring:
            self.math.end(tag)
            return
        formula = self.math.finish(self.math_line)
        owner = self.stack[-1]
        if owner.formula is not None:
            raise InputError(f"{self.where()}: '{owner.tag}' has more than one math element; keep one")
        owner.formula = formula
        self._element_mode()

    # raw text and foreign elements

    def _start_raw(self, local: str) -> None:
        match = _RAW_START.match(self.data, self.parser.CurrentByteIndex)
        self._skip(local, match.end() if match and not match.group().endswith(b"/>") else -1)

    def _skip(self, local: str, content: int = -1) -> None:
        self.raw_tag, self.content, self.children = local, content, []
        self.skipped = 1
        self.parser.StartElementHandler, self.parser.EndElementHandler = self._start_skipped, self._end_skipped

    def _start_skipped(self, tag: str, attributes: dict) -> None:
        if self.skipped == 1 and self.raw_tag:
            self.children.append(self.parser.CurrentByteIndex)
        self.skipped += 1

    def _end_skipped(self, tag: str) -> None:
        self.skipped -= 1
        if self.skipped:
            return
        content, local = self.content, self.raw_tag
        if local and content >= 0 and self.stack:
            text = self._raw_text(content, self.parser.CurrentByteIndex)
            if text.strip():
                node = self.stack[-1]
                if node.raw is None:
                    node.raw = {}
                if node.tag not in DESCRIBED:
                    self.left_out.add(node.tag)
                node.raw.setdefault(local, f"<{local}>{text}</{local}>")
        self._element_mode()

    def _raw_text(self, begin: int, end: int) -> str:
        """Raw content whose top elements declare the prefixes they use, so that it can stand alone."""
        cuts = [begin, *self.children, end]
        pieces = [self.data[a:b].decode("utf-8") for a, b in pairwise(cuts)]
        for i, piece in enumerate(pieces[1:], 1):
            match = _START_TAG.match(piece)
            if match is None:
                continue
            declared = set(_DECLARED.findall(match.group()))
            wanted = sorted(set(_PREFIX.findall(piece)) - declared)
            extra = "".join(
                f" xmlns:{prefix}={quoted(self.scope[prefix][-1])}" for prefix in wanted if self.scope.get(prefix)
            )
            if extra:
                pieces[i] = _NAME.sub(lambda name, extra=extra: name.group() + extra, piece, count=1)
        return "".join(pieces)
