"""LibreOffice's help in seven languages in; paragraphs by what they are about, or pairs that say the same or not, out.

`help_topic`: the task is to tell which of eight programs' pages a paragraph is from; English, German, Spanish, French,
Japanese, Korean and Chinese stand together, equally often. `help_pair`: the task is to tell whether two paragraphs in
two of the languages say the same. Two paragraphs of one page, neighbours in length, make four pairs: both with their
own translation and both with the other's, so that neither paragraph of a pair alone tells anything.

Neither is about everyday language: names of commands, numbers and code help. Left out are paragraphs that a
translation leaves in English, that are shorter than 30 bytes, or that stand on several pages. A page is one group in
all languages; every fifth page is for testing, in the order of their names. What is taken of either part is drawn by
key. The symbols are learnt from the training part whenever a set is opened, which takes ten seconds.

Source: the help of LibreOffice 7.4.
"""

from __future__ import annotations

import html
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import torch

from randquant.data.batch import Batch, Dataset
from randquant.data.entry import Entry, Package
from randquant.data.mini.symbols import PADDING, joined, learnt, symbols, words_of
from randquant.data.present import folder_of, reading
from randquant.errors import UserError
from randquant.quantize.draw import Draws
from randquant.spec import Spec, Target, Tokens

_FOLDER = "usr/share/libreoffice/help"
_LANGUAGES = {  # by folder: the sum of its package
    "en-US": "8faa840285734d6cfe1ed25537b48f07e74bd6412e3917bf8e5f8a653f7b3712",
    "de": "00490b63c509ac96f7f212d6a6e40452d3e0d1f97ccf4b824dd5ec4c01e8277f",
    "es": "9128a84d83d92c8b1c618d90469d16affddb7d1290b09d42a0c5109cb16f0480",
    "fr": "c796530d3e95af1ea4d054076682efc8aad2b569ae9513f3d4a776b2df3fd206",
    "ja": "7799ace9bfe0845771ed2499913e7f7e521318cf3727c007672e3b020f8eb7b9",
    "ko": "7ef2d854e9ed58e6bf861cfa9fa2579555233f9df874baf327fcb07ccd190669",
    "zh-CN": "db867cdece4c2f9c7eebe65e519c6cf386fdcf49d6e061db3dffec893b3e1dee",
}
_ENGLISH = "en-US"
_ASIAN = ("ja", "ko", "zh-CN")  # written in letters of their own
_TOPICS = {
    "sbasic": "Basic",
    "scalc": "Calc",
    "schart": "charts",
    "sdatabase": "Base",
    "sdraw": "Draw",
    "simpress": "Impress",
    "smath": "Math",
    "swriter": "Writer",
}
_PARAGRAPH = re.compile(r'<p id="(par_id[^"]*)"[^>]*>(.*?)</p>', re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_SHORTEST = 30  # bytes
_TESTED = 5  # one page of so many
_TAKEN = {"train": 8000, "test": 2500}
_PAIRS = 4  # of a couple of paragraphs
_TEXT = Tokens(vocabulary=8192, length=64, padding=PADDING)


class _Paragraph(NamedTuple):
    """What a paragraph says, by language, and the number of its page."""

    texts: dict[str, str]
    page: int
    topic: int


class _Couple(NamedTuple):
    """Two paragraphs of one page, in the first and in the second of two languages."""

    first: tuple[str, str]
    second: tuple[str, str]
    page: int


def read_topic(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """Symbols int64 [B, 64] of one paragraph; about 1,140 training and 355 test paragraphs a language."""
    rows = [
        (number * len(_LANGUAGES) + place, one.texts[language], one.topic, one.page)
        for number, one in enumerate(_paragraphs(entry, root))
        for place, language in enumerate(_LANGUAGES)
        if language in one.texts
    ]
    ids, target, groups = (torch.tensor([row[column] for row in rows]) for column in (0, 2, 3))
    testing = groups % _TESTED == _TESTED - 1
    taken = {}
    for part, chosen in (("train", ~testing), ("test", testing)):
        share = _TAKEN[part] // len(_LANGUAGES)
        places = [(chosen & (ids % len(_LANGUAGES) == place)).nonzero().squeeze(1) for place in range(len(_LANGUAGES))]
        taken[part] = torch.cat([one[_drawn(ids[one], share)] for one in places]).sort().values
    texts = {part: [rows[number][1] for number in of_part.tolist()] for part, of_part in taken.items()}
    learner = learnt(texts["train"], _TEXT.vocabulary)
    parts = {
        part: Batch(ids[of_part], (symbols(learner, texts[part], _TEXT.length),), target[of_part], groups[of_part])
        for part, of_part in taken.items()
    }
    return entry.dataset(
        Spec((_TEXT,), Target("class", len(_TOPICS))), parts, tuple(_TOPICS.values()), words_of(learner)
    )


def read_pair(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """Symbols int64 [B, 64] of two paragraphs, half each; the four pairs of a couple side by side."""
    couples = _couples(_paragraphs(entry, root))
    pages = torch.tensor([couple.page for couple in couples])
    testing = pages % _TESTED == _TESTED - 1
    taken = {}
    for part, chosen in (("train", ~testing), ("test", testing)):
        places = chosen.nonzero().squeeze(1)
        taken[part] = places[_drawn(places, _TAKEN[part] // _PAIRS)].sort().values
    learner = learnt(
        [text for number in taken["train"].tolist() for text in (*couples[number].first, *couples[number].second)],
        _TEXT.vocabulary,
    )
    parts = {}
    for part, of_part in taken.items():
        chosen_couples = [couples[number] for number in of_part.tolist()]
        left = [text for couple in chosen_couples for text in couple.first for _ in range(2)]
        right = [text for couple in chosen_couples for text in (*couple.second, *reversed(couple.second))]
        ids = (of_part[:, None] * _PAIRS + torch.arange(_PAIRS)).flatten()
        same = torch.tensor([1.0, 0.0, 1.0, 0.0]).repeat(len(of_part))
        values = joined(learner, left, right, _TEXT.length)
        parts[part] = Batch(ids, (values,), same, pages[of_part].repeat_interleave(_PAIRS))
    return entry.dataset(Spec((_TEXT,), Target("binary", 1)), parts, ("same",), words_of(learner))


def _drawn(ids: torch.Tensor, most: int) -> torch.Tensor:
    """At most so many places of those from 0 to N - 1, by a keyed draw."""
    return Draws(seed=0, epoch=0, ids=ids).permutation("taken")[:most]


def _couples(paragraphs: list[_Paragraph]) -> list[_Couple]:
    """Of each page, in two languages drawn by key, paragraphs two by two in the order of their length."""
    pages: dict[int, list[_Paragraph]] = defaultdict(list)
    for one in paragraphs:
        pages[one.page].append(one)
    draws = Draws(seed=0, epoch=0, ids=torch.tensor(list(pages))).uniform("languages", len(_LANGUAGES))
    couples = []
    for page, order in zip(pages, draws.argsort(dim=1).tolist(), strict=True):
        first, second, *_ = (list(_LANGUAGES)[place] for place in order)
        both = [one.texts for one in pages[page] if first in one.texts and second in one.texts]
        both.sort(key=lambda texts: (len(texts[second]), texts[second]))
        for left, right in zip(both[::2], both[1::2], strict=False):  # an odd one is left over
            couples.append(_Couple((left[first], right[first]), (left[second], right[second]), page))
    return couples


def _paragraphs(entry: Entry, root: Path) -> list[_Paragraph]:
    """All paragraphs that say something of their page, in the order of pages and numbers.

    Raises:
        UserError: there are too few pages, or one is broken.
    """
    folder = folder_of(entry, root, *(f"{_FOLDER}/{language}/text" for language in _LANGUAGES)) / _FOLDER
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)  # by page and number
    pages_of: dict[str, set[str]] = defaultdict(set)  # by text
    for language in _LANGUAGES:
        for topic in _TOPICS:
            for path in sorted((folder / language / "text" / topic).rglob("*.html")):
                page = str(path.relative_to(folder / language / "text"))
                for number, text in _texts(path):
                    found[page, number][language] = text
                    pages_of[text].add(page)
    pages = {page: number for number, page in enumerate(sorted({page for page, _ in found}))}
    if len(pages) < _TESTED:
        raise UserError(f"data: {folder} must hold {_TESTED} pages or more with paragraphs")
    return [
        _Paragraph(kept, pages[page], list(_TOPICS).index(page.split("/")[0]))
        for (page, number), texts in sorted(found.items())
        if (kept := {lang: text for lang, text in texts.items() if len(pages_of[text]) == 1 and _is_own(lang, texts)})
    ]


def _texts(path: Path) -> list[tuple[str, str]]:
    """Number and text of each paragraph of a page."""
    with reading(path):
        page = path.read_text(encoding="utf-8")
        if not page.rstrip().endswith("</html>"):
            raise ValueError("the end of the page is missing")
    found = [(number, html.unescape(_TAG.sub(" ", inside))) for number, inside in _PARAGRAPH.findall(page)]
    return [(number, " ".join(text.split())) for number, text in found if text.strip()]


def _is_own(language: str, texts: dict[str, str]) -> bool:
    """Whether a text is long enough, and in the language that it stands for."""
    text = texts[language]
    if len(text.encode()) < _SHORTEST or (language != _ENGLISH and text == texts.get(_ENGLISH)):
        return False
    return language not in _ASIAN or any(letter > "\u2e80" for letter in text)


PACKAGES = tuple(
    Package(
        client="apt",
        name=f"libreoffice-help-{language.lower()}",
        version="4:7.4.7-1+deb12u14",
        sha256=sha256,
        members=tuple(f"{_FOLDER}/{language}/text/{topic}/**/*.html" for topic in _TOPICS),
    )
    for language, sha256 in _LANGUAGES.items()
)

ENTRIES = tuple(
    Entry(
        name=name,
        title=title,
        domain="multilingual_text",
        roles=("mini",),
        read=read,
        folder="mini/help",
        layout=f"{_FOLDER}/{{{', '.join(_LANGUAGES)}}}/text/{{{', '.join(_TOPICS)}}}/**/*.html",
        size="22 MB",
        licence="MPL 2.0",
        packages=PACKAGES,
        batch=128,
    )
    for name, title, read in (
        ("help_topic", "Topics of help pages", read_topic),
        ("help_pair", "Help in two languages", read_pair),
    )
)
