/**
 * The space-time diagram: a lane for each node, an arrow for each message, time to the right.
 *
 * Plain JavaScript without dependencies; Python puts `shared.js` in front of it, so that it is one ES module.
 * `render({ model, el })` is what anywidget calls; a stand-alone page calls it with a model of its own. Three parts, each
 * of which knows only those before it: functions of data that run anywhere, `Diagram` that knows a canvas, and `Page`
 * that knows the elements, the pointer and the keys.
 *
 * The cost of a frame depends on what is in view, not on the length of the trace: messages are sorted by when they
 * leave, with the latest arrival of each block, and above `ARROW_LIMIT` in view their density is drawn instead.
 */

/** So many arrows are drawn one by one; more than that are drawn as density. */
export const ARROW_LIMIT = 5000;
/** Up to so many arrows have heads and dashes; up to so many, their kind is written beside them. */
export const HEAD_LIMIT = 700;
export const WORD_LIMIT = 24;
/** So many marks are drawn one by one; more are drawn as bars along the lanes. */
export const MARK_LIMIT = 1500;
/** How wide a column of the density is, in CSS pixels. */
const COLUMN = 2;
/** How far an arrow goes that never arrives, as a share of the way. */
const LOST_AT = 0.6;
/** How lines are interrupted: not, because they do not arrive, because they are copies. */
const DASHES = [[], [6, 4], [2, 3]];
const DELIVERED = 0,
  LOST = 1,
  PENDING = 2;
const NOBODY = 0xffffffff;

// --- data ---------------------------------------------------------------------------------------------------------

/** The trace that `distlab.spacetime` has packed: columns by row, and tables of words. */
export async function decode(payload) {
  if (payload.version !== 1) throw new Error(`data of version ${payload.version}, expected 1`);
  const names = Object.keys(payload.columns);
  const values = await Promise.all(names.map((name) => column(payload.columns[name])));
  const data = { ...payload, columns: undefined, ...Object.fromEntries(names.map((it, i) => [it, values[i]])) };
  data.details = await Promise.all(
    payload.details.map(async (it) => ({
      ...it,
      rows: await column(it.rows),
      words: await column(it.words),
    })),
  );
  data.code = Object.fromEntries(payload.kinds.map((name, code) => [name, code]));
  return data;
}

/** For each row, whether it is an event: something at a node, not in the network. */
export function events(data) {
  const { kind, node, code, names } = data,
    found = new Uint8Array(kind.length);
  for (let i = 0; i < kind.length; i++) {
    found[i] = kind[i] !== code.drop && kind[i] !== code.duplicate && node[i] < names.length ? 1 : 0;
  }
  return found;
}

/** The row of the send of a delivery; -1 if it is another kind of row, or the send is not in the trace any more. */
export function sendOf(data, row) {
  return data.kind[row] === data.code.deliver && data.link[row] ? row - data.link[row] : -1;
}

/** The Lamport stamp of each row; of a copy, the stamp of what its node did last; 0 of what is nowhere. */
export function lamport(data) {
  const { node, names } = data,
    is = events(data);
  const stamp = new Uint32Array(node.length),
    last = new Uint32Array(names.length);
  for (let i = 0; i < node.length; i++) {
    if (!is[i]) {
      stamp[i] = data.kind[i] === data.code.duplicate ? last[node[i]] : 0;
      continue;
    }
    const send = sendOf(data, i);
    stamp[i] = last[node[i]] = Math.max(last[node[i]], send < 0 ? 0 : stamp[send]) + 1;
  }
  return stamp;
}

export const PAST = 1,
  CHOSEN = 2,
  FUTURE = 3;

/** For each row, whether it is in the causal past or future of an event. One sweep back and one forth. */
export function cone(data, event) {
  const { node, names } = data,
    is = events(data),
    role = new Uint8Array(node.length);
  if (!(event >= 0 && event < node.length) || !is[event]) return role;
  const reached = new Uint8Array(names.length),
    wanted = new Uint8Array(node.length);
  wanted[event] = 1;
  for (let i = event; i >= 0; i--) {
    if (!is[i] || !(wanted[i] || reached[node[i]])) continue;
    role[i] = PAST;
    reached[node[i]] = 1;
    const send = sendOf(data, i);
    if (send >= 0) wanted[send] = 1;
  }
  reached.fill(0);
  for (let i = event; i < node.length; i++) {
    if (!is[i]) continue;
    const send = sendOf(data, i);
    if (i !== event && !reached[node[i]] && !(send >= 0 && role[send] >= CHOSEN)) continue;
    role[i] = i === event ? CHOSEN : FUTURE;
    reached[node[i]] = 1;
  }
  return role;
}

/** Every message: the row it left by and the row that tells its fate (-1: still under way), in order of rows. */
export function messages(data) {
  const { kind, node, peer, label, link, code } = data,
    sends = [];
  for (let i = 0; i < kind.length; i++) if (kind[i] === code.send || kind[i] === code.duplicate) sends.push(i);
  const n = sends.length,
    row = Uint32Array.from(sends);
  const found = {
    count: n,
    row,
    fate: new Int32Array(n),
    state: new Uint8Array(n),
    copy: new Uint8Array(n),
    from: new Uint32Array(n),
    to: new Uint32Array(n),
    label: new Uint32Array(n),
  };
  for (let i = 0; i < n; i++) {
    const at = row[i],
      fate = link[at] ? at + link[at] : -1;
    found.fate[i] = fate;
    found.state[i] = fate < 0 ? PENDING : kind[fate] === code.drop ? LOST : DELIVERED;
    found.copy[i] = kind[at] === code.duplicate ? 1 : 0;
    found.from[i] = node[at];
    found.to[i] = peer[at];
    found.label[i] = label[at];
  }
  return found;
}

/** Where on the axis each message begins and ends, in order of where it begins; and the index of what is in view. */
export function place(sent, x) {
  const n = sent.count,
    from = new Float64Array(n),
    to = new Float64Array(n),
    took = [];
  for (let i = 0; i < n; i++) {
    from[i] = x[sent.row[i]];
    to[i] = sent.fate[i] < 0 ? Infinity : x[sent.fate[i]];
    if (sent.state[i] === DELIVERED && took.length < 10001) took.push(to[i] - from[i]);
  }
  took.sort((a, b) => a - b);
  const span = x.length ? x.reduce((most, it) => Math.max(most, it), 0) : 1;
  const usual = took.length ? took[took.length >> 1] : span / 20 || 1;
  for (let i = 0; i < n; i++) {
    // What is lost on leaving, or has not arrived, is drawn as far as one that arrives would get.
    const short = sent.state[i] === PENDING || (sent.state[i] === LOST && to[i] <= from[i]);
    const end = short ? from[i] + usual : to[i];
    to[i] = sent.state[i] === DELIVERED ? end : from[i] + LOST_AT * (end - from[i]);
  }
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => from[a] - from[b] || a - b);
  const begin = Float64Array.from(order, (i) => from[i]),
    end = Float64Array.from(order, (i) => to[i]);
  return { order, begin, end, ...indexed(end) };
}

/** Where a cut crosses each lane: after the last event inside, before the first outside, and straight if it can be. */
export function crossings(after, before, otherwise, near = 10) {
  const lowest = Math.max(...after),
    highest = Math.min(...before),
    known = after.filter(Number.isFinite).sort((a, b) => a - b);
  let middle = known[known.length >> 1] ?? otherwise;
  if (lowest < highest) middle = Math.min((lowest + highest) / 2, lowest + near);
  if (!Number.isFinite(middle))
    middle = Number.isFinite(lowest) ? lowest + near : Number.isFinite(highest) ? highest - near : otherwise;
  return after.map((a, i) => {
    const room = Math.min(near, (before[i] - a) / 2);
    return Math.min(Math.max(middle, a + room), before[i] - room);
  });
}

// --- looks --------------------------------------------------------------------------------------------------------

/** What happens at one node and is marked on its lane: a shape and a colour. */
const MARKS = {
  start: ["tick", "line"],
  timer: ["down", "black"],
  call: ["dot", "#009E73"],
  reply: ["square", "#009E73"],
  write: ["tick", "#CC79A7"],
  sync: ["diamond", "#CC79A7"],
  note: ["star", "#E69F00"],
  crash: ["cross", "lost"],
  pause: ["bars", "fault"],
  resume: ["right", "fault"],
  fault: ["ring", "fault"],
};

function shape(g, name, x, y, r) {
  g.beginPath();
  if (name === "dot" || name === "ring") g.arc(x, y, r * 0.95, 0, 7);
  else if (name === "square") g.rect(x - r * 0.85, y - r * 0.85, r * 1.7, r * 1.7);
  else if (name === "tick") g.rect(x - 0.8, y - r * 1.3, 1.6, r * 2.6);
  else if (name === "bars") {
    g.rect(x - r * 0.8, y - r, r * 0.6, 2 * r);
    g.rect(x + r * 0.2, y - r, r * 0.6, 2 * r);
  } else {
    const points = {
      down: [
        [-1, -0.9],
        [1, -0.9],
        [0, 1],
      ],
      right: [
        [-0.8, -1],
        [1, 0],
        [-0.8, 1],
      ],
      diamond: [
        [0, -1.15],
        [1.15, 0],
        [0, 1.15],
        [-1.15, 0],
      ],
      star: Array.from({ length: 10 }, (_, i) => {
        const size = i % 2 ? 0.62 : 1.5,
          angle = -Math.PI / 2 + (i * Math.PI) / 5;
        return [size * Math.cos(angle), size * Math.sin(angle)];
      }),
      cross: [
        [-1.5, -1],
        [-1, -1.5],
        [0, -0.5],
        [1, -1.5],
        [1.5, -1],
        [0.5, 0],
        [1.5, 1],
        [1, 1.5],
        [0, 0.5],
        [-1, 1.5],
        [-1.5, 1],
        [-0.5, 0],
      ],
    }[name];
    points.forEach(([a, b], i) => (i ? g.lineTo(x + a * r, y + b * r) : g.moveTo(x + a * r, y + b * r)));
    g.closePath();
  }
}

// --- the diagram --------------------------------------------------------------------------------------------------

const BOTTOM = 62,
  OVERVIEW = 24;

/** What is drawn: the data, what of it is wanted, and from where to where. Knows a canvas and no other element. */
class Diagram {
  constructor(data, canvas) {
    Object.assign(this, { data, canvas, g: canvas.getContext("2d"), width: 0, height: 0, ratio: 1, scroll: 0 });
    this.sent = messages(data);
    this.is = events(data);
    this.stamp = lamport(data);
    this.byNode = data.names.map(() => []);
    for (let i = 0; i < this.is.length; i++) if (this.is[i]) this.byNode[data.node[i]].push(i);
    this.nodes = data.names.map((_, node) => !data.hidden_nodes.includes(node));
    this.labels = data.labels.map((_, label) => !data.hidden_labels.includes(label));
    this.marks = data.kinds.map((kind) => kind in MARKS && data.marked.includes(kind));
    this.shown = new Uint8Array(this.sent.count);
    this.found = new Uint32Array(this.sent.count);
    this.role = null;
    this.chosen = -1;
    this.hover = null;
    this.stats = { frames: 0, mode: "none", arrows: 0, cells: 0, marks: 0, milliseconds: 0 };
    this.chain = new Set(data.chain ?? []);
    this.broken = new Set(data.cuts.flatMap((it) => it.violations));
    this.filter();
    this.setAxis("time");
    this.theme(false);
  }

  theme(dark) {
    this.look = dark ? DARK : LIGHT;
    this.colours = this.data.colours.map((it) =>
      it === "#000000" ? this.look.black : dark ? (LIGHTER[it] ?? it) : it,
    );
  }

  colour(name) {
    return this.look[name] ?? name;
  }

  filter() {
    const { sent, nodes, labels, shown } = this;
    for (let i = 0; i < sent.count; i++)
      shown[i] = labels[sent.label[i]] && nodes[sent.from[i]] && nodes[sent.to[i]] ? 1 : 0;
    this.lanes = this.data.lanes.filter((node) => nodes[node]);
    this.laneOf = new Int32Array(nodes.length).fill(-1);
    this.lanes.forEach((node, lane) => (this.laneOf[node] = lane));
    this.marked = this.byNode.map((rows) => Uint32Array.from(rows.filter((row) => this.marks[this.data.kind[row]])));
    this.overview = null;
    if (this.placed) this.line();
  }

  /** Lanes and colours in the order of the index, so that drawing density reads memory from front to back. */
  line() {
    const { sent, placed, laneOf, data } = this,
      n = sent.count;
    Object.assign(placed, {
      a: new Int32Array(n),
      b: new Int32Array(n),
      colour: new Uint8Array(n),
      lost: new Uint8Array(n),
    });
    for (let i = 0; i < n; i++) {
      const message = placed.order[i];
      placed.a[i] = laneOf[sent.from[message]] ?? -1;
      placed.b[i] = laneOf[sent.to[message]] ?? -1;
      placed.colour[i] = data.colour_of[sent.label[message]];
      placed.lost[i] = sent.state[message] === LOST ? 1 : 0;
    }
  }

  setAxis(axis) {
    const data = this.data,
      lastChosen = this.chosen;
    this.axis = axis;
    this.x = axis === "time" ? data.time : Float64Array.from(this.stamp);
    this.placed = place(this.sent, this.x);
    this.line();
    let low = Infinity,
      high = -Infinity;
    for (let i = 0; i < this.x.length; i++) {
      low = Math.min(low, this.x[i]);
      high = Math.max(high, this.x[i]);
    }
    for (const end of this.placed.end) high = Math.max(high, end);
    if (!(low < high)) [low, high] = [Number.isFinite(low) ? low - 0.5 : 0, Number.isFinite(low) ? low + 0.5 : 1];
    const margin = 0.02 * (high - low);
    this.extent = { from: low - margin, to: high + margin };
    this.view = axis === "time" && data.window ? { from: data.window[0], to: data.window[1] } : { ...this.extent };
    this.overview = null;
    this.choose(lastChosen);
  }

  /** Shows a window, which stays between a few nanoseconds and a little more than the whole trace. */
  setView(from, to) {
    const { extent, axis } = this,
      whole = extent.to - extent.from,
      least = axis === "time" ? 1e-8 : 2;
    const span = clamp(to - from, Math.min(least, whole), whole * 1.2);
    const middle = clamp((from + to) / 2, extent.from, extent.to);
    if (Number.isFinite(middle) && Number.isFinite(span))
      this.view = { from: middle - span / 2, to: middle + span / 2 };
  }

  zoom(factor, px = this.left + this.plot / 2) {
    const { from, to } = this.view,
      at = this.valueAt(clamp(px, this.left, this.left + this.plot));
    this.setView(at - (at - from) * factor, at + (to - at) * factor);
  }

  pan(pixels) {
    const { from, to } = this.view,
      by = (pixels * (to - from)) / this.plot;
    this.setView(from + by, to + by);
  }

  /** Shades what happened before and after an event; -1: nothing. */
  choose(row) {
    this.role = row >= 0 && this.is[row] ? cone(this.data, row) : null;
    this.chosen = this.role ? row : -1;
    if (!this.role) return;
    const { role, x, data } = this,
      n = data.names.length;
    this.pastEdge = new Float64Array(n).fill(-Infinity);
    this.futureEdge = new Float64Array(n).fill(Infinity);
    this.counts = { past: 0, future: 0, other: 0 };
    for (let i = 0; i < role.length; i++) {
      if (!this.is[i]) continue;
      const node = data.node[i];
      if (role[i] === PAST || role[i] === CHOSEN) this.pastEdge[node] = Math.max(this.pastEdge[node], x[i]);
      if (role[i] >= CHOSEN) this.futureEdge[node] = Math.min(this.futureEdge[node], x[i]);
      if (role[i] !== CHOSEN) this.counts[role[i] === PAST ? "past" : role[i] === FUTURE ? "future" : "other"]++;
    }
  }

  resize(width, height, ratio) {
    const pixels = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
    if (this.canvas.width !== pixels[0]) this.canvas.width = pixels[0];
    if (this.canvas.height !== pixels[1]) this.canvas.height = pixels[1];
    Object.assign(this, { width, height, ratio, overview: null });
  }

  measure() {
    const g = this.g;
    g.font = FONT;
    const widest = this.lanes.reduce((most, node) => Math.max(most, g.measureText(this.data.names[node]).width), 20);
    this.left = Math.min(widest, 130) + 18;
    this.plot = Math.max(this.width - this.left - 12, 10);
    this.top = this.axis === "time" && this.data.faults.length ? 42 : 26;
    const room = Math.max(this.height - this.top - BOTTOM, 10),
      lanes = Math.max(this.lanes.length, 1);
    this.spacing = clamp(room / lanes, 18, 110);
    this.most = this.spacing * lanes > room + 0.5 ? this.spacing * lanes - room : 0;
    this.scroll = clamp(this.scroll, 0, this.most);
    this.first = this.top + this.spacing / 2 + Math.max(0, (room - this.spacing * lanes) / 2) - this.scroll;
  }

  px(value) {
    return this.left + ((value - this.view.from) / (this.view.to - this.view.from)) * this.plot;
  }
  valueAt(px) {
    return this.view.from + ((px - this.left) / this.plot) * (this.view.to - this.view.from);
  }
  y(lane) {
    return this.first + lane * this.spacing;
  }

  draw() {
    const g = this.g,
      started = performance.now(),
      { look, width, height, ratio } = this;
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.fillStyle = look.back;
    g.fillRect(0, 0, width, height);
    this.measure();
    const bottom = height - BOTTOM;
    Object.assign(this.stats, { arrows: 0, cells: 0, marks: 0 });
    this.drawGrid(bottom);
    g.save();
    g.beginPath();
    g.rect(this.left, 0, this.plot + 12, bottom);
    g.clip();
    this.drawFaults(bottom);
    g.beginPath();
    g.rect(this.left, this.top - 14, this.plot + 12, bottom - this.top + 14);
    g.clip();
    this.drawCone();
    this.drawLanes();
    this.drawMessages();
    this.drawMarks();
    this.drawCuts();
    this.drawEmphasis();
    g.restore();
    this.drawNames(bottom);
    this.drawOverview();
    this.stats.frames++;
    this.stats.milliseconds = performance.now() - started;
  }

  drawGrid(bottom) {
    const { g, view, look, axis } = this,
      span = view.to - view.from;
    const every = axis === "time" ? step(span, this.plot / 90) : Math.max(1, step(span, this.plot / 70));
    const [unit, scale] =
      axis !== "time"
        ? ["", 1]
        : ([
            ["s", 1],
            ["ms", 1e-3],
            ["µs", 1e-6],
          ].find((it) => span >= 0.8 * it[1]) ?? ["ns", 1e-9]);
    const digits = Math.max(0, -Math.floor(Math.log10(every / scale) + 1e-9));
    g.font = TINY;
    g.textAlign = "center";
    g.textBaseline = "top";
    g.strokeStyle = look.grid;
    g.lineWidth = 1;
    g.beginPath();
    const end = this.left + this.plot;
    for (let i = Math.ceil(view.from / every); i * every <= view.to; i++) {
      const x = Math.round(this.px(i * every)) + 0.5,
        text = ((i * every) / scale).toFixed(digits);
      g.moveTo(x, this.top - 8);
      g.lineTo(x, bottom);
      g.fillStyle = look.soft;
      if (x + g.measureText(text).width / 2 < end - 70) g.fillText(text, x, bottom + 4);
    }
    g.stroke();
    g.textAlign = "right";
    g.fillStyle = look.ink;
    g.fillText(axis === "time" ? `time (${unit})` : "Lamport stamp", end + 4, bottom + 4);
  }

  drawFaults(bottom) {
    if (this.axis !== "time") return;
    const { g, look, view } = this,
      free = [-Infinity, -Infinity];
    g.font = TINY;
    g.textAlign = "left";
    g.textBaseline = "top";
    for (const [start, stop, label] of this.data.faults) {
      const to = stop ?? Infinity;
      if (start > view.to || to < view.from) continue;
      const a = Math.max(this.px(start), this.left - 2),
        b = Math.min(this.px(Math.min(to, view.to)), this.left + this.plot);
      g.fillStyle = look.fault;
      g.globalAlpha = 0.14;
      g.fillRect(a, this.top - 12, Math.max(b - a, 0), bottom - this.top + 12);
      g.globalAlpha = 0.9;
      g.fillRect(Math.round(a), this.top - 12, 1, bottom - this.top + 12);
      g.globalAlpha = 1;
      const at = Math.max(a, this.left + 2),
        level = free.findIndex((it) => at >= it);
      if (level < 0) continue;
      g.fillStyle = look.soft;
      g.fillText(label, at + 2, this.top - 26 - 13 * level);
      free[level] = at + g.measureText(label).width + 8;
    }
  }

  /** A region to one side of a line through all lanes. */
  region(edges, side) {
    const { g } = this,
      away = side < 0 ? this.left - 30 : this.left + this.plot + 30;
    const at = this.lanes.map((node) => clamp(this.px(edges[node]), this.left - 30, this.left + this.plot + 30));
    if (!at.length) return;
    const half = Math.min(this.spacing / 2, 16);
    g.beginPath();
    g.moveTo(away, this.y(0) - half);
    g.lineTo(at[0], this.y(0) - half);
    at.forEach((x, lane) => g.lineTo(x, this.y(lane)));
    g.lineTo(at.at(-1), this.y(at.length - 1) + half);
    g.lineTo(away, this.y(at.length - 1) + half);
    g.closePath();
    g.fill();
  }

  drawCone() {
    if (!this.role) return;
    const { g, look } = this;
    g.globalAlpha = 0.13;
    g.fillStyle = look.past;
    this.region(this.pastEdge, -1);
    g.fillStyle = look.future;
    g.globalAlpha = 0.17;
    this.region(this.futureEdge, 1);
    g.globalAlpha = 1;
  }

  drawLanes() {
    const { g, look, x, data } = this,
      end = this.left + this.plot;
    g.lineWidth = 1.5;
    g.strokeStyle = look.line;
    this.lanes.forEach((node, lane) => {
      const y = this.y(lane);
      let from = this.left;
      const line = (to, dash) => {
        if (to <= from) return;
        g.setLineDash(dash);
        g.beginPath();
        g.moveTo(from, y);
        g.lineTo(to, y);
        g.stroke();
      };
      for (const [whose, begun, ended, state] of data.spans) {
        if (whose !== node) continue;
        const a = clamp(this.px(x[begun]), this.left, end),
          b = ended < 0 ? end : clamp(this.px(x[ended]), this.left, end);
        line(a, []);
        from = a;
        if (state === "paused") line(b, [2, 4]);
        from = Math.max(from, b);
      }
      line(end, []);
    });
    g.setLineDash([]);
    if (!this.role) return;
    g.lineWidth = 4;
    g.globalAlpha = 0.55;
    this.lanes.forEach((node, lane) => {
      for (const [from, to, colour] of [
        [-Infinity, this.pastEdge[node], look.past],
        [this.futureEdge[node], Infinity, look.future],
      ]) {
        const a = clamp(this.px(from), this.left, end),
          b = clamp(this.px(to), this.left, end);
        g.strokeStyle = colour;
        g.beginPath();
        g.moveTo(a, this.y(lane));
        g.lineTo(b, this.y(lane));
        if (b > a) g.stroke();
      }
    });
    g.globalAlpha = 1;
  }

  drawMessages() {
    const { view } = this,
      count = visible(this.placed, view.from, view.to, this.shown, this.found);
    this.inView = count;
    this.stats.mode = count > ARROW_LIMIT ? "density" : "arrows";
    if (count > ARROW_LIMIT) this.drawDensity(count);
    else this.drawArrows(count);
  }

  /** 1: what belongs to the cone of the chosen event, or all if there is none; 0: the rest. */
  matters(message) {
    const { role, sent, data } = this;
    if (!role) return 1;
    const fate = sent.fate[message],
      arrived = sent.state[message] === DELIVERED ? role[fate] : 0;
    const send = !sent.copy[message] ? sent.row[message] : fate < 0 ? -1 : sendOf(data, fate);
    return arrived === PAST || arrived === CHOSEN || (send >= 0 && role[send] >= CHOSEN) ? 1 : 0;
  }

  /** How many messages cross each gap between lanes in each column, in the mean colour of their kinds. */
  drawDensity(count) {
    const { g, placed, found, lanes, role } = this,
      { a: first, b: second, begin: begins, end: ends, colour } = placed;
    const columns = Math.ceil(this.plot / COLUMN),
      gaps = Math.max(lanes.length - 1, 1),
      kinds = this.colours.length;
    const scale = this.plot / COLUMN / (this.view.to - this.view.from),
      from = this.view.from,
      size = columns * gaps * kinds;
    if (this.sums?.length !== size) this.sums = new Float32Array(size);
    const sums = this.sums.fill(0),
      lost = new Uint8Array(columns * lanes.length);
    for (let k = 0; k < count; k++) {
      const i = found[k];
      let a = first[i],
        b = second[i],
        begin = (begins[i] - from) * scale,
        end = (ends[i] - from) * scale;
      if (placed.lost[i] && end >= 0 && end < columns) lost[(end | 0) * lanes.length + a] = 1;
      if (a > b) [a, b, begin, end] = [b, a, end, begin];
      const slope = (end - begin) / (b - a),
        weight = role && !this.matters(placed.order[i]) ? 0.06 : 1;
      for (let gap = a, at = begin + 0.5 * slope; gap < b; gap++, at += slope) {
        if (at >= 0 && at < columns) sums[(gap * columns + (at | 0)) * kinds + colour[i]] += weight;
      }
    }
    this.paintDensity(columns, gaps, kinds);
    g.fillStyle = this.look.lost;
    for (let i = 0; i < lost.length; i++) {
      if (lost[i]) g.fillRect(this.left + ((i / lanes.length) | 0) * COLUMN, this.y(i % lanes.length) + 3, COLUMN, 5);
    }
  }

  paintDensity(columns, gaps, kinds) {
    const { g, sums, colours } = this,
      cells = columns * gaps;
    this.buffer ??= document.createElement("canvas");
    if (this.buffer.width !== columns || this.buffer.height !== gaps)
      Object.assign(this.buffer, { width: columns, height: gaps });
    const buffer = this.buffer.getContext("2d"),
      image = buffer.createImageData(columns, gaps),
      pixels = image.data;
    const rgb = colours.map((it) => [1, 3, 5].map((at) => parseInt(it.slice(at, at + 2), 16)));
    const weights = new Float32Array(cells);
    let most = 1;
    for (let cell = 0, i = 0; cell < cells; cell++) {
      for (let kind = 0; kind < kinds; kind++) weights[cell] += sums[i++];
      most = Math.max(most, weights[cell]);
    }
    const top = Math.log1p(2 ** Math.ceil(Math.log2(most)));
    for (let cell = 0; cell < cells; cell++) {
      const weight = weights[cell];
      if (!weight) continue;
      for (let kind = 0; kind < kinds; kind++) {
        const share = sums[cell * kinds + kind] / weight;
        for (let part = 0; part < 3; part++) pixels[4 * cell + part] += share * rgb[kind][part];
      }
      pixels[4 * cell + 3] = 255 * Math.min(1, 0.1 * Math.min(weight, 1) + (0.85 * Math.log1p(weight)) / top);
      this.stats.cells++;
    }
    buffer.putImageData(image, 0, 0);
    g.imageSmoothingEnabled = false;
    const inset = Math.min(7, this.spacing / 5);
    for (let gap = 0; gap < gaps; gap++) {
      g.drawImage(
        this.buffer,
        0,
        gap,
        columns,
        1,
        this.left,
        this.y(gap) + inset,
        columns * COLUMN,
        this.spacing - 2 * inset,
      );
    }
  }

  /** The ends of a message in pixels, cut off where it leaves the window. */
  ends(place) {
    const message = this.placed.order[place],
      { sent } = this;
    let x0 = this.px(this.placed.begin[place]),
      x1 = this.px(this.placed.end[place]);
    let y0 = this.y(this.laneOf[sent.from[message]]),
      y1 = this.y(this.laneOf[sent.to[message]]);
    if (sent.state[message] !== DELIVERED) y1 = y0 + LOST_AT * (y1 - y0);
    const low = this.left - 200,
      high = this.left + this.plot + 200,
      slope = (y1 - y0) / (x1 - x0);
    if (x0 < low && x1 > low) [x0, y0] = [low, y0 + (low - x0) * slope];
    if (x1 > high && x0 < high) [x1, y1] = [high, y1 - (x1 - high) * slope];
    return [x0, y0, x1, y1];
  }

  drawArrows(count) {
    const { g, sent, placed, found, colours, data } = this,
      detailed = count <= HEAD_LIMIT;
    const groups = new Map();
    for (let k = 0; k < count; k++) {
      const message = placed.order[found[k]],
        matters = this.matters(message);
      const dashes = !detailed ? 0 : sent.copy[message] ? 2 : sent.state[message] !== DELIVERED ? 1 : 0;
      const key = matters * 1e6 + 3 * data.colour_of[sent.label[message]] + dashes;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(found[k]);
    }
    const alpha = detailed ? 0.92 : clamp(1800 / count, 0.3, 0.8);
    g.lineJoin = "round";
    for (const key of [...groups.keys()].sort((a, b) => a - b)) {
      const colour = colours[((key % 1e6) / 3) | 0];
      g.globalAlpha = key >= 1e6 ? alpha : 0.16 * alpha;
      g.strokeStyle = g.fillStyle = colour;
      g.lineWidth = detailed ? (this.role && key >= 1e6 ? 1.6 : 1.2) : 1 / this.ratio;
      g.setLineDash(DASHES[(key % 1e6) % 3]);
      this.strokeAll(groups.get(key));
      if (detailed) this.fillHeads(groups.get(key));
    }
    g.setLineDash([]);
    g.globalAlpha = 1;
    this.drawLost(found.subarray(0, count));
    if (count <= WORD_LIMIT) this.writeKinds(count);
    this.stats.arrows = count;
  }

  strokeAll(places) {
    const g = this.g;
    // Without a graphics card, hairlines are fast together and wide lines are fast one by one.
    const together = g.lineWidth * this.ratio > 1 ? 1 : 500;
    for (let start = 0; start < places.length; start += together) {
      g.beginPath();
      for (let k = start; k < Math.min(start + together, places.length); k++) this.trace(places[k]);
      g.stroke();
    }
  }

  /** Adds one message to the path: a line, or an arc if it is to its sender. */
  trace(place) {
    const [x0, y0, x1, y1] = this.ends(place),
      g = this.g,
      message = this.placed.order[place];
    g.moveTo(x0, y0);
    if (this.sent.from[message] === this.sent.to[message]) g.quadraticCurveTo((x0 + x1) / 2, y0 - 22, x1, y1);
    else g.lineTo(x1, y1);
  }

  fillHeads(places) {
    const { g, sent, placed } = this,
      size = 7;
    g.setLineDash([]);
    for (const place of places) {
      const message = placed.order[place];
      if (sent.state[message] === LOST) continue;
      const [x0, y0, x1, y1] = this.ends(place),
        self = sent.from[message] === sent.to[message];
      const angle = self ? 0.9 : Math.atan2(y1 - y0, x1 - x0),
        c = Math.cos(angle),
        s = Math.sin(angle);
      g.beginPath();
      g.moveTo(x1, y1);
      g.lineTo(x1 - size * c + 0.42 * size * s, y1 - size * s - 0.42 * size * c);
      g.lineTo(x1 - size * c - 0.42 * size * s, y1 - size * s + 0.42 * size * c);
      g.closePath();
      g.fill();
    }
  }

  drawLost(places) {
    const { g, sent, placed } = this,
      r = places.length > HEAD_LIMIT ? 2.5 : 4;
    g.strokeStyle = this.look.lost;
    g.lineWidth = 1.7;
    g.beginPath();
    for (const place of places) {
      if (sent.state[placed.order[place]] !== LOST) continue;
      const [, , x, y] = this.ends(place);
      g.moveTo(x - r, y - r);
      g.lineTo(x + r, y + r);
      g.moveTo(x + r, y - r);
      g.lineTo(x - r, y + r);
    }
    g.stroke();
  }

  writeKinds(count) {
    const { g, sent, placed, found, data } = this,
      taken = [];
    g.font = TINY;
    g.textAlign = "center";
    g.textBaseline = "bottom";
    for (let k = 0; k < count; k++) {
      const message = placed.order[found[k]],
        [x0, y0, x1, y1] = this.ends(found[k]);
      const text = data.labels[sent.label[message]],
        half = g.measureText(text).width / 2,
        x = (x0 + x1) / 2,
        y = (y0 + y1) / 2;
      if (Math.hypot(x1 - x0, y1 - y0) < 2 * half + 24) continue;
      if (taken.some(([a, b, h]) => Math.abs(a - x) < h + half && Math.abs(b - y) < 14)) continue;
      taken.push([x, y, half]);
      const angle = Math.atan2(y1 - y0, x1 - x0);
      g.save();
      g.translate(x, y);
      g.rotate(Math.abs(angle) > Math.PI / 2 ? angle + Math.PI : angle);
      g.strokeStyle = this.look.back;
      g.lineWidth = 3;
      g.globalAlpha = this.matters(message) ? 1 : 0.3;
      g.strokeText(text, 0, -2);
      g.fillStyle = this.colours[data.colour_of[sent.label[message]]];
      g.fillText(text, 0, -2);
      g.restore();
    }
  }

  /** Where those of a node's rows that are in view begin and end. */
  rowsInView(rows) {
    const { x, view } = this,
      slack = (8 * (view.to - view.from)) / this.plot;
    const first = (value) => {
      let low = 0,
        high = rows.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (x[rows[middle]] < value) low = middle + 1;
        else high = middle;
      }
      return low;
    };
    return [first(view.from - slack), first(view.to + slack)];
  }

  drawMarks() {
    const ranges = this.lanes.map((node) => this.rowsInView(this.marked[node]));
    if (ranges.reduce((sum, [a, b]) => sum + b - a, 0) > MARK_LIMIT) this.drawCrowd(ranges);
    else this.drawShapes(ranges);
  }

  /** The marks of each kind on a lane as bars, one for all that are close to each other. */
  drawCrowd(ranges) {
    const { g, data, x, look } = this,
      kinds = data.kinds.length;
    const bars = data.kinds.map(() => []),
      since = new Float64Array(kinds),
      until = new Float64Array(kinds);
    const scale = this.plot / (this.view.to - this.view.from),
      shift = this.left - this.view.from * scale;
    this.lanes.forEach((node, lane) => {
      const rows = this.marked[node];
      until.fill(-Infinity);
      const close = (kind) => until[kind] > -Infinity && bars[kind].push(lane, since[kind], until[kind]);
      for (let i = ranges[lane][0]; i < ranges[lane][1]; i++) {
        const kind = data.kind[rows[i]],
          at = shift + x[rows[i]] * scale;
        if (at - until[kind] > 3) {
          close(kind);
          since[kind] = at;
        }
        until[kind] = at;
      }
      for (let kind = 0; kind < kinds; kind++) close(kind);
    });
    bars.forEach((found, kind) => {
      if (!found.length) return;
      const colour = MARKS[data.kinds[kind]][1],
        rare = ["crash", "pause", "resume", "fault"].includes(data.kinds[kind]);
      g.fillStyle = look[colour] ?? colour;
      for (let i = 0; i < found.length; i += 3) {
        const y = this.y(found[i]);
        if (!rare) g.fillRect(found[i + 1] - 1, y - 3, found[i + 2] - found[i + 1] + 2, 6);
        else
          for (const at of new Set([found[i + 1], found[i + 2]])) {
            shape(g, MARKS[data.kinds[kind]][0], at, y, 4);
            g.fill();
          }
      }
      this.stats.marks += found.length / 3;
    });
  }

  drawShapes(ranges) {
    const { g, data, x, role } = this,
      paths = data.kinds.map(() => []),
      last = new Float64Array(data.kinds.length),
      words = [];
    this.lanes.forEach((node, lane) => {
      last.fill(-Infinity);
      const rows = this.marked[node],
        y = this.y(lane);
      for (let i = ranges[lane][0]; i < ranges[lane][1]; i++) {
        const row = rows[i],
          kind = data.kind[row],
          at = this.px(x[row]);
        if (at - last[kind] < 1.5) continue;
        last[kind] = at;
        paths[kind].push(at, y, role && !role[row] ? 0 : 1);
        if (kind === data.code.note) words.push([at, y, data.labels[data.label[row]]]);
      }
    });
    paths.forEach((points, kind) => {
      if (!points.length) return;
      const [name, colour] = MARKS[data.kinds[kind]];
      g.fillStyle = this.colour(colour);
      g.strokeStyle = this.look.back;
      g.lineWidth = 1;
      for (let i = 0; i < points.length; i += 3) {
        g.globalAlpha = points[i + 2] ? 1 : 0.25;
        shape(g, name, points[i], points[i + 1], 4);
        if (points.length < 900) g.stroke();
        g.fill();
      }
      this.stats.marks += points.length / 3;
    });
    g.globalAlpha = 1;
    if (words.length <= 80 && this.inView <= HEAD_LIMIT) this.writeNotes(words);
  }

  writeNotes(words) {
    const { g, look } = this,
      free = new Map();
    g.font = TINY;
    g.textAlign = "left";
    g.textBaseline = "bottom";
    for (const [x, y, text] of words) {
      const levels = free.get(y) ?? [-Infinity, -Infinity],
        level = levels.findIndex((it) => x >= it);
      if (level < 0) continue;
      g.strokeStyle = look.back;
      g.lineWidth = 3;
      g.strokeText(text, x + 5, y - 4 - 12 * level);
      g.fillStyle = look.ink;
      g.fillText(text, x + 5, y - 4 - 12 * level);
      levels[level] = x + 10 + g.measureText(text).width;
      free.set(y, levels);
    }
  }

  drawCuts() {
    const { g, look, x } = this,
      reach = Math.min(this.spacing / 2, 24),
      words = [];
    for (const cut of this.data.cuts) {
      const at = crossings(
        this.lanes.map((node) => (cut.inside[node] < 0 ? -Infinity : this.px(x[cut.inside[node]]))),
        this.lanes.map((node) => (cut.outside[node] < 0 ? Infinity : this.px(x[cut.outside[node]]))),
        this.left,
      );
      if (!at.length) continue;
      g.strokeStyle = g.fillStyle = cut.consistent ? look.cut : look.lost;
      g.lineWidth = 2;
      g.setLineDash([8, 4]);
      g.beginPath();
      g.moveTo(at[0], this.y(0) - reach);
      at.forEach((px, lane) => g.lineTo(px, this.y(lane)));
      g.lineTo(at.at(-1), this.y(at.length - 1) + reach);
      g.stroke();
      g.setLineDash([]);
      words.push([at[0], g.fillStyle, `${cut.name}${cut.consistent ? "" : " (inconsistent)"}`]);
    }
    this.writeCuts(words, this.y(0) - reach + 11);
  }

  /** The names of cuts at their upper ends, below each other where they would overlap. */
  writeCuts(words, y) {
    const { g, look } = this,
      taken = [];
    g.font = TINY;
    g.textAlign = "left";
    g.textBaseline = "bottom";
    g.lineWidth = 3;
    for (const [x, colour, text] of words) {
      const width = g.measureText(text).width + 8,
        level = taken.filter(([from, to]) => x < to && x + width > from).length;
      taken.push([x, x + width]);
      g.strokeStyle = look.back;
      g.strokeText(text, x + 4, y + 13 * level);
      g.fillStyle = colour;
      g.fillText(text, x + 4, y + 13 * level);
    }
  }

  /** Messages that break a cut, the critical path, the chosen event, and what the pointer is at, above all others. */
  drawEmphasis() {
    const { g, sent, placed, data, look } = this;
    const line = (place, colour, width) => {
      g.strokeStyle = g.fillStyle = colour;
      g.lineWidth = width;
      g.beginPath();
      this.trace(place);
      g.stroke();
      this.fillHeads([place]);
    };
    const width = this.inView > HEAD_LIMIT ? 1.2 : 2.6;
    if (this.broken.size || this.chain.size) {
      for (
        let i = bisect(placed.latestSoFar, this.view.from) * BLOCK;
        i < sent.count && placed.begin[i] <= this.view.to;
        i++
      ) {
        const message = placed.order[i],
          fate = sent.fate[message];
        if (!this.shown[message] || placed.end[i] < this.view.from || sent.state[message] !== DELIVERED) continue;
        if (this.broken.has(fate)) line(i, look.lost, width);
        else if (this.chain.has(fate) && this.chain.has(sendOf(data, fate))) line(i, look.chain, width);
      }
    }
    this.drawChain();
    if (this.hover?.place >= 0)
      line(this.hover.place, this.colours[data.colour_of[sent.label[placed.order[this.hover.place]]]], 2.6);
    for (const [row, colour, width] of [
      [this.hover?.row ?? -1, look.soft, 1.5],
      [this.chosen, look.ink, 2.2],
    ]) {
      if (row < 0 || this.laneOf[data.node[row]] < 0) continue;
      g.strokeStyle = colour;
      g.lineWidth = width;
      g.beginPath();
      g.arc(this.px(this.x[row]), this.y(this.laneOf[data.node[row]]), 8, 0, 7);
      g.stroke();
    }
  }

  drawChain() {
    const { g, data, x } = this,
      rows = data.chain ?? [];
    g.strokeStyle = this.look.chain;
    g.lineWidth = 3.5;
    g.beginPath();
    for (let i = 1; i < rows.length; i++) {
      const lane = this.laneOf[data.node[rows[i]]];
      if (data.node[rows[i]] !== data.node[rows[i - 1]] || lane < 0) continue;
      const [a, b] = [this.px(x[rows[i - 1]]), this.px(x[rows[i]])];
      if (b < this.left || a > this.left + this.plot) continue;
      g.moveTo(Math.max(a, this.left - 9), this.y(lane));
      g.lineTo(Math.min(b, this.left + this.plot + 9), this.y(lane));
    }
    g.stroke();
  }

  drawNames(bottom) {
    const { g, look, data } = this;
    g.save();
    g.beginPath();
    g.rect(0, this.top - 14, this.left, bottom - this.top + 14);
    g.clip();
    g.font = FONT;
    g.textAlign = "right";
    g.textBaseline = "middle";
    g.fillStyle = look.ink;
    this.lanes.forEach((node, lane) => g.fillText(data.names[node], this.left - 10, this.y(lane), this.left - 14));
    g.restore();
    if (!this.most) return;
    const room = bottom - this.top,
      size = (room * room) / (room + this.most);
    g.fillStyle = look.edge;
    g.fillRect(this.width - 6, this.top + ((room - size) * this.scroll) / this.most, 4, size);
  }

  /** The whole trace in one strip: how many messages leave when, and which part of it is in view. */
  drawOverview() {
    const { g, look, extent, view } = this,
      y = this.height - OVERVIEW - 8,
      columns = Math.max(1, Math.round(this.plot));
    if (!this.overview || this.overview.length !== columns) {
      const counts = new Float32Array(columns),
        scale = columns / (extent.to - extent.from);
      for (let i = 0; i < this.sent.count; i++) {
        if (this.shown[this.placed.order[i]])
          counts[clamp(((this.placed.begin[i] - extent.from) * scale) | 0, 0, columns - 1)]++;
      }
      const most = counts.reduce((a, b) => Math.max(a, b), 1);
      this.overview = counts.map((it) => Math.sqrt(it / most));
    }
    g.fillStyle = look.panel;
    g.fillRect(this.left, y, this.plot, OVERVIEW);
    g.fillStyle = look.line;
    this.overview.forEach(
      (it, i) => it && g.fillRect(this.left + i, y + OVERVIEW - it * (OVERVIEW - 3), 1, it * (OVERVIEW - 3)),
    );
    const at = (value) => this.left + clamp((value - extent.from) / (extent.to - extent.from), 0, 1) * this.plot;
    const a = at(view.from),
      b = Math.max(at(view.to), a + 3);
    g.globalAlpha = 0.16;
    g.fillStyle = look.past;
    g.fillRect(a, y, b - a, OVERVIEW);
    g.globalAlpha = 1;
    g.strokeStyle = look.past;
    g.lineWidth = 1;
    g.strokeRect(Math.round(a) + 0.5, y + 0.5, Math.max(Math.round(b - a) - 1, 2), OVERVIEW - 1);
  }

  /** What is at a point: `{ row }` of an event, `{ place }` of a message, or null. */
  hit(px, py) {
    if (px < this.left - 4 || py > this.height - BOTTOM || !this.lanes.length) return null;
    const { data, x, sent, placed } = this,
      lane = clamp(Math.round((py - this.first) / this.spacing), 0, this.lanes.length - 1);
    if (Math.abs(py - this.y(lane)) <= Math.min(9, this.spacing / 2)) {
      const rows = this.byNode[this.lanes[lane]],
        [first, last] = this.rowsInView(rows);
      let best = -1,
        least = 8;
      for (let i = first; i < last; i++) {
        if (!this.wants(rows[i])) continue;
        // Of several at one place the one with a mark is meant, then what arrived.
        const kind = data.kind[rows[i]],
          behind = kind === data.code.send ? 0.6 : kind === data.code.deliver ? 0.5 : 0;
        const far = Math.abs(this.px(x[rows[i]]) - px) + behind;
        if (far < least) [best, least] = [rows[i], far];
      }
      if (best >= 0) return { row: best, place: -1 };
    }
    if (this.stats.mode !== "arrows") return null;
    let best = -1,
      least = 6;
    for (let k = 0; k < this.inView; k++) {
      const [x0, y0, x1, y1] = this.ends(this.found[k]),
        message = placed.order[this.found[k]];
      const lift = sent.from[message] === sent.to[message] ? 11 : 0,
        length = (x1 - x0) ** 2 + (y1 - y0) ** 2;
      const t = length ? clamp(((px - x0) * (x1 - x0) + (py + lift - y0) * (y1 - y0)) / length, 0, 1) : 0;
      const far = Math.hypot(px - x0 - t * (x1 - x0), py + lift - y0 - t * (y1 - y0));
      if (far < least) [best, least] = [this.found[k], far];
    }
    return best < 0 ? null : { row: -1, place: best };
  }

  /** Whether an event can be pointed at: its kind is marked, or it is an end of a message that is drawn. */
  wants(row) {
    const { data, marks, labels } = this,
      kind = data.kind[row];
    return kind === data.code.send || kind === data.code.deliver ? labels[data.label[row]] : marks[kind];
  }

  /** A title and pairs of words about what was hit. */
  describe(hit) {
    const { data, sent, placed } = this,
      name = (node) => data.names[node] ?? "nobody";
    if (hit.row < 0) {
      const message = placed.order[hit.place],
        row = sent.row[message],
        fate = sent.fate[message];
      const end =
        sent.state[message] === PENDING
          ? "under way when the trace ends"
          : sent.state[message] === LOST
            ? `lost (${data.labels[data.label[fate]]}) at ${moment(data.time[fate])}`
            : `${moment(data.time[fate])}, after ${duration(data.time[fate] - data.time[row])}`;
      const pairs = [
        ["from", `${name(sent.from[message])} at ${moment(data.time[row])}`],
        ["to", name(sent.to[message])],
        ["arrived", end],
      ];
      if (sent.copy[message]) pairs.push(["copy", "made by the network"]);
      return [data.labels[sent.label[message]], [...pairs, ...this.detailsOf(row)]];
    }
    const row = hit.row,
      kind = data.kinds[data.kind[row]],
      peer = data.peer[row] === NOBODY ? null : name(data.peer[row]);
    const about = peer ? [[kind === "send" ? "to" : "from", peer]] : [];
    const clock = ["note", "call", "reply"].includes(kind) ? [["number", number(data.number[row])]] : [];
    const pairs = [
      ["node", name(data.node[row])],
      ["time", moment(data.time[row])],
      ...about,
      ...clock,
      ["Lamport", number(this.stamp[row])],
      ["row", number(row)],
      ...this.detailsOf(row),
    ];
    const beside = this.beside(row);
    if (beside.length) pairs.push(["with it", beside.join(", ")]);
    return [`${kind} ${data.labels[data.label[row]]}`, pairs];
  }

  /** What was said about an event; what lasts, was said about the last event of its node that had words. */
  detailsOf(row) {
    const { data, is } = this;
    return data.details.flatMap(({ name, rows, words, table, lasting }) => {
      for (let at = bisect(rows, row, true) - 1; at >= 0; at--) {
        const same = rows[at] === row;
        if (same || (lasting && is[row] && data.node[rows[at]] === data.node[row])) return [[name, table[words[at]]]];
        if (!lasting) break;
      }
      return [];
    });
  }

  /** What else happened at the same node at the same time. */
  beside(row) {
    const { data, is } = this,
      found = [];
    for (const way of [-1, 1]) {
      for (let i = row + way; i >= 0 && i < is.length && data.time[i] === data.time[row]; i += way) {
        if (is[i] && data.node[i] === data.node[row])
          found.push(`${data.kinds[data.kind[i]]} ${data.labels[data.label[i]]}`);
      }
    }
    return found.length > 6 ? [...found.slice(0, 6), `and ${found.length - 6} more`] : found;
  }
}

// --- the page around it -------------------------------------------------------------------------------------------

/** A small picture for the legend: the words of `draw` become a path. */
function sample(draw) {
  const template = document.createElement("template");
  template.innerHTML = '<svg width="22" height="12" aria-hidden="true"><path></path></svg>';
  const svg = template.content.firstChild,
    element = svg.firstChild;
  const path = {
    parts: [],
    moveTo(x, y) {
      this.parts.push(`M${x} ${y}`);
    },
    lineTo(x, y) {
      this.parts.push(`L${x} ${y}`);
    },
    beginPath() {},
    closePath() {
      this.parts.push("Z");
    },
    rect(x, y, w, h) {
      this.parts.push(`M${x} ${y}h${w}v${h}h${-w}Z`);
    },
    arc(x, y, r) {
      this.parts.push(`M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`);
    },
  };
  for (const [name, value] of Object.entries(draw(path))) element.setAttribute(name, value);
  element.setAttribute("d", path.parts.join(""));
  return svg;
}

const arrowSample = (colour, dashes = 0) =>
  sample((path) => {
    path.moveTo(1, 10);
    path.lineTo(21, 2);
    return { fill: "none", stroke: colour, "stroke-width": 2, "stroke-dasharray": DASHES[dashes].join(" ") };
  });
const markSample = (name, colour) =>
  sample((path) => {
    shape(path, name, 11, 6, 4);
    return { fill: colour };
  });
const boxSample = (colour) =>
  sample((path) => {
    path.rect(1, 1, 20, 10);
    return { fill: colour, "fill-opacity": 0.35 };
  });
const crossSample = (colour) =>
  sample((path) => {
    for (const [x, y, a, b] of [
      [7, 2, 15, 10],
      [15, 2, 7, 10],
    ]) {
      path.moveTo(x, y);
      path.lineTo(a, b);
    }
    return { fill: "none", stroke: colour, "stroke-width": 2 };
  });

/** One diagram on a page: canvas, panel, pointer and keys. */
class Page {
  constructor(data, model, el) {
    Object.assign(this, { data, model, el, undo: [], pointers: new Map(), pending: 0 });
    this.canvas = make("canvas", { tabindex: "0", role: "img" });
    this.diagram = new Diagram(data, this.canvas);
    this.status = make("span", { class: "dlst-status", role: "status", "aria-live": "polite" });
    this.tip = make("div", { class: "dlst-tip", role: "tooltip", hidden: true });
    this.panel = make("div", { class: "dlst-panel", "aria-label": "what is drawn" });
    this.stage = make("div", { class: "dlst-stage" }, this.canvas, this.tip);
    const height = model.get("height");
    this.root = make(
      "div",
      { class: "dlst", "data-lm-suppress-shortcuts": "true" }, // or JupyterLab takes the keys for its own
      make("style", {}, CSS),
      this.bar(),
      make("div", { class: "dlst-body" }, this.stage, this.panel),
    );
    this.root.style.height = typeof height === "number" ? `${height}px` : (height ?? "480px");
    el.replaceChildren(this.root);
    this.watchTheme();
    this.listen();
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(this.stage);
    this.undo.push(() => observer.disconnect());
    const chosen = model.get("selected");
    if (Number.isInteger(chosen) && chosen >= 0) this.diagram.choose(chosen);
    this.panel.hidden = el.clientWidth > 0 && el.clientWidth < 620;
    this.resize();
  }

  bar() {
    const button = (text, title, act, more = {}) =>
      make("button", { type: "button", title, "aria-label": title, onclick: act, ...more }, text);
    this.axisButton = button(
      "Lamport order",
      "Lamport stamps instead of true time on the axis",
      () => this.toggleAxis(),
      { "aria-pressed": "false" },
    );
    const title = this.data.title ? [make("span", { class: "dlst-title" }, this.data.title)] : [];
    return make(
      "div",
      { class: "dlst-bar", role: "toolbar" },
      ...title,
      button("Whole trace", "Show the whole trace (Home)", () => this.key("Home")),
      button("+", "Zoom in (+)", () => this.key("+")),
      button("−", "Zoom out (-)", () => this.key("-")),
      this.axisButton,
      button("Filter", "Show or hide the panel of nodes and kinds", () => {
        this.panel.hidden = !this.panel.hidden;
        this.resize();
      }),
      this.status,
    );
  }

  watchTheme() {
    const apply = (dark) => {
      this.diagram.theme(dark);
      for (const [name, value] of Object.entries(this.diagram.look)) this.root.style.setProperty(`--${name}`, value);
      this.root.style.colorScheme = dark ? "dark" : "light";
      this.fillPanel();
      this.invalidate();
    };
    this.undo.push(followTheme(apply));
  }

  /** Check boxes with counts, which are the legend too. */
  fillPanel() {
    const { data, diagram } = this,
      { sent } = diagram,
      kinds = new Map(),
      nodes = new Map(),
      marks = new Map();
    const add = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);
    for (let i = 0; i < sent.count; i++) add(kinds, sent.label[i]);
    for (let i = 0; i < diagram.is.length; i++) {
      if (!diagram.is[i]) continue;
      add(nodes, data.node[i]);
      if (data.kinds[data.kind[i]] in MARKS) add(marks, data.kind[i]);
    }
    const colours = diagram.colours,
      frequent = [...kinds].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    this.panel.replaceChildren(
      this.group(
        "Messages",
        diagram.labels,
        frequent,
        (it) => arrowSample(colours[data.colour_of[it]]),
        (it) => data.labels[it],
      ),
      this.group(
        "Events",
        diagram.marks,
        [...marks].sort((a, b) => a[0] - b[0]),
        (it) => markSample(MARKS[data.kinds[it]][0], diagram.colour(MARKS[data.kinds[it]][1])),
        (it) => data.kinds[it],
      ),
      this.keys(),
      this.group(
        "Nodes",
        diagram.nodes,
        data.names.map((_, node) => [node, nodes.get(node) ?? 0]),
        null,
        (it) => data.names[it],
      ),
    );
  }

  group(title, wanted, entries, picture, word) {
    if (!entries.length) return "";
    const boxes = entries.map(([index]) => {
      const box = make("input", { type: "checkbox", "data-name": word(index) });
      box.checked = wanted[index];
      box.addEventListener("change", () => set([index], box.checked));
      return box;
    });
    const set = (indices, value) => {
      for (const index of indices) wanted[index] = value;
      entries.forEach(([index], i) => (boxes[i].checked = wanted[index]));
      this.diagram.filter();
      this.hovered(null);
      this.invalidate();
    };
    const all = entries.map(([index]) => index);
    const toggle = make(
      "button",
      { type: "button", onclick: () => set(all, !all.every((it) => wanted[it])) },
      "all / none",
    );
    return make(
      "fieldset",
      { "data-group": title.toLowerCase() },
      make("legend", {}, title, toggle),
      ...entries.map(([index, count], i) =>
        make(
          "label",
          { title: word(index) },
          boxes[i],
          ...(picture ? [picture(index)] : []),
          make("span", {}, word(index)),
          make("small", {}, number(count)),
        ),
      ),
    );
  }

  keys() {
    const { data, diagram } = this,
      { look, sent } = diagram,
      lines = [];
    const line = (picture, word) => lines.push(make("div", { class: "dlst-key" }, picture, word));
    if (sent.state.includes(LOST)) line(crossSample(look.lost), "lost");
    if (sent.state.includes(PENDING)) line(arrowSample(look.soft, 1), "under way at the end");
    if (sent.copy.includes(1)) line(arrowSample(look.soft, 2), "copy by the network");
    if (data.cuts.length) line(arrowSample(look.cut, 1), "cut");
    if (data.cuts.some((it) => it.violations.length)) line(arrowSample(look.lost), "contradicts a cut");
    if (data.chain?.length) line(arrowSample(look.chain), "critical path");
    line(boxSample(look.past), "causal past (click an event)");
    line(boxSample(look.future), "causal future");
    for (const cut of data.cuts) {
      if (cut.problem) lines.push(make("div", { class: "dlst-key" }, `${cut.name}: ${cut.problem}`));
    }
    if (data.dropped)
      lines.push(make("div", { class: "dlst-key" }, `${number(data.dropped)} older rows were not recorded`));
    return make("fieldset", {}, make("legend", {}, "Legend"), ...lines);
  }

  resize() {
    this.measure();
    this.invalidate();
  }

  measure() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    if (width > 0 && height > 0) this.diagram.resize(width, height, globalThis.devicePixelRatio || 1);
  }

  /** Draws before the next frame, once, however often it is asked to. */
  invalidate() {
    this.pending ||= requestAnimationFrame(() => {
      this.pending = 0;
      if (!this.diagram.width) return;
      if (this.diagram.ratio !== (globalThis.devicePixelRatio || 1)) this.measure();
      this.diagram.draw();
      this.tell();
    });
  }

  tell() {
    const { diagram, data, status } = this,
      { chosen, counts, inView } = diagram;
    const told =
      chosen >= 0
        ? `${data.kinds[data.kind[chosen]]} ${data.labels[data.label[chosen]]} at ${data.names[data.node[chosen]]}: ` +
          `${number(counts.past)} before, ${number(counts.future)} after, ${number(counts.other)} concurrent`
        : `${number(inView)} of ${number(diagram.sent.count)} messages in view${diagram.stats.mode === "density" ? " (density)" : ""}`;
    if (status.textContent !== told) status.textContent = told;
    const label = `space-time diagram of ${data.names.length} nodes, ${told}; arrow keys move, + and - zoom, n and p choose an event`;
    if (this.canvas.getAttribute("aria-label") !== label) this.canvas.setAttribute("aria-label", label);
  }

  toggleAxis() {
    const order = this.diagram.axis === "time";
    this.diagram.setAxis(order ? "order" : "time");
    this.axisButton.setAttribute("aria-pressed", String(order));
    this.hovered(null);
    this.invalidate();
  }

  choose(row) {
    this.diagram.choose(row);
    this.model.set("selected", this.diagram.chosen);
    this.model.save_changes();
    this.invalidate();
  }

  hovered(hit, px = 0, py = 0) {
    const { diagram, tip, stage } = this,
      before = diagram.hover;
    if (hit?.row !== before?.row || hit?.place !== before?.place) {
      diagram.hover = hit;
      if (hit) {
        const [title, pairs] = diagram.describe(hit);
        tip.replaceChildren(
          make("b", {}, title),
          make("dl", {}, ...pairs.flatMap(([a, b]) => [make("dt", {}, a), make("dd", {}, b)])),
        );
      }
      this.invalidate();
    }
    tip.hidden = !hit;
    this.canvas.style.cursor = hit ? "pointer" : "";
    if (!hit) return;
    const { offsetWidth: w, offsetHeight: h } = tip;
    tip.style.left = `${px + 16 + w > stage.clientWidth ? Math.max(4, px - w - 12) : px + 16}px`;
    tip.style.top = `${py + 16 + h > stage.clientHeight ? Math.max(4, py - h - 12) : py + 16}px`;
  }

  key(name, shift = false) {
    const { diagram } = this;
    if (!diagram.plot) return false;
    const act = {
      "+": () => diagram.zoom(1 / 1.5),
      "=": () => diagram.zoom(1 / 1.5),
      "-": () => diagram.zoom(1.5),
      _: () => diagram.zoom(1.5),
      ArrowLeft: () => diagram.pan((shift ? -0.6 : -0.1) * diagram.plot),
      ArrowRight: () => diagram.pan((shift ? 0.6 : 0.1) * diagram.plot),
      ArrowUp: () => (diagram.scroll -= diagram.spacing),
      ArrowDown: () => (diagram.scroll += diagram.spacing),
      Home: () => diagram.setView(diagram.extent.from, diagram.extent.to),
      Escape: () => this.choose(-1),
      n: () => this.neighbour(1),
      p: () => this.neighbour(-1),
    }[name];
    if (!act) return false;
    act();
    this.hovered(null);
    this.invalidate();
    return true;
  }

  /** Chooses the next or previous event of the same node, or the first in view, and moves the window to it. */
  neighbour(way) {
    const { diagram, data } = this,
      node = diagram.chosen >= 0 ? data.node[diagram.chosen] : diagram.lanes[0];
    if (node === undefined) return;
    const rows = diagram.byNode[node].filter((row) => diagram.wants(row));
    const at =
      diagram.chosen >= 0
        ? rows.indexOf(diagram.chosen) + way
        : rows.findIndex((row) => diagram.x[row] >= diagram.view.from);
    if (!(rows[at] >= 0)) return;
    this.choose(rows[at]);
    const { from, to } = diagram.view,
      x = diagram.x[rows[at]];
    if (x < from || x > to) diagram.setView(x - (to - from) / 2, x + (to - from) / 2);
  }

  listen() {
    const { canvas } = this,
      on = (name, act, options) => {
        canvas.addEventListener(name, act, options);
        this.undo.push(() => canvas.removeEventListener(name, act, options));
      };
    on("wheel", (event) => this.wheel(event), { passive: false });
    on("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !this.key(event.key, event.shiftKey)) return;
      event.preventDefault();
      event.stopPropagation();
    });
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", (event) => {
      this.pointers.delete(event.pointerId);
      this.canvas.classList.remove("dragging");
    });
    on("pointerleave", () => this.hovered(null));
  }

  wheel(event) {
    event.preventDefault();
    const { diagram } = this,
      unit = event.deltaMode === 1 ? 18 : event.deltaMode === 2 ? 300 : 1;
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) diagram.pan(event.deltaX * unit);
    else if (event.shiftKey) diagram.scroll += event.deltaY * unit;
    else diagram.zoom(Math.exp(clamp(event.deltaY * unit, -300, 300) * (event.ctrlKey ? 0.01 : 0.002)), event.offsetX);
    this.hovered(null);
    this.invalidate();
  }

  inOverview(event) {
    return event.offsetY > this.diagram.height - OVERVIEW - 12 && event.offsetX > this.diagram.left - 4;
  }

  jump(px) {
    const { diagram } = this,
      { extent, view } = diagram,
      half = (view.to - view.from) / 2;
    const middle = extent.from + ((px - diagram.left) / diagram.plot) * (extent.to - extent.from);
    diagram.setView(middle - half, middle + half);
    this.invalidate();
  }

  down(event) {
    this.canvas.focus({ preventScroll: true });
    if (event.button > 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    const strip = this.inOverview(event);
    this.pointers.set(event.pointerId, {
      x: event.offsetX,
      y: event.offsetY,
      startX: event.offsetX,
      startY: event.offsetY,
      moved: false,
      strip,
    });
    if (strip) this.jump(event.offsetX);
  }

  move(event) {
    const { diagram, pointers } = this,
      held = pointers.get(event.pointerId);
    if (!held) {
      if (diagram.plot) this.hovered(diagram.hit(event.offsetX, event.offsetY), event.offsetX, event.offsetY);
      return;
    }
    held.moved ||= Math.hypot(event.offsetX - held.startX, event.offsetY - held.startY) > 4;
    const before = { ...held };
    Object.assign(held, { x: event.offsetX, y: event.offsetY });
    if (!held.moved) return;
    if (held.strip) this.jump(event.offsetX);
    else if (pointers.size === 2) this.pinch(event.pointerId, before, held);
    else {
      diagram.pan(before.x - held.x);
      diagram.scroll += before.y - held.y;
    }
    this.canvas.classList.add("dragging");
    this.hovered(null);
    this.invalidate();
  }

  /** Two fingers: what was under each stays under it, as far as time goes. */
  pinch(moving, before, after) {
    const other = [...this.pointers].find(([id]) => id !== moving)[1],
      { diagram } = this;
    other.moved = true;
    const was = Math.max(Math.abs(before.x - other.x), 12),
      is = Math.max(Math.abs(after.x - other.x), 12);
    diagram.zoom(was / is, other.x);
  }

  up(event) {
    const held = this.pointers.get(event.pointerId);
    this.pointers.delete(event.pointerId);
    this.canvas.classList.remove("dragging");
    if (!held || held.moved || held.strip || event.button > 0) return;
    const hit = this.diagram.hit(event.offsetX, event.offsetY);
    this.choose(hit ? this.rowOf(hit) : -1);
  }

  /** The event a hit stands for: of a message, its send. */
  rowOf(hit) {
    if (hit.row >= 0) return hit.row;
    const { sent, placed } = this.diagram,
      message = placed.order[hit.place];
    return sent.copy[message] && sent.fate[message] >= 0 ? sendOf(this.data, sent.fate[message]) : sent.row[message];
  }

  close() {
    if (this.pending) cancelAnimationFrame(this.pending);
    for (const it of this.undo) it();
  }
}

/**
 * Draws the data of a model into an element, and again when the model gets other data.
 *
 * The model has `get(name)`, `set(name, value)`, `save_changes()`, `on(name, act)` and `off(name, act)`, and the values
 * `payload`, `height` and `selected`. Returns what takes everything away again; `el.diagram` is the page, for tests.
 */
export async function render({ model, el }) {
  let page = null,
    closed = false,
    turn = 0;
  const show = async () => {
    const mine = ++turn;
    try {
      const data = await decode(model.get("payload"));
      if (closed || mine !== turn) return;
      page?.close();
      el.diagram = page = new Page(data, model, el);
    } catch (error) {
      el.replaceChildren(make("p", { role: "alert" }, `The diagram cannot be shown: ${error.message}`));
    }
  };
  const select = () => {
    const row = model.get("selected");
    if (!page || row === page.diagram.chosen) return;
    page.diagram.choose(row ?? -1);
    page.invalidate();
  };
  model.on("change:payload", show);
  model.on("change:selected", select);
  await show();
  return () => {
    closed = true;
    model.off("change:payload", show);
    model.off("change:selected", select);
    page?.close();
  };
}

export default { render };
