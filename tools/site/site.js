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
