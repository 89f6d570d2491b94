"""LibreOffice without a window: opens a file, types into cells, saves it as an operator would.

Needs `soffice` on the path; nothing else, not even its Python.
"""

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

# Filter options: separator, quote, character set (76 UTF-8, 1 Windows-1252, 65535 UTF-16), first line,
# columns, language, quote all text, detect numbers/as shown, as shown, formulas.
COMMA = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,true,false"
SEMICOLON = "csv:Text - txt - csv (StarCalc):59,34,76,1,,0,false,true,true,false"
XLSX = "xlsx:Calc MS Excel 2007 XML"

_SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Setup/L10N"><prop oor:name="ooSetupSystemLocale" oor:op="fuse">
<value>{language}</value></prop></item>
<item oor:path="/org.openoffice.Setup/Office"><prop oor:name="ooSetupInstCompleted" oor:op="fuse">
<value>true</value></prop></item></oor:items>"""

_LIBRARIES = """<?xml version="1.0" encoding="UTF-8"?>
<library:libraries xmlns:library="http://openoffice.org/2000/library">
<library:library library:name="Standard" library:link="false"/></library:libraries>"""
_LIBRARY = """<?xml version="1.0" encoding="UTF-8"?>
<library:library xmlns:library="http://openoffice.org/2000/library" library:name="Standard">
<library:element library:name="Desk"/></library:library>"""
_MODULE = """<?xml version="1.0" encoding="UTF-8"?>
<script:module xmlns:script="http://openoffice.org/2000/script" script:name="Desk"
script:language="StarBasic">
{code}</script:module>"""
_CODE = """
Function Named(name, value)
  Dim made As New com.sun.star.beans.PropertyValue
  made.Name = name
  made.Value = value
  Named = made
End Function

Sub Main
  {steps}
  StarDesktop.terminate()
End Sub
"""


@dataclass
class Work:
    """A file to open, what to type where, and as what to save it.

    `typed` is (column, row, text), both counted from 0, the text in the words of the program's language.
    """

    source: Path
    target: Path
    save_as: str
    typed: list[tuple[int, int, str]] = field(default_factory=list)
    text_columns: int = 0  # of a CSV file, all of them opened as text


class LibreOffice:
    """LibreOffice in a language, with settings of its own in a new folder."""

    def __init__(self, folder, language):
        self.folder = Path(folder, language)
        self._profile = self.folder / "profile"
        user = self._profile / "user"
        (user / "basic/Standard").mkdir(parents=True)
        (user / "registrymodifications.xcu").write_text(_SETTINGS.format(language=language))
        (user / "basic/script.xlc").write_text(_LIBRARIES)
        (user / "basic/Standard/script.xlb").write_text(_LIBRARY)

    def save(self, name, content, as_what, *options):
        """The bytes of a file of this name, opened and saved as something else."""
        source = self.folder / name
        source.write_bytes(content)
        target = self.folder / "saved"
        shutil.rmtree(target, ignore_errors=True)
        self._run(*options, "--convert-to", as_what, "--outdir", str(target), str(source))
        (made,) = target.iterdir()
        return made.read_bytes()

    def work(self, *works):
        """Do all of this in one run."""
        code = _CODE.format(steps="\n  ".join(line for work in works for line in _steps(work)))
        module = self._profile / "user/basic/Standard/Desk.xba"
        module.write_text(_MODULE.format(code=escape(code)))
        self._run("macro:///Standard.Desk.Main")

    def _run(self, *arguments):
        program = shutil.which("soffice")
        subprocess.run(
            [program, f"-env:UserInstallation={self._profile.as_uri()}", "--headless", *arguments],
            check=True, capture_output=True, timeout=180,
        )  # fmt: skip


def _steps(work):
    opened = ['Named("Hidden", True)']
    if work.text_columns:
        kinds = "/".join(f"{column}/2" for column in range(1, work.text_columns + 1))
        opened += [_filter("Text - txt - csv (StarCalc)"), f'Named("FilterOptions", "44,34,76,1,{kinds}")']
    source, options = work.source.as_uri(), ", ".join(opened)
    yield f'doc = StarDesktop.loadComponentFromURL("{source}", "_blank", 0, Array({options}))'
    yield "sheet = doc.Sheets.getByIndex(0)"
    for column, row, text in work.typed:
        how = "String" if work.text_columns else "FormulaLocal"
        yield f'sheet.getCellByPosition({column}, {row}).{how} = "{text}"'
    _, name, *options = work.save_as.split(":")
    saved = [_filter(name), *(f'Named("FilterOptions", "{option}")' for option in options)]
    yield f'doc.storeToURL("{work.target.as_uri()}", Array({", ".join(saved)}))'
    yield "doc.close(True)"


def _filter(name):
    return f'Named("FilterName", "{name}")'
