"""Texts, or columns of texts in files of rows, in; the numbers of their pieces out: int32 [length], cut and padded."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from randquant.data.dabs.rows import Columns, blocks, texts
from randquant.data.entry import Entry
from randquant.data.files import state
from randquant.data.items import Items
from randquant.data.present import folder_of, reading
from randquant.errors import UserError
from randquant.libraries import library
from randquant.spec import Target, Tokens

_MARKS = ("[UNK]", "[SEP]", "[CLS]", "[PAD]", "[MASK]")  # kept whole where a text holds them
_BEGINNING = 8  # characters a piece that are tried before a long text is split as a whole


@dataclass(frozen=True)
class Words:
    """A vocabulary's file, and how many of its pieces a text becomes.

    A text is put between the vocabulary's own marks; where a pair is too long, the longer text is cut.

    Args:
        file: `vocab.txt` as BERT has it, or `tokenizer.json` as XLM-R has it.
        sha256: of the file; as a field of a reader it keeps one vocabulary's cache from being read with another.
        size: numbers that an encoder knows; those of the file must be below.
        padding: the number that short texts are filled up with.
        length: pieces of a sample, marks and padding included.
    """

    file: Path
    sha256: str
    size: int
    padding: int
    length: int

    @property
    def spec(self) -> Tokens:
        """What comes out, as an input of a sample."""
        return Tokens(self.size, self.length, self.padding)

    def __call__(self, *texts: str) -> Tensor:
        """int32 [length], of one text or of a pair.

        Raises:
            UserError: the file is broken, or is another vocabulary's.
        """
        tokenizer = _tokenizer(self)
        tried = _BEGINNING * self.length
        if len(texts) == 1 and len(texts[0]) > tried:
            # Pieces never cross a blank, so the beginning is enough once it fills the sample; documents are long.
            end = max(texts[0].rfind(blank, 0, tried) for blank in " \n")
            found = tokenizer.encode(texts[0][: max(end, 0)])
            if all(found.attention_mask):
                return torch.tensor(found.ids, dtype=torch.int32)
        return torch.tensor(tokenizer.encode(*texts).ids, dtype=torch.int32)


@functools.lru_cache(maxsize=8)
def _tokenizer(words: Words) -> Any:
    """The tokenizer of a file; each process makes its own."""
    tokenizers: Any = library("tokenizers", "text", "data")
    with reading(words.file):
        if words.file.suffix == ".json":
            tokenizer, padding = tokenizers.Tokenizer.from_file(str(words.file)), "<pad>"
        else:
            tokenizer, padding = _word_pieces(tokenizers, words.file), "[PAD]"
    count = tokenizer.get_vocab_size()
    if count > words.size or tokenizer.token_to_id(padding) != words.padding:
        raise UserError(
            f"data: {words.file} must hold up to {words.size} pieces, {padding} as number {words.padding}, but holds "
            f"{count}, {padding} as {tokenizer.token_to_id(padding)}; fetch it again"
        )
    tokenizer.enable_truncation(words.length, strategy="longest_first")
    tokenizer.enable_padding(length=words.length, pad_id=words.padding, pad_token=padding)
    return tokenizer


def _word_pieces(tokenizers: Any, file: Path) -> Any:
    """BERT's own way with an uncased vocabulary: lower case, no accents, words, then their longest known pieces."""
    numbers = tokenizers.models.WordPiece.read_file(str(file))
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(numbers, unk_token="[UNK]"))
    tokenizer.add_special_tokens([mark for mark in _MARKS if mark in numbers])
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True, strip_accents=True)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    ends = (("[SEP]", numbers["[SEP]"]), ("[CLS]", numbers["[CLS]"]))
    tokenizer.post_processor = tokenizers.processors.BertProcessing(*ends)
    return tokenizer


@dataclass(frozen=True)
class Rows:
    """Reads rows of files; the `read` of `Items`. A process holds a few blocks of rows, not the files.

    Args:
        files: in order.
        columns: where a row has its texts.
        blocks: int64 [M, 3]; of each block of rows the file, its place in there, and its first row in all files.
        places: int64 [N], the row of each sample, counted through all files.
        words: what the texts become.
    """

    files: tuple[Path, ...]
    columns: Columns
    blocks: NDArray[np.int64]
    places: NDArray[np.int64]
    words: Words

    def __call__(self, position: int) -> tuple[Tensor, ...]:
        row = int(self.places[position])
        file, block, first = self.blocks[np.searchsorted(self.blocks[:, 2], row, side="right") - 1].tolist()
        found = texts(self.files[file], block, self.columns, state(self.files[file]))
        return (self.words(*(column[row - first].as_py() or "" for column in found)),)


def row_parts(
    files: Mapping[str, Sequence[Path]],
    columns: Columns,
    words: Words,
    *,
    target: Target | None = None,
    without: Sequence[str] = ("",),
) -> dict[str, Items]:
    """Parts whose samples are rows; a row's number, counted through all parts, is its id.

    Args:
        files, columns, words: as `Rows` has them; the files by part.
        target: what the label's column holds, if it is to be read.
        without: a row is left out if one of its texts is one of these.

    Raises:
        UserError: a file is broken, or a part is empty.
    """
    found, start = {}, 0
    for part, paths in files.items():
        spans, kept, named, first = [], [np.empty(0, np.int64)], [], 0
        for number, file in enumerate(paths):
            for block, (held, labels) in enumerate(blocks(file, columns, target)):
                spans.append((number, block, first))
                keep = _kept(held, without)
                kept.append(first + np.flatnonzero(keep))
                if labels is not None:
                    named.append(labels[keep])
                first += len(keep)
        places = np.concatenate(kept)
        if not len(places):
            raise UserError(f"data: {paths[0]} must hold rows with texts, but has none; fetch it again")
        told = None
        if target is not None:
            told = torch.from_numpy(np.concatenate(named)).to(torch.int64 if target.kind == "class" else torch.float32)
        reader = Rows(tuple(paths), columns, np.array(spans), places, words)
        found[part] = Items(start + torch.from_numpy(places), reader, told)
        start += first
    return found


def _kept(columns: tuple[Any, ...], without: Sequence[str]) -> NDArray[np.bool_]:
    """bool [rows], none of whose texts is one of these; nothing counts as an empty text."""
    arrow: Any = library("pyarrow", "text", "data")
    compute: Any = library("pyarrow.compute", "text", "data")
    words = arrow.array(without, arrow.string())
    left_out = np.stack([compute.is_in(column.fill_null(""), words).to_numpy() for column in columns])
    return np.asarray(~left_out.any(axis=0))


def shards(entry: Entry, root: Path, stem: str) -> list[Path]:
    """All the files `<stem>-00000-of-00002.parquet` and so on, in order; a UserError where one is missing."""
    first = sorted((root / entry.folder).glob(f"{stem}-00000-of-*.parquet"))
    count = int(first[0].stem[-5:]) if first else 1
    names = [f"{stem}-{number:05d}-of-{count:05d}.parquet" for number in range(count)]
    folder = folder_of(entry, root, *names)
    return [folder / name for name in names]
