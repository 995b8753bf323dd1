// Chooses light or dark before anything is painted. Loaded in the head, without `defer`.
(() => {
  const wanted = /(?:^|; )haechi_theme=(light|dark)/.exec(document.cookie);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = (mode) => {
    document.documentElement.dataset.mode = mode;
    document.documentElement.dataset.theme = mode === "system" ? (dark.matches ? "dark" : "light") : mode;
    window.dispatchEvent(new Event("haechi:theme"));
  };
  dark.addEventListener("change", () => document.documentElement.dataset.mode === "system" && apply("system"));
  window.haechi = {
    theme(mode) {
      document.cookie = `haechi_theme=${mode}; path=/; max-age=31536000; samesite=strict`;
      apply(mode);
    },
  };
  apply(wanted ? wanted[1] : "system");
})();
