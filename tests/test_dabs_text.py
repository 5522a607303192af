"""data: what the benchmark's texts are, beyond the contract of every data set."""

from __future__ import annotations

import gzip
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from layouts import text
from layouts.layout import Layout
from randquant.data import Dataset, open_data
from randquant.data.cache import cached
from randquant.data.dabs import glue, mc4, paws, vocabularies, wikitext103
from randquant.data.dabs.words import Words
from randquant.data.items import Items
from randquant.errors import UserError

ENTRIES = {entry.name: entry for module in (wikitext103, glue, mc4, paws) for entry in module.ENTRIES}
LAYOUTS: Mapping[str, Layout] = text.LAYOUTS
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cafe", "##s", "un", "##want", "##ed", ",", "no", "##wn"]


def opened(name: str, root: Path, faithful: bool = False) -> Dataset:
    entry = ENTRIES[name]
    assert entry.read is not None
    return entry.read(entry, root, faithful)


def part(dataset: Dataset, name: str) -> Items:
    samples = dataset.parts[name]
    assert isinstance(samples, Items)
    return samples


def pieces(dataset: Dataset, name: str = "train") -> torch.Tensor:
    return torch.stack([part(dataset, name).read(row)[0] for row in range(len(part(dataset, name).ids))])


@pytest.fixture
def english(tmp_path: Path) -> Path:
    """A data root with a vocabulary that is known by heart."""
    (tmp_path / "bert-base-uncased").mkdir()
    (tmp_path / "bert-base-uncased" / "vocab.txt").write_text("".join(f"{piece}\n" for piece in PIECES))
    return tmp_path


def test_words_are_lowered_stripped_of_accents_and_cut_into_the_longest_pieces(english: Path) -> None:
    words = vocabularies.bert(english, 12)
    assert words("The CAFÉS, unwanted").tolist() == [2, 5, 6, 7, 11, 8, 9, 10, 3, 0, 0, 0]
    assert words("cafe\u0301 [MASK] café").tolist() == [2, 6, 4, 6, 3, 0, 0, 0, 0, 0, 0, 0]
    assert words("unwanting no").tolist()[:4] == [2, 1, 12, 3]  # a word with an unknown rest is unknown as a whole
    assert words("the 的,the").tolist()[:6] == [2, 5, 1, 11, 5, 3]
    assert words("").tolist() == [2, 3, *[0] * 10]
    assert words("the").dtype == torch.int32


def test_a_text_is_cut_and_of_a_pair_the_longer_one(english: Path) -> None:
    words = vocabularies.bert(english, 10)
    assert words("the " * 20).tolist() == [2, *[5] * 8, 3]
    assert words("the", "no").tolist() == [2, 5, 3, 12, 3, 0, 0, 0, 0, 0]
    assert words("the " * 9, "no no no").tolist() == [2, 5, 5, 5, 5, 3, 12, 12, 12, 3]
    assert words("the", "no " * 9).tolist() == [2, 5, 3, *[12] * 6, 3]
    both = words("the " * 9, "no " * 9).tolist()
    assert abs(both.count(5) - both.count(12)) == 1
    assert len(both) == 10


def test_a_pair_in_many_languages_has_two_marks_between_and_ones_behind(tmp_path: Path) -> None:
    text.xlm_roberta(tmp_path)
    words = vocabularies.xlm_roberta(tmp_path, 24)
    tokenizer = Tokenizer.from_str(text.xlm_roberta_tokenizer())
    one, other = (tokenizer.encode(given, add_special_tokens=False).ids for given in ("水车很旧。", "Le moulin"))
    alone, pair = [0, *one, 2], [0, *one, 2, 2, *other, 2]
    assert len(pair) < 24
    assert words("水车很旧。").tolist() == [*alone, *[1] * (24 - len(alone))]
    assert words("水车很旧。", "Le moulin").tolist() == [*pair, *[1] * (24 - len(pair))]


def test_a_long_text_is_split_at_its_beginning_only_and_comes_out_the_same(tmp_path: Path) -> None:
    text.bert(tmp_path)
    text.xlm_roberta(tmp_path)
    shuffled = random.Random(0)
    parts = [*text.ENGLISH, *text.FOREIGN, "\n", " " * 300, "?" * 300, "x" * 90, "水" * 200, "\r\n", "<s>", "[MASK]"]
    for words in (vocabularies.bert(tmp_path, 16), vocabularies.xlm_roberta(tmp_path, 16)):
        marks = (2, 3) if words.file.suffix == ".txt" else (0, 2)
        wide = Words(words.file, words.sha256, words.size, words.padding, 20_000)
        for _ in range(100):
            given = shuffled.choice(["", " "]).join(shuffled.choices(parts, k=30))
            assert len(given) > 16 * 8
            assert len(given) < 20_000
            whole = [number for number in wide(given).tolist() if number != words.padding]
            expected = [*whole[:-1][:15], marks[1]]
            assert whole[0] == marks[0]
            assert words(given).tolist() == expected + [words.padding] * (16 - len(expected))


@pytest.mark.parametrize("pieces", [PIECES[1:], [*PIECES, *map(str, range(30522))]], ids=["no padding", "too many"])
def test_another_vocabulary_is_refused(pieces: list[str], english: Path) -> None:
    file = english / "bert-base-uncased" / "vocab.txt"
    file.write_text("".join(f"{piece}\n" for piece in pieces))
    with pytest.raises(UserError, match=rf"{file} must hold up to 30522 pieces, \[PAD\] as number 0, but holds"):
        vocabularies.bert(english)("the")


@pytest.mark.parametrize(("name", "needs"), [("cola", "bert-base-uncased"), ("paws_ja", "xlm-roberta-base")])
def test_a_missing_vocabulary_is_named(name: str, needs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LAYOUTS[name].write(tmp_path, monkeypatch)
    assert ENTRIES[name].needs == (needs,)
    for file in (tmp_path / needs).iterdir():
        file.unlink()
    with pytest.raises(UserError, match=rf"{needs} needs .*which is not there \(randquant data get {needs}\)"):
        opened(name, tmp_path)


def test_a_changed_vocabulary_never_reads_what_another_left(english: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = (english / "bert-base-uncased" / "vocab.txt").read_text()
    text.wikitext103(english, monkeypatch)
    found = []
    for vocabulary in (known, known.replace("the\ncafe\n", "cafe\nthe\n"), known):
        (english / "bert-base-uncased" / "vocab.txt").write_text(vocabulary)
        kept = cached(opened("wikitext103", english), english / "decoded", faithful=False).parts["train"]
        found.append(kept.take(torch.arange(4)).inputs[0][0].tolist()[:6])
    assert found == [[2, 1, 5, 1, 1, 3], [2, 1, 6, 1, 1, 3], [2, 1, 5, 1, 1, 3]]  # "= The Mill ="


def test_a_file_that_took_the_place_of_another_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANDQUANT_DATA", str(tmp_path))

    def symbols(name: str) -> torch.Tensor:
        train = open_data(name).parts["train"]
        return train.take(torch.arange(len(train.ids))).inputs[0]

    LAYOUTS["sst2"].write(tmp_path, monkeypatch)
    before = symbols("sst2")
    (table,) = tmp_path.rglob("train.tsv")
    head, *rows = table.read_bytes().splitlines(keepends=True)
    table.write_bytes(b"".join([head, *rows[::-1]]))
    assert torch.equal(symbols("sst2"), before.flip(0))

    LAYOUTS["mc4"].write(tmp_path, monkeypatch)
    before = symbols("mc4")  # English, French and so on, in turn
    folder = tmp_path / "mc4" / "multilingual"
    french = gzip.decompress((folder / "c4-fr.tfrecord-00000-of-01024.json.gz").read_bytes()).splitlines(keepends=True)
    (folder / "c4-en.tfrecord-00000-of-01024.json.gz").write_bytes(gzip.compress(b"".join(french[:2])))
    after = symbols("mc4")
    assert not torch.equal(before[0], before[1])
    assert torch.equal(after[0], before[1])
    assert torch.equal(after[1:7], before[1:7])


def test_lines_come_from_every_group_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text.wikitext103(tmp_path, monkeypatch)
    dataset, words = opened("wikitext103", tmp_path), vocabularies.bert(tmp_path)
    wanted = {"train": ["= The Mill =", *text.ENGLISH], "test": ["= A River =", text.ENGLISH[2]]}
    for name, lines in wanted.items():
        assert torch.equal(pieces(dataset, name), torch.stack([words(line) for line in lines]))
    assert [part(dataset, name).ids.tolist() for name in wanted] == [[1, 3, 5, 7], [9, 10]]  # rows, empty ones too
    assert torch.equal(part(dataset, "train").read(0)[0], words("= The Mill ="))  # and backwards


def test_a_missing_file_of_several_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text.wikitext103(tmp_path, monkeypatch)
    file = tmp_path / "wikitext" / "wikitext-103-v1" / "train-00001-of-00002.parquet"
    file.unlink()
    with pytest.raises(UserError, match=rf"wikitext103 needs {file}, which is not there"):
        opened("wikitext103", tmp_path)


def test_a_file_without_texts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text.glue_parquet("sst2", tmp_path)
    file = tmp_path / "glue" / "sst2" / "validation-00000-of-00001.parquet"
    text.table(file, {"sentence": ["", ""], "label": [0, 1]})
    with pytest.raises(UserError, match=rf"{file} must hold rows with texts, but has none"):
        opened("sst2", tmp_path)
    text.table(file, {"text": ["A river."], "label": [0]})
    with pytest.raises(UserError, match=rf"{file} cannot be read \(KeyError"):
        opened("sst2", tmp_path)


@pytest.mark.parametrize("name", text.GLUE)
def test_the_texts_of_a_task_stand_in_order(name: str, tmp_path: Path) -> None:
    text.glue(name, tmp_path)
    dataset, words = opened(name, tmp_path), vocabularies.bert(tmp_path)
    first = [f'"{text.ENGLISH[0]}', *text.ENGLISH[1 : len(text.GLUE[name][1])]]  # the n-th column begins with the n-th
    assert torch.equal(pieces(dataset)[0], words(*first))
    assert 1 not in part(dataset, "train").ids  # its text is empty


PAIRS = "id\tsentence1\tsentence2\tlabel\n1\tA river.\tThe mill.\t1\n"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (PAIRS + "2\tA river.\tThe mi", r"ValueError: in row 2, label is '', must be 0 or 1"),
        (PAIRS + "2\tA\triver.\tThe mill.\t1\n", r"ValueError: in row 2, label is 'The mill\.', must be 0 or 1"),
        (PAIRS + "2\tA river.\tThe mill.\t2\n", r"ValueError: in row 2, label is '2', must be 0 or 1"),
        (PAIRS.replace("label", "gold"), r"ValueError: .*not found: \['label'\]"),
        (PAIRS.encode() + "2\tMü".encode()[:-1], r"UnicodeDecodeError"),
        ("", r"it is empty"),
    ],
    ids=["cut short", "a tab too many", "an unknown label", "no column of labels", "half a letter", "empty"],
)
def test_broken_text_is_named_with_what_is_wrong(
    written: str | bytes, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    LAYOUTS["paws_de"].write(tmp_path, monkeypatch)
    file = tmp_path / "paws-x" / "x-final" / "de" / "translated_train.tsv"
    file.write_bytes(written if isinstance(written, bytes) else written.encode())
    with pytest.raises(UserError, match=rf"{file} cannot be read \({told}.*fetch it again"):
        opened("paws_de", tmp_path)


def test_pairs_that_were_published_in_two_lines_are_left_out(tmp_path: Path) -> None:
    text.glue("qqp", tmp_path)
    file = tmp_path / "glue" / "QQP" / "train.tsv"
    header = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
    lines = ["1\t2\t3\tWho?\tWhen?\t0\n", "4\t5\t6\tWho\n", "built it?\tWhen?\t1\n", "7\t8\t9\tNA\tWho?\t1\n"]
    file.write_text("".join([header, *lines]))
    train, words = part(opened("qqp", tmp_path), "train"), vocabularies.bert(tmp_path)
    assert train.target is not None
    assert train.target.tolist() == [0, 1]
    assert torch.equal(train.read(1)[0], words("NA", "Who?"))
    file.write_text("".join([header, *lines, "10\t11\t12\tWho?\tWh"]))
    with pytest.raises(UserError, match=rf"{file} cannot be read \(ValueError: in row 5, is_duplicate is ''"):
        opened("qqp", tmp_path)


@pytest.mark.parametrize("score", ["", "inf", "high"])
def test_a_score_that_is_no_number_is_named(score: str, tmp_path: Path) -> None:
    text.glue("stsb", tmp_path)
    file = tmp_path / "glue" / "STS-B" / "dev.tsv"
    file.write_text(f"index\tsentence1\tsentence2\tscore\n0\tA river.\tThe mill.\t{score}\n")
    with pytest.raises(
        UserError, match=rf"{file} cannot be read \(ValueError: in row 1, score is '{score}', must be a"
    ):
        opened("stsb", tmp_path)


@pytest.mark.parametrize("name", text.PARQUET)
def test_published_text_holds_what_the_parquet_files_hold(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for layouts in (text.PARQUET, LAYOUTS):  # where both are there, the published text is read
        layouts[name].write(tmp_path, monkeypatch)
        dataset = opened(name, tmp_path)
        assert {file.suffix for file in part(dataset, "train").read.files} == {  # type: ignore[attr-defined]
            ".parquet" if layouts is text.PARQUET else ".tsv"
        }
        found.append(dataset)
    for name_of_part in ("train", "test"):
        one, other = (part(dataset, name_of_part) for dataset in found)
        assert torch.equal(one.ids, other.ids)
        assert one.target is not None
        assert other.target is not None
        assert torch.equal(one.target, other.target)
        assert torch.equal(pieces(found[0], name_of_part), pieces(found[1], name_of_part))


def test_what_of_published_text_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LAYOUTS["paws_fr"].write(tmp_path, monkeypatch)
    file = tmp_path / "paws-x" / "x-final" / "fr" / "dev_2k.tsv"
    file.unlink()
    with pytest.raises(UserError, match=rf"paws_fr needs {file}, which is not there"):
        opened("paws_fr", tmp_path)


def test_what_each_task_tells(tmp_path: Path) -> None:
    told = {}
    for name in text.GLUE:
        text.glue(name, tmp_path)
        dataset = opened(name, tmp_path)
        target = part(dataset, "train").target
        assert dataset.spec.target is not None
        assert target is not None
        told[name] = dataset.spec.target.kind, dataset.spec.target.size, dataset.metric, target.dtype, dataset.batch
    yes = ("binary", 1, "accuracy", torch.float32, 128)
    assert told == {
        **dict.fromkeys(("mrpc", "qnli", "qqp", "rte", "sst2", "wnli"), yes),
        **dict.fromkeys(("mnli_matched", "mnli_mismatched"), ("class", 3, "accuracy", torch.int64, 128)),
        "cola": ("binary", 1, "pearson", torch.float32, 128),
        "stsb": ("regression", 1, "spearman", torch.float32, 128),
    }


def test_documents_come_from_the_languages_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text.mc4(tmp_path, monkeypatch)
    dataset, words = opened("mc4", tmp_path), vocabularies.xlm_roberta(tmp_path)
    wanted = [words(f"{text.FOREIGN[number % 6]} {place}") for place in range(3) for number in range(7)]
    assert mc4.LANGUAGES == ("en", "fr", "de", "zh", "es", "ja", "ko")
    assert torch.equal(pieces(dataset), torch.stack(wanted))
    order = random.Random(1).sample(range(21), 21)  # back and forth, and past the end of the first English file
    train = part(dataset, "train")
    assert torch.equal(torch.stack([train.read(row)[0] for row in order]), torch.stack([wanted[row] for row in order]))
    assert part(dataset, "test").ids.tolist() == list(range(12_800_000, 12_800_007))


def test_no_more_documents_are_counted_than_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text.mc4(tmp_path, monkeypatch)
    monkeypatch.setattr(mc4, "DOCUMENTS", {"train": 10, "test": 3})  # two or one of each language
    (tmp_path / "mc4" / "multilingual" / "c4-en.tfrecord-00001-of-01024.json.gz").write_bytes(b"never opened")
    dataset = opened("mc4", tmp_path)
    assert [part(dataset, name).ids.tolist() for name in ("train", "test")] == [list(range(10)), [10, 11, 12]]
    assert pieces(dataset).shape == (10, 128)


def test_files_are_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text.mc4(tmp_path, monkeypatch)
    first = opened("mc4", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(mc4, "_unpacked", lambda path: pytest.fail(f"{path} is counted again"))
        assert len(part(opened("mc4", tmp_path), "train").ids) == len(part(first, "train").ids) == 21
    file = tmp_path / "mc4" / "multilingual" / "c4-ko.tfrecord-00000-of-01024.json.gz"
    text.documents(file, ["물레방아"])  # another size than was noted
    assert len(part(opened("mc4", tmp_path), "train").ids) == 7


def test_a_gap_between_the_files_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text.mc4(tmp_path, monkeypatch)
    folder = tmp_path / "mc4" / "multilingual"
    (folder / "c4-en.tfrecord-00001-of-01024.json.gz").rename(folder / "c4-en.tfrecord-00002-of-01024.json.gz")
    with pytest.raises(UserError, match=r"c4-en\.tfrecord-00001-of-\*\.json\.gz, which is not there"):
        opened("mc4", tmp_path)


@pytest.mark.parametrize("line", [b"{}\n", b"{\n"], ids=["no text", "no JSON"])
def test_a_broken_document_is_named_and_the_next_is_read(
    line: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text.mc4(tmp_path, monkeypatch)
    file = tmp_path / "mc4" / "multilingual" / "c4-fr.tfrecord-00000-of-01024.json.gz"
    whole = mc4._unpacked(file)
    lines = whole.readlines()
    whole.close()
    file.write_bytes(gzip.compress(lines[0] + line + lines[2]))
    train = part(opened("mc4", tmp_path), "train")
    with pytest.raises(UserError, match=rf"{file} cannot be read"):
        train.read(8)
    assert torch.equal(train.read(15)[0], vocabularies.xlm_roberta(tmp_path)(f"{text.FOREIGN[1]} 2"))


def test_a_file_that_is_gone_leaves_the_others_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text.mc4(tmp_path, monkeypatch)
    train, words = part(opened("mc4", tmp_path), "train"), vocabularies.xlm_roberta(tmp_path)
    train.read(0)
    file = tmp_path / "mc4" / "multilingual" / "c4-en.tfrecord-00001-of-01024.json.gz"
    file.unlink()
    with pytest.raises(UserError, match=rf"{file} cannot be read"):
        train.read(14)
    assert torch.equal(train.read(7)[0], words(f"{text.FOREIGN[0]} 1"))
