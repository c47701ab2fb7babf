// Runs before the first paint, so that a dark page never flashes white.
(function () {
  var dark = matchMedia("(prefers-color-scheme: dark)").matches;
  try {
    dark = (localStorage.getItem("rep.theme") || (dark ? "dark" : "light")) === "dark";
  } catch {
    // No storage: the system's choice stands.
  }
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
