// What stands in a card: a number with its comparison, a chart with its table, or a table. Text is set
// as text, never as HTML: names of accounts are written by strangers.
"use strict";

const ROWS_AT_FIRST = 100;
const SHORT = 22; // letters that stay on one line

o2r.element = function (tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
};

o2r.sparkline = function (values) {
  const numbers = values.map((value) => (value === null ? null : Number(value)));
  const present = numbers.filter((value) => value !== null);
  if (present.length < 3) return null;
  const [low, high] = [Math.min(...present), Math.max(...present)];
  const place = (value, at) => [
    (at / (numbers.length - 1)) * 116 + 2,
    high === low ? 14 : 26 - ((value - low) / (high - low)) * 24,
  ].map((part) => part.toFixed(1)).join(",");
  let path = "";
  let pen = "M";
  numbers.forEach((value, at) => {
    if (value !== null) path += pen + place(value, at);
    pen = value === null ? "M" : "L";
  });
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  picture.setAttribute("viewBox", "0 0 120 28");
  picture.setAttribute("class", "sparkline");
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", path);
  picture.append(line);
  return picture;
};

// "good" or "bad" for a difference, "" where the card does not say which direction is good.
o2r.judged = function (difference, good) {
  const sign = Math.sign(Number(difference));
  if (!good || sign === 0) return "";
  return (sign > 0) === (good === "up") ? "good" : "bad";
};

// Rates differ by points; a percentage of a percentage would mislead.
o2r.inPercent = (column) => column.format === "percent" || (column.unit || "").startsWith("%");

o2r.difference = function (difference, column) {
  const points = o2r.inPercent(column);
  const decimals = o2r.decimals(column, [difference]);
  const size = o2r.number(difference.replace("-", ""), decimals);
  const words = points ? size + "\u00a0points" : o2r.withUnit(size, column);
  return (Number(difference) < 0 ? "\u2212" : "+") + words;
};

o2r.comparison = function (card, table, last, before) {
  const name = card.y[0];
  const column = card.columns[name];
  if (!before || last[name] === null || before[name] === null) return null;
  const difference = o2r.subtract(last[name], before[name]);
  const when = before[card.x] === null ? "" : o2r.show(before[card.x], card.columns[card.x], table.kinds[card.x]);
  const judged = o2r.judged(difference, card.good);
  const line = o2r.element("p", { class: "change " + judged });
  if (Number(o2r.round(difference, o2r.decimals(column, [last[name], before[name]]))) === 0) {
    line.className = "change";
    line.append((Number(difference) === 0 ? "unchanged from " : "nearly unchanged from ") + when);
    return line;
  }
  const arrow = Number(difference) > 0 ? "\u25b2" : "\u25bc";
  line.append(o2r.element("span", { class: "arrow", "aria-hidden": "true" }, arrow), " ");
  let words = o2r.difference(difference, column);
  if (!o2r.inPercent(column) && Number(before[name]) > 0) {
    const share = ((Number(last[name]) - Number(before[name])) / Number(before[name])) * 100;
    words += " (" + (share < 0 ? "\u2212" : "+") + Math.abs(share).toFixed(1) + "\u202f%)";
  }
  const verdict = { good: ", better", bad: ", worse" }[judged] || "";
  line.append(o2r.element("strong", {}, words), verdict + " than " + when);
  if (!verdict) line.lastChild.textContent = " on " + when;
  return line;
};

o2r.targetLine = function (card, value) {
  if (card.target === null || value === null) return null;
  const column = card.columns[card.y[0]];
  const target = o2r.show(card.target, column, "number");
  const gap = o2r.subtract(value, card.target);
  const judged = o2r.judged(gap, card.good) || (card.good && Number(gap) === 0 ? "good" : "");
  const words = { good: "met", bad: "missed by " + o2r.difference(gap, column).slice(1) };
  const verdict = words[judged] || o2r.difference(gap, column) + " from it";
  return o2r.element("p", { class: "target" }, "Target " + target + ": ",
    o2r.element("strong", { class: judged }, verdict));
};

// The number large, its unit small.
o2r.figure = function (value, column, kind) {
  const whole = o2r.show(value, column, kind);
  const bare = o2r.show(value, column, kind, undefined, true);
  const [before, after] = whole.split(bare);
  const unit = (words) => (words ? [o2r.element("span", { class: "unit" }, words)] : []);
  return [...unit(before), bare, ...unit(after)];
};

o2r.drawNumber = function (box, card, table, rows) {
  const last = rows[rows.length - 1];
  const value = last[card.y[0]];
  const column = card.columns[card.y[0]];
  const address = o2r.drill(card, last);
  const figure = o2r.figure(value, column, table.kinds[card.y[0]]);
  const number = o2r.element("p", { class: value === null ? "figure none" : "figure", "data-value": value },
    ...(address ? [o2r.element("a", { href: address }, ...figure)] : figure));
  const when = o2r.show(last[card.x], card.columns[card.x], table.kinds[card.x]);
  const period = o2r.element("p", { class: "period" }, card.columns[card.x].label + " " + when);
  const parts = [number, period, o2r.comparison(card, table, last, rows[rows.length - 2]),
    o2r.targetLine(card, value), o2r.sparkline(rows.slice(-26).map((row) => row[card.y[0]]))];
  box.replaceChildren(...parts.filter(Boolean));
};

o2r.table = function (card, table, rows, caption) {
  const names = Object.keys(card.columns);
  const decimals = Object.fromEntries(names.filter((name) => table.kinds[name] === "number")
    .map((name) => [name, o2r.decimals(card.columns[name], rows.map((row) => row[name]))]));
  const inHead = (column) => column.format === "percent" ? "%" : column.unit;
  const head = o2r.element("tr", {}, ...names.map((name) => {
    const column = card.columns[name];
    const unit = table.kinds[name] === "number" && inHead(column);
    const cell = o2r.element("th", { scope: "col", class: table.kinds[name] }, column.label);
    if (unit && !column.label.includes(unit)) cell.append(" ", o2r.element("span", { class: "unit" }, unit));
    return cell;
  }));
  const line = (row) => {
    const address = o2r.drill(card, row);
    const made = o2r.element("tr", { class: address ? "leads" : null }, ...names.map((name, place) => {
      const value = row[name];
      const kind = table.kinds[name];
      const words = o2r.show(value, card.columns[name], kind, decimals[name], true);
      const inside = place === 0 && address ? o2r.element("a", { href: address }, words) : words;
      const short = kind === "text" && words.length <= SHORT ? " short" : "";
      const classes = kind + short + (value === null ? " none" : "");
      return o2r.element(place === 0 ? "th" : "td",
        { class: classes, scope: place === 0 ? "row" : null, "data-value": kind === "number" ? value : null },
        inside);
    }));
    if (address) made.addEventListener("click", () => { location.href = address; });
    return made;
  };
  const body = o2r.element("tbody", {}, ...rows.slice(0, ROWS_AT_FIRST).map(line));
  const made = o2r.element("table", {}, o2r.element("caption", { class: "hidden" }, caption),
    o2r.element("thead", {}, head), body);
  const scroll = o2r.element("div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption + ", rows" }, made);
  if (card.display === "table") scroll.style.maxHeight = Math.max(card.pixels, 320) + "px";
  const found = document.createDocumentFragment();
  found.append(scroll);
  if (rows.length > ROWS_AT_FIRST) {
    const more = o2r.element("button", { type: "button", class: "more" },
      "Show all " + o2r.number(String(rows.length), 0) + " rows");
    more.addEventListener("click", () => {
      body.append(...rows.slice(ROWS_AT_FIRST).map(line));
      more.remove();
      scroll.focus();
    });
    found.append(more);
  }
  return found;
};

// What a chart shows, in a sentence.
o2r.inWords = function (card, table, rows) {
  const spoken = (row, name) => o2r.show(row[name], card.columns[name], table.kinds[name]);
  const [first, last] = [rows[0], rows[rows.length - 1]];
  const values = card.y.map((name) => card.columns[name].label).join(", ");
  let words = card.name + ". " + card.question + " " + rows.length + " rows of " + values;
  words += ", from " + spoken(first, card.x) + " (" + spoken(first, card.y[0]) + ")";
  words += " to " + spoken(last, card.x) + " (" + spoken(last, card.y[0]) + ").";
  if (card.target !== null) words += " Target " + o2r.show(card.target, card.columns[card.y[0]], "number") + ".";
  return words;
};

o2r.drawCard = function (section, card, table, rows) {
  const box = section.querySelector(".body");
  section.classList.toggle("empty", !rows.length);
  if (!rows.length) {
    if (box.firstChild && box.firstChild.view) box.firstChild.view.finalize();
    box.replaceChildren(o2r.element("p", { class: "nothing" }, card.empty));
    return Promise.resolve();
  }
  if (card.display === "number") {
    o2r.drawNumber(box, card, table, rows);
  } else if (card.display === "table") {
    box.replaceChildren(o2r.table(card, table, rows, card.name));
  } else {
    return o2r.drawFigure(box, card, table, rows);
  }
  return Promise.resolve();
};

o2r.drawFigure = function (box, card, table, rows) {
  let chart = box.querySelector(".chart");
  if (!chart) {
    chart = o2r.element("div", { class: "chart", role: "img" });
    chart.style.height = card.pixels + "px";
    const details = o2r.element("details", {}, o2r.element("summary", {}, "Data as a table"));
    details.addEventListener("toggle", () => {
      if (details.open) details.append(o2r.table(card, table, chart.rows, card.name + ", data"));
      else [...details.children].slice(1).forEach((part) => part.remove());
    });
    box.replaceChildren(chart, details);
  }
  box.querySelector("details").open = false;
  chart.rows = rows;
  chart.setAttribute("aria-label", o2r.inWords(card, table, rows));
  return o2r.drawChart(chart, card, table, rows);
};
