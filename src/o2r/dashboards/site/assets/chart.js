// Charts: rows as Vega-Lite takes them (the same as o2r.dashboards.site.charts.chart_rows, with words
// for the tooltip), and one view per chart.
"use strict";

o2r.milliseconds = (text) => Date.parse(text.length > 10 ? text + "Z" : text);

o2r.chartRows = function (card, table, rows) {
  const names = Object.keys(card.columns);
  const number = (value, kind) => {
    if (value === null) return kind === "text" ? o2r.MISSING : null;
    return kind === "number" ? Number(value) : kind === "date" ? o2r.milliseconds(value) : value;
  };
  const made = rows.map((row, at) => {
    const one = { at };
    names.forEach((name, place) => {
      one["c" + place] = number(row[name], table.kinds[name]);
      one["t" + place] = o2r.show(row[name], card.columns[name], table.kinds[name]);
    });
    return one;
  });
  if (card.x && table.kinds[card.x] === "date") {
    const field = "c" + names.indexOf(card.x);
    const days = o2r.days(made, field);
    const steps = days.slice(1).map((day, at) => day - days[at]);
    const step = steps.length ? Math.min(...steps) : 86400000;
    for (const one of made) {
      one.x_from = one[field] === null ? null : one[field] - step / 2;
      one.x_to = one[field] === null ? null : one[field] + step / 2;
    }
  }
  return made;
};

o2r.days = (rows, field) => [...new Set(rows.map((row) => row[field]).filter((day) => day !== null))]
  .sort((left, right) => left - right);

const LABEL_WIDTH = 70;
const MOST_POINTS = 60;
const MOST_SERIES = 8;

o2r.layers = (chart) => (chart.layer ? chart.layer.flatMap(o2r.layers) : [chart]);

// The chart with what depends on its rows; returns how many members a series has that has too many
// for colours, else 0.
o2r.fit = function (chart, card, rows, width) {
  const field = (name) => "c" + Object.keys(card.columns).indexOf(name);
  const isDay = card.columns[card.x].format === "date";
  const days = isDay ? o2r.days(rows, field(card.x)) : [];
  const every = Math.ceil(days.length / Math.max(1, Math.floor(width / LABEL_WIDTH))) || 1;
  const monthly = days.every((day) => new Date(day).getUTCDate() === 1);
  const labels = {
    values: days.reverse().filter((_day, at) => at % every === 0),
    labelExpr: monthly ? o2r.chartLabels.month : o2r.chartLabels.day,
  };
  const names = new Set(rows.map((row) => row[field(card.x)]));
  const members = card.series ? [...new Set(rows.map((row) => row[field(card.series)]))].sort() : [];
  const tooMany = members.length > MOST_SERIES;
  for (const { encoding, mark } of o2r.layers(chart)) {
    if (isDay && encoding.x && encoding.x.axis) Object.assign(encoding.x.axis, labels);
    if (days.length > MOST_POINTS) delete mark.point;
    if (names.size === rows.length) delete encoding.yOffset;
    if (tooMany && encoding.color) {
      Object.assign(encoding.color, { scale: { range: ["var(--muted)"] }, legend: null });
    } else if (members.length && encoding.color) {
      encoding.color.legend = { values: members };
    }
  }
  return tooMany ? members.length : 0;
};

const ROW_HEIGHT = 24;
const LETTER = 6.2;

// How many entries of the legend stand beside each other without being cut off.
o2r.legendColumns = function (card, rows, width) {
  const labels = card.y.length > 1 ? card.y.map((name) => card.columns[name].label)
    : rows.map((row) => String(row[card.series]));
  const longest = Math.max(...labels.map((label) => label.length));
  return Math.max(1, Math.floor(width / (longest * LETTER + 36)));
};

o2r.drawChart = async function (box, card, table, rows) {
  if (box.view) box.view.finalize();
  box.view = null;
  box.replaceChildren();
  if (!rows.length) return;
  const spec = structuredClone(card.spec);
  const names = Object.keys(card.columns);
  const tooltip = names.map((name, place) => ({ field: "t" + place, title: card.columns[name].label }));
  for (const layer of o2r.layers(spec)) {
    if (!layer.data) layer.encoding.tooltip = tooltip;
  }
  spec.config = structuredClone(o2r.chartConfig);
  if (card.series || card.y.length > 1) {
    spec.config.legend.columns = o2r.legendColumns(card, rows, box.clientWidth - 40);
  }
  spec.width = box.clientWidth;
  spec.height = box.clientHeight;
  if (card.display === "row") {
    const bars = new Set(rows.map((row) => row[card.x])).size;
    spec.height = Math.max(spec.height, bars * ROW_HEIGHT + 60);
    box.style.height = spec.height + "px";
  }
  spec.datasets = { rows: o2r.chartRows(card, table, rows) };
  const uncoloured = o2r.fit(spec, card, spec.datasets.rows, spec.width);
  box.closest(".card").querySelector(".many").textContent = uncoloured
    ? uncoloured + " lines are too many for colours: filter to tell them apart" : "";
  const inside = o2r.element("div", { "aria-hidden": "true" }); // the box says it in words
  box.append(inside);
  const result = await vegaEmbed(inside, spec, { actions: false, renderer: "svg", ast: false });
  box.view = result.view;
  if (card.drill) {
    result.view.addEventListener("click", (_event, item) => {
      const row = item && item.datum && rows[item.datum.at];
      const address = row && o2r.drill(card, row);
      if (address) location.href = address;
    });
  }
};
