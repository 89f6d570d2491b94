"""Compare libraries that detect the encoding of short files with few non-ASCII letters.

`PYTHONPATH=layers/rewards/python python -m tests.bench.encodings` prints, for every candidate that is
installed, how many files were decoded to the right text. Every file is a redemption file whose first
column has a few names; all else is ASCII. It is right only if every character is right: two encodings
that read a file alike are both right.
"""

# ruff: noqa: RUF001  Turkish has a dotless i.

import importlib
import time
from collections.abc import Callable, Iterator

# Names that a payout file has, by the encodings in which spreadsheets save them.
NAMES = {
    ("cp1252", "iso8859-1", "mac-roman"): [
        ["Zoë Müller", "Jürgen Groß", "Käthe Bäcker", "Jörg Schäfer", "Günther Weiß"],
        ["François Lefèvre", "Hélène Béranger", "Benoît Gérard", "Anaïs Çelik", "Noël Créteil"],
        ["José Peña", "María Núñez", "Iñaki Muñoz", "Álvaro Gómez", "Íñigo Ibáñez"],
        ["João Magalhães", "Conceição Guimarães", "Inês Gonçalves", "António Simões", "Mário Brandão"],
        ["Søren Kjær", "Åse Bjørnstad", "Jørgen Østergård", "Märta Sjöberg", "Pär Ångström"],
    ],
    ("cp1250", "iso8859-2"): [
        ["Tomáš Bařť", "Šárka Dvořáková", "Jiří Němeček", "Zdeněk Růžička", "Božena Žižková"],
        ["Łukasz Wójcik", "Małgorzata Dąbrowska", "Paweł Kaźmierczak", "Grażyna Świątek", "Józef Wróbel"],
        ["Győző Szűcs", "Erzsébet Nagyné", "László Kővári", "Ágnes Tóth", "Gergő Fűzfa"],
        ["Đorđe Šarić", "Željka Kovačević", "Nikša Jurić", "Ćiro Žagar", "Anđela Čop"],
    ],
    ("cp1251", "koi8-r", "iso8859-5"): [
        ["Анна", "Иван", "Ольга Петрова", "Сергей Кузнецов", "Дмитрий Щербаков"],
        ["Екатерина Смирнова", "Юрий", "Наталья Жукова", "Алексей", "Мария Шевченко"],
    ],
    ("cp1253", "iso8859-7"): [
        ["Γιώργος Παπαδόπουλος", "Ελένη", "Δημήτρης Νικολαΐδης", "Ιωάννα Ξενάκη", "Κώστας"],
        ["Μαρία Αθανασίου", "Σπύρος", "Χρήστος Οικονόμου", "Αγγελική", "Ευάγγελος Ψαρράς"],
    ],
    ("cp1254", "iso8859-9"): [
        ["Şükrü Yıldız", "Ayşe Çağlar", "Gülşen Doğan", "İsmail Işık", "Uğur Öztürk"],
        ["Ömer Şahin", "Nurgül Aydın", "Çiğdem Kılıç", "Barış", "Tuğba Güneş"],
    ],
    ("cp932",): [
        ["佐藤", "花子", "田中太郎", "鈴木一郎", "ﾔﾏﾀﾞ ﾊﾅｺ"],
        ["高橋さくら", "タナカ", "渡辺健", "中村優子", "小林"],
    ],
    ("cp949",): [
        ["김민수", "이영희", "박지훈", "최수빈", "정하늘"],
        ["강동원", "윤서연", "한지민", "오세훈", "임나연"],
    ],
    ("gb18030",): [["王伟", "李娜", "张敏", "刘洋", "陈静"], ["杨磊", "赵丽", "黄强", "周杰", "吴秀英"]],
    ("big5",): [
        ["陳志明", "林淑芬", "黃俊傑", "張雅婷", "李建宏"],
        ["王美玲", "吳宗翰", "劉怡君", "蔡英傑", "楊惠如"],
    ],
}

Detect = Callable[[bytes], str | None]


def files() -> Iterator[tuple[str, int, bytes, str]]:
    """Encoding, how many rows have a name, bytes and text of each file."""
    for encodings, lists in NAMES.items():
        for encoding in encodings:
            for names in lists:
                for several in (1, 2, 5):
                    for place in range(0, len(names), several):
                        text = sheet(names[place : place + several])
                        yield encoding, several, text.encode(encoding), text


def sheet(names: list[str]) -> str:
    """A redemption file in which every tenth row has a name beyond ASCII."""
    rows = ["firstName;accountId;userId;unit;valueToRedeem;rowId"]
    for place, name in enumerate(names):
        for number in range(10):
            shown = name if number == 5 else "Ann"
            rows.append(
                f"{shown};acme;u{place}{number};CASH/USD;10.5{number};R06H19X35N3V647TX59D6AFC5D3{number}"
            )
    return "\r\n".join(rows) + "\r\n"


def candidates() -> Iterator[tuple[str, Detect]]:
    """Each library that is installed, and the project's own use of one."""
    for name, detect in (
        ("chardet", _chardet),
        ("charset_normalizer", _charset_normalizer),
        ("rewards.tabular.encodings", _ours),
    ):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        yield f"{name} {getattr(module, '__version__', '')}", detect


def _chardet(content: bytes) -> str | None:
    import chardet

    return chardet.detect(content)["encoding"]


def _charset_normalizer(content: bytes) -> str | None:
    import charset_normalizer

    best = charset_normalizer.from_bytes(content).best()
    return best.encoding if best else None


def _ours(content: bytes) -> str | None:
    from rewards.tabular.encodings import Sample, codec_of

    found = Sample().read([content]).detect()
    return codec_of(found.encoding) if found else None


def main() -> None:
    everything = list(files())
    for name, detect in candidates():
        right: dict[str, list[int]] = {}
        by_number: dict[int, list[int]] = {}
        began = time.process_time()
        for encoding, several, content, text in everything:
            found = detect(content)
            try:
                hit = found is not None and content.decode(found) == text
            except (UnicodeError, LookupError):
                hit = False
            right.setdefault(encoding, []).append(hit)
            by_number.setdefault(several, []).append(hit)
        seconds = time.process_time() - began
        total = sum(map(sum, right.values()))
        print(f"{name}: {total} of {len(everything)} right, {1000 * seconds / len(everything):.2f} ms a file")
        print("   names: " + ", ".join(f"{n}: {sum(h)}/{len(h)}" for n, h in sorted(by_number.items())))
        print("   " + ", ".join(f"{e} {sum(h)}/{len(h)}" for e, h in right.items()))


if __name__ == "__main__":
    main()
