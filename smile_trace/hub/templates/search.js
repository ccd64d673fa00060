"use strict";
// The list and its search. Texts are written as text, never as markup; nothing is fetched.
const STEP = 50;
const FACETS = { model: "Any model", verdict: "Any status", kind: "Any kind", tag: "Any tag" };
const VERDICTS = { no_effect: "no effect" };
const FIELDS = ["prompt", "answer", "driver", "model", "verdict", "kind", "tag", "date"];

const rows = JSON.parse(document.getElementById("index").textContent);
const box = document.getElementById("q"), form = document.getElementById("search");
const list = document.getElementById("list"), more = document.getElementById("more");
const count = document.getElementById("count"), chosen = {};
let found = rows, shown = 0;

for (const row of rows) {
  row.tag = row.tags;
  row.hay = [row.words, row.prompt, row.answer, row.driver, row.model, row.verdict,
             row.tags.join(" ")].join("\n").toLowerCase();
}

function element(name, text, of) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (of) made.className = of;
  return made;
}

function words(value) { return VERDICTS[value] || value; }

function offerFacet(name, label) {
  const values = new Map();
  for (const row of rows) for (const value of [].concat(row[name]))
    if (value) values.set(value, (values.get(value) || 0) + 1);
  if (values.size < 2) return;
  const select = element("select");
  select.setAttribute("aria-label", label);
  select.append(new Option(label, ""));
  for (const [value, times] of [...values].sort((a, b) => b[1] - a[1]).slice(0, 200))
    select.append(new Option(`${words(value)} (${times.toLocaleString()})`, value));
  select.addEventListener("change", search);
  chosen[name] = select;
  form.append(select);
}

// "driver:France" looks into one field, any other word into all of them.
function tests(query) {
  return query.toLowerCase().split(/\s+/).filter(Boolean).map(word => {
    const colon = word.indexOf(":"), field = word.slice(0, colon), rest = word.slice(colon + 1);
    if (colon > 0 && rest && FIELDS.includes(field))
      return row => String(row[field]).toLowerCase().includes(rest);
    return row => row.hay.includes(word);
  });
}

function search() {
  const wanted = tests(box.value);
  const facets = Object.entries(chosen).filter(([, select]) => select.value);
  found = rows.filter(row =>
    facets.every(([name, select]) => [].concat(row[name]).includes(select.value)) &&
    wanted.every(test => test(row)));
  count.textContent = found.length === rows.length ? `${rows.length.toLocaleString()} in all`
    : `${found.length.toLocaleString()} of ${rows.length.toLocaleString()}`;
  list.replaceChildren();
  shown = 0;
  showMore();
  remember(facets);
}

function showMore() {
  list.append(...found.slice(shown, shown + STEP).map(item));
  shown = Math.min(shown + STEP, found.length);
  more.hidden = shown === found.length;
}

function item(row) {
  const main = element("div"), side = element("div", "", "side");
  const link = element("a", row.prompt || "(no prompt)");
  link.href = `e/${row.page}.html`;
  main.append(link, element("div", row.answer, "answer"));
  const driver = element("div");
  if (row.driver) driver.append("driver: ", element("b", row.driver));
  side.append(element("div", words(row.verdict), row.verdict), driver,
              element("div", [row.model, row.date.slice(0, 10)].filter(Boolean).join(" · ")));
  const made = element("li");
  made.append(main, side);
  return made;
}

// The address holds the search, so that it can be passed on.
function remember(facets) {
  const state = new URLSearchParams(facets.map(([name, select]) => [name, select.value]));
  if (box.value) state.set("q", box.value);
  const hash = state.toString();
  if (hash !== location.hash.slice(1))
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}

function recall() {
  const state = new URLSearchParams(location.hash.slice(1));
  box.value = state.get("q") || "";
  for (const [name, select] of Object.entries(chosen)) {
    select.value = state.get(name) || "";
    if (select.selectedIndex < 0) select.value = "";
  }
  search();
}

for (const [name, label] of Object.entries(FACETS)) offerFacet(name, label);
box.addEventListener("input", search);
form.addEventListener("submit", event => event.preventDefault());
more.addEventListener("click", showMore);
window.addEventListener("hashchange", recall);
recall();
