"use strict";
// Works on the finished page: everything is there without it. No network, no storage.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (tag, attributes = {}, text = "") => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = text;
    return element;
  };
  // the number that a cell begins with, in the units that this report writes; NaN for a text
  const UNITS = {
    bytes: 1, kB: 1e3, MB: 1e6, GB: 1e9, ms: 1e-3, s: 1, min: 60, h: 3600, "%": 1,
  };
  const value = (text) => {
    const plain = text.trim().replace(/[\u202f]/g, "").replace(/\u2212/g, "-").replace(/^[<+]\s*/, "");
    const match = /^(-?\d+(?:\.\d+)?(?:e-?\d+)?)(?:\s*([A-Za-z%]+))?/.exec(plain);
    return match ? Number(match[1]) * (UNITS[match[2]] ?? 1) : NaN;
  };

  const sort = (table, column, button) => {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const key = (cell) => cell.dataset.sort ?? cell.textContent;
    const keys = new Map(rows.map((row) => [row, key(row.cells[column])]));
    const numeric = rows.some((row) => !Number.isNaN(value(keys.get(row))));
    const descending = button.parentElement.getAttribute("aria-sort") === (numeric ? "descending" : "ascending")
      ? !numeric : numeric;
    all("th[aria-sort]", table).forEach((heading) => heading.removeAttribute("aria-sort"));
    button.parentElement.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const order = (one, other) => {
      if (!numeric) return keys.get(one).localeCompare(keys.get(other), "en", { numeric: true });
      const [a, b] = [value(keys.get(one)), value(keys.get(other))];
      // what has no number stays last in both directions
      if (Number.isNaN(a) || Number.isNaN(b)) return (Number.isNaN(a) - Number.isNaN(b)) * (descending ? -1 : 1);
      return a - b;
    };
    rows.sort((one, other) => order(one, other) * (descending ? -1 : 1));
    body.append(...rows);
  };

  const copy = async (table, button) => {
    const lines = [...table.rows].filter((row) => !row.hidden).map((row) =>
      [...row.cells].map((cell) => cell.textContent.trim().replace(/\s+/g, " ")).join("\t"));
    const area = make("textarea");
    area.value = lines.join("\n");
    // on a page from a file the clipboard of the newer kind may be refused
    try {
      await navigator.clipboard.writeText(area.value);
    } catch {
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };

  const FILTERED = 8; // rows from which a table can be filtered
  for (const table of all(".table table")) {
    if (!table.tBodies.length || table.tBodies[0].rows.length < 2) continue;
    all("thead th", table).forEach((heading) => {
      const button = make("button", { type: "button", class: "sort" }, heading.textContent.trim());
      button.addEventListener("click", () => sort(table, heading.cellIndex, button));
      heading.replaceChildren(button);
    });
    const tools = make("div", { class: "tools" });
    const name = table.caption ? table.caption.textContent.trim() : "table";
    if (table.tBodies[0].rows.length >= FILTERED) {
      const filter = make("input", { type: "search", placeholder: "Filter rows", "aria-label": `Filter rows: ${name}` });
      filter.addEventListener("input", () => {
        const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
        for (const row of table.tBodies[0].rows) {
          const text = row.textContent.toLowerCase();
          row.hidden = !words.every((word) => text.includes(word));
        }
      });
      tools.append(filter);
    }
    const button = make("button", { type: "button", "aria-label": `Copy: ${name}` }, "Copy");
    button.addEventListener("click", () => copy(table, button));
    tools.append(button);
    table.closest(".table").prepend(tools);
  }

  // a link into a folded part unfolds it
  const unfold = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    const inside = target.querySelector(":scope > details.whole");
    if (inside) inside.open = true;
    for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  unfold();
  addEventListener("beforeprint", () => all("details:not([open])").forEach((part) => {
    part.open = true;
    part.dataset.printed = "";
  }));
  addEventListener("afterprint", () => all("details[data-printed]").forEach((part) => {
    part.open = false;
    delete part.dataset.printed;
  }));

  // a cell of a confusion matrix picks out all of its pictures
  for (const link of all(".matrix a")) {
    link.addEventListener("click", () => {
      const cell = link.getAttribute("href").slice(1);
      all("li[data-cell]").forEach((picture) => picture.classList.toggle("chosen", picture.dataset.cell === cell));
    });
  }

  // models whose parts of all figures are shown
  const figures = all("figure.drawing").filter((figure) => figure.querySelector("[data-model]"));
  const off = new Set();
  const boxes = [];
  const drawn = () => {
    for (const figure of figures) {
      for (const part of all("[data-model]", figure)) part.classList.toggle("off", off.has(part.dataset.model));
    }
    for (const box of boxes) box.checked = !off.has(box.value);
  };
  for (const figure of figures) {
    const models = [...new Set(all("[data-model]", figure).map((part) => part.dataset.model))];
    if (models.length < 2) continue;
    const choice = make("fieldset", { class: "models" });
    choice.append(make("legend", {}, "Models in figures"));
    for (const model of models) {
      const box = make("input", { type: "checkbox", value: model });
      box.checked = true;
      box.addEventListener("change", () => {
        off[box.checked ? "delete" : "add"](model);
        drawn();
      });
      boxes.push(box);
      const label = make("label");
      label.append(box, model);
      choice.append(label);
    }
    figure.prepend(choice);
  }

  // what follows from a threshold and from the costs of mistakes, from the test verdicts embedded in the page
  for (const tool of all(".in-use")) {
    const { classes, truth, at_least: atLeast } = JSON.parse(tool.querySelector("script").textContent);
    const [threshold, miss, alarm] = all("input", tool);
    const write = (name, text) => { tool.querySelector(`[data-value="${name}"]`).textContent = text; };
    const percent = (part, whole) => (whole ? `${(100 * part / whole).toFixed(1)}\u00a0%` : "\u2013");
    const compute = () => {
      const least = Number(threshold.value) / 100;
      let missed = 0, alarms = 0, positives = 0, negatives = 0, spent = 0;
      truth.forEach((grade, place) => {
        const called = atLeast[place].filter((probability) => probability >= least - 1e-9).length;
        positives += grade > 0;
        negatives += grade < classes - 1;
        missed += called < grade;
        alarms += called > grade;
        spent += called < grade ? Number(miss.value) : called > grade ? Number(alarm.value) : 0;
      });
      write("threshold", least.toFixed(2));
      write("missed", `${percent(missed, positives)} (${missed} of ${positives})`);
      write("alarms", `${percent(alarms, negatives)} (${alarms} of ${negatives})`);
      write("cost", (100 * spent / truth.length).toFixed(1));
    };
    [threshold, miss, alarm].forEach((input) => input.addEventListener("input", compute));
    tool.hidden = false;
    compute();
  }
})();
