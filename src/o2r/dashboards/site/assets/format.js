// Numbers and days as readers see them. Values come as exact text and are rounded here, for display
// only, half away from zero as PostgreSQL does; null is never a number.
"use strict";
var o2r = window.o2r || {};
window.o2r = o2r;

o2r.MISSING = "no value";
const MINUS = "\u2212";
const THIN = "\u202f";
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

o2r.round = function (text, decimals) {
  const negative = text.startsWith("-");
  const [whole, fraction = ""] = text.replace("-", "").split(".");
  let digits = BigInt(whole + fraction.slice(0, decimals).padEnd(decimals, "0"));
  if (fraction.charAt(decimals) >= "5") digits += 1n;
  const shown = digits.toString().padStart(decimals + 1, "0");
  const cut = shown.length - decimals;
  const rounded = shown.slice(0, cut) + (decimals ? "." + shown.slice(cut) : "");
  return negative && digits ? "-" + rounded : rounded;
};

o2r.subtract = function (left, right) {
  const places = (text) => (text.split(".")[1] || "").length;
  const scale = Math.max(places(left), places(right));
  const units = (text) => BigInt(o2r.round(text, scale).replace(".", ""));
  const difference = units(left) - units(right);
  const digits = (difference < 0n ? -difference : difference).toString().padStart(scale + 1, "0");
  const cut = digits.length - scale;
  const text = digits.slice(0, cut) + (scale ? "." + digits.slice(cut) : "");
  return difference < 0n ? "-" + text : text;
};

// Digits after the point of a column whose definition does not say: whole amounts of money unless
// small ones are among them, else as many as are needed, two at most.
o2r.decimals = function (column, values) {
  if (column.decimals !== null && column.decimals !== undefined) return column.decimals;
  if (column.format === "integer") return 0;
  const present = values.filter((value) => value !== null);
  if (column.format === "currency") {
    return present.some((value) => Number(value) !== 0 && Math.abs(Number(value)) < 100) ? 2 : 0;
  }
  const needed = present.map((value) => {
    const rounded = o2r.round(value, 2).replace(/0+$/, "");
    return rounded.split(".")[1].length;
  });
  return Math.max(0, ...needed);
};

o2r.number = function (text, decimals) {
  const rounded = o2r.round(text, decimals);
  if (Number(rounded) === 0 && Number(text) !== 0) {
    const least = decimals ? "0." + "1".padStart(decimals, "0") : "1";
    return Number(text) > 0 ? "<" + THIN + least : ">" + THIN + MINUS + least;
  }
  const [whole, fraction] = rounded.replace("-", "").split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return (rounded.startsWith("-") ? MINUS : "") + grouped + (fraction ? "." + fraction : "");
};

o2r.withUnit = function (number, column) {
  if (column.format === "percent") return number + THIN + "%";
  if (column.format === "currency" && column.unit) return column.unit + "\u00a0" + number;
  return column.unit ? number + "\u00a0" + column.unit : number;
};

o2r.day = function (text) {
  const [year, month, day] = text.slice(0, 10).split("-");
  const time = text.length > 10 && !text.endsWith("T00:00:00") ? " " + text.slice(11, 16) : "";
  return Number(day) + "\u00a0" + MONTHS[Number(month) - 1] + "\u00a0" + year + time;
};

// A value of a column in words; kind is that of the database: number, date or text.
o2r.show = function (value, column, kind, decimals, bare) {
  if (value === null) return o2r.MISSING;
  if (kind === "date") return o2r.day(value);
  if (kind !== "number" || column.format === "text") return value;
  const digits = decimals === undefined ? o2r.decimals(column, [value]) : decimals;
  const number = o2r.number(value, digits);
  return bare ? number : o2r.withUnit(number, column);
};
