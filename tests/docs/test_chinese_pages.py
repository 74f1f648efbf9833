# SPDX-License-Identifier: Apache-2.0
"""The Chinese pages are in step with the English ones: sections, code, tables and pictures, in the same order.

Each heading of a Chinese page has its English name above it: a label in ``docs/zh``, a comment in the README, which
Sphinx does not build. What fails here is fixed by translating what the English page has gained.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.docs.pages import DOCS, ROOT

LABELS = {"concepts": "zh-concepts-", "quickstart": "zh-quickstart-", "runbook": "zh-"}
"""Page to what its labels begin with: a label is unique over all pages. Those of the runbook are short."""
PAIRS = [
    (ROOT / "README.md", ROOT / "README.zh-CN.md"),
    *((DOCS / f"{name}.md", DOCS / "zh" / f"{name}.md") for name in LABELS),
]
CHINESE = [chinese for _, chinese in PAIRS]

_HEADING = re.compile(r"(#{1,6}) (.+)")
_NAME = re.compile(r"\(([\w-]+)\)=|<!-- ([\w-]+) -->")
_COMMENT = {"python": r"\s*# .*", "console": r"\s+# .*", "sql": r"\s*-- .*"}
_CODE_SPAN = re.compile(r"`[^`]+`")
_PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")


@dataclass
class Section:
    """What a section has, in whichever language.

    :param name: what stands for its heading: the words in the address of the English one.
    :param code: the opening fence and the code of each piece, without comments. The files that a directive names are
        seen from one folder further down in Chinese.
    :param rows: the pieces of code in the first cell of each row of its tables.
    """

    depth: int
    name: str
    heading: str
    code: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def sections(text: str, prefix: str | None = None) -> list[Section]:
    """Cuts a page.

    :param prefix: what the labels of a Chinese page begin with; ``None`` for an English page, named by its headings.
    """
    found: list[Section] = []
    fence, name, piece = "", "", ""
    for line in text.splitlines():
        if line.startswith("```"):
            if fence:
                found[-1].code.append((fence + piece).replace("../", "") if "{" in fence else fence + piece)
            fence, piece = ("", "") if fence else (line, "")
        elif fence:
            written = re.sub(_COMMENT.get(fence.strip("`"), r"(?!)"), "", line).rstrip()
            piece += f"\n{written}" if written else ""
        elif heading := _HEADING.fullmatch(line):
            begin = prefix if found else prefix and "zh-"
            given = name[len(begin or "") :] if name.startswith(begin or "") else f"({name})"
            found.append(Section(len(heading[1]), slug(heading[2]) if prefix is None else given, heading[2]))
        elif line.startswith("|"):
            found[-1].rows.append(" ".join(_CODE_SPAN.findall(line.split("|")[1])))
        elif picture := _PICTURE.search(line):
            found[-1].pictures.append(Path(picture[1]).name)
        label = _NAME.fullmatch(line)
        name = (label[1] or label[2]) if label else ""
    return found


def differences(english: str, chinese: str, prefix: str) -> list[str]:
    """What a Chinese page has otherwise than the English one, a sentence each."""
    there, here = sections(english), sections(chinese, prefix)
    names = [(one.depth, one.name) for one in there], [(one.depth, one.name) for one in here]
    if names[0] != names[1]:
        missing = [name for _, name in names[0] if name not in {other for _, other in names[1]}]
        extra = [name for _, name in names[1] if name not in {other for _, other in names[0]}]
        return [f"The sections are others, or in another order or depth. Missing: {missing}. Not in English: {extra}."]
    return [
        f"Section {one.name}: {what} other than on the English page."
        for one, other in zip(there, here, strict=True)
        for what in ("code", "rows", "pictures")
        if getattr(one, what) != getattr(other, what)
    ]


def prefix_of(chinese: Path) -> str:
    return LABELS.get(chinese.stem, "")


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=lambda page: page.name)
def test_a_chinese_page_is_in_step_with_the_english_one(english, chinese):
    """Nothing that can be counted differs."""
    assert differences(english.read_text("utf-8"), chinese.read_text("utf-8"), prefix_of(chinese)) == []


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=lambda page: page.name)
def test_what_an_english_page_gains_is_missed(english, chinese):
    """Sections, rows, code and pictures; and a section that is in another place or depth."""
    text, translated = english.read_text("utf-8"), chinese.read_text("utf-8")
    last = "\n## " + text.rsplit("\n## ", 1)[1]
    changed = {
        "a section at the end": f"{text}\n## More\n\nNews.\n",
        "a section in the middle": text.replace("\n## ", "\n## More\n\nNews.\n\n## ", 1),
        "a section moved": text.replace(last, "").replace("\n## ", f"{last}\n## ", 1),
        "a section in another depth": text.replace("\n## ", "\n### ", 1),
        "a row": text.replace("\n|---", "\n| `more` | news |\n|---", 1),
        "a row renamed": re.sub(r"\n\| (\w|`)", r"\n| `more` \1", text, count=1),
        "code": text.replace("\n```\n", "\nmore\n```\n", 1),
        "a piece of code": f"{text}\n```console\n$ more\n```\n",
        "a picture": f"{text}\n![News](images/more.png)\n",
    }
    seen = {what for what, new in changed.items() if differences(new, translated, prefix_of(chinese))}
    assert {*changed} - seen == set()


def test_comments_in_code_are_prose():
    """They are translated; the code is not."""
    english = "# A\n```python\na = 1  # one\n# two\n```\n"
    chinese = "(zh-a)=\n# 甲\n```python\na = 1  # 一\n# 二\n```\n"
    assert differences(english, chinese, "zh-") == []
    other = chinese.replace("= 1", "= 2")
    assert differences(english, other, "zh-") == ["Section a: code other than on the English page."]


def test_a_directive_names_the_same_file_from_another_folder():
    """And no other one."""
    english, chinese = "# A\n```{raw} html\n:file: a.svg\n```\n", "(zh-a)=\n# 甲\n```{raw} html\n:file: ../a.svg\n```\n"
    assert differences(english, chinese, "zh-") == []
    assert differences(english, chinese.replace("a.svg", "b.svg"), "zh-") != []


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=lambda page: page.name)
def test_each_page_leads_to_the_other_at_its_top(english, chinese):
    """In the line below the title."""
    for page, words, other in ((english, "简体中文", chinese), (chinese, "English", english)):
        title, link = (block for block in page.read_text("utf-8").split("\n\n", 2)[:2])
        assert title.splitlines()[-1].startswith("# ")
        target = re.fullmatch(rf"\[{words}\]\((\S+)\)", link)
        assert (page.parent / target[1]).resolve() == other


@pytest.mark.parametrize("page", [DOCS / "zh" / "runbook.md"], ids=lambda page: page.name)
def test_the_sections_of_the_runbook_show_their_english_names(page):
    """They are what messages name."""
    headings = sections(page.read_text("utf-8"), prefix_of(page))[1:]
    assert [one.heading for one in headings if not one.heading.endswith(f" ({one.name})")] == []


@pytest.mark.parametrize("page", [*CHINESE, DOCS / "zh" / "index.md"], ids=lambda page: page.name)
def test_no_mark_of_emphasis_is_left_as_text(page):
    """Beside full-width punctuation a ``**`` opens or closes nothing, and is shown as it is."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text("utf-8"))
    texts = [child.content for token in tokens for child in token.children or () if child.type == "text"]
    assert [text for text in texts if "*" in text or "](" in text] == []
