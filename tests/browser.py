"""A page and a width in, what a reader would meet on it in headless Chromium out."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
needs_browser = pytest.mark.skipif(not CHROMIUM, reason="no Chromium here; apt-get install chromium")

# The page is opened in a frame as wide as a phone, or a desk, and what a reader would meet is written down.
FRAME = """<!doctype html><body style="margin:0"><pre id="found"></pre>
<iframe id="page" src="{page}" style="width:{width}px;height:2000px;border:0"></iframe>
<script>
document.getElementById("page").onload = (event) => {{
  const view = event.target.contentWindow, page = view.document, all = (which) => [...page.querySelectorAll(which)];
  const media = [...page.styleSheets].flatMap((one) => [...one.cssRules]).filter((one) => one.media);
  if ({printed}) media.forEach((one) => {{
    const told = one.media.mediaText;  // as a printer takes it
    one.media.mediaText = told === "print" ? "all" : told.startsWith("screen") ? "not all" : told;
  }});
  const edge = (node) => Math.round(node.getBoundingClientRect().right);
  const mark = all(".map g")[0]?.children[7];
  mark?.dispatchEvent(new view.PointerEvent("pointerover", {{ bubbles: true }}));
  const pointed = {{
    shown: all(".map text.on").length,
    loupe: page.getElementById("loupe")?.hidden,
  }};
  const map = all(".map svg")[0];
  const keyed = ["ArrowDown", "ArrowRight"].map((key) => {{
    map?.dispatchEvent(new view.KeyboardEvent("keydown", {{ key, bubbles: true, cancelable: true }}));
    return map?.querySelectorAll("text.on").length;
  }});
  document.getElementById("found").textContent = JSON.stringify({{
    ...pointed,
    keyed,
    aloud: page.getElementById("aloud")?.textContent,
    width: page.documentElement.scrollWidth,
    loaded: view.performance.getEntriesByType("resource").map((one) => one.name).filter((one) => !/^data:/.test(one)),
    headings: all("h1,h2,h3,h4").map((one) => [Number(one.tagName[1]), one.textContent]),
    unnamed: all("img:not([alt]), [role=img]:not([aria-label])").length,
    blank: all("img").filter((one) => !one.naturalWidth).length,
    images: all("img").length,
    cells: all(".results tbody tr").map((row) => [...row.children].map((one) => one.innerText)),
    best: all(".results td.best").length,
    tinted: all(".results td.plain-win b").map((one) => one.textContent),
    scrolls: all(".scroll").map((one) => one.scrollWidth > one.clientWidth),
    charts: all(".chart .title").map((one) => one.textContent),
    chart_widths: all(".chart").map((one) => one.clientWidth),
    alts: all(".chart [role=img]").map((one) => one.getAttribute("aria-label")),
    paths: all(".chart").map((one) => one.querySelectorAll("svg path").length),
    overflowing: all(".chart svg text, .map svg, img, figcaption").filter((one) => edge(one) > {width}).length,
    beyond: all("body *").filter((one) => edge(one) > {width}).map((one) => one.textContent.trim().slice(0, 40)),
    headers: all(".tasks table").filter((one) => one.getClientRects().length).map((one) => one.tHead.innerText),
    marks: all(".map g").map((one) => one.children.length),
    sections: all("section").map((one) => one.querySelector("h2").textContent),
    links: all("nav a").map((one) => one.getAttribute("href")).filter((one) => !page.querySelector(one)),
    ids: all("[id]").map((one) => one.id),
    colour: view.getComputedStyle(all(".swatch")[0] ?? page.body).backgroundColor,
    text: page.body.innerText,
  }});
}};
</script>"""


def in_browser(page: Path, width: int, tmp_path: Path, *, printed: bool = False) -> dict[str, Any]:
    frame = tmp_path / f"frame-{width}.html"
    frame.write_text(FRAME.format(page=page.as_uri(), width=width, printed=json.dumps(printed)))
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--allow-file-access-from-files", "--hide-scrollbars", "--virtual-time-budget=8000",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--window-size=1400,2000", "--dump-dom", frame.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout[:500]
    assert found[1], f"the page did not load: {done.stdout[:500]} {done.stderr[-500:]}"
    answer: dict[str, Any] = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    return answer
