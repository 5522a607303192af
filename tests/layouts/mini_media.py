"""The recordings, help pages and drawings of the mini suite, as their packages lay them out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from layouts.layout import Layout

STAMPS = "mini/spoken_article/usr/share/tuxpaint/stamps"
SOUNDS = "mini/speaker/usr/share/asterisk/sounds"
HELP = "mini/help/usr/share/libreoffice/help"
EMOJI = "mini/emoji/package"
CLIPART = "mini/clipart/usr/share/openclipart/png"

SENTENCES = {  # by folder: how a paragraph begins
    "en-US": "Choose the command that opens window",
    "de": "Wählen Sie den Befehl für das Fenster",
    "es": "Elija la orden que abre la ventana",
    "fr": "Choisissez la commande de la fenêtre",
    "ja": "コマンドを選択してウィンドウを開く",
    "ko": "명령을 선택하여 창을 엽니다 그리고",
    "zh-CN": "选择打开窗口的命令然后单击确定按钮",
}
PAGES = ("sbasic/a", "scalc/b", "scalc/guide/c", "simpress/d", "swriter/e")
PARAGRAPHS = 3  # of a page


def clip(path: Path, seconds: float = 0.3, rate: int = 22_050) -> None:
    """A clip of noise, the same whenever a file of that name is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list(path.name.encode()))
    soundfile.write(path, rng.uniform(-0.5, 0.5, round(seconds * rate)), rate)


def spoken_article(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Six stamps, five of which are named with an article; three clips are too long, too poor or there already."""
    names = {
        "animals/bear": {"es": "Un oso.", "fr": "Un ours.", "de": "Ein Bär."},
        "animals/cow": {"ca": "La vaca.", "fr": "Une vache."},
        "animals/dog": {"es": "Un perro.", "fr": "Un chien.", "ro": "Un câine."},
        "animals/egg": {"es": "¡«Un» huevo!", "fr": "L'œuf.", "ro": "Ou."},
        "people/fox": {"ca": "Una guineu.", "fr": "Un renard.", "ro": "O vulpe."},
        "people/owl": {"fr": "Hibou."},
    }
    for stamp, spoken in names.items():
        for language in spoken:
            long, poor = (stamp, language) == ("animals/dog", "fr"), (stamp, language) == ("animals/dog", "es")
            name = f"{stamp}_desc_{language}.ogg"
            clip(root / STAMPS / name, 4.1 if long else 0.3, 8000 if poor else 22_050)
        lines = "".join(f"{language}.utf8={name}\n" for language, name in spoken.items())
        (root / STAMPS / f"{stamp}.txt").write_text(f"In English.\n{lines}it.utf8=Un quadro.\n", encoding="utf-8")
    shutil.copy(root / STAMPS / "animals/bear_desc_fr.ogg", root / STAMPS / "people/fox_desc_ca.ogg")


def speaker(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Five prompts in every language, a tone and a silence in every language, and a prompt in English alone."""
    voices = ("en_US_f_Allison", "es_MX_f_Allison", "fr_CA_f_June", "it_IT_m_Carlo", "ru_RU_f_IvrvoiceRU")
    for voice in voices:
        for name in ("vm-and", "hello-world", "digits/1", "conf-now", "agent-pass", "beep", "silence/1"):
            clip(root / SOUNDS / voice / f"{name}.wav", rate=8000)
    clip(root / SOUNDS / voices[0] / "bye.wav", rate=8000)


def help_pages(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Five pages of three paragraphs, which are numbered throughout.

    The first paragraph is left in English by Japanese. Two on two pages are the same in German. One page has a fourth
    one that is too short. What stands in no paragraph, or on pages for all programs, is not read.
    """
    for language, sentence in SENTENCES.items():
        for place, page in enumerate(PAGES):
            texts = [f"{sentence} {PARAGRAPHS * place + one + 1:02d}" for one in range(PARAGRAPHS)]
            if (language, place) == ("ja", 0):
                texts[0] = f"{SENTENCES['en-US']} 01"
            if language == "de" and place in (1, 2):
                texts[1] = "Dieser Absatz steht auf zwei Seiten."
            texts += ["Calc"] if place == 3 else []
            lines = [
                f'<p id="par_id{number}" class="paragraph" dir="auto">{text.replace(" ", " <b>", 1)}</b></p>'
                for number, text in enumerate(texts)
            ]
            path = root / HELP / language / "text" / f"{page}.html"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                f"<html><h1>{sentence}</h1>\n" + "\n".join(lines) + '\n<p id="par_id9"></p></html>\n', encoding="utf-8"
            )
        (root / HELP / language / "text" / "shared").mkdir()
        (root / HELP / language / "text" / "shared" / "f.html").write_text("<html>not read", encoding="utf-8")


def emoji(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Eleven emoji, the first of which is not drawn here; the second drawing is transparent all over."""
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    listed, named = [], []
    for number, name in enumerate(names):
        code = f"1F60{number:X}"
        listed.append({"unified": f"{code}-FE0F", "image": f"{code.lower()}.png", "has_img_google": number > 0})
        listed[-1]["category"] = "Flags" if number % 2 else "Activities"
        named.append({"hexcode": code if number % 2 else f"{code}-FE0F", "label": f"Face {name}"})
    (root / EMOJI / "img/google/64").mkdir(parents=True)
    (root / EMOJI / "en").mkdir()
    (root / EMOJI / "emoji.json").write_text(json.dumps(listed))
    (root / EMOJI / "en/compact.json").write_text(json.dumps(named[::-1]))
    rng = np.random.default_rng(0)
    for number in range(1, 11):
        pixels = rng.integers(0, 256, (64, 64, 4), dtype=np.uint8)
        pixels[..., 3] = 0 if number == 2 else 255
        Image.fromarray(pixels).save(root / EMOJI / f"img/google/64/1f60{number:x}.png")


def clipart(root: Path, patch: pytest.MonkeyPatch) -> None:
    """A drawing a folder, another two of animals, one of which is named as a variant of the first, and another apple.

    That of people is the house. What is too large, or a link, is not read; the apple is wide, and transparent at left.
    """
    names = ("animals/bear_01", "animals/bear_Blue2", "animals/cat", "buildings/house", "food/apple", "geography/map")
    names += ("office/desk", "people/home", "plants/tree", "recreation/ball", "signs_and_symbols/stop_sign_by_a")
    names += ("tools/saw", "transportation/car", "food/apple_bw")
    for number, name in enumerate(names):
        seed = 3 if name == "people/home" else number
        shape = (24, 96, 4) if name == "food/apple" else (64, 64, 4)
        pixels = np.random.default_rng(seed).integers(0, 128, shape, dtype=np.uint8)
        pixels[..., 3] = 255
        pixels[:, :32, 3] = 0 if name == "food/apple" else 255
        path = root / CLIPART / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    head = (root / CLIPART / "tools/saw.png").read_bytes()[:16]
    (root / CLIPART / "people/wall.png").write_bytes(head + (40_000).to_bytes(4) + (20_000).to_bytes(4))
    (root / CLIPART / "office/saw.png").symlink_to("../tools/saw.png")


LAYOUTS = {
    "spoken_article": Layout(  # Catalan, Spanish, French, Romanian of a stamp; the fifth stamp is the fox
        write=spoken_article,
        targets={"train": [1, 1, 0, 0, 1, 1, 0], "test": [1, 0]},
        broken=f"{STAMPS}/people/fox_desc_ro.ogg",
    ),
    "speaker": Layout(  # the last prompt is vm-and
        write=speaker,
        targets={"train": [0, 0, 1, 2, 3] * 4, "test": [0, 0, 1, 2, 3]},
        broken=f"{SOUNDS}/fr_CA_f_June/vm-and.wav",
    ),
    "help_topic": Layout(  # 21 a page, without one in Japanese, and one in German twice
        write=help_pages,
        targets={"train": [0] * 20 + [1] * 40 + [5] * 21, "test": [7] * 21},
        broken=f"{HELP}/ko/text/simpress/d.html",
        values=((0, 8191),),
    ),
    "help_pair": Layout(  # of two or three paragraphs of a page, two make a couple
        write=help_pages,
        targets={"train": [1, 0, 1, 0] * 4, "test": [1, 0, 1, 0]},
        broken=f"{HELP}/ko/text/swriter/e.html",
        values=((0, 8191),),
    ),
    "emoji": Layout(
        write=emoji,
        targets={"train": [1, 0] * 8, "test": [1, 0] * 2},
        broken=f"{EMOJI}/img/google/64/1f605.png",
        values=((0, 1), (0, 1023)),
    ),
    "emoji_category": Layout(  # each is a family of its own
        write=emoji,
        targets={"train": [8, 5, 8, 5, 5, 8, 5, 8], "test": [8, 5]},
        broken=f"{EMOJI}/img/google/64/1f605.png",
    ),
    "clipart": Layout(  # apple and ball are the fourth and the eighth group
        write=clipart,
        targets={"train": [0, 0, 0, 1, 3, 4, 5, 6, 8, 9, 10], "test": [2, 2, 7]},
        broken=f"{CLIPART}/tools/saw.png",
    ),
}
