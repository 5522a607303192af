// Pointing at a sample, or going to it by the arrow keys, shows it, and marks the same sample on every map.
(() => {
  const box = document.querySelector(".maps");
  const loupe = document.getElementById("loupe");
  const aloud = document.getElementById("aloud");
  const said = JSON.parse(document.getElementById("said")?.textContent ?? "null");
  const across = Number(box.dataset.across);
  const maps = [...box.querySelectorAll("svg g")].map((group) => [...group.children]);
  const rows = Math.ceil(maps[0].length / across);
  const steps = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
  let shown = [];
  const clear = () => {
    shown.forEach((mark) => mark.classList.remove("on"));
    shown = [];
    loupe.hidden = true;
    box.classList.remove("pointing");
  };
  const show = (mark) => {
    clear();
    const place = [...mark.parentNode.children].indexOf(mark);
    shown = maps.map((marks) => marks[place]);
    shown.forEach((other) => other.classList.add("on"));
    box.classList.add("pointing");
    const share = (part, whole) => (whole > 1 ? (100 * part) / (whole - 1) : 0) + "%";
    loupe.firstChild.style.backgroundPosition = share(place % across, across) + " " + share(Math.floor(place / across), rows);
    loupe.lastChild.textContent = said ? said[place] : mark.textContent;
    loupe.hidden = false;
    const at = mark.getBoundingClientRect();
    const left = Math.min(at.left + 14, document.documentElement.clientWidth - loupe.offsetWidth - 8);
    const top = at.top > loupe.offsetHeight + 16 ? at.top - loupe.offsetHeight - 8 : at.bottom + 8;
    loupe.style.transform = "translate(" + Math.max(left, 8) + "px, " + top + "px)";
  };
  const point = (event) => (event.target.tagName === "text" ? show(event.target) : clear());
  const at = (mark) => [Number(mark.getAttribute("x")), Number(mark.getAttribute("y"))];
  const next = (marks, from, [right, down]) => {
    const [x, y] = at(from);
    let best = from, least = Infinity;
    for (const mark of marks) {
      const [toX, toY] = at(mark);
      const along = (toX - x) * right + (toY - y) * down;
      const aside = Math.abs((toX - x) * down + (toY - y) * right);
      if (along > 0 && along + 2 * aside < least) [best, least] = [mark, along + 2 * aside];
    }
    return best;
  };
  const key = (event) => {
    const marks = maps.find((one) => event.target.contains(one[0]));
    if (event.key === "Escape") clear();
    if (!marks || !steps[event.key]) return;
    event.preventDefault();
    const from = marks.find((mark) => mark.classList.contains("on"));
    show(from ? next(marks, from, steps[event.key]) : marks[0]);
    aloud.textContent = loupe.lastChild.textContent;
  };
  box.addEventListener("pointerover", point);
  box.addEventListener("pointerdown", point);
  box.addEventListener("pointerleave", clear);
  box.addEventListener("keydown", key);
  box.addEventListener("focusout", clear);
  addEventListener("scroll", clear, { passive: true });
})();
