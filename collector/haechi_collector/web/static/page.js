// What the browser does by itself: it follows links without loading the document anew, keeps the URL, listens to keys,
// and asks for a refresh while the page is live and to be seen. Everything else is said to the server, which draws.
(() => {
  const REFRESH_MS = 10000;
  const haechi = window.haechi;
  const find = (selector, root = document) => root.querySelector(selector);
  const tell = (name, payload) => window.did_handshake && window.emitEvent(`haechi_${name}`, payload);
  const here = () => location.pathname + location.search;

  haechi.go = (href) => {
    if (!window.did_handshake) return location.assign(href);
    if (href !== here()) history.pushState(null, "", href);
    closeMenus();
    tell("go", href);
    scrollTo(0, 0);
  };
  addEventListener("popstate", () => tell("go", here()));

  // --- connection ------------------------------------------------------------------------------------------
  const announce = () => {
    if (!window.did_handshake) return setTimeout(announce, 20);
    tell("ready", Intl.DateTimeFormat().resolvedOptions().timeZone);
    document.documentElement.dataset.ready = "true";
  };
  announce();
  setInterval(() => {
    if (!document.hidden && new URLSearchParams(location.search).get("live") === "1") tell("refresh", "");
  }, REFRESH_MS);

  // --- links, buttons, forms --------------------------------------------------------------------------------
  const refresh = () => tell("refresh", "");
  haechi.refresh = refresh;
  const help = (open) => {
    const dialog = find("#h-help");
    if (open ?? !dialog.open) dialog.showModal();
    else dialog.close();
  };
  const copy = async (button) => {
    await navigator.clipboard.writeText(button.dataset.copy || find(button.dataset.copyOf).textContent);
    button.dataset.done = "true";
    setTimeout(() => delete button.dataset.done, 1500);
  };
  const language = (code) => {
    document.cookie = `haechi_language=${code}; path=/; max-age=31536000; samesite=strict`;
    location.reload();
  };
  const fill = (text) => {
    const field = find("#h-filter");
    field.value = text;
    field.focus();
    suggest();
  };
  const closeMenus = (except) => {
    document.querySelectorAll("details.h-picker[open], details.h-menu[open]").forEach((one) => {
      if (one !== except) one.open = false;
    });
    delete document.body.dataset.menu;
  };
  const ACTIONS = {
    "[data-refresh]": refresh,
    "[data-help]": () => help(true),
    "[data-close]": (element) => element.closest("dialog").close(),
    "[data-menu]": () => (document.body.dataset.menu === "open" ? closeMenus() : (document.body.dataset.menu = "open")),
    "[data-theme-to]": (element) => haechi.theme(element.dataset.themeTo),
    "[data-language-to]": (element) => language(element.dataset.languageTo),
    "[data-copy], [data-copy-of]": copy,
    "[data-fill]": (element) => fill(element.dataset.fill),
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-go]");
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (link && isPlain) {
      event.preventDefault();
      haechi.go(link.getAttribute("href"));
      return;
    }
    for (const [selector, act] of Object.entries(ACTIONS)) {
      const element = event.target.closest(selector);
      if (element) return act(element);
    }
    const row = event.target.closest("tr[data-href]");
    if (row && isPlain && !event.target.closest("a, button") && !String(getSelection())) haechi.go(row.dataset.href);
    closeMenus(event.target.closest("details"));
    if (!event.target.closest(".h-filters")) suggest("");
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("select[data-go]")) haechi.go(event.target.value);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const url = new URL(location.href);
    if (form.matches("[data-filter]")) {
      const [, name, value] = /^\s*([^=]+?)\s*=\s*(.*?)\s*$/.exec(find("input", form).value) || [];
      if (name) url.searchParams.append(name, value);
      else find(".h-suggestions [data-fill]")?.click();
      if (!name) return event.preventDefault();
    } else if (form.matches("[data-window], [data-go]")) {
      for (const [name, value] of new FormData(form)) {
        if (value) url.searchParams.set(name, value);
        else url.searchParams.delete(name);
      }
      if (form.dataset.go) url.pathname = form.dataset.go;
    } else {
      return;
    }
    event.preventDefault();
    haechi.go(url.pathname + url.search.replaceAll("%3A", ":").replaceAll("%2C", ","));
  });

  // --- suggestions ------------------------------------------------------------------------------------------
  let waiting;
  const suggest = (text) => {
    clearTimeout(waiting);
    const field = find("#h-filter");
    const list = find(".h-suggest");
    const isOpen = text !== "" && Boolean(field);
    field?.setAttribute("aria-expanded", isOpen);
    list?.classList.toggle("is-open", isOpen);
    if (!isOpen) return;
    waiting = setTimeout(() => tell("suggest", field.value), 120);
  };
  document.addEventListener("input", (event) => event.target.id === "h-filter" && suggest());
  document.addEventListener("focusin", (event) => event.target.id === "h-filter" && suggest());

  // --- keys -------------------------------------------------------------------------------------------------
  let before = "";
  const KEYS = {
    "/": () => (find("[data-search]") || find("#h-filter"))?.focus(),
    t: () => {
      const picker = find("#h-picker");
      if (!picker) return;
      picker.open = true;
      find("a, input", picker).focus();
    },
    r: refresh,
    l: () => find("#h-live")?.click(),
    d: () => haechi.theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
    "?": () => help(),
  };
  const step = (event) => {
    const options = [...document.querySelectorAll(".h-suggest.is-open [role=option]")];
    if (!options.length || !event.target.closest(".h-filters")) return;
    event.preventDefault();
    const at = options.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    (options[at] || (at < 0 ? find("#h-filter") : options[0])).focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      closeMenus();
      suggest("");
      if (event.target.id === "h-filter") event.target.blur();
    }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") step(event);
    const isTyping = event.target.matches("input, textarea, select, [contenteditable=true], [contenteditable=true] *");
    if (isTyping || event.metaKey || event.ctrlKey || event.altKey) return;
    const link = before === "g" && find(`.h-nav a[data-key="${CSS.escape(event.key)}"]`);
    before = event.key === "g" ? "g" : "";
    const act = link ? () => link.click() : KEYS[event.key];
    if (!act || (find("#h-help")?.open && event.key !== "?")) return;
    event.preventDefault();
    act();
  });
})();
