// The SQL editor: what is written is sent to /sql from here, so that the page may do what its reader may and no more. The
// answer is read as a stream and held up to ROWS_MAX rows; stopping, or leaving, ends the query in the engine.
import * as CM from "nicegui-codemirror";
import { echarts } from "nicegui-echart";

const ROWS_MAX = 10000;
const RAW_MAX = 200000;
const ROW = 27;
const OVERSCAN = 10;
const SAMPLE = 60;
const CHART_POINTS_MAX = 5000;
const SERIES_MAX = 8;
// Whole numbers beyond 2^53 and decimals come as text, so that no digit is lost on the way into a table.
const EXACT = { output_format_json_quote_64bit_integers: "1", output_format_json_quote_decimals: "1", output_format_json_quote_denormals: "1" };
const NUMBER = /^(Nullable\()?(LowCardinality\()?(U?Int|Float|Decimal)/;
const TIME = /^(Nullable\()?(LowCardinality\()?Date/;

export default {
  props: { words: Object, tables: Array, examples: Array, query: String, failure: String },
  template: `
    <div class="q">
      <aside class="q-schema h-card">
        <div class="h-head"><h2>{{ words.tables }}</h2></div>
        <input class="q-find" type="search" v-model="wanted" :placeholder="words.find" :aria-label="words.find">
        <div class="q-tables">
          <p v-if="failure" class="h-hint">{{ failure }}</p>
          <details v-for="table in listed" :key="table.name" :open="!!wanted || table.name === 'spans'">
            <summary><button type="button" @click.prevent="insert(table.name)">{{ table.name }}</button></summary>
            <button v-for="column in table.columns" :key="column[0]" type="button" class="q-column" :title="column[1]" @click="insert(column[0])">
              <span>{{ column[0] }}</span><i>{{ brief(column[1]) }}</i>
            </button>
          </details>
        </div>
      </aside>
      <div class="q-work">
        <section class="h-card">
          <div ref="editor" class="q-editor"></div>
          <div class="q-tools">
            <button type="button" class="h-button h-primary" @click="running ? stop() : run()">{{ running ? words.stop : words.run }} <kbd>{{ mac ? '⌘' : 'Ctrl' }} ↵</kbd></button>
            <label class="h-field"><select class="h-select" :aria-label="words.examples" @change="example">
              <option value="">{{ words.examples }}</option>
              <option v-for="(one, n) in examples" :key="n" :value="n">{{ one.title }}</option>
            </select></label>
            <span class="t-space"></span>
            <span class="q-export">{{ words.save }}
              <a v-for="format in formats" :key="format.name" :href="download(format.name)" :download="'haechi.' + format.suffix" class="h-link">{{ format.title }}</a>
            </span>
            <button type="button" class="h-button" :data-copy="curl()">{{ words.curl }}</button>
          </div>
        </section>
        <section class="h-card q-answer" aria-live="polite">
          <div v-if="error" class="h-failure q-error" role="alert"><pre>{{ error }}</pre></div>
          <div class="q-status">
            <span v-if="running" class="q-busy"></span><span class="q-told">{{ status }}</span>
            <span class="t-space"></span>
            <span v-if="rows.length" class="h-segments" role="group">
              <a href="#" :aria-current="view === 'table' ? 'true' : null" @click.prevent="show('table')">{{ words.table }}</a>
              <a href="#" :aria-current="view === 'chart' ? 'true' : null" @click.prevent="show('chart')">{{ words.chart }}</a>
            </span>
          </div>
          <div v-if="raw" class="q-raw"><pre>{{ raw }}</pre></div>
          <div v-show="view === 'table' && rows.length" ref="grid" class="q-grid" tabindex="0" role="table" :aria-rowcount="rows.length" @scroll.passive="top = $refs.grid.scrollTop">
            <div class="q-row q-names" role="row" :style="{ gridTemplateColumns: template }">
              <button v-for="(name, n) in names" :key="n" type="button" role="columnheader" :class="{ 'is-number': numeric[n] }" :title="types[n]" @click="sort(n)">{{ name }}{{ sorted === n ? ' ↑' : sorted === -n - 1 ? ' ↓' : '' }}</button>
            </div>
            <div :style="{ height: rows.length * ${ROW} + 'px', position: 'relative', minWidth: 'max-content' }">
              <div v-for="row in shown" :key="row.at" class="q-row" role="row" :style="{ top: row.at * ${ROW} + 'px', gridTemplateColumns: template }">
                <span v-for="(value, n) in row.values" :key="n" role="cell" :class="{ 'is-number': numeric[n], 'is-null': value === null }" @click="open(n, value)"><a v-if="names[n] === 'trace_id' && value" class="h-link" :href="'/traces/' + value" data-go @click.stop>{{ value }}</a><template v-else>{{ text(value) }}</template></span>
              </div>
            </div>
          </div>
          <div v-show="view === 'chart' && rows.length" class="q-chart">
            <div class="h-bar">
              <label class="h-field">{{ words.kind }}<select class="h-select" v-model="kind"><option value="line">{{ words.line }}</option><option value="bar">{{ words.bar }}</option></select></label>
              <label class="h-field">x<select class="h-select" v-model.number="x"><option v-for="(name, n) in names" :key="n" :value="n">{{ name }}</option></select></label>
              <label class="h-field">y<select class="h-select" v-model.number="y"><option v-for="n in measures" :key="n" :value="n">{{ names[n] }}</option></select></label>
              <label class="h-field">{{ words.series }}<select class="h-select" v-model.number="by"><option :value="-1">–</option><option v-for="(name, n) in names" :key="n" :value="n">{{ name }}</option></select></label>
            </div>
            <div ref="chart" class="q-canvas" role="img" :aria-label="words.chart"></div>
          </div>
        </section>
      </div>
      <dialog ref="cell" class="q-cell"><h2>{{ opened.name }}</h2><pre>{{ opened.text }}</pre>
        <button type="button" class="h-button" :data-copy="opened.text">{{ words.copy }}</button> <button type="button" class="h-button" data-close>{{ words.close }}</button></dialog>
    </div>`,
  data: () => ({
    wanted: "",
    running: false,
    error: "",
    status: "",
    raw: "",
    names: [],
    types: [],
    rows: [],
    sorted: null,
    view: "table",
    top: 0,
    height: 400,
    kind: "line",
    x: 0,
    y: 0,
    by: -1,
    opened: { name: "", text: "" },
    mac: navigator.platform.startsWith("Mac"),
    formats: [
      { name: "CSVWithNames", title: "CSV", suffix: "csv" },
      { name: "JSONEachRow", title: "JSONL", suffix: "jsonl" },
      { name: "Parquet", title: "Parquet", suffix: "parquet" },
    ],
  }),
  computed: {
    listed() {
      const wanted = this.wanted.trim().toLowerCase();
      if (!wanted) return this.tables || [];
      return (this.tables || [])
        .map((table) => ({ name: table.name, columns: table.columns.filter(([name]) => name.includes(wanted)) }))
        .filter((table) => table.columns.length || table.name.includes(wanted));
    },
    numeric() {
      return this.types.map((type) => NUMBER.test(type));
    },
    measures() {
      return this.names.map((_, n) => n).filter((n) => this.numeric[n]);
    },
    template() {
      return this.names
        .map((name, n) => {
          const seen = this.rows.slice(0, SAMPLE).map((row) => this.text(row[n]).length);
          return `${Math.min(46, Math.max(name.length + 3, ...seen, 6)) + 3}ch`;
        })
        .join(" ");
    },
    shown() {
      const first = Math.max(0, Math.floor(this.top / ROW) - OVERSCAN);
      const last = Math.ceil((this.top + this.height) / ROW) + OVERSCAN;
      return this.rows.slice(first, last).map((values, n) => ({ at: first + n, values }));
    },
  },
  watch: {
    kind: "draw",
    x: "draw",
    y: "draw",
    by: "draw",
  },
  mounted() {
    this.theme = new CM.Compartment();
    const isDark = () => document.documentElement.dataset.theme === "dark";
    const look = () => (isDark() ? CM.oneDark : []);
    const complete = (context) => this.complete(context);
    this.editor = new CM.EditorView({
      doc: this.query,
      parent: this.$refs.editor,
      extensions: [
        CM.Prec.highest(CM.keymap.of([{ key: "Mod-Enter", run: () => (this.run(), true) }])),
        CM.basicSetup,
        CM.keymap.of([CM.indentWithTab]),
        CM.EditorView.lineWrapping,
        CM.EditorState.languageData.of(() => [{ autocomplete: complete }]),
        CM.EditorView.contentAttributes.of({ "aria-label": this.words.editor }),
        this.theme.of(look()),
        (this.language = new CM.Compartment()).of([]),
      ],
    });
    CM.languages
      .find((one) => one.name === "SQL")
      .load()
      .then((support) => this.editor.dispatch({ effects: this.language.reconfigure(support) }));
    this.themes = new MutationObserver(() => {
      this.editor.dispatch({ effects: this.theme.reconfigure(look()) });
      this.draw();
    });
    this.themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    this.sizes = new ResizeObserver(() => {
      this.height = this.$refs.grid.clientHeight || 400;
      this.plot?.resize();
    });
    this.sizes.observe(this.$refs.grid);
    this.sizes.observe(this.$refs.chart);
    if (this.query) this.run();
  },
  beforeUnmount() {
    this.stop();
    this.themes.disconnect();
    this.sizes.disconnect();
    this.plot?.dispose();
    this.editor.destroy();
  },
  methods: {
    sql() {
      return this.editor ? this.editor.state.doc.toString() : this.query;
    },
    set(text) {
      this.editor.dispatch({ changes: { from: 0, to: this.editor.state.doc.length, insert: text } });
      this.editor.focus();
    },
    insert(text) {
      this.editor.dispatch(this.editor.state.replaceSelection(text));
      this.editor.focus();
    },
    example(event) {
      const chosen = this.examples[event.target.value];
      event.target.value = "";
      if (!chosen) return;
      this.set(chosen.sql);
      this.run();
    },
    complete(context) {
      const word = context.matchBefore(/[\w.]+/);
      if (!word && !context.explicit) return null;
      const options = (this.tables || []).flatMap((table) => [
        { label: table.name, type: "class" },
        ...table.columns.map(([label, detail]) => ({ label, detail: this.brief(detail), type: "property" })),
      ]);
      return { from: word ? word.from : context.pos, options, validFor: /^\w*$/ };
    },
    brief(type) {
      return type.replace("LowCardinality(String)", "String").replace(/^Nullable\((.*)\)$/, "$1?").replace("DateTime64(9, 'UTC')", "DateTime64");
    },
    curl() {
      return `curl '${location.origin}/sql?default_format=PrettyCompact' --data-binary ${quoted(this.sql())}`;
    },
    download(format) {
      return `/sql?default_format=${format}&query=${encodeURIComponent(this.sql())}`;
    },
    stop() {
      this.leaving?.abort();
    },
    async run() {
      this.stop();
      const sql = this.sql().trim();
      if (!sql) return;
      const url = new URL(location.href);
      url.searchParams.set("query", sql);
      history.replaceState(history.state, "", url);
      const leaving = (this.leaving = new AbortController());
      Object.assign(this, { running: true, error: "", raw: "", status: this.words.running, names: [], types: [], rows: [], sorted: null, top: 0 });
      this.$refs.grid.scrollTop = 0;
      this.began = performance.now();
      try {
        await this.read(sql, leaving);
      } catch (error) {
        if (leaving.signal.aborted) this.status = this.words.stopped;
        else this.error = String(error.message || error);
      }
      if (this.leaving === leaving) this.running = false;
    },
    async read(sql, leaving) {
      const options = new URLSearchParams({ default_format: "JSONCompactEachRowWithNamesAndTypes", ...EXACT });
      const answer = await fetch(`/sql?${options}`, { method: "POST", body: sql, signal: leaving.signal });
      if (!answer.ok) throw new Error((await answer.text()).trim());
      const isOurs = (answer.headers.get("x-clickhouse-format") || "").startsWith("JSONCompactEachRow");
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      const lines = isOurs ? this.take.bind(this) : this.takeRaw.bind(this);
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        rest = lines(rest + (value || ""), !!done);
        const isFull = this.rows.length >= ROWS_MAX || this.raw.length >= RAW_MAX;
        if (done || isFull) return this.finish(leaving, isFull && !done);
      }
    },
    take(text, isLast) {
      const lines = text.split("\n");
      const rest = isLast ? "" : lines.pop();
      const read = [];
      for (const line of lines) {
        if (!line) continue;
        const row = parsed(line);
        if (!row) throw new Error(line);
        if (!this.names.length) this.names = row;
        else if (!this.types.length) this.types = row;
        else read.push(Object.freeze(row));
      }
      if (read.length) this.rows = Object.freeze([...this.rows, ...read].slice(0, ROWS_MAX));
      return rest;
    },
    takeRaw(text) {
      this.raw = (this.raw + text).slice(0, RAW_MAX);
      return "";
    },
    finish(leaving, isCut) {
      if (isCut) leaving.abort();
      const took = Math.round(performance.now() - this.began);
      const rows = this.rows.length.toLocaleString("en-US");
      const said = this.raw ? "" : `${rows} ${this.words.rows}${isCut ? ` (${this.words.cut})` : ""} · `;
      this.status = `${said}${took.toLocaleString("en-US")} ms`;
      this.guess();
      this.show(this.view);
    },
    text(value) {
      if (value === null) return "NULL";
      return typeof value === "object" ? JSON.stringify(value) : String(value);
    },
    open(n, value) {
      if (String(getSelection())) return;
      this.opened = { name: this.names[n], text: typeof value === "object" && value ? JSON.stringify(value, null, 2) : this.text(value) };
      this.$refs.cell.showModal();
    },
    sort(n) {
      const isFalling = this.sorted === n;
      this.sorted = isFalling ? -n - 1 : n;
      const key = this.numeric[n] ? (row) => (row[n] === null ? -Infinity : +row[n]) : (row) => this.text(row[n]);
      const order = isFalling ? -1 : 1;
      this.rows = Object.freeze([...this.rows].sort((a, b) => (key(a) < key(b) ? -order : key(a) > key(b) ? order : 0)));
    },
    show(view) {
      this.view = view;
      this.$nextTick(() => {
        this.height = this.$refs.grid.clientHeight || this.height;
        this.draw();
      });
    },
    // Time, else the first text, along x; the first number that is not x along y; another text tells series apart.
    guess() {
      const columns = this.names.map((_, n) => n);
      const time = columns.find((n) => TIME.test(this.types[n]));
      const texts = columns.filter((n) => !this.numeric[n] && n !== time);
      this.x = time ?? texts[0] ?? 0;
      this.y = this.measures.find((n) => n !== this.x) ?? this.measures[0] ?? 0;
      this.by = time === undefined ? -1 : (texts[0] ?? -1);
      this.kind = time === undefined ? "bar" : "line";
    },
    draw() {
      if (this.view !== "chart" || !this.rows.length || !this.$refs.chart) return;
      const style = getComputedStyle(document.documentElement);
      const color = (name) => style.getPropertyValue(name).trim();
      this.plot ??= echarts.init(this.$refs.chart);
      this.plot.setOption(this.options(color), { notMerge: true });
      this.plot.resize();
    },
    options(color) {
      const rows = this.rows.slice(0, CHART_POINTS_MAX);
      const isTime = TIME.test(this.types[this.x] || "");
      const groups = new Map();
      for (const row of rows) {
        const name = this.by < 0 ? this.names[this.y] : this.text(row[this.by]);
        if (!groups.has(name)) groups.set(name, []);
        groups.get(name).push([isTime ? moment(row[this.x]) : this.text(row[this.x]), row[this.y] === null ? null : +row[this.y]]);
      }
      const series = [...groups].slice(0, SERIES_MAX).map(([name, data], n) => ({
        name,
        type: this.kind,
        data: isTime ? data.sort((a, b) => a[0] - b[0]) : data,
        showSymbol: data.length < 40,
        itemStyle: { color: color(`--series-${n + 1}`) },
        barMaxWidth: 36,
      }));
      const line = { axisLine: { lineStyle: { color: color("--line-strong") } }, axisLabel: { color: color("--text-2"), hideOverlap: true } };
      const category = { type: "category", data: [...new Set(rows.map((row) => this.text(row[this.x])))] };
      return {
        animation: false,
        textStyle: { fontFamily: style_font() },
        grid: { left: 8, right: 16, top: series.length > 1 ? 34 : 14, bottom: 8, containLabel: true },
        legend: { show: series.length > 1, top: 0, left: 0, textStyle: { color: color("--text-2") }, icon: "roundRect", itemWidth: 10, itemHeight: 10 },
        tooltip: { trigger: "axis", backgroundColor: color("--raised"), borderColor: color("--line-strong"), textStyle: { color: color("--text"), fontSize: 12 }, confine: true },
        xAxis: { ...line, ...(isTime ? { type: "time" } : category) },
        yAxis: { ...line, type: "value", splitLine: { lineStyle: { color: color("--line") } } },
        series,
      };
    },
  },
};

const parsed = (line) => {
  try {
    return JSON.parse(line);
  } catch {
    return null; // an error that the engine met after the first rows
  }
};
const moment = (text) => Date.parse(String(text).replace(" ", "T") + (String(text).length > 10 ? "Z" : ""));
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const style_font = () => getComputedStyle(document.body).fontFamily;
