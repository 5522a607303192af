// Pointing at a sample shows it, and marks the same sample on every map.
(() => {
  const box = document.querySelector(".maps");
  const loupe = document.getElementById("loupe");
  const across = Number(box.dataset.across);
  const maps = [...box.querySelectorAll("svg g")].map((group) => [...group.children]);
  const rows = Math.ceil(maps[0].length / across);
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
    loupe.lastChild.textContent = mark.textContent;
    loupe.hidden = false;
    const at = mark.getBoundingClientRect();
    const left = Math.min(at.left + 14, document.documentElement.clientWidth - loupe.offsetWidth - 8);
    const top = at.top > loupe.offsetHeight + 16 ? at.top - loupe.offsetHeight - 8 : at.bottom + 8;
    loupe.style.transform = "translate(" + Math.max(left, 8) + "px, " + top + "px)";
  };
  const point = (event) => (event.target.tagName === "text" ? show(event.target) : clear());
  box.addEventListener("pointerover", point);
  box.addEventListener("pointerdown", point);
  box.addEventListener("pointerleave", clear);
  addEventListener("scroll", clear, { passive: true });
})();
