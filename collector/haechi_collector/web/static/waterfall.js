// A trace as a waterfall: only the rows in view are drawn, so that 20,000 spans scroll as easily as ten.
const ROW = 28;
const OVERSCAN = 12;

export default {
  props: { spans: Array, duration: Number, selected: String, words: Object },
  template: `
    <div ref="whole" class="wf" role="treegrid" :aria-label="words.label" :aria-rowcount="rows.length">
      <div class="wf-head" aria-hidden="true">
        <div class="wf-name">{{ words.span }}</div>
        <div class="wf-time"><span v-for="tick in ticks" :key="tick.at" class="wf-tick" :style="{ left: tick.at + '%' }">{{ tick.text }}</span></div>
      </div>
      <div ref="view" class="wf-view" tabindex="0" :style="{ height: 'min(' + (rows.length * ${ROW} + 2) + 'px, 62vh)' }" @scroll.passive="onScroll" @keydown="onKey"
           :aria-activedescendant="selected ? 'wf-' + selected : null">
        <div :style="{ height: rows.length * ${ROW} + 'px', position: 'relative' }">
          <div v-for="row in shown" :key="row.at" :id="'wf-' + row.span.id" role="row" :aria-level="row.span.depth + 1"
               :aria-selected="row.span.id === selected" :aria-expanded="row.span.children ? !folded[row.at] : null"
               class="wf-row" :class="{ 'wf-on': row.span.id === selected, 'wf-error': row.span.error }"
               :style="{ top: row.y + 'px' }" @click="pick(row.span)">
            <div class="wf-name" role="gridcell" :style="{ paddingLeft: indent(row.span.depth) }" :title="row.span.name">
              <button v-if="row.span.children" class="wf-fold" tabindex="-1" :aria-label="words.fold"
                      @click.stop="fold(row.at)">{{ folded[row.at] ? '▸' : '▾' }}</button>
              <span v-else class="wf-leaf"></span>
              <span class="wf-dot" :style="{ background: row.span.color }"></span>
              <span class="wf-text">{{ row.span.name }}</span>
              <span v-if="row.span.note" class="wf-note">{{ row.span.note }}</span>
            </div>
            <div class="wf-time" role="gridcell" :title="row.span.title">
              <span v-for="tick in ticks" :key="tick.at" class="wf-line" :style="{ left: tick.at + '%' }"></span>
              <span class="wf-bar" :class="{ 'wf-critical': row.span.critical }" :style="bar(row.span)">
                <span v-if="row.span.ttft" class="wf-ttft" :style="{ left: row.span.ttft + '%' }" :title="words.ttft"></span>
              </span>
              <span class="wf-took" :class="{ 'is-inside': inside(row.span) }" :style="took(row.span)">{{ row.span.took }}</span>
            </div>
          </div>
        </div>
      </div>
    </div>`,
  data: () => ({ folded: {}, top: 0, height: 600 }),
  computed: {
    // Places (in `spans`) of the rows that no folded span hides.
    rows() {
      const seen = [];
      let below = Infinity;
      this.spans.forEach((span, at) => {
        if (span.depth > below) return;
        below = this.folded[at] ? span.depth : Infinity;
        seen.push(at);
      });
      return seen;
    },
    shown() {
      const first = Math.max(0, Math.floor(this.top / ROW) - OVERSCAN);
      const last = Math.min(this.rows.length, Math.ceil((this.top + this.height) / ROW) + OVERSCAN);
      return this.rows.slice(first, last).map((at, n) => ({ at, span: this.spans[at], y: (first + n) * ROW }));
    },
    ticks() {
      const step = nice(this.duration / 4);
      const ticks = [];
      for (let t = 0; step > 0 && t <= this.duration * 0.97; t += step) {
        ticks.push({ at: (100 * t) / this.duration, text: this.time(t, step) });
      }
      return ticks;
    },
  },
  watch: {
    selected() {
      this.reveal();
    },
  },
  mounted() {
    this.watcher = new ResizeObserver(() => (this.height = this.$refs.view?.clientHeight ?? 600));
    this.watcher.observe(this.$refs.view);
    this.$refs.whole.addEventListener("choose", (event) => this.pick({ id: event.detail }));
    this.reveal();
  },
  beforeUnmount() {
    this.watcher.disconnect();
  },
  methods: {
    onScroll() {
      this.top = this.$refs.view.scrollTop;
    },
    indent(depth) {
      return 4 + Math.min(depth, 24) * 14 + "px";
    },
    bar(span) {
      const left = this.duration ? (100 * span.start) / this.duration : 0;
      const width = this.duration ? (100 * span.ms) / this.duration : 100;
      return { left: left + "%", width: `max(2px, ${width}%)`, background: span.color };
    },
    // Beside the bar where there is room, else inside its right end, else before it.
    took(span) {
      const { start, end } = this.ends(span);
      if (end >= 84 && !this.inside(span)) return { right: `calc(${Math.max(0, 100 - start)}% + 6px)` };
      return end < 84 ? { left: `calc(${end}% + 6px)` } : { right: `calc(${Math.max(0, 100 - end)}% + 6px)` };
    },
    inside(span) {
      const { start, end } = this.ends(span);
      return end >= 84 && end - start > 16;
    },
    ends(span) {
      const share = (ms) => (this.duration ? (100 * ms) / this.duration : 0);
      return { start: share(span.start), end: share(span.start + span.ms) };
    },
    time(ms, step) {
      if (step >= 1000) return +(ms / 1000).toFixed(1) + " s";
      return +ms.toFixed(step < 1 ? 2 : 0) + " ms";
    },
    fold(at) {
      this.folded = { ...this.folded, [at]: !this.folded[at] };
    },
    // The URL names the span, so that a link shows it again.
    pick(span) {
      const url = new URL(location.href);
      url.searchParams.set("span", span.id);
      history.replaceState(history.state, "", url);
      if (span.id !== this.selected) this.$emit("pick", span.id);
    },
    place() {
      return this.rows.findIndex((at) => this.spans[at].id === this.selected);
    },
    reveal() {
      const place = this.place();
      const view = this.$refs.view;
      if (place < 0 || !view) return;
      if (place * ROW < view.scrollTop) view.scrollTop = place * ROW;
      else if ((place + 1) * ROW > view.scrollTop + view.clientHeight) view.scrollTop = (place + 1) * ROW - view.clientHeight;
    },
    onKey(event) {
      const place = this.place();
      const at = this.rows[place];
      const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -1e9, End: 1e9 }[event.key];
      if (step) {
        const next = Math.max(0, Math.min(this.rows.length - 1, place + step));
        this.pick(this.spans[this.rows[next]]);
      } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
        if (at === undefined || !this.spans[at].children) return;
        if (!!this.folded[at] === (event.key === "ArrowRight")) this.fold(at);
      } else return;
      event.preventDefault();
      event.stopPropagation();
    },
  },
};

function nice(step) {
  if (!(step > 0)) return 0;
  const unit = 10 ** Math.floor(Math.log10(step));
  return [1, 2, 5, 10].find((n) => n * unit >= step) * unit;
}
