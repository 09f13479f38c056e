// The page: filters, tabs, theme; draws every card anew when what is chosen changes.
"use strict";

o2r.theme = function () {
  const key = "o2r-theme";
  const root = document.documentElement;
  let stored = null;
  try { stored = localStorage.getItem(key); } catch { /* pages from disk may have no storage */ }
  if (stored) root.dataset.theme = stored;
  const button = document.querySelector("#theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const label = () => { button.textContent = isDark() ? "Light theme" : "Dark theme"; };
  button.hidden = false;
  label();
  system.addEventListener("change", label);
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem(key, root.dataset.theme); } catch { /* for this page only, then */ }
    label();
  });
};

o2r.age = function () {
  const place = document.querySelector("#age");
  if (!place) return;
  const days = Math.floor((Date.now() - Date.parse(place.dataset.day)) / 86400000);
  if (days < 1) return;
  place.textContent = days === 1 ? ", yesterday" : ", " + days + " days ago";
  place.classList.toggle("bad", days > 8);
};

o2r.tabs = function (changed) {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const select = (tab, focus) => {
    for (const one of tabs) {
      const chosen = one === tab;
      one.setAttribute("aria-selected", chosen);
      one.tabIndex = chosen ? 0 : -1;
      document.getElementById(one.getAttribute("aria-controls")).classList.toggle("away", !chosen);
    }
    if (focus) tab.focus();
    changed(tab === tabs[0] ? null : tab.dataset.tab);
  };
  tabs.forEach((tab, at) => {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      select(tabs[(to + tabs.length) % tabs.length], true);
    });
  });
  return (name) => {
    if (tabs.length) select(tabs.find((tab) => tab.dataset.tab === name) || tabs[0]);
  };
};

// The link would take the place of what is chosen in the address.
o2r.skipLink = function () {
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    document.querySelector("#content").focus();
  });
};

o2r.start = async function () {
  o2r.theme();
  o2r.skipLink();
  o2r.age();
  const source = document.querySelector("#page-data");
  if (!source) return;
  const page = JSON.parse(source.textContent);
  const tables = Object.fromEntries(
    Object.keys(page.tables).map((name) => [name, o2r.unpack(page.tables, name)]));
  const controls = Object.keys(page.filters).map((name) => document.querySelector("#filter-" + name));
  let state = o2r.readState(page.filters);

  const fill = () => {
    for (const control of controls) {
      const value = state.chosen[control.name];
      if (control.tagName === "SELECT" && ![...control.options].some((one) => one.value === value)) {
        control.append(new Option(value + " (not in these data)", value));
      }
      control.value = value;
    }
  };
  const drawOne = (card, section) => {
    const rows = o2r.shown(card, tables[card.table].rows, page.filters, state.chosen);
    const idle = controls.filter((control) => state.chosen[control.name]
      && state.chosen[control.name] !== page.filters[control.name].default
      && !(control.name in card.filters)).map((control) => page.filters[control.name].label);
    section.querySelector(".idle").textContent = idle.length ? "Not filtered by " + idle.join(", ") : "";
    return o2r.drawCard(section, card, tables[card.table], rows);
  };
  // Cards that are in sight first; resolves when those stand.
  let drawing = 0;
  const draw = async () => {
    const turn = ++drawing;
    document.documentElement.dataset.drawn = "";
    const places = page.cards.map((card) => [card, document.getElementById(card.id)]);
    const isAway = ([, section]) => section.closest(".away") !== null;
    await Promise.all(places.filter((place) => !isAway(place)).map((place) => drawOne(...place)));
    document.documentElement.dataset.ready = "yes";
    setTimeout(async () => {
      for (const place of places.filter(isAway)) {
        if (turn !== drawing) return;
        await drawOne(...place);
        await new Promise((next) => { setTimeout(next); }); // the reader comes first
      }
      document.documentElement.dataset.drawn = "all";
    });
  };
  const save = () => o2r.writeState(page.filters, state.chosen, state.tab);
  const openTab = o2r.tabs((tab) => { state.tab = tab; save(); });
  const say = document.querySelector("#announcement");

  for (const control of controls) {
    control.addEventListener("change", async () => {
      state.chosen[control.name] = control.value;
      save();
      await draw();
      say.textContent = "Figures updated for " + page.filters[control.name].label + " "
        + (control.value || "all") + ".";
    });
  }
  const reset = document.querySelector("#reset");
  if (reset) {
    reset.addEventListener("click", async () => {
      for (const [name, filter] of Object.entries(page.filters)) {
        state.chosen[name] = filter.default || "";
      }
      fill();
      save();
      await draw();
      say.textContent = "Filters reset.";
    });
  }
  addEventListener("hashchange", () => {
    state = o2r.readState(page.filters);
    fill();
    openTab(state.tab);
    draw();
  });
  let width = innerWidth;
  let pending = 0;
  addEventListener("resize", () => {
    if (innerWidth === width || matchMedia("print").matches) return;
    width = innerWidth;
    clearTimeout(pending);
    pending = setTimeout(draw, 150);
  });

  fill();
  openTab(state.tab);
  await draw();
};

document.addEventListener("DOMContentLoaded", o2r.start);
