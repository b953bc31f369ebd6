"use strict";
// Small interactive charts (zoom, hover, toggle) and term bubbles. No library, no network.
(() => {
  const NS = "http://www.w3.org/2000/svg";
  const data = JSON.parse(document.getElementById("data").textContent);
  const make = (kind, attributes = {}, parent = null, text = null) => {
    const node = document.createElementNS(NS, kind);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== null) node.textContent = text;
    if (parent) parent.appendChild(node);
    return node;
  };
  const show = (x) => {
    if (!Number.isFinite(x)) return "–";
    if (x === 0) return "0";
    const size = Math.abs(x);
    if (size >= 1e5 || size < 1e-3) {
      const [m, e] = x.toExponential(2).split("e");
      return `${+m}·10${[...String(+e)].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[+c])).join("")}`;
    }
    return String(+x.toPrecision(4));
  };

  function ticks(low, high, log, room) {
    if (log) {
      const a = Math.ceil(Math.log10(low) - 1e-9), b = Math.floor(Math.log10(high) + 1e-9);
      const found = [], step = Math.max(1, Math.ceil((b - a + 1) / room));
      for (let k = a; k <= b; k += step) found.push(10 ** k);
      if (found.length >= 2) return found;
      const more = [];
      for (let k = a - 1; k <= b + 1; k++) for (const m of [1, 2, 5]) more.push(m * 10 ** k);
      return more.filter((x) => x >= low * 0.999 && x <= high * 1.001);
    }
    const raw = (high - low) / Math.max(2, room), unit = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((m) => m * unit).find((s) => s >= raw * 0.999) || raw;
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(Math.abs(k * step) < step * 1e-9 ? 0 : k * step);
    return found;
  }

  class Chart {
    constructor(holder, spec) {
      this.holder = holder; this.spec = spec; this.view = null;
      this.xlog = !!spec.xlog; this.ylog = !!spec.ylog; this.share = !!spec.share;
      this.hidden = new Set(spec.groups.filter((g) => !g.on).map((g) => g.id));
      this.svg = make("svg", { role: "img", "aria-label": spec.label }, holder);
      this.values = document.createElement("div");
      this.values.className = "values"; this.values.hidden = true; holder.appendChild(this.values);
      this.controls();
      this.svg.addEventListener("pointermove", (e) => this.hover(e));
      this.svg.addEventListener("pointerleave", () => this.leave());
      this.svg.addEventListener("pointerdown", (e) => this.press(e));
      this.svg.addEventListener("dblclick", () => { this.view = null; this.draw(); });
      this.draw();
      new ResizeObserver(() => { if (holder.clientWidth !== this.drawn) requestAnimationFrame(() => this.draw()); }).observe(holder);
      addEventListener("beforeprint", () => this.draw());
    }
    controls() {
      const box = document.createElement("div"); box.className = "controls";
      const button = (text, pressed, act, kind = "control") => {
        const b = document.createElement("button"); b.type = "button"; b.className = kind; b.textContent = text;
        if (pressed !== null) b.setAttribute("aria-pressed", pressed());
        b.addEventListener("click", () => { act(); if (pressed !== null) b.setAttribute("aria-pressed", pressed()); this.draw(); });
        box.appendChild(b); return b;
      };
      const groups = this.spec.groups;
      if (groups.length > 1 || this.spec.keys) groups.forEach((g) => {
        const b = button("", () => !this.hidden.has(g.id), () => (this.hidden.has(g.id) ? this.hidden.delete(g.id) : this.hidden.add(g.id)), "key");
        const swatch = document.createElement("i"); swatch.style.borderTopColor = g.ink ? `var(--${g.ink})` : `var(--c${g.color % 8})`;
        if (g.fast) swatch.style.borderTopStyle = "dashed";
        b.append(swatch, g.name); b.title = g.title || "";
        g.button = b;
      });
      if (groups.length > 3) {
        const all = (on) => { groups.forEach((g) => { on ? this.hidden.delete(g.id) : this.hidden.add(g.id); g.button.setAttribute("aria-pressed", on); }); };
        button("show all", null, () => all(true)); button("hide all", null, () => all(false));
      }
      if (this.spec.canShare) button("each as share of its largest value", () => this.share, () => { this.share = !this.share; this.view = null; });
      if (this.spec.canLogX) button(this.spec.xname === "time" ? "logarithmic time" : "logarithmic across", () => this.xlog, () => { this.xlog = !this.xlog; this.view = null; });
      if (this.spec.canLogY) button(this.spec.xname === "time" ? "logarithmic values" : "logarithmic up", () => this.ylog, () => { this.ylog = !this.ylog; this.view = null; });
      button("zoom in", null, () => this.scale(0.5)); button("zoom out", null, () => this.scale(2)); button("whole picture", null, () => (this.view = null));
      this.holder.parentNode.insertBefore(box, this.holder.nextSibling);
    }
    curves() { return this.spec.series.filter((s) => !this.hidden.has(s.group)); }
    y(s) {
      if (!this.share) return s.y;
      if (!s.shared) { const most = this.spec.largest[s.group] || 1; s.shared = s.y.map((v) => (v === null ? null : v / most)); }
      return s.shared;
    }
    seen(x, y) { return x !== null && y !== null && !(this.xlog && x <= 0) && !(this.ylog && y <= 0); }
    extent() {
      let [a, b, c, d] = [Infinity, -Infinity, Infinity, -Infinity];
      for (const s of this.curves()) {
        const ys = this.y(s);
        for (let i = 0; i < s.x.length; i++) {
          const x = s.x[i], y = ys[i];
          if (!this.seen(x, y)) continue;
          a = Math.min(a, x); b = Math.max(b, x); c = Math.min(c, y); d = Math.max(d, y);
        }
      }
      if (!(b > -Infinity)) return { x: [this.xlog ? 0.1 : 0, 1], y: [this.ylog ? 0.1 : 0, 1] };
      if (this.ylog) { c = Math.max(c, d * 1e-9); c /= 1.3; d *= 1.3; if (c === d) { c /= 2; d *= 2; } }
      else { if (c > 0 && c < 0.5 * d && !this.spec.tight) c = 0; const pad = (d - c || Math.abs(d) || 1) * 0.05; c = c === 0 ? 0 : c - pad; d += pad; }
      if (a === b) { b = a + (Math.abs(a) || 1); }
      return { x: [a, b], y: [c, d] };
    }
    draw() {
      this.drawn = this.holder.clientWidth;
      const width = Math.max(260, this.drawn), narrow = width < 520;
      const height = this.spec.height ? Math.min(this.spec.height, width * (narrow ? 0.95 : 0.62)) : Math.min(420, width * (narrow ? 0.85 : 0.5));
      const left = narrow ? 60 : 66, right = 12, top = 12, bottom = 44;
      this.box = { left, top, width: width - left - right, height: height - top - bottom };
      const view = this.view || this.extent();
      this.now = view;
      const scale = (range, log, from, to) => {
        const [p, q] = log ? range.map(Math.log10) : range;
        const f = (v) => from + (((log ? Math.log10(v) : v) - p) / (q - p || 1)) * (to - from);
        f.back = (z) => { const v = p + ((z - from) / (to - from)) * (q - p); return log ? 10 ** v : v; };
        return f;
      };
      const X = (this.X = scale(view.x, this.xlog, left, width - right));
      const Y = (this.Y = scale(view.y, this.ylog, height - bottom, top));
      const svg = this.svg; svg.replaceChildren();
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`); svg.setAttribute("height", height);
      const clip = `clip-${this.spec.id}`;
      make("rect", { x: left, y: top, width: this.box.width, height: this.box.height }, make("clipPath", { id: clip }, make("defs", {}, svg)));
      for (const x of ticks(...view.x, this.xlog, narrow ? 4 : 8)) {
        make("line", { class: "grid", x1: X(x), x2: X(x), y1: top, y2: height - bottom }, svg);
        make("text", { x: X(x), y: height - bottom + 17, "text-anchor": "middle" }, svg, show(x));
      }
      for (const y of ticks(...view.y, this.ylog, 6)) {
        make("line", { class: "grid", x1: left, x2: width - right, y1: Y(y), y2: Y(y) }, svg);
        make("text", { x: left - 6, y: Y(y) + 4, "text-anchor": "end" }, svg, show(y));
      }
      make("path", { class: "axis", fill: "none", d: `M${left},${top}V${height - bottom}H${width - right}` }, svg);
      make("text", { x: left + this.box.width / 2, y: height - 8, "text-anchor": "middle" }, svg, this.spec.xlabel);
      make("text", { x: 13, y: top + this.box.height / 2, "text-anchor": "middle", transform: `rotate(-90 13 ${top + this.box.height / 2})` }, svg,
        this.share ? "share of its largest value" : this.spec.ylabel);
      const inside = make("g", { "clip-path": `url(#${clip})` }, svg);
      for (const band of this.spec.bands || []) if (!this.hidden.has(band.group)) this.band(inside, band);
      for (const s of this.curves()) this.curve(inside, s);
      for (const note of this.spec.notes || []) this.note(inside, note);
      this.over = make("g", {}, svg);
    }
    band(parent, band) {
      const up = [], down = [], most = (this.share && this.spec.largest[band.group]) || 1;
      const Y = (v) => this.Y(this.ylog ? Math.max(v / most, this.now.y[0] * 1e-3) : v / most);
      band.x.forEach((x, i) => {
        if ((this.xlog && x <= 0) || band.high[i] === null || band.low[i] === null) return;
        up.push(`${this.X(x)},${Y(band.high[i])}`); down.unshift(`${this.X(x)},${Y(band.low[i])}`);
      });
      const look = { class: "band", d: `M${[...up, ...down].join("L")}Z` };
      if ("color" in band) { look.style = `fill: var(--c${band.color % 8})`; look["fill-opacity"] = 0.12; }
      if (up.length) make("path", look, parent);
    }
    note(parent, note) {
      const x = this.X(note.x), y = this.Y(note.y);
      if (Number.isFinite(x) && Number.isFinite(y)) make("text", { class: "note", x, y, "text-anchor": note.anchor || "start" }, parent, note.text);
    }
    curve(parent, s) {
      const ys = this.y(s), parts = []; let pen = "M";
      for (let i = 0; i < s.x.length; i++) {
        const x = s.x[i], y = ys[i];
        if (!this.seen(x, y)) { pen = "M"; continue; }
        parts.push(`${pen}${this.X(x).toFixed(1)},${this.Y(y).toFixed(1)}`); pen = "L";
      }
      if (!parts.length) return;
      const look = { class: "line", d: parts.join(""), stroke: s.ink ? `var(--${s.ink})` : `var(--c${s.color % 8})`, "stroke-width": s.width || 2 };
      if (s.dash) look["stroke-dasharray"] = s.dash;
      if (s.opacity) look["stroke-opacity"] = s.opacity;
      make("path", look, parent);
      if (s.dots) for (let i = 0; i < s.x.length; i++) if (this.seen(s.x[i], ys[i])) make("circle", { cx: this.X(s.x[i]), cy: this.Y(ys[i]), r: 2.4, fill: look.stroke }, parent);
    }
    at(event) { const box = this.svg.getBoundingClientRect(); return { x: event.clientX - box.left, y: event.clientY - box.top }; }
    inside(p) { const b = this.box; return p.x >= b.left && p.x <= b.left + b.width && p.y >= b.top && p.y <= b.top + b.height; }
    hover(event) {
      const p = this.at(event);
      if (this.from) return this.drag(p);
      if (!this.inside(p)) return this.leave();
      this.over.replaceChildren();
      const rows = [], want = this.X.back(p.x);
      for (const s of this.curves()) {
        if (s.silent) continue;
        const ys = this.y(s);
        let best = -1, near = Infinity;
        for (let i = 0; i < s.x.length; i++) {
          if (!this.seen(s.x[i], ys[i])) continue;
          const far = this.spec.nearest ? Math.hypot(this.X(s.x[i]) - p.x, this.Y(ys[i]) - p.y) : Math.abs(s.x[i] - want);
          if (far < near) { near = far; best = i; }
        }
        if (best >= 0) rows.push({ s, i: best, y: this.Y(ys[best]), far: near });
      }
      if (!rows.length) return;
      rows.sort((a, b) => (this.spec.nearest ? a.far - b.far : Math.abs(a.y - p.y) - Math.abs(b.y - p.y)));
      const first = rows[0], x = first.s.x[first.i];
      if (!this.spec.nearest) make("line", { class: "cursor", x1: this.X(x), x2: this.X(x), y1: this.box.top, y2: this.box.top + this.box.height }, this.over);
      rows.slice(0, this.spec.nearest ? 1 : 8).forEach((r) => {
        const fill = r.s.ink ? `var(--${r.s.ink})` : `var(--c${r.s.color % 8})`;
        make("circle", { cx: this.X(r.s.x[r.i]), cy: r.y, r: 4, fill }, this.over);
      });
      this.values.replaceChildren();
      const line = (text, bold) => { const d = document.createElement(bold ? "b" : "div"); d.textContent = text; this.values.appendChild(d); };
      line(`${this.spec.xname}: ${show(x)}${this.spec.xunit ? " " + this.spec.xunit : ""}`, true);
      rows.slice(0, this.spec.nearest ? 1 : 8).forEach((r) => line(`${r.s.name}: ${show(r.s.y[r.i])}${r.s.unit ? " " + r.s.unit : ""}`));
      if (rows.length > 8 && !this.spec.nearest) line(`and ${rows.length - 8} more`);
      this.values.hidden = false;
      const room = this.holder.clientWidth, w = this.values.offsetWidth;
      this.values.style.left = `${Math.min(Math.max(4, p.x + 14 + w > room ? p.x - w - 14 : p.x + 14), Math.max(4, room - w - 4))}px`;
      this.values.style.top = `${Math.max(4, p.y - 20)}px`;
    }
    leave() { if (this.from) return; this.values.hidden = true; if (this.over) this.over.replaceChildren(); }
    press(event) {
      const p = this.at(event);
      if (event.button !== 0 || event.pointerType === "touch" || !this.inside(p)) return;
      this.from = p; this.values.hidden = true; this.svg.setPointerCapture(event.pointerId);
      const done = (e) => {
        this.svg.removeEventListener("pointerup", done); this.svg.removeEventListener("pointercancel", done);
        const q = this.at(e), a = this.from; this.from = null; this.over.replaceChildren();
        if (e.type === "pointercancel" || Math.abs(q.x - a.x) < 8) return;
        const xs = [a.x, q.x].sort((m, n) => m - n).map((v) => this.X.back(v));
        const tall = Math.abs(q.y - a.y) > 24;
        const ys = tall ? [a.y, q.y].sort((m, n) => n - m).map((v) => this.Y.back(v)) : this.now.y;
        this.view = { x: xs, y: ys }; this.draw();
      };
      this.svg.addEventListener("pointerup", done); this.svg.addEventListener("pointercancel", done);
    }
    drag(p) {
      const b = this.box, a = this.from, tall = Math.abs(p.y - a.y) > 24;
      this.over.replaceChildren();
      make("rect", { class: "zoom", x: Math.min(a.x, p.x), width: Math.abs(p.x - a.x), y: tall ? Math.min(a.y, p.y) : b.top, height: tall ? Math.abs(p.y - a.y) : b.height }, this.over);
    }
    scale(factor) {
      const b = this.box, mid = b.left + b.width / 2, half = (b.width / 2) * factor;
      const from = this.spec.zoomStart ? b.left : mid - half, to = this.spec.zoomStart ? b.left + b.width * factor : mid + half;
      this.view = { x: [this.X.back(from), this.X.back(to)], y: this.now.y };
    }
  }

  for (const [id, spec] of Object.entries(data.charts)) {
    const holder = document.getElementById(id);
    if (holder) new Chart(holder, { id, ...spec });
  }

  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => (one.open = true)));

  // Bubbles that explain a term: on hover, on keyboard focus and on tap.
  const bubble = document.getElementById("bubble");
  const explain = (node) => {
    bubble.textContent = node.dataset.tip; bubble.hidden = false;
    const at = node.getBoundingClientRect(), page = document.documentElement;
    const left = Math.min(Math.max(8, at.left), page.clientWidth - bubble.offsetWidth - 8);
    const above = at.top > bubble.offsetHeight + 12;
    bubble.style.left = `${left + scrollX}px`;
    bubble.style.top = `${(above ? at.top - bubble.offsetHeight - 8 : at.bottom + 8) + scrollY}px`;
  };
  const quiet = () => (bubble.hidden = true);
  document.querySelectorAll(".term").forEach((node) => {
    node.addEventListener("mouseenter", () => explain(node)); node.addEventListener("mouseleave", quiet);
    node.addEventListener("focus", () => explain(node)); node.addEventListener("blur", quiet);
    node.addEventListener("click", () => explain(node));
  });
  addEventListener("keydown", (e) => { if (e.key === "Escape") quiet(); });

  // Network: pointing at a species shows what it takes part in.
  document.querySelectorAll(".network").forEach((svg) => {
    const species = [...svg.querySelectorAll(".species")], reactions = [...svg.querySelectorAll(".reaction")];
    const uses = new Map(reactions.map((r) => [r, new Set([...r.querySelectorAll("[data-species]")].map((p) => p.dataset.species))]));
    const light = (id) => {
      const near = new Set([id]);
      reactions.forEach((r) => { const on = uses.get(r).has(id); r.classList.toggle("near", on); if (on) uses.get(r).forEach((s) => near.add(s)); });
      species.forEach((s) => s.classList.toggle("near", near.has(s.dataset.id)));
      svg.classList.add("focus");
    };
    const dark = () => svg.classList.remove("focus");
    species.forEach((s) => {
      s.addEventListener("mouseenter", () => light(s.dataset.id)); s.addEventListener("mouseleave", dark);
      s.addEventListener("focus", () => light(s.dataset.id)); s.addEventListener("blur", dark);
    });
  });
})();
