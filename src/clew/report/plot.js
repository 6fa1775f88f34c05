'use strict';
// Line plots in SVG: axes with round ticks, units, legend, faint raw points under smoothed lines, reading under the
// pointer. Knows nothing of mazes.

// Taken from the page's own drawing, so that no address stands in this page.
const kSvg = document.getElementById('mark').namespaceURI;

function add(parent, tag, attributes = {}, text) {
  const svg = parent.namespaceURI === kSvg || tag === 'svg';
  const node = svg ? document.createElementNS(kSvg, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) node.setAttribute(name, value);
  }
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

// Round steps of 1, 2 or 5 times a power of ten.
function ticks(low, high, most) {
  if (!(high > low)) return [low];
  const raw = (high - low) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.72);
  const list = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) list.push(i * step);
  return list;
}

// Three digits that count, with k, M and G for large numbers.
function figure(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size < 0.001) return value.toExponential(1).replace('e-', 'e−').replace('.0e', 'e');
  for (const [limit, unit] of [[1e9, 'G'], [1e6, 'M'], [1e4, 'k']]) {
    if (size >= limit) return trimmed(value / (unit === 'k' ? 1e3 : limit)) + unit;
  }
  return size >= 1000 ? value.toFixed(0) : trimmed(value);
}
function trimmed(value) {
  const text = value.toPrecision(3);
  return (text.includes('.') ? text.replace(/\.?0+$/, '') : text).replace('-', '−');
}
const percent = (value) => (Number.isFinite(value) ? `${trimmed(value * 100)} %` : '–');

// The mean over a window of `share` of all points, done twice for a soft edge; points count by their weight.
function smooth(values, weights, share) {
  const n = values.length;
  const half = Math.round((share * n) / 2);
  let sums = values.map((v, i) => (v === null ? 0 : v * weights[i]));
  let counts = values.map((v, i) => (v === null ? 0 : weights[i]));
  if (half > 0) {
    for (let pass = 0; pass < 2; ++pass) {
      sums = windowSums(sums, half);
      counts = windowSums(counts, half);
    }
  }
  return sums.map((sum, i) => (counts[i] > 0 ? sum / counts[i] : null));
}
function windowSums(values, half) {
  const before = [0];
  for (const value of values) before.push(before[before.length - 1] + value);
  return values.map((_, i) => before[Math.min(values.length, i + half + 1)] - before[Math.max(0, i - half)]);
}

// spec: title, unit, xLabel, height, format (of y), xFormat, low, high (bounds of y), left (of the frame, to line plots up), include (values y must show),
//   series: [{name, colour, dash, x, y, weights}], smoothed: draw raw points and smoothed lines,
//   references: [{name, y, colour}], marks: [x of red lines], small: [x of ticks at the foot], bands: [[x0, x1]],
//   legend: [{name, colour, dash}] instead of the series, extra: [{name, kind}] more entries, onSeek(x).
class Plot {
  constructor(parent, spec) {
    this.spec = spec;
    this.share = 0;
    this.cursor = null;
    this.box = add(parent, 'figure', {class: 'plot'});
    const caption = add(this.box, 'figcaption', {}, spec.title);
    if (spec.unit) add(caption, 'span', {class: 'unit'}, spec.unit);
    this.drawLegend();
    this.svg = add(this.box, 'svg', {role: 'img', 'aria-label': `${spec.title}, ${spec.unit || ''} against ${spec.xLabel}`});
    this.tip = add(this.box, 'div', {class: 'tip', hidden: ''});
    this.svg.addEventListener('pointermove', (event) => this.point(event));
    this.svg.addEventListener('pointerdown', (event) => this.point(event, true));
    this.svg.addEventListener('pointerleave', () => { this.tip.hidden = true; this.hover.setAttribute('visibility', 'hidden'); });
    new ResizeObserver(() => { if (Math.round(this.svg.clientWidth) !== this.width) this.draw(); }).observe(this.box);
    this.smoothTo(0);
  }

  drawLegend() {
    const {series, extra = [], legend} = this.spec;
    const named = legend || (series.length > 1 || extra.length ? series : []);
    if (named.length + extra.length === 0) return;
    const list = add(this.box, 'ul', {class: 'legend'});
    for (const s of named) {
      const item = add(list, 'li');
      const sample = add(item, 'svg', {width: 22, height: 10});
      add(sample, 'line', {x1: 1, x2: 21, y1: 5, y2: 5, 'stroke-width': 2.5, 'stroke-dasharray': s.dash, style: `stroke:${s.colour}`});
      item.append(s.name);
    }
    for (const e of extra) {
      const item = add(list, 'li');
      const sample = add(item, 'svg', {width: 16, height: 12, class: 'plot-sample'});
      if (e.kind === 'band') add(sample, 'rect', {width: 16, height: 12, style: 'fill:var(--c5);opacity:.35'});
      if (e.kind === 'mark') add(sample, 'line', {x1: 8, x2: 8, y1: 0, y2: 12, 'stroke-width': 2, style: 'stroke:var(--goal)'});
      if (e.kind === 'tick') add(sample, 'line', {x1: 8, x2: 8, y1: 5, y2: 12, 'stroke-width': 2.5, style: 'stroke:var(--fruit)'});
      item.append(e.name);
    }
  }

  smoothTo(share) {
    this.share = share;
    for (const s of this.spec.series) {
      s.line = share > 0 ? smooth(s.y, s.weights || s.y.map(() => 1), share) : s.y;
    }
    this.draw();
  }

  ranges() {
    const xs = this.spec.series.flatMap((s) => [s.x[0], s.x[s.x.length - 1]]).filter(Number.isFinite);
    this.x0 = this.spec.x0 ?? Math.min(...xs);
    this.x1 = Math.max(...xs);
    if (!(this.x1 > this.x0)) { this.x0 -= 0.5; this.x1 += 0.5; }
    const ys = (this.spec.include || []).slice();
    for (const r of this.spec.references || []) ys.push(r.y);
    for (const s of this.spec.series) {
      const shown = s.line.filter((v) => v !== null);
      for (const v of shown) ys.push(v);
      // Single wild points stay outside the picture; the bulk of what was measured is inside.
      const raw = s.y.filter((v) => v !== null).sort((a, b) => a - b);
      if (raw.length) ys.push(raw[Math.floor((raw.length - 1) * 0.02)], raw[Math.ceil((raw.length - 1) * 0.98)]);
    }
    let low = ys.reduce((a, b) => Math.min(a, b), Infinity), high = ys.reduce((a, b) => Math.max(a, b), -Infinity);
    if (!Number.isFinite(low)) { low = 0; high = 1; }
    const margin = (high - low || Math.abs(high) || 1) * 0.06;
    this.y0 = this.spec.low ?? (low >= 0 && low - margin < 0 ? 0 : low - margin);
    this.y1 = this.spec.high ?? high + margin;
  }

  draw() {
    const {spec, svg} = this;
    this.width = Math.round(svg.clientWidth);
    if (this.width < 40) return;
    this.ranges();
    const width = this.width, height = spec.height || 190;
    svg.replaceChildren();
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    svg.setAttribute('height', height);
    const format = spec.format || figure, xFormat = spec.xFormat || figure;
    const yTicks = ticks(this.y0, this.y1, Math.max(2, (height - 44) / 36));
    const left = spec.left || 10 + Math.max(...yTicks.map((t) => format(t).length)) * 7.2;
    const frame = this.frame = {left, right: width - 12, top: 8, bottom: height - 36};
    this.px = (x) => frame.left + ((x - this.x0) / (this.x1 - this.x0)) * (frame.right - frame.left);
    this.py = (y) => frame.bottom - ((y - this.y0) / (this.y1 - this.y0)) * (frame.bottom - frame.top);

    for (const [a, b] of spec.bands || []) {
      add(svg, 'rect', {class: 'band', x: this.px(a), width: Math.max(1, this.px(b) - this.px(a)), y: frame.top, height: frame.bottom - frame.top});
    }
    for (const t of yTicks) {
      add(svg, 'line', {class: 'grid', x1: frame.left, x2: frame.right, y1: this.py(t), y2: this.py(t)});
      add(svg, 'text', {x: frame.left - 6, y: this.py(t) + 4, 'text-anchor': 'end'}, format(t));
    }
    add(svg, 'line', {class: 'axis', x1: frame.left, x2: frame.right, y1: frame.bottom, y2: frame.bottom});
    const xTicks = ticks(this.x0, this.x1, (frame.right - frame.left) / 72);
    for (const t of xTicks) {
      const x = this.px(t);
      add(svg, 'line', {class: 'axis', x1: x, x2: x, y1: frame.bottom, y2: frame.bottom + 4});
      add(svg, 'text', {x, y: frame.bottom + 16, 'text-anchor': x > width - 14 ? 'end' : 'middle'}, xFormat(t));
    }
    add(svg, 'text', {x: (frame.left + frame.right) / 2, y: height - 4, 'text-anchor': 'middle'}, spec.xLabel);

    for (const x of spec.marks || []) add(svg, 'line', {class: 'mark', x1: this.px(x), x2: this.px(x), y1: frame.top, y2: frame.bottom});
    for (const x of spec.small || []) add(svg, 'line', {class: 'tick', x1: this.px(x), x2: this.px(x), y1: frame.bottom - 8, y2: frame.bottom});
    const clip = `clip-${Plot.count = (Plot.count || 0) + 1}`;
    add(add(svg, 'clipPath', {id: clip}), 'rect', {x: frame.left, y: frame.top - 4, width: frame.right - frame.left + 4, height: frame.bottom - frame.top + 8});
    const curves = add(svg, 'g', {'clip-path': `url(#${clip})`});
    if (this.share > 0) {
      for (const s of spec.series) add(curves, 'path', {class: 'raw', d: this.dots(s.x, s.y), style: `stroke:${s.colour}`});
    }
    for (const s of spec.series) add(curves, 'path', {class: 'curve', d: this.path(s.x, s.line), 'stroke-dasharray': s.dash, style: `stroke:${s.colour}`});
    let above = Infinity;
    for (const r of (spec.references || []).slice().sort((a, b) => a.y - b.y)) {
      const y = this.py(r.y);
      add(svg, 'line', {class: 'reference', x1: frame.left, x2: frame.right, y1: y, y2: y, style: r.colour ? `stroke:${r.colour}` : null});
      // Names stand above their line, and above the name below them.
      const base = Math.min(y - 4, above - 13);
      above = base;
      add(svg, 'text', {class: 'ref', x: frame.right, y: Math.max(10, base), 'text-anchor': 'end'}, `${r.name} ${format(r.y)}`);
    }
    this.hover = add(svg, 'line', {class: 'cursor', y1: frame.top, y2: frame.bottom, visibility: 'hidden'});
    this.head = add(svg, 'line', {class: 'cursor', y1: frame.top, y2: frame.bottom, 'stroke-width': 2, visibility: 'hidden', style: 'opacity:1'});
    if (this.cursor !== null) this.setCursor(this.cursor);
  }

  path(xs, ys) {
    let d = '', open = false;
    for (let i = 0; i < xs.length; ++i) {
      if (ys[i] === null || xs[i] === null) { open = false; continue; }
      d += `${open ? 'L' : 'M'}${this.px(xs[i]).toFixed(1)} ${this.py(ys[i]).toFixed(1)}`;
      // A point between two gaps is a dot.
      if (!open && (i + 1 === xs.length || ys[i + 1] === null)) d += 'h0.01';
      open = true;
    }
    return d;
  }
  dots(xs, ys) {
    let d = '';
    for (let i = 0; i < xs.length; ++i) {
      if (ys[i] !== null && xs[i] !== null) d += `M${this.px(xs[i]).toFixed(1)} ${this.py(ys[i]).toFixed(1)}h0.01`;
    }
    return d;
  }

  setCursor(x) {
    this.cursor = x;
    if (!this.head) return;
    this.head.setAttribute('visibility', 'visible');
    this.head.setAttribute('x1', this.px(x));
    this.head.setAttribute('x2', this.px(x));
  }

  point(event, pressed = event.buttons > 0) {
    if (!this.frame) return;
    const {left, right} = this.frame;
    const at = event.clientX - this.svg.getBoundingClientRect().left;
    const share = Math.min(1, Math.max(0, (at - left) / (right - left)));
    const x = this.x0 + share * (this.x1 - this.x0);
    if (this.spec.onSeek && pressed) this.spec.onSeek(x);
    this.hover.setAttribute('visibility', 'visible');
    this.hover.setAttribute('x1', this.px(x));
    this.hover.setAttribute('x2', this.px(x));
    const format = this.spec.format || figure, xFormat = this.spec.xFormat || figure;
    this.tip.replaceChildren();
    add(this.tip, 'div', {}, `${xFormat(x)} ${this.spec.xLabel}`);
    for (const s of this.spec.series) {
      const i = nearest(s.x, x);
      // A run that ended earlier has nothing to say here.
      if (i < 0 || Math.abs(s.x[i] - x) > Math.max(0.01 * (this.x1 - this.x0), (s.x[i] - s.x[i - 1]) || 0)) continue;
      const row = add(this.tip, 'div');
      add(row, 'i', {style: `background:${s.colour}`});
      row.append(`${s.name ? s.name + ': ' : ''}${format(s.line[i])}`);
      if (this.share > 0 && s.y[i] !== null) row.append(` (measured ${format(s.y[i])})`);
    }
    this.tip.hidden = false;
    const room = this.box.clientWidth - this.tip.offsetWidth - 8;
    const offset = this.svg.offsetLeft || 14;
    this.tip.style.left = `${Math.max(4, Math.min(room, offset + this.px(x) + (share < 0.5 ? 12 : -12 - this.tip.offsetWidth)))}px`;
    this.tip.style.top = `${this.svg.getBoundingClientRect().top - this.box.getBoundingClientRect().top + 6}px`;
  }
}

function nearest(xs, x) {
  let low = 0, high = xs.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle; else high = middle;
  }
  return xs.length === 0 ? -1 : x - xs[low] < xs[high] - x ? low : high;
}
