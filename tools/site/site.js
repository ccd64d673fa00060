/* What Markdown and the theme leave out for readers who use a keyboard or a screen reader. */
document.querySelectorAll("th:empty").forEach(function (cell) {
  cell.replaceWith(document.createElement("td")); // Markdown has no table without a head
});
new MutationObserver(function () {
  document.querySelectorAll(".md-code__nav").forEach(function (nav) {
    nav.setAttribute("role", "none"); // one button is no landmark
  });
  document.querySelectorAll(".md-typeset__scrollwrap").forEach(function (table) {
    table.tabIndex = 0; // a wide table is scrolled with the arrow keys, too
  });
}).observe(document.body, { childList: true, subtree: true });
// A picture that has a dark form follows the switch of the page, not only the system's.
const dark = document.querySelectorAll("source[media*=dark]");
function follow() {
  const media = document.body.dataset.mdColorScheme === "slate" ? "all" : "not all";
  dark.forEach(function (source) { source.media = media; });
}
new MutationObserver(follow).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
follow();
