// A chart: ECharts with the page's palette and formats. Options come from Python as plain data, in which a text that
// begins with "--" is a colour of page.css and one that begins with "@" is a format of this file, so that a change of
// theme needs no answer from the server.
//
// Gestures: a click tells the point ({x, series, name, data}); with `zoom`, dragging over the time axis chooses a window.
import { echarts } from "nicegui-echart";

const grouped = (digits) => new Intl.NumberFormat("en-US", { maximumFractionDigits: digits });
const number = (value) => {
  const size = Math.abs(value);
  if (size >= 1e9) return `${+(value / 1e9).toPrecision(3)}B`;
  if (size >= 1e6) return `${+(value / 1e6).toPrecision(3)}M`;
  if (size >= 1e4) return `${+(value / 1e3).toPrecision(3)}k`;
  return size >= 100 || size === 0 ? grouped(0).format(value) : `${+value.toPrecision(3)}`;
};
const duration = (ms) => {
  if (ms === 0) return "0";
  if (ms < 1000) return `${+ms.toPrecision(ms < 100 ? 2 : 3)} ms`;
  if (ms < 60000) return `${+(ms / 1000).toPrecision(3)} s`;
  const minutes = ms / 60000;
  return minutes < 60 ? `${+minutes.toPrecision(3)} min` : `${+(minutes / 60).toPrecision(3)} h`;
};
const money = (value) => {
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (size === 0) return "$0";
  if (size >= 1000) return `${sign}$${number(size)}`;
  if (size >= 1) return `${sign}$${size.toFixed(2)}`;
  return `${sign}$${(+size.toPrecision(2)).toFixed(Math.min(12, 1 - Math.floor(Math.log10(size))))}`;
};
const known = (format) => (value) => (value === null || value === undefined || value === "-" ? "–" : format(+value));
const FORMATS = {
  "@number": known(number),
  "@ms": known(duration),
  "@tokens/s": known((value) => `${number(value)} tok/s`),
  "@usd": known(money),
  "@percent": known((value) => `${+(value * 100).toPrecision(3)}%`),
  "@label": (point) => point.data.label,
  "@signed_percent": known((value) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${+(Math.abs(value) * 100).toPrecision(3)}%`),
};
const AXIS_TIME = {
  year: "{yyyy}",
  month: "{yyyy}-{MM}",
  day: "{MM}-{dd}",
  hour: "{HH}:{mm}",
  minute: "{HH}:{mm}",
  second: "{HH}:{mm}:{ss}",
  millisecond: "{HH}:{mm}:{ss}",
};

const resolved = (value, style) => {
  if (Array.isArray(value)) return value.map((one) => resolved(one, style));
  if (value !== null && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, resolved(one, style)]));
  if (typeof value !== "string") return value;
  if (value.startsWith("--")) return style.getPropertyValue(value).trim();
  if (value === "@time") return AXIS_TIME;
  return FORMATS[value] || value;
};

export default {
  template: '<div role="img" :aria-label="label"></div>',
  props: { options: Object, label: String, linked: Boolean, zoom: Boolean },
  mounted() {
    this.chart = echarts.init(this.$el, null, { renderer: "canvas" });
    this.draw = () => {
      if (!this.options) return this.chart.clear();
      const style = getComputedStyle(document.documentElement);
      this.chart.setOption(resolved(this.options, style), { notMerge: true });
    };
    this.chart.on("click", (event) => {
      if (!this.linked || event.componentType !== "series") return;
      this.clicked = { series: event.seriesName, name: event.name, data: event.data?.data ?? null };
    });
    this.resize = new ResizeObserver(() => this.chart.resize());
    this.resize.observe(this.$el);
    addEventListener("haechi:theme", this.draw);
    this.listen();
    this.draw();
  },
  updated() {
    this.draw();
  },
  watch: {
    options() {
      this.draw?.();
    },
  },
  beforeUnmount() {
    removeEventListener("haechi:theme", this.draw);
    this.resize.disconnect();
    this.chart.dispose();
  },
  methods: {
    // What the pointer stands on, along the horizontal axis: milliseconds, a category's number, or a value.
    at(x, y) {
      if (!this.chart.containPixel({ gridIndex: 0 }, [x, y])) return null;
      return this.chart.convertFromPixel({ gridIndex: 0 }, [x, y])[0];
    },
    listen() {
      const zr = this.chart.getZr();
      let begin = null;
      let band = null;
      if (this.linked) this.$el.classList.add("is-linked");
      zr.on("mousedown", (event) => {
        begin = this.zoom && this.at(event.offsetX, event.offsetY) !== null ? event.offsetX : null;
      });
      zr.on("mousemove", (event) => {
        if (begin === null || Math.abs(event.offsetX - begin) < 6) return;
        band ??= this.$el.appendChild(Object.assign(document.createElement("i"), { className: "h-band" }));
        band.style.left = `${Math.min(begin, event.offsetX)}px`;
        band.style.width = `${Math.abs(event.offsetX - begin)}px`;
      });
      const leave = () => {
        band?.remove();
        band = begin = null;
      };
      zr.on("globalout", leave);
      zr.on("mouseup", (event) => {
        const ends = band && [begin, event.offsetX].sort((a, b) => a - b);
        leave();
        if (ends) this.choose(ends.map((x) => this.chart.convertFromPixel({ xAxisIndex: 0 }, x)));
      });
      // Comes for a press and a release at one place only.
      zr.on("click", (event) => {
        const x = this.at(event.offsetX, event.offsetY);
        // The series' own event comes after this one.
        setTimeout(() => {
          const clicked = this.clicked;
          this.clicked = null;
          if (this.linked && (x !== null || clicked)) this.$emit("point", { x, ...clicked });
        });
      });
    },
    choose([from, to]) {
      const url = new URL(location.href);
      url.searchParams.set("from", new Date(from).toISOString());
      url.searchParams.set("to", new Date(to).toISOString());
      window.haechi.go(url.pathname + url.search.replaceAll("%3A", ":"));
    },
  },
};
