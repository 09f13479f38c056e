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
    const days = [...new Set(made.map((one) => one[field]).filter((day) => day !== null))];
    days.sort((left, right) => left - right);
    const steps = days.slice(1).map((day, at) => day - days[at]);
    const step = steps.length ? Math.min(...steps) : 86400000;
    for (const one of made) one.x_end = one[field] === null ? null : one[field] + step;
  }
  return made;
};

const ROW_HEIGHT = 24;

o2r.drawChart = async function (box, card, table, rows) {
  if (box.view) box.view.finalize();
  box.view = null;
  box.replaceChildren();
  if (!rows.length) return;
  const spec = structuredClone(card.spec);
  const names = Object.keys(card.columns);
  const tooltip = names.map((name, place) => ({ field: "t" + place, title: card.columns[name].label }));
  const describe = (layer) => {
    if (layer.layer) layer.layer.forEach(describe);
    else if (!layer.encoding.y || layer.encoding.y.datum === undefined) {
      if (!layer.encoding.x || layer.encoding.x.datum === undefined) layer.encoding.tooltip = tooltip;
    }
  };
  describe(spec);
  spec.width = box.clientWidth;
  spec.height = box.clientHeight;
  if (card.display === "row") {
    const bars = new Set(rows.map((row) => row[card.x])).size;
    spec.height = Math.max(spec.height, bars * ROW_HEIGHT + 60);
    box.style.height = spec.height + "px";
  }
  spec.datasets = { rows: o2r.chartRows(card, table, rows) };
  const result = await vegaEmbed(box, spec, { actions: false, renderer: "svg", ast: false });
  box.view = result.view;
  if (card.drill) {
    result.view.addEventListener("click", (_event, item) => {
      const row = item && item.datum && rows[item.datum.at];
      const address = row && o2r.drill(card, row);
      if (address) location.href = address;
    });
  }
};
