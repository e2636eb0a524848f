"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const page = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const read = (element) => JSON.parse(element.textContent);

  function make(tag, text, className) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  }

  function draw(tag, attributes) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  function breakable(text) {
    const name = make("bdi");
    text.split(/(?<=[/_])(?=.)/s).forEach((part, i) => name.append(...(i ? [make("wbr")] : []), part));
    return name;
  }

  // Cells, written as the first rows are.

  const formats = new Map();

  function fixed(value, digits) {
    if (!formats.has(digits)) {
      const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
      formats.set(digits, new Intl.NumberFormat("en-US", options));
    }
    return formats.get(digits).format(value).replace("-", "\u2212");
  }

  const counted = (n, noun) => `${fixed(n, 0)} ${noun}${n === 1 ? "" : "s"}`;

  function textOf(column, row) {
    const value = column.values[row];
    if (value === null) return "\u2013";
    if (!numeric(column)) return String(value);
    if (column.kind === "percent" && value === 0) return "0";
    const least = 10 ** -column.digits;
    if (column.kind === "percent" && value > 0 && value < 0.5 * least) return "<" + least.toFixed(column.digits);
    return (column.kind === "change" && value > 0 ? "+" : "") + fixed(value, column.digits);
  }

  const numeric = (column) => ["number", "percent", "change"].includes(column.kind);

  function bar([from, to, low, high, ranged]) {
    const drawing = draw("svg", { class: "bar", "aria-hidden": "true", focusable: "false" });
    const start = Math.min(from, to) + "%", length = Math.abs(to - from).toFixed(2) + "%";
    drawing.append(draw("rect", { class: "mark", x: start, y: 3, width: length, height: 10 }));
    if (ranged) {
      const width = (high - low).toFixed(2) + "%";
      drawing.append(draw("rect", { class: "range", x: low + "%", y: 6, width, height: 4 }));
    }
    return drawing;
  }

  function cell(column, row, pick) {
    const text = column.kind === "bar" ? "" : textOf(column, row);
    if (column.kind === "name") {
      const head = make("th");
      head.scope = "row";
      if (text.length < 25) head.className = "short";
      const name = breakable(text);
      if (pick) {
        const button = make("button", undefined, "pick");
        button.type = "button";
        button.append(name);
        button.addEventListener("click", () => pick(row));
        head.append(button);
      } else head.append(name);
      return head;
    }
    const data = make("td", undefined, numeric(column) ? "n" : { bar: "bars", block: "family" }[column.kind]);
    if (column.kind === "bar") data.append(bar(column.values[row]));
    else if (column.kind === "block") {
      const letter = /[A-I]/.test(text[0]) ? text[0] : "rest";
      data.append(make("span", text[0], "block b-" + letter), " ", make("bdi", text.slice(2)));
    } else if (column.kind === "text") {
      data.append(breakable(text));
      if (text.length < 25) data.className = "short";
    } else data.textContent = text;
    return data;
  }

  // Tables: sorted by a column, searched by words, one page at a time.

  const tables = new Map();
  const collator = new Intl.Collator("en", { numeric: true });

  function table(host) {
    const { columns, rows: perPage, unit } = read(host.querySelector("script"));
    const body = host.querySelector("tbody");
    const all = columns[0].values.map((_, row) => row);
    const output = host.querySelector("output");
    const place = host.querySelector(".place");
    const [earlier, later] = host.querySelectorAll(".pages button");
    const heads = host.querySelectorAll("thead tr:last-child th");
    const pick = "pick" in host.dataset ? chosen : null;
    let found = all, first = 0, sorted = -1, down = false, words = null;

    function update() {
      const last = Math.min(first + perPage, found.length);
      body.replaceChildren(...found.slice(first, last).map((row) => {
        const line = make("tr");
        line.append(...columns.map((column) => cell(column, row, pick)));
        return line;
      }));
      earlier.disabled = first === 0;
      later.disabled = last === found.length;
      const count = fixed(found.length, 0);
      place.textContent = found.length ? `${fixed(first + 1, 0)} to ${fixed(last, 0)} of ${count}` : "none";
    }

    function arrange(rows) {
      if (sorted < 0) return rows;
      const { kind, values } = columns[sorted];
      const key = kind === "bar" ? (row) => values[row][1] : (row) => values[row];
      const compare = numeric(columns[sorted]) || kind === "bar"
        ? (a, b) => key(a) - key(b)
        : (a, b) => collator.compare(key(a), key(b));
      const known = rows.filter((row) => values[row] !== null);
      known.sort((a, b) => (down ? -1 : 1) * compare(a, b) || a - b);
      return known.concat(rows.filter((row) => values[row] === null));
    }

    function search(text) {
      const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
      const searched = columns.filter((column) => ["name", "text", "block"].includes(column.kind));
      if (wanted.length) words ??= all.map((row) => searched.map((c) => c.values[row]).join("\n").toLowerCase());
      found = arrange(all.filter((row) => wanted.every((word) => words[row].includes(word))));
      first = 0;
      output.textContent = (wanted.length ? `${fixed(found.length, 0)} of ` : "") + counted(all.length, unit);
      update();
    }

    heads.forEach((head, index) => {
      const button = make("button", undefined, "sort");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const size = numeric(columns[index]) || columns[index].kind === "bar";
        down = sorted === index ? !down : size && columns[index].head !== "rank";
        sorted = index;
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        found = arrange(found);
        first = 0;
        update();
      });
    });
    const box = host.querySelector("input");
    box.addEventListener("input", () => search(box.value));
    earlier.addEventListener("click", () => { first = Math.max(0, first - perPage); update(); });
    later.addEventListener("click", () => { first += perPage; update(); });
    const more = host.querySelector(".more");
    more.textContent = more.dataset.file ? `Every row, with all digits, is in ${more.dataset.file}.` : "";
    host.querySelector(".pages").hidden = all.length <= perPage;
    host.querySelector(".tools").hidden = all.length < 12;
    search("");
    tables.set(host.dataset.name, columns);
  }

  // Pairs: the labels of the jury against what a mixture expected.

  const explorer = byId("explorer");
  const pairData = explorer && read(byId("pair-data"));
  const choice = byId("pair"), mechanism = byId("mechanism");

  function path(heights, closed) {
    const down = heights.map((height) => 999 - height), last = down.length - 1;
    const arcs = down.slice(1, -1).map((y, i) => `Q${i + 1} ${y} ${i + 1.5} ${(y + down[i + 2]) / 2}`).join("");
    const curve = `${down[0]}${arcs}L${last} ${down[last]}`;
    return closed ? `M0 999L0 ${curve}L${last} 999Z` : `M0 ${curve}`;
  }

  function show(row, method) {
    const [a, b, labels] = tables.get("pairs");
    const pair = pairData.pairs[row];
    choice.selectedIndex = row;
    byId("end-a").textContent = a.values[row];
    byId("end-b").textContent = b.values[row];
    byId("pair-mixture").setAttribute("d", path(pair.curves[method], true));
    byId("pair-jury").setAttribute("d", path(pair.curves.at(-1), false));
    byId("pair-labels").replaceChildren(...pair.labels.map(([x, y]) => draw("circle", { cx: x + "%", cy: y, r: 4 })));
    byId("pair-ticks").replaceChildren(...pair.ticks.flatMap(([x, text]) => {
      const word = draw("text", { x: x + "%", y: 282, "text-anchor": "middle" });
      word.textContent = text;
      return [draw("line", { class: "grid", x1: x + "%", x2: x + "%", y1: 8, y2: 262 }), word];
    }));
    const said = `${counted(labels.values[row], "label")} of the jury in ${counted(pair.modes.at(-1), "mode")}; `
      + `the mixture of ${pairData.methods[method]} has ${counted(pair.modes[method], "mode")}.`;
    byId("pair-desc").textContent = byId("pair-said").textContent = said;
  }

  function chosen(row) {
    show(row, mechanism.selectedIndex);
    explorer.scrollIntoView({ block: "nearest" });
  }

  // One text beside what the pointer or the focus is on; arrow keys move inside a chart.

  const tip = byId("tip");
  let told = null;

  function seat(circle) {
    const columns = tables.get("models"), row = Number(circle.dataset.row);
    if (row >= columns[0].values.length) return circle.closest(".stop").getAttribute("aria-label");
    const first = columns.findIndex((column) => column.kind === "percent");
    const weight = columns[first + Number(circle.closest("svg").dataset.mechanism)];
    const of = (kind) => textOf(columns.find((column) => column.kind === kind), row);
    const scores = columns.filter((column) => column.kind === "number" && column.head !== "rank").slice(0, 3);
    return `${of("name")}\n${of("block").slice(2)}, ${textOf(weight, row)}% of the weight\n`
      + scores.map((column) => `${column.head} ${textOf(column, row)}`).join(", ");
  }

  function tell(target) {
    const stop = target?.closest?.(".stop");
    told = stop ? target : null;
    tip.hidden = !stop;
    if (!stop) return;
    tip.textContent = "row" in target.dataset ? seat(target) : stop.getAttribute("aria-label");
    const at = target.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const left = Math.min(at.left + at.width / 2 - own.width / 2, page.clientWidth - own.width - 8);
    const above = at.top - own.height - 8;
    tip.style.left = Math.max(8, left) + "px";
    tip.style.top = (above < 8 ? at.bottom + 8 : above) + "px";
  }

  for (const type of ["pointerover", "focusin"]) document.addEventListener(type, (event) => tell(event.target));
  document.addEventListener("focusout", () => tell(null));
  document.addEventListener("scroll", () => tell(told), { passive: true, capture: true });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") tell(null);
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const stop = document.activeElement.closest?.(".roving .stop");
    if (!step || !stop) return;
    const stops = [...stop.closest(".roving").querySelectorAll(".stop")];
    const next = stops[stops.indexOf(stop) + step];
    event.preventDefault();
    if (!next) return;
    stop.setAttribute("tabindex", -1);
    next.setAttribute("tabindex", 0);
    next.focus();
  });

  // Theme, and everything open when the page is printed.

  const theme = byId("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (page.dataset.theme ? page.dataset.theme === "dark" : system.matches);
  const named = () => { theme.textContent = dark() ? "Light theme" : "Dark theme"; };
  theme.addEventListener("click", () => { page.dataset.theme = dark() ? "light" : "dark"; named(); });
  system.addEventListener("change", named);
  theme.hidden = false;
  named();
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));

  document.querySelectorAll(".table").forEach(table);
  if (explorer) {
    const [a, b, labels] = tables.get("pairs");
    choice.append(...a.values.map((name, row) => make("option", `${name} and ${b.values[row]} (${labels.values[row]})`)));
    mechanism.append(...pairData.methods.map((name) => make("option", name)));
    for (const list of [choice, mechanism]) list.addEventListener("change", () => show(choice.selectedIndex, mechanism.selectedIndex));
    explorer.querySelector(".tools").hidden = false;
  }
})();
