// Rows of a page, and which of them a card shows with the filters that are chosen.
"use strict";

// Columns of the build, back to rows: {kinds, rows}, each row by the names of its columns. A table may
// be another one, the last row first.
o2r.unpack = function (tables, name) {
  const table = tables[name];
  if (table.reversed) {
    const mirrored = o2r.unpack(tables, table.reversed);
    return { kinds: mirrored.kinds, rows: mirrored.rows.reverse() };
  }
  const names = Object.keys(table.columns);
  const values = names.map((name) => {
    const column = table.columns[name];
    return column.values || column.codes.map((code) => column.members[code]);
  });
  const rows = Array.from({ length: table.count }, (_, at) =>
    Object.fromEntries(names.map((name, place) => [name, values[place][at]])));
  const kinds = Object.fromEntries(names.map((name) => [name, table.columns[name].kind]));
  return { kinds, rows };
};

o2r.passes = function (kind, value, wanted) {
  if (value === null) return false;
  if (kind === "choice") return value === wanted;
  const limit = value.includes("T") ? wanted + "T00:00:00" : wanted;
  return kind === "since" ? value >= limit : value <= limit;
};

// Rows are in the card's order already; one without a value never passes a filter, as in SQL.
o2r.shown = function (card, rows, filters, chosen) {
  const passing = rows.filter((row) => Object.entries(card.filters).every(([name, column]) =>
    !chosen[name] || o2r.passes(filters[name].kind, row[column], chosen[name])));
  return card.limit ? passing.slice(0, card.limit) : passing;
};

// Address of what a row leads to; null where a filter would have no value, and so would not filter.
o2r.drill = function (card, row) {
  if (!card.drill) return null;
  const parameters = new URLSearchParams();
  for (const [name, column] of Object.entries(card.drill.filters)) {
    if (row[column] === null) return null;
    parameters.set(name, card.drill.days.includes(name) ? row[column].slice(0, 10) : row[column]);
  }
  return card.drill.href + "#" + parameters;
};

// What is chosen: the fragment of the address, else the defaults. Days that are none are left out.
o2r.readState = function (filters) {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const chosen = {};
  for (const [name, filter] of Object.entries(filters)) {
    const value = fragment.get(name) || filter.default || "";
    const fits = filter.kind === "choice" || /^\d{4}-\d{2}-\d{2}$/.test(value);
    chosen[name] = fits ? value : "";
  }
  return { chosen, tab: fragment.get("tab") };
};

o2r.writeState = function (filters, chosen, tab) {
  const fragment = new URLSearchParams();
  for (const [name, filter] of Object.entries(filters)) {
    if (chosen[name] && chosen[name] !== filter.default) fragment.set(name, chosen[name]);
  }
  if (tab) fragment.set("tab", tab);
  const text = fragment.toString();
  history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
};
