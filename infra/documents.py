"""Check the documents: `python -m infra.documents`, which `make lint` runs.

Checked are relative links and their anchors, paths of this project, sections of docs/contract.md that any
file refers to ("contract, section 3.1"), and targets of the Makefile. Addresses on the internet are not
opened.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).parents[1]
CONTRACT = "docs/contract.md"

# Records of their time: the code that they name may have moved since.
_HISTORICAL = ("docs/decisions/", "CHANGELOG.md")
_TEXT = {".css", ".html", ".js", ".md", ".py", ".toml", ".ts", ".txt", ".yaml", ".yml", ""}
_NOT_OURS = {"__pycache__", "node_modules"}

_FENCED = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.MULTILINE | re.DOTALL)
_INLINE_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_INDENTED = re.compile(r"^ {4}.+$", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_LINK = re.compile(
    r"\]\(\s*([^)\s]+)[^)]*\)|\b(?:src|srcset|href)=\"([^\"]+)\"|^\[[^\]^]+\]:\s*(\S+)", re.MULTILINE
)
_EXTERNAL = re.compile(r"[a-z][a-z+.-]*:", re.IGNORECASE)
_TARGETS = re.compile(r"^([a-z][a-z-]*):(?!=)", re.MULTILINE)
_MAKE = re.compile(r"(?<![\w/.-])make((?: +-[a-zA-Z]+| +[A-Z_]+=\S+)*) +([a-z][a-z-]*)\b")
_PATH = re.compile(
    r"(?<![\w/.{}$(-])((?:docs|events|examples|functions|infra|layers|tests)/[\w./{},*<>-]*[\w/}*])"
)
_GAP = r"[\s#*|>]+"  # also over the end of a line of a comment
_NUMBERS = rf"\d+(?:\.\d+)?(?:(?:,(?:{_GAP}and)?|{_GAP}and|{_GAP}or){_GAP}\d+(?:\.\d+)?)*"
_SECTION_OF_CONTRACT = re.compile(rf"\bcontract,?{_GAP}(?:sections?{_GAP})?({_NUMBERS})", re.IGNORECASE)
_SECTION = re.compile(rf"\bsections?{_GAP}({_NUMBERS})", re.IGNORECASE)


@dataclass(frozen=True)
class Project:
    """The files below a folder."""

    root: Path

    @cached_property
    def texts(self) -> dict[str, str]:
        """Every text file by its path below the root."""
        return {
            path.relative_to(self.root).as_posix(): path.read_text(encoding="utf-8", errors="replace")
            for path in _files(self.root)
            if path.suffix in _TEXT
        }

    @cached_property
    def documents(self) -> dict[str, str]:
        """Every Markdown file by its path below the root."""
        return {path: text for path, text in self.texts.items() if path.endswith(".md")}

    def problems(self) -> list[str]:
        """Every fault as "path:line: what is wrong", in the order of the files."""
        found = [*self._links(), *self._sections(), *self._paths(), *self._targets()]
        return [f"{path}:{line}: {problem}" for path, line, problem in sorted(found)]

    def _links(self) -> Iterator[tuple[str, int, str]]:
        for path, text in self.documents.items():
            for match in _LINK.finditer(_without_code(text)):
                target = next(group for group in match.groups() if group)
                if _EXTERNAL.match(target):
                    continue
                file, _, anchor = target.partition("#")
                place = (self.root / path).parent / unquote(file) if file else self.root / path
                problem = self._problem_of(place, unquote(anchor))
                if problem:
                    yield path, _line(text, match.start()), f"link {target}: {problem}"

    def _problem_of(self, place: Path, anchor: str) -> str | None:
        place = place.resolve()
        if not place.is_relative_to(self.root.resolve()):
            return "outside the project"
        if not place.exists():
            return "no such file"
        if anchor:
            linked = self.documents.get(place.relative_to(self.root.resolve()).as_posix())
            if linked is None or anchor not in anchors(linked):
                return "no such heading"
        return None

    def _sections(self) -> Iterator[tuple[str, int, str]]:
        known = set(re.findall(r"^#{2,3} (\d+(?:\.\d+)?)", self.documents.get(CONTRACT, ""), re.MULTILINE))
        for path, text in self.texts.items():
            pattern = _SECTION if path == CONTRACT else _SECTION_OF_CONTRACT
            for match in pattern.finditer(text):
                for number in re.findall(r"\d+(?:\.\d+)?", match[1]):
                    if number not in known:
                        yield path, _line(text, match.start()), f"the contract has no section {number}"

    def _paths(self) -> Iterator[tuple[str, int, str]]:
        for path, text in self.texts.items():
            if path.startswith(_HISTORICAL):
                continue
            for match in _PATH.finditer(text):
                named = match[1]
                # Code names many folders that a program makes; documents are named by their path alone.
                checked = path.endswith(".md") or re.fullmatch(r"docs/[\w/-]+\.(md|png)", named)
                if checked and not re.search(r"[{}*<>,]", named) and not (self.root / named).exists():
                    yield path, _line(text, match.start()), f"{named}: no such file"

    def _targets(self) -> Iterator[tuple[str, int, str]]:
        known = set(_TARGETS.findall(self.texts.get("Makefile", "")))
        for path, text in self.documents.items():
            outside = _FENCED.sub(_blank, text)
            code = [*_FENCED.finditer(text), *_INLINE_CODE.finditer(outside), *_INDENTED.finditer(outside)]
            for block in code:
                for match in _MAKE.finditer(block[0]):
                    if match[2] not in known and not path.startswith(_HISTORICAL):
                        line = _line(text, block.start() + match.start())
                        yield path, line, f"make {match[2]}: no such target"


def anchors(text: str) -> set[str]:
    """The anchors of a Markdown text's headings, as GitHub forms them."""
    found: set[str] = set()
    for heading in _HEADING.findall(_FENCED.sub("", text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = 0
        unique = slug
        while unique in found:
            number += 1
            unique = f"{slug}-{number}"
        found.add(unique)
    return found


def _files(root: Path) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        if path.name.startswith(".") or path.name in _NOT_OURS:
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path


def _without_code(text: str) -> str:
    return _INLINE_CODE.sub(_blank, _FENCED.sub(_blank, text))


def _blank(match: re.Match[str]) -> str:
    """Blanks in place of a match, so that positions stay."""
    return re.sub(r"[^\n]", " ", match[0])


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def main() -> None:
    problems = Project(ROOT).problems()
    if problems:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main()
