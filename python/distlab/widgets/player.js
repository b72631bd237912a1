/**
 * The player: nodes in a ring, messages on their way between them, forwards and backwards in time.
 *
 * One plain ES module without dependencies, behind `shared.js`. `render({ model, el })` is what anywidget calls; a
 * stand-alone page calls it with a model of its own. Four parts, each of which knows only those before it: data that can
 * be asked about any moment, `Ring` and `Strip` that know a canvas each, and `Player` that knows elements, pointer, keys.
 *
 * A recording holds what changed at each event. A *position* counts events; the course of a branch counts on from the
 * position of its parent at which it leaves. Everything about a moment is found by bisection.
 */

/** How far a message goes that is lost on leaving, as a share of the way. */
const LOST_AT = 0.5;
/** So many messages are drawn with tails; more are drawn as dots. Up to so few, their kind is written beside them. */
const TAIL_LIMIT = 400;
const WORD_LIMIT = 7;
const DELIVERED = 0,
  LOST = 1,
  PENDING = 2;
/** How much faster time goes while nothing moves. */
const HURRY = 10;
/** Kinds of rows that are worth going to. */
const NOTABLE = ["note", "crash", "pause", "resume", "fault"];

// --- data ---------------------------------------------------------------------------------------------------------

/** A deflated table of words. */
async function words(packed) {
  const stream = new Blob([bytes(packed.data)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

/** What `distlab.player` has packed; recordings that are known already, by their data, are taken from `known`. */
export async function decode(payload, known = new Map()) {
  if (payload.version !== 1) throw new Error(`data of version ${payload.version}, expected 1`);
  const names = Object.keys(payload.tables);
  const tables = await Promise.all(names.map((it) => words(payload.tables[it])));
  const data = { ...payload, ...Object.fromEntries(names.map((it, i) => [it, tables[i]])) };
  data.states = data.states.map((it) => JSON.parse(it));
  data.cuts = data.cuts.map((it) => JSON.parse(it));
  data.entries = data.entries.map((it) => {
    const tab = it.indexOf("\t");
    return { group: +it.slice(0, tab), words: it.slice(tab + 1) };
  });
  data.code = Object.fromEntries(payload.kinds.map((name, code) => [name, code]));
  data.roles = [...new Set(data.states.filter((it) => !it.tone && it.role).map((it) => it.role))];
  data.recordings = await Promise.all(
    payload.branches.map(async (branch) => {
      const key = `${branch.name}|${branch.columns.time.count}|${branch.end}`;
      if (!known.has(key)) known.set(key, await unpack(branch));
      return new Recording(data, branch, known.get(key));
    }),
  );
  data.courses = [];
  payload.branches.forEach((_, i) => data.courses.push(new Course(data, i)));
  return data;
}

async function unpack(branch) {
  const names = Object.keys(branch.columns);
  const values = await Promise.all(names.map((it) => column(branch.columns[it])));
  return Object.fromEntries(names.map((it, i) => [it, values[i]]));
}

/** What has been the case since which position: for each key the positions, and the rows that say it. */
function tracks(positions, keyOf) {
  const found = new Map();
  for (let row = 0; row < positions.length; row++) {
    const key = keyOf(row);
    if (!found.has(key)) found.set(key, { positions: [], rows: [] });
    const track = found.get(key);
    if (track.positions.at(-1) === positions[row]) track.rows[track.rows.length - 1] = row;
    else {
      track.positions.push(positions[row]);
      track.rows.push(row);
    }
  }
  return found;
}

/** The row of a track that holds at a position; -1: none does yet. */
function rowAt(track, at) {
  const index = track ? bisect(track.positions, at, true) - 1 : -1;
  return index < 0 ? -1 : track.rows[index];
}

/** One run as it was recorded. */
export class Recording {
  constructor(data, branch, columns) {
    const { start, end, names, ring, notice } = branch;
    Object.assign(this, { data, columns, start, end, names, ring, notice, count: columns.time.length });
    this.others = names.map((_, node) => node).filter((node) => !ring.includes(node));
    this.states = tracks(columns.state_position, (row) => columns.state_node[row]);
    this.timers = tracks(columns.timer_position, (row) => columns.timer_node[row] * 65536 + columns.timer_label[row]);
    this.cutting = tracks(columns.cut_position, () => 0);
    this.timersOf = names.map((_, node) => [...this.timers.keys()].filter((key) => Math.floor(key / 65536) === node));
    this.readLogs();
    this.readMessages();
    const notable = NOTABLE.map((it) => data.code[it]);
    this.notable = [];
    for (let row = 0; row < columns.row_kind.length; row++)
      if (notable.includes(columns.row_kind[row])) this.notable.push(row);
  }

  /** When a position was reached. */
  timeOf(at) {
    return at > 0 ? this.columns.time[at - 1] : this.start;
  }

  /** The last position that was reached by a time. */
  at(time) {
    return bisect(this.columns.time, time, true);
  }

  /** Versions of logs: those that only grow share one array, and differ in how much of it is theirs. */
  readLogs() {
    const { log_position, log_node, log_first, log_from, log_count, entry } = this.columns,
      latest = new Map();
    this.logs = tracks(log_position, (row) => log_node[row]);
    this.versions = [];
    for (let row = 0, next = 0; row < log_position.length; row++) {
      const before = latest.get(log_node[row]),
        keep = before ? Math.max(log_from[row] - before.base, 0) : 0;
      let backing = before?.backing,
        base = before?.base;
      if (!before || keep < backing.length || log_first[row] < base || log_from[row] > base + backing.length) {
        base = log_first[row];
        backing = before ? before.backing.slice(base - before.base, Math.max(log_from[row] - before.base, 0)) : [];
      }
      for (let i = 0; i < log_count[row]; i++) backing.push(entry[next++]);
      const version = { backing, base, first: log_first[row], last: log_from[row] + log_count[row] - 1 };
      latest.set(log_node[row], version);
      this.versions.push(version);
    }
  }

  readMessages() {
    const it = this.columns,
      n = it.message_begin.length;
    this.sent = new Float64Array(n);
    this.arrived = new Float64Array(n); // when it ended, or is to arrive
    this.over = new Float64Array(n); // when there is nothing more to see of it
    this.arrivalAt = new Int32Array(this.count + 1).fill(-1);
    this.lossAt = new Int32Array(this.count + 1).fill(-1);
    const took = [];
    for (let i = 0; i < n; i++) {
      this.sent[i] = this.timeOf(it.message_begin[i]) - it.message_ago[i] / 1e9;
      const fate = it.message_fate[i] - 1;
      this.arrived[i] = fate >= 0 ? this.timeOf(fate) : this.sent[i] + it.message_took[i] / 1e9;
      if (it.message_state[i] === LOST) this.lossAt[fate] = i;
      if (it.message_state[i] !== DELIVERED) continue;
      this.arrivalAt[fate] = i;
      if (took.length < 5001) took.push(this.arrived[i] - this.sent[i]);
    }
    took.sort((a, b) => a - b);
    this.usual = took[took.length >> 1] || (this.end - this.start) / 50 || 1e-3;
    for (let i = 0; i < n; i++) {
      const state = it.message_state[i];
      if (state === LOST && this.arrived[i] <= this.sent[i]) this.arrived[i] = this.sent[i] + LOST_AT * this.usual;
      this.over[i] = state === PENDING ? Infinity : this.arrived[i] + (state === LOST ? this.usual / 2 : 0);
    }
    const order = Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => this.sent[a] - this.sent[b] || a - b);
    const end = Float64Array.from(order, (i) => this.over[i]);
    this.placed = { order, begin: Float64Array.from(order, (i) => this.sent[i]), end, ...indexed(end) };
    this.everything = new Uint8Array(n).fill(1);
    this.found = new Uint32Array(n);
  }

  /** What there is to say about a node; null before it is there. */
  stateOf(node, at) {
    const row = rowAt(this.states.get(node), at);
    return row < 0 ? null : this.data.states[this.columns.state_state[row]];
  }

  /** The timers that are armed at a node: what they are called, when they were set, when they are due. */
  timersAt(node, at) {
    const { timer_position, timer_label, timer_left } = this.columns,
      found = [];
    for (const key of this.timersOf[node]) {
      const row = rowAt(this.timers.get(key), at);
      if (row < 0 || timer_left[row] === 0) continue;
      const set = this.timeOf(timer_position[row]);
      found.push({ label: this.data.labels[timer_label[row]], set, due: set + (timer_left[row] - 1) / 1e9 });
    }
    return found.sort((a, b) => a.due - b.due);
  }

  /** The log of a node: the index of its first entry, and its entries; null if it has none. */
  logAt(node, at) {
    const row = rowAt(this.logs.get(node), at);
    if (row < 0) return null;
    const { backing, base, first, last } = this.versions[row];
    return { first, last, entry: (index) => this.data.entries[backing[index - base]] };
  }

  /** The links that are cut, as pairs of nodes. */
  cutsAt(at) {
    const row = rowAt(this.cutting.get(0), at);
    return row < 0 ? [] : this.data.cuts[this.columns.cut_cuts[row]];
  }

  /** The messages to be seen: how far each has come, from 0 to 1; whether it gets lost, its fate is over, it is gone. */
  flyingAt(at, time) {
    const { columns: it, placed, found } = this,
      count = visible(placed, time, time, this.everything, found),
      flying = [];
    for (let i = 0; i < count; i++) {
      const message = placed.order[found[i]],
        fate = it.message_fate[message] - 1,
        lost = it.message_state[message] === LOST;
      if (it.message_begin[message] > at || (!lost && fate >= 0 && fate <= at)) continue;
      const begin = this.sent[message],
        end = this.arrived[message];
      const atOnce = lost && fate === it.message_begin[message];
      const share = end > begin ? clamp((time - begin) / (end - begin), 0, 1) : 1;
      const over = fate >= 0 && fate <= at,
        gone = lost && over && time >= end;
      flying.push({ message, share: atOnce ? share * LOST_AT : share, lost, over, gone, age: gone ? time - end : 0 });
    }
    return flying;
  }

  /** What has happened at a position, in words; the first is the event itself. */
  told(at) {
    const { columns: it, data, names } = this,
      told = [],
      name = (node) => names[node] ?? "the network";
    if (at <= 0) return told;
    const message = this.arrivalAt[at];
    if (message >= 0) {
      const label = data.labels[it.message_label[message]];
      told.push(`${name(it.message_to[message])} receives ${label} from ${name(it.message_from[message])}`);
    }
    const say = {
      start: (who) => `${who} comes up`,
      timer: (who, what) => `${who}: ${what} timer goes off`,
      call: (who, what) => `${who} is asked: ${what}`,
      reply: (who, what) => `${who} answers: ${what}`,
      sync: (who) => `what ${who} wrote is durable`,
      note: (who, what, number) => `${who}: ${what}${number ? ` ${number}` : ""}`,
      crash: (who) => `${who} crashes`,
      pause: (who) => `${who} is paused`,
      resume: (who) => `${who} goes on`,
      fault: (_, what) => what,
    };
    for (let row = bisect(it.row_position, at); it.row_position[row] === at; row++) {
      const tell = say[data.kinds[it.row_kind[row]]];
      if (tell) told.push(tell(name(it.row_node[row]), data.labels[it.row_label[row]], it.row_number[row]));
    }
    const lost = this.lossAt[at];
    if (lost >= 0) {
      const way = `from ${name(it.message_from[lost])} to ${name(it.message_to[lost])}`;
      told.push(`${data.labels[it.message_label[lost]]} ${way} is lost`);
    }
    if (!told.length) told.push("something happens that leaves no trace");
    return told;
  }
}

/** The course of events on a branch: what it shares with its parents, and its own recording. */
export class Course {
  constructor(data, index) {
    const { parent, at } = data.branches[index],
      recording = data.recordings[index];
    this.recording = recording;
    this.from = parent < 0 ? 0 : at;
    // Of each part: its recording, the position in the course of its own position 0, and its last one in the course.
    const shared = parent < 0 ? [] : data.courses[parent].parts.filter((it, i) => i === 0 || it.offset < at);
    this.parts = shared.map((it) => ({ ...it, last: Math.min(it.last, at) }));
    this.parts.push({ recording, offset: this.from, last: this.from + recording.count });
    this.last = this.from + recording.count;
    this.start = this.parts[0].recording.start;
    this.end = recording.end;
  }

  /** The part that a position is in, and the position in its recording. */
  locate(position) {
    let i = this.parts.length - 1;
    while (i > 0 && position <= this.parts[i].offset) i--;
    return { recording: this.parts[i].recording, at: position - this.parts[i].offset };
  }

  timeOf(position) {
    const { recording, at } = this.locate(position);
    return recording.timeOf(at);
  }

  /** The last position that was reached by a time. */
  at(time) {
    let i = this.parts.length - 1;
    while (i > 0 && time < this.parts[i].recording.start) i--;
    const { recording, offset, last } = this.parts[i];
    return Math.min(offset + recording.at(time), last);
  }

  /** The next (1) or previous (-1) position at which something notable happens; where there is none, the end. */
  notable(position, way) {
    const stops = this.parts.flatMap(({ recording, offset, last }) =>
      recording.notable.map((row) => offset + recording.columns.row_position[row]).filter((it) => it <= last),
    );
    if (way > 0) return stops.find((it) => it > position) ?? this.last;
    return stops.findLast((it) => it < position) ?? 0;
  }
}

/** Where playing is: on which branch, at which position, at what time; stepping and playing move it. */
export class Head {
  constructor(data) {
    Object.assign(this, { data, branch: 0, position: 0, time: data.courses[0].start });
  }

  get course() {
    return this.data.courses[this.branch];
  }

  /** The same place in other data. */
  adopt(data) {
    this.data = data;
    this.branch = Math.min(this.branch, data.courses.length - 1);
    this.position = Math.min(this.position, this.course.last);
  }

  step(count) {
    this.position = clamp(this.position + count, 0, this.course.last);
    this.time = this.course.timeOf(this.position);
  }

  seek(time) {
    this.time = clamp(time, this.course.start, this.course.end);
    this.position = this.course.at(this.time);
  }

  /** Moves on by a time; whether the end is reached. */
  advance(seconds) {
    this.seek(this.time + seconds);
    return this.time >= this.course.end;
  }

  /** Goes over to another branch, at the same time if it is recorded there. */
  choose(branch) {
    this.branch = clamp(branch, 0, this.data.courses.length - 1);
    this.seek(this.time);
  }

  notable(way) {
    this.position = this.course.notable(this.position, way);
    this.time = this.course.timeOf(this.position);
  }
}

/** The groups into which cuts in both directions divide nodes; one group if they do not. */
export function groupsOf(nodes, cuts) {
  const cut = new Set(cuts.map(([a, b]) => a * 65536 + b)),
    reached = new Set(),
    groups = [];
  const linked = (a, b) => !cut.has(a * 65536 + b) || !cut.has(b * 65536 + a);
  for (const first of nodes) {
    if (reached.has(first)) continue;
    const group = [first];
    reached.add(first);
    for (const node of group)
      for (const other of nodes)
        if (!reached.has(other) && linked(node, other)) {
          reached.add(other);
          group.push(other);
        }
    groups.push(group);
  }
  return groups;
}

/** How much time passes in a second: a few times what a message takes, in steps of 1, 2 and 5. */
export function usualSpeed(usual) {
  return step(usual * 1.2, 1);
}

// --- the ring -----------------------------------------------------------------------------------------------------

const TAU = 2 * Math.PI;
const TONES = { leading: "#0072B2", running: "#E69F00" };
const ROLE_COLOURS = ["#009E73", "#CC79A7", "#56B4E9", "#B2912F", "#5B4DB2", "#8C8C8C"];
/** Colours of groups of entries, such as terms; neighbours differ much, also to colour-blind readers. */
const GROUPS = ["#8C8C8C", "#2BB389", "#CC79A7", "#56B4E9", "#D9C22E", "#5B4DB2", "#E08A5B"];
const SHAPES = ["circle", "square", "diamond", "up", "hexagon", "down"];
/** The side of a box of a log, at most. */
const BOX = 22;

/** The first facts about a node, as lines. */
const factLines = (state) => state.facts.slice(0, 3).map(([key, value]) => `${key} ${value}`);

/** Black or white: what is read on a colour. */
function inkOn(colour) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#14171b" : "#ffffff";
}

/** The outline of a message: each kind has a shape of its own as well as a colour. */
function token(g, shape, x, y, r) {
  const corners = { square: [4, 0.125, 1.2], diamond: [4, 0, 1.25], up: [3, -0.25, 1.3], hexagon: [6, 0, 1.1], down: [3, 0.25, 1.3] };
  g.beginPath();
  if (shape === "circle") g.arc(x, y, r, 0, TAU);
  else {
    const [n, turn, size] = corners[shape];
    for (let i = 0; i < n; i++) {
      const angle = (i / n + turn) * TAU;
      g.lineTo(x + size * r * Math.cos(angle), y + size * r * Math.sin(angle));
    }
    g.closePath();
  }
}

/** Nodes, messages and logs at one moment, on a canvas. */
class Ring {
  constructor(data, canvas) {
    Object.assign(this, { canvas, g: canvas.getContext("2d"), width: 0, height: 0, ratio: 1 });
    Object.assign(this, { hover: null, chosen: -1, stats: { frames: 0, messages: 0, milliseconds: 0 } });
    this.theme(false);
    this.adopt(data);
  }

  adopt(data) {
    this.data = data;
    const sent = new Map();
    for (const { columns } of data.recordings)
      for (const label of columns.message_label) sent.set(label, (sent.get(label) ?? 0) + 1);
    this.kinds = [...sent].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([label]) => label);
    this.shapeOf = new Map(this.kinds.map((label, i) => [label, SHAPES[i % SHAPES.length]]));
    this.hasLogs = data.recordings.some((it) => it.logs.size > 0);
  }

  theme(dark) {
    this.dark = dark;
    this.look = dark ? DARK : LIGHT;
  }

  colourOf(label) {
    const colour = this.data.colours[label];
    return colour === "#000000" ? this.look.black : this.dark ? (LIGHTER[colour] ?? colour) : colour;
  }

  /** What a role looks like: the colour of its node; null for a calm one. */
  toneOf(state) {
    if (!state.role) return null;
    if (state.tone) return TONES[state.tone] ?? null;
    return ROLE_COLOURS[this.data.roles.indexOf(state.role) % ROLE_COLOURS.length];
  }

  resize(width, height, ratio) {
    Object.assign(this, { width, height, ratio });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
  }

  /** Where the parts are: the ring left of the logs, or above them where it is narrow. */
  layOut(recording) {
    const { width, height } = this,
      n = recording.ring.length,
      wide = width >= 640;
    const rows = this.hasLogs ? recording.ring.length : 0;
    let ring = { x: 0, y: 0, w: width, h: height };
    this.logArea = null;
    if (rows && wide) {
      const w = clamp(0.4 * width, 280, width - 360);
      this.logArea = { x: width - w, y: 0, w, h: height };
      ring.w = width - w;
    } else if (rows && height > 300) {
      const h = Math.min(rows * 32 + 36, 0.45 * height);
      this.logArea = { x: 0, y: height - h, w: width, h };
      ring.h = height - h;
    }
    const beside = recording.others.length ? Math.min(78, ring.w * 0.18) : 0;
    const fitting = (words, lines) =>
      Math.min((ring.w - beside) / 2 - words - 26, ring.h / 2 - lines - 30);
    let radius = fitting(Math.min(this.widest(recording) + 28, ring.w / 4), this.hasLogs ? 46 : 26);
    // Where there is little room, names alone stand beside the nodes.
    this.compact = radius < 16 * n ** 0.7;
    if (this.compact) radius = Math.max(fitting(24, 22), 30);
    const cx = ring.x + beside + (ring.w - beside) / 2,
      cy = ring.y + ring.h / 2 + (this.hasLogs && !this.compact ? 7 : 0);
    const size = n > 1 ? clamp(radius * Math.sin(Math.PI / n) * 0.56, 6, this.compact ? 26 : 34) : 34;
    this.center = { x: cx, y: cy, radius: n > 1 ? radius : 0 };
    this.nodes = recording.names.map(() => null);
    recording.ring.forEach((node, i) => {
      const angle = (i / n - 0.25) * TAU;
      const [dx, dy] = n > 1 ? [Math.cos(angle), Math.sin(angle)] : [0, -1];
      this.nodes[node] = { x: cx + this.center.radius * dx, y: cy + this.center.radius * dy, r: size, dx, dy, ring: true };
    });
    const count = recording.others.length,
      apart = Math.min(74, (ring.h - 40) / Math.max(count, 1));
    recording.others.forEach((node, i) => {
      const r = clamp(apart * 0.3, 6, 17);
      const y = cy + (i - (count - 1) / 2) * apart;
      this.nodes[node] = { x: ring.x + 14 + r + 8, y, r, dx: 0, dy: 1, ring: false };
    });
  }

  /** How wide the widest of the words beside the nodes is. */
  widest(recording) {
    if (this.measured !== recording) {
      const { g, data } = this;
      g.font = `600 ${FONT}`;
      const names = recording.ring.map((node) => g.measureText(recording.names[node]).width);
      g.font = TINY;
      const roles = [...new Set(data.states.map((it) => it.role))].map((it) => g.measureText(it).width);
      const facts = this.hasLogs ? [] : data.states.slice(0, 50).flatMap((it) => factLines(it).map((line) => g.measureText(line).width));
      Object.assign(this, { measured: recording, widestWords: Math.max(...names, ...roles, ...facts, 40) });
    }
    return this.widestWords;
  }

  /** Draws a moment. */
  draw(head) {
    const { g, look, ratio, width, height } = this,
      started = performance.now();
    const { recording, at } = head.course.locate(head.position);
    Object.assign(this, { recording, at, time: head.time });
    this.layOut(recording);
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.fillStyle = look.back;
    g.fillRect(0, 0, width, height);
    g.lineJoin = "round";
    this.states = recording.names.map((_, node) => recording.stateOf(node, at));
    this.cuts = recording.cutsAt(at);
    this.flying = recording.flyingAt(at, head.time);
    this.boxes = [];
    this.drawGroups();
    this.drawCuts();
    this.drawMessages();
    recording.names.forEach((_, node) => this.nodes[node] && this.states[node] && this.drawNode(node));
    if (this.logArea) this.drawLogs();
    Object.assign(this.stats, { messages: this.flying.length, milliseconds: performance.now() - started });
    this.stats.frames++;
  }

  /** Writes a word; with a halo, so that it can be read on lines. */
  write(text, x, y, colour, align = "center", font = FONT, halo = null) {
    const { g } = this;
    Object.assign(g, { font, textAlign: align, textBaseline: "middle", fillStyle: colour });
    if (halo) {
      Object.assign(g, { strokeStyle: halo, lineWidth: 3.5 });
      g.strokeText(text, x, y);
    }
    g.fillText(text, x, y);
  }

  /** Text that fits into a width. */
  fit(text, width, font) {
    const { g } = this;
    g.font = font;
    if (g.measureText(text).width <= width) return text;
    let end = text.length;
    while (end > 1 && g.measureText(`${text.slice(0, end)}…`).width > width) end--;
    return `${text.slice(0, end)}…`;
  }

  /** A band along the ring behind each group, if cuts divide it. */
  drawGroups() {
    const { g, look, recording } = this;
    this.groups = groupsOf(recording.ring, this.cuts);
    if (this.groups.length < 2) return;
    const { r } = this.nodes[recording.ring[0]],
      band = 2 * (r + 13);
    for (const group of this.groups) {
      this.traceGroup(group.map((node) => recording.ring.indexOf(node)).sort((a, b) => a - b));
      Object.assign(g, { lineCap: "round", lineWidth: band + 1, strokeStyle: look.lost });
      g.stroke();
      Object.assign(g, { lineWidth: band - 1.6, strokeStyle: look.panel });
      g.stroke();
    }
  }

  /** The way through a group: along the ring from neighbour to neighbour, through its middle from part to part. */
  traceGroup(places) {
    const { g, center, recording } = this,
      n = recording.ring.length;
    const next = (place) => places.includes((place + 1) % n),
      starts = places.filter((place) => !places.includes((place + n - 1) % n));
    const at = (place) => this.nodes[recording.ring[place % n]],
      angle = (place) => (place / n - 0.25) * TAU;
    g.beginPath();
    (starts.length ? starts : [0]).forEach((start, i) => {
      if (i) g.quadraticCurveTo(center.x, center.y, at(start).x, at(start).y);
      else g.moveTo(at(start).x, at(start).y);
      let end = start;
      while (next(end % n) && end < start + n) end++;
      if (end > start) g.arc(center.x, center.y, center.radius, angle(start), angle(end));
      else g.lineTo(at(start).x + 0.01, at(start).y);
    });
  }

  /** Links that are cut, but for those between groups, which the gap between the groups shows. */
  drawCuts() {
    const { g, look, cuts, groups } = this,
      groupOf = new Map(groups.flatMap((group, i) => group.map((node) => [node, i]))),
      both = new Set(cuts.map(([a, b]) => `${a} ${b}`));
    for (const [a, b] of cuts) {
      const from = this.nodes[a],
        to = this.nodes[b];
      if (!from || !to || (both.has(`${b} ${a}`) && a > b)) continue;
      if (groups.length > 1 && groupOf.get(a) !== groupOf.get(b)) continue;
      const oneway = !both.has(`${b} ${a}`),
        length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
      const [ux, uy] = [(to.x - from.x) / length, (to.y - from.y) / length];
      Object.assign(g, { strokeStyle: look.lost, lineWidth: 1.4, globalAlpha: 0.75, lineCap: "butt" });
      g.setLineDash([5, 5]);
      g.beginPath();
      g.moveTo(from.x + ux * (from.r + 9), from.y + uy * (from.r + 9));
      g.lineTo(to.x - ux * (to.r + 9), to.y - uy * (to.r + 9));
      g.stroke();
      g.setLineDash([]);
      const share = oneway ? 0.7 : 0.5,
        [x, y] = [from.x + (to.x - from.x) * share, from.y + (to.y - from.y) * share];
      g.lineWidth = 2.2;
      g.beginPath();
      for (const side of [-3, 3]) {
        g.moveTo(x + ux * side - uy * 7, y + uy * side + ux * 7);
        g.lineTo(x + ux * side + uy * 7, y + uy * side - ux * 7);
      }
      g.stroke();
      g.globalAlpha = 1;
    }
  }

  /** A point of the way from one node to another: a slight bend keeps the two directions apart. */
  way(from, to, share) {
    const length = Math.hypot(to.x - from.x, to.y - from.y);
    if (length < 1) {
      const angle = -Math.PI / 2 + share * TAU;
      return [from.x + from.dx * (from.r + 14) + 13 * Math.cos(angle), from.y + from.dy * (from.r + 14) + 13 * Math.sin(angle)];
    }
    const [ux, uy] = [(to.x - from.x) / length, (to.y - from.y) / length],
      bend = 0.07 * length;
    const [x0, y0] = [from.x + ux * from.r, from.y + uy * from.r],
      [x1, y1] = [to.x - ux * to.r, to.y - uy * to.r];
    const arch = 4 * share * (1 - share) * bend;
    return [x0 + (x1 - x0) * share - uy * arch, y0 + (y1 - y0) * share + ux * arch];
  }

  drawMessages() {
    const { g, look, recording, flying } = this,
      { message_from, message_to, message_label } = recording.columns;
    const tails = flying.length <= TAIL_LIMIT,
      r = flying.length > 60 ? 4 : 5.5;
    this.tokens = [];
    for (const it of flying) {
      const from = this.nodes[message_from[it.message]],
        to = this.nodes[message_to[it.message]];
      if (!from || !to) continue;
      const [x, y] = this.way(from, to, it.share),
        label = message_label[it.message],
        colour = this.colourOf(label);
      this.tokens.push({ ...it, x, y, r });
      g.globalAlpha = it.gone ? clamp(1 - (2 * it.age) / recording.usual, 0, 1) : 1;
      if (tails && !it.gone) this.drawTail(from, to, it.share, colour, r);
      token(g, this.shapeOf.get(label), x, y, r);
      Object.assign(g, { fillStyle: colour, strokeStyle: look.back, lineWidth: 1.5 });
      g.fill();
      g.stroke();
      if (it.lost && (it.gone || it.share > 0.92 * (it.share > LOST_AT ? 1 : LOST_AT))) this.drawCross(x, y, r + 2, look.lost);
      g.globalAlpha = 1;
    }
    if (flying.length <= WORD_LIMIT) this.writeKinds();
    const pointed = this.hover?.token;
    if (pointed !== undefined) {
      const found = this.tokens.find((it) => it.message === pointed);
      if (found) {
        Object.assign(g, { strokeStyle: look.ink, lineWidth: 1.5 });
        g.beginPath();
        g.arc(found.x, found.y, found.r + 5, 0, TAU);
        g.stroke();
      }
    }
  }

  drawTail(from, to, share, colour, r) {
    const { g } = this,
      steps = 6,
      reach = Math.min(share, 0.16);
    Object.assign(g, { strokeStyle: colour, lineWidth: r * 0.8, lineCap: "butt" });
    const alpha = g.globalAlpha;
    for (let i = 0; i < steps; i++) {
      const [x0, y0] = this.way(from, to, share - (reach * i) / steps),
        [x1, y1] = this.way(from, to, share - (reach * (i + 1)) / steps);
      g.globalAlpha = alpha * 0.4 * (1 - i / steps);
      g.beginPath();
      g.moveTo(x0, y0);
      g.lineTo(x1, y1);
      g.stroke();
    }
    g.globalAlpha = alpha;
  }

  drawCross(x, y, r, colour) {
    const { g } = this;
    for (const [width, stroke] of [
      [4.5, this.look.back],
      [2.2, colour],
    ]) {
      Object.assign(g, { strokeStyle: stroke, lineWidth: width, lineCap: "round" });
      g.beginPath();
      g.moveTo(x - r, y - r);
      g.lineTo(x + r, y + r);
      g.moveTo(x + r, y - r);
      g.lineTo(x - r, y + r);
      g.stroke();
    }
  }

  writeKinds() {
    const { g, look, recording, data } = this,
      taken = [];
    for (const { message, x, y, r } of this.tokens) {
      const text = data.labels[recording.columns.message_label[message]];
      g.font = TINY;
      const w = g.measureText(text).width,
        left = x + r + 5 + w > this.center.x * 2 ? x - r - 5 - w : x + r + 5;
      const box = { x: left, y: y - 7, w, h: 14 };
      const hits = (it) => box.x < it.x + it.w && it.x < box.x + box.w && box.y < it.y + it.h && it.y < box.y + box.h;
      if (taken.some(hits) || this.nodes.some((it) => it && hits({ x: it.x - it.r, y: it.y - it.r, w: 2 * it.r, h: 2 * it.r })))
        continue;
      taken.push(box);
      this.write(text, left, y, look.soft, "left", TINY, look.back);
    }
  }

  drawNode(node) {
    const { g, look, recording } = this,
      state = this.states[node],
      place = this.nodes[node],
      { x, y, r, ring } = place;
    const tone = state.up ? this.toneOf(state) : null,
      pointed = this.hover?.node === node || this.chosen === node;
    if (pointed) {
      Object.assign(g, { fillStyle: look.past, globalAlpha: this.chosen === node ? 0.28 : 0.16 });
      g.beginPath();
      g.arc(x, y, r + 13, 0, TAU);
      g.fill();
      g.globalAlpha = 1;
    }
    if (ring && state.up && !state.paused) this.drawTimer(node, state, place);
    g.beginPath();
    if (ring) g.arc(x, y, r, 0, TAU);
    else g.roundRect(x - r, y - r, 2 * r, 2 * r, r * 0.35);
    g.fillStyle = !state.up ? look.back : (tone ?? look.panel);
    g.fill();
    Object.assign(g, { strokeStyle: !state.up ? look.lost : (tone ?? look.line), lineWidth: state.up ? 2 : 1.6 });
    g.setLineDash(state.up ? [] : [4, 4]);
    g.stroke();
    g.setLineDash([]);
    if (state.tone === "leading" && state.up) {
      Object.assign(g, { strokeStyle: "#ffffff", lineWidth: 1.6 });
      g.beginPath();
      g.arc(x, y, r - 4, 0, TAU);
      g.stroke();
    }
    const ink = !state.up ? look.soft : tone ? inkOn(tone) : look.ink;
    this.writeInside(recording.names[node], state, place, ink);
    if (!state.up) this.drawCross(x, y, r * 0.62, look.lost);
    if (state.paused) this.drawPause(place);
    if (state.votes.length) this.drawVotes(state, place);
    this.writeBeside(recording.names[node], state, place);
  }

  writeInside(name, state, { x, y, r, ring }, ink) {
    if (!state.up || (!ring && r < 12)) return;
    if (ring && this.nameInside(name, state, r)) return this.write(name, x, y, ink, "center", `600 ${FONT}`);
    const size = clamp(r * 0.62, 8, 17),
      big = `600 ${size}px ${FONT.slice(5)}`,
      small = `${clamp(r * 0.36, 7, 11)}px ${FONT.slice(5)}`;
    const below = ring && r >= 19 ? state.below : "";
    this.write(state.badge, x, y - (below ? r * 0.16 : 0), ink, "center", big);
    if (below) this.write(this.fit(below, 1.6 * r, small), x, y + r * 0.44, ink, "center", small);
  }

  /** Whether a node has nothing else to show inside than its name, and room for that. */
  nameInside(name, state, r) {
    this.g.font = `600 ${FONT}`;
    return state.up && !state.badge && this.g.measureText(name).width < 1.7 * r;
  }

  /** The share of its time that is left to a timer, as an arc that shrinks. */
  drawTimer(node, state, { x, y, r }) {
    const { g, look, recording, at, time } = this,
      timers = recording.timersAt(node, at),
      timer = timers.find((it) => it.label === state.timer) ?? (state.timer ? null : timers[0]);
    if (!timer || !(timer.due > timer.set)) return;
    const left = clamp((timer.due - time) / (timer.due - timer.set), 0, 1);
    Object.assign(g, { lineWidth: 3, lineCap: "butt", strokeStyle: look.grid });
    g.beginPath();
    g.arc(x, y, r + 6, 0, TAU);
    g.stroke();
    g.strokeStyle = look.soft;
    g.beginPath();
    g.arc(x, y, r + 6, -TAU / 4, -TAU / 4 + left * TAU);
    g.stroke();
  }

  /** Two bars in a disc at the edge of the node. */
  drawPause({ x, y, r }) {
    const { g, look } = this,
      [px, py] = [x + 0.75 * r, y + 0.75 * r];
    Object.assign(g, { fillStyle: look.fault, strokeStyle: look.back, lineWidth: 2 });
    g.beginPath();
    g.arc(px, py, 10, 0, TAU);
    g.fill();
    g.stroke();
    g.fillStyle = "#14171b";
    for (const side of [-4, 1]) g.fillRect(px + side, py - 4.5, 3, 9);
  }

  /** What each voter has said, towards where it stands: a full dot is a yes, a cross a no, a ring nothing yet. */
  drawVotes(state, { x, y, r }) {
    const { g, look } = this,
      gap = Math.min(9, (2 * r + 16) / state.votes.length);
    state.votes.forEach(([, said], i) => {
      const px = x + (i - (state.votes.length - 1) / 2) * gap,
        py = y - r - 15;
      if (said === false) return this.drawCross(px, py, 2.2, look.lost);
      g.beginPath();
      g.arc(px, py, 3.4, 0, TAU);
      Object.assign(g, { fillStyle: said ? "#009E73" : look.back, strokeStyle: said ? "#009E73" : look.soft, lineWidth: 1.3 });
      g.fill();
      g.stroke();
    });
  }

  /** Its name, its role, and where there are no logs a few of its facts. */
  writeBeside(name, state, { x, y, r, dx, dy, ring }) {
    const { look } = this,
      bold = `600 ${FONT}`;
    const facts = this.hasLogs || !ring ? [] : factLines(state);
    const role = !state.up ? "down" : state.paused ? "paused" : state.role;
    const lines = [...(this.nameInside(name, state, r) ? [] : [[name, bold, look.ink]]), ...(role ? [[role, TINY, state.up ? look.soft : look.lost]] : [])];
    for (const it of facts) lines.push([it, TINY, look.soft]);
    const shown = ring && !this.compact ? lines : [[this.fit(name, this.compact ? 44 : 70, bold), bold, look.ink]];
    if (this.compact && ring) return this.write(shown[0][0], x + dx * (r + 18), y + dy * (r + 16), look.ink, "center", bold, look.back);
    // Beside the node, above or below it; many lines always beside it.
    const side = !this.hasLogs ? (dx > -0.01 ? 1 : -1) : Math.abs(dx) > 0.35 ? Math.sign(dx) : 0,
      height = 14 * shown.length;
    const px = x + (ring ? side * (r + 19) : 0);
    let py = y - height / 2 + 7;
    if (!side || !ring) py = dy < 0 && ring ? y - r - 17 - height + 7 - (state.votes.length ? 12 : 0) : y + r + (ring ? 24 : 11);
    shown.forEach(([text, font, colour], i) =>
      this.write(text, px, py + 14 * i, colour, side && ring ? (side > 0 ? "left" : "right") : "center", font, look.back),
    );
  }

  // -- logs ----------------------------------------------------------------------------------------

  /** A row of boxes for each log, its end in view: full boxes are committed, dashed ones are not yet. */
  drawLogs() {
    const { g, look, recording, at, logArea } = this,
      { x, y, w, h } = logArea;
    const logs = recording.ring.map((node) => recording.logAt(node, at)),
      rows = logs.length,
      pitch = Math.min((h - 40) / rows, 52),
      box = clamp(pitch - 7, 9, BOX);
    const names = 44,
      left = x + names + 14,
      columns = Math.max(Math.floor((w - names - 26) / (box + 3)), 1);
    const last = logs.reduce((most, it) => Math.max(most, it?.last ?? 0), 0),
      from = Math.max(1, last - columns + 1);
    const top = y + Math.max((h - rows * pitch) / 2, 24);
    Object.assign(g, { strokeStyle: look.grid, lineWidth: 1 });
    g.beginPath();
    if (y > 0) g.rect(x + 10, y + 0.5, w - 20, 0);
    else g.rect(x + 0.5, 14, 0, h - 28);
    g.stroke();
    for (let index = from; index <= last; index++)
      if (last < 100 || index % 2 === 0)
        this.write(String(index), left + (index - from) * (box + 3) + box / 2, top - 14, look.soft, "center", `9px ${FONT.slice(5)}`);
    recording.ring.forEach((node, i) => {
      const middle = top + pitch * (i + 0.5);
      this.write(this.fit(recording.names[node], names, `600 ${FONT}`), x + names + 4, middle, look.ink, "right", `600 ${FONT}`);
      if (logs[i] && this.states[node]) this.drawLog(node, logs[i], { left, middle, from, columns, box });
    });
    this.drawReached({ left, top, pitch, from, columns, box });
    if (!last) this.write("the logs are empty", left + 4, top - 14, look.soft, "left", TINY);
  }

  drawLog(node, log, { left, middle, from, columns, box }) {
    const { g, look } = this,
      state = this.states[node];
    g.globalAlpha = state.up ? 1 : 0.45;
    if (log.first > from) this.drawFolded(log, left, middle, Math.min(log.first - from, columns), box);
    for (let index = Math.max(log.first, from); index <= log.last; index++) {
      const bx = left + (index - from) * (box + 3),
        { group, words } = log.entry(index);
      const colour = GROUPS[group % GROUPS.length],
        committed = index <= state.committed;
      g.beginPath();
      g.roundRect(bx, middle - box / 2, box, box, 3);
      if (committed) {
        g.fillStyle = colour;
        g.fill();
      }
      Object.assign(g, { strokeStyle: colour, lineWidth: 1.8 });
      g.setLineDash(committed ? [] : [3, 2.5]);
      g.stroke();
      g.setLineDash([]);
      this.write(String(group), bx + box / 2, middle + 0.5, committed ? inkOn(colour) : look.ink, "center", box > 15 ? TINY : `9px ${FONT.slice(5)}`);
      this.boxes.push({ x: bx, y: middle - box / 2, size: box, node, index, group, words, committed });
    }
    if (state.up && state.applied >= from && state.applied > 0) {
      const px = left + (Math.min(state.applied, log.last) - from) * (box + 3) + box / 2;
      g.fillStyle = look.soft;
      g.beginPath();
      for (const [a, b] of [[0, 0], [-4, 5], [4, 5]]) g.lineTo(px + a, middle + box / 2 + 2 + b);
      g.closePath();
      g.fill();
    }
    g.globalAlpha = 1;
  }

  /** The part of a log that is in a snapshot. */
  drawFolded(log, left, middle, count, box) {
    const { g, look } = this,
      w = count * (box + 3) - 3;
    g.save();
    g.beginPath();
    g.roundRect(left, middle - box / 2, w, box, 3);
    Object.assign(g, { fillStyle: look.panel, strokeStyle: look.line, lineWidth: 1.2 });
    g.fill();
    g.stroke();
    g.clip();
    g.strokeStyle = look.edge;
    g.beginPath();
    for (let px = left - box; px < left + w; px += 6) {
      g.moveTo(px, middle + box / 2);
      g.lineTo(px + box, middle - box / 2);
    }
    g.stroke();
    g.restore();
    this.write(this.fit(`≤ ${log.first - 1}`, w - 2, TINY), left + w / 2, middle + 0.5, look.ink, "center", TINY);
  }

  /** Up to where a node knows each log to be as its own: a tick at the end of that box. */
  drawReached({ left, top, pitch, from, columns, box }) {
    const { g, look, recording } = this;
    recording.ring.forEach((knower) => {
      const state = this.states[knower];
      if (!state?.up || !state.reached.length) return;
      for (const [node, index] of state.reached) {
        const row = recording.ring.indexOf(node);
        if (row < 0 || index - from < -1 || index - from >= columns) continue;
        const px = left + (index - from + 1) * (box + 3) - 1.5,
          middle = top + pitch * (row + 0.5);
        Object.assign(g, { strokeStyle: look.past, lineWidth: 2.4, lineCap: "round" });
        g.beginPath();
        g.moveTo(px, middle - box / 2 - 2);
        g.lineTo(px, middle + box / 2 + 2);
        g.stroke();
      }
    });
  }

  // -- pointing ------------------------------------------------------------------------------------

  /** What is at a place: a message before a node, and a box of a log. */
  hit(px, py) {
    if (!this.nodes) return null;
    let best = null,
      nearest = 12;
    for (const it of this.tokens) {
      const distance = Math.hypot(it.x - px, it.y - py);
      if (distance < nearest) [nearest, best] = [distance, { token: it.message }];
    }
    if (best && nearest < 8) return best;
    for (let node = 0; node < this.nodes.length; node++) {
      const it = this.nodes[node];
      if (it && this.states[node] && Math.hypot(it.x - px, it.y - py) < it.r + 9) return { node };
    }
    if (best) return best;
    const box = this.boxes.find((it) => px >= it.x && px <= it.x + it.size && py >= it.y && py <= it.y + it.size);
    return box ? { box } : null;
  }

  /** A title, and pairs of words. */
  describe(hit) {
    const { recording } = this,
      name = (node) => recording.names[node];
    if (hit.box) {
      const { index, group, words, committed, node } = hit.box;
      return [`entry ${index} of ${name(node)}`, [["holds", words], [this.states[node].unit, String(group)], ["", committed ? "committed" : "not known to be committed"]]];
    }
    if (hit.token !== undefined) return this.describeMessage(hit.token);
    return [name(hit.node), this.factsOf(hit.node)];
  }

  describeMessage(message) {
    const { recording, data } = this,
      it = recording.columns,
      from = recording.names[it.message_from[message]],
      to = recording.names[it.message_to[message]];
    const pairs = [
      ["way", `${from} → ${to}`],
      ["sent", moment(recording.sent[message])],
    ];
    const took = duration(recording.arrived[message] - recording.sent[message]);
    if (it.message_state[message] === LOST) pairs.push(["fate", "lost"]);
    else if (recording.arrived[message] > recording.sent[message]) pairs.push(["arrives", `${moment(recording.arrived[message])} (${took})`]);
    for (const line of (data.texts[it.message_text[message]] || "").split("\n").filter(Boolean)) {
      const colon = line.indexOf(": ");
      pairs.push(colon > 0 ? [line.slice(0, colon), line.slice(colon + 2)] : ["says", line]);
    }
    return [data.labels[it.message_label[message]], pairs];
  }

  /** Everything about a node in pairs of words. */
  factsOf(node) {
    const state = this.states[node],
      { recording, at, time } = this;
    if (!state) return [];
    const pairs = [["is", !state.up ? "down" : state.paused ? "paused" : state.role || "up"], ...state.facts];
    if (state.votes.length) {
      const said = (value) => (value === true ? "yes" : value === false ? "no" : "-");
      pairs.push(["votes", state.votes.map(([it, value]) => `${recording.names[it]} ${said(value)}`).join(", ")]);
    }
    if (state.reached.length) pairs.push(["known to agree", state.reached.map(([it, index]) => `${recording.names[it]} ${index}`).join(", ")]);
    for (const it of recording.timersAt(node, at).slice(0, 4)) pairs.push([`${it.label} timer`, `in ${duration(Math.max(it.due - time, 0))}`]);
    return pairs;
  }
}

// --- the strip ----------------------------------------------------------------------------------------------------

const LANE = 22,
  AXIS = 18,
  SIDE = 12;
const LANES = 7;

/** Time from left to right, a lane for each branch: where it leaves its parent, and what is notable on it. */
class Strip {
  constructor(data, canvas) {
    Object.assign(this, { canvas, g: canvas.getContext("2d"), width: 0, height: 0, ratio: 1, look: LIGHT, still: null });
    this.adopt(data);
  }

  adopt(data) {
    this.data = data;
    this.start = Math.min(...data.courses.map((it) => it.start));
    this.end = Math.max(...data.courses.map((it) => it.end));
    if (!(this.end > this.start)) this.end = this.start + 1e-9;
    this.still = null;
  }

  /** How high it wants to be. */
  get wanted() {
    return AXIS + 8 + LANE * Math.min(this.data.courses.length, LANES);
  }

  /** The first branch that has a lane: where there are many, those around the chosen one. */
  first(branch) {
    return clamp(branch - LANES + 2, 0, Math.max(this.data.courses.length - LANES, 0));
  }

  resize(width, height, ratio) {
    Object.assign(this, { width, height, ratio, still: null });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
  }

  x(time) {
    return SIDE + ((time - this.start) / (this.end - this.start)) * (this.width - 2 * SIDE);
  }

  timeAt(px) {
    return this.start + ((px - SIDE) / (this.width - 2 * SIDE)) * (this.end - this.start);
  }

  y(branch) {
    return 8 + LANE * (branch - this.top + 0.5) + 3;
  }

  branchAt(py) {
    return clamp(Math.floor((py - 8) / LANE) + this.top, 0, this.data.courses.length - 1);
  }

  draw(head) {
    const { g, look, ratio } = this;
    if (!this.still || this.branch !== head.branch) {
      this.branch = head.branch;
      this.top = this.first(head.branch);
      this.still = document.createElement("canvas");
      Object.assign(this.still, { width: this.canvas.width, height: this.canvas.height });
      this.drawStill(this.still.getContext("2d"), head);
    }
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.drawImage(this.still, 0, 0);
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    const part = head.course.locate(head.position).recording,
      lane = this.data.recordings.indexOf(part),
      x = this.x(head.time),
      y = this.y(Math.max(lane, this.top));
    Object.assign(g, { strokeStyle: look.past, lineWidth: 1.2, globalAlpha: 0.55 });
    g.beginPath();
    g.moveTo(x, 4);
    g.lineTo(x, this.height - AXIS + 2);
    g.stroke();
    Object.assign(g, { globalAlpha: 1, fillStyle: look.past, strokeStyle: look.back, lineWidth: 2 });
    g.beginPath();
    g.arc(x, y, 6.5, 0, TAU);
    g.fill();
    g.stroke();
  }

  /** All but the head. */
  drawStill(g, head) {
    const { look, ratio, width, height, data } = this;
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    Object.assign(g, { fillStyle: look.panel, lineCap: "round", lineJoin: "round" });
    g.fillRect(0, 0, width, height);
    const by = step(this.end - this.start, Math.max(width / 90, 1));
    Object.assign(g, { font: TINY, textAlign: "center", textBaseline: "middle", lineWidth: 1 });
    for (let i = Math.ceil(this.start / by - 1e-9); i * by <= this.end * (1 + 1e-9); i++) {
      const x = this.x(i * by);
      g.fillStyle = look.edge;
      g.fillRect(x - 0.5, 4, 1, height - AXIS);
      g.fillStyle = look.soft;
      g.fillText(duration(i * by), clamp(x, 22, width - 22), height - AXIS / 2);
    }
    for (const recording of data.recordings) this.drawPart(g, recording, recording.end, look.line, 1.6);
    const parts = new Set(head.course.parts.map((it) => data.recordings.indexOf(it.recording)));
    head.course.parts.forEach((part, i, all) => this.drawPart(g, part.recording, all[i + 1]?.recording.start, look.past, 3));
    data.courses.forEach((_, branch) => this.inView(branch) && this.drawMarks(g, branch, parts.has(branch)));
    data.courses.forEach((_, branch) => this.inView(branch) && this.writeName(g, branch, branch === head.branch));
  }

  inView(branch) {
    return branch >= this.top && branch < this.top + LANES;
  }

  /** A recording up to a time, with the curve by which it leaves its parent. */
  drawPart(g, recording, until = recording.end, colour, width) {
    const branch = this.data.recordings.indexOf(recording),
      parent = this.data.branches[branch].parent;
    if (!this.inView(branch)) return;
    const x = this.x(recording.start),
      y = this.y(branch);
    Object.assign(g, { strokeStyle: colour, lineWidth: width });
    g.beginPath();
    if (parent >= 0) {
      g.moveTo(x, this.y(Math.max(parent, this.top - 1)));
      g.bezierCurveTo(x, y, x, y, Math.min(x + 9, this.x(until)), y);
    } else g.moveTo(x, y);
    g.lineTo(Math.max(this.x(until), x), y);
    g.stroke();
  }

  drawMarks(g, branch, current) {
    const { look, data } = this,
      recording = data.recordings[branch],
      { columns } = recording,
      y = this.y(branch);
    let free = -Infinity;
    for (const row of recording.notable) {
      const x = this.x(recording.timeOf(columns.row_position[row])),
        fault = data.kinds[columns.row_kind[row]] !== "note";
      if (x < free && !fault) continue;
      free = x + 3;
      Object.assign(g, { fillStyle: fault ? look.lost : look.soft, globalAlpha: current ? 1 : 0.6 });
      g.beginPath();
      if (fault) g.arc(x, y, 3.6, 0, TAU);
      else g.rect(x - 0.75, y - 4, 1.5, 8);
      g.fill();
    }
    g.globalAlpha = 1;
  }

  writeName(g, branch, chosen) {
    const { look, data } = this,
      recording = data.recordings[branch],
      text = data.branches[branch].name;
    g.font = chosen ? `600 ${TINY}` : TINY;
    const w = g.measureText(text).width,
      x = clamp(this.x(recording.start) + 10, SIDE, Math.max(this.width - SIDE - w, SIDE)),
      y = this.y(branch) - 9;
    if (data.courses.length === 1) return;
    Object.assign(g, { fillStyle: look.panel, globalAlpha: 0.8 });
    g.fillRect(x - 2, y - 5, w + 4, 9);
    Object.assign(g, { fillStyle: chosen ? look.ink : look.soft, globalAlpha: 1, textAlign: "left" });
    g.fillText(text, x, y);
  }
}

// --- the page around them -----------------------------------------------------------------------------------------

const PLAYER_CSS = `
.dlpl .dlst-panel{width:236px}
.dlpl .dlst-stage canvas{touch-action:auto;cursor:default}
.dlpl-told{padding:4px 12px;min-height:28px;border-top:1px solid var(--edge);white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.dlpl-told b{font-weight:600}
.dlpl-strip{position:relative;border-top:1px solid var(--edge);background:var(--panel);flex:none}
.dlpl-strip canvas{position:absolute;inset:0;width:100%;height:100%;touch-action:none;cursor:ew-resize}
.dlpl-bar{display:flex;flex-wrap:wrap;gap:6px;align-items:center;padding:6px 8px;border-top:1px solid var(--edge);background:var(--panel)}
.dlpl-bar button,.dlpl-verbs button{font:inherit;color:inherit;background:var(--back);border:1px solid var(--edge);
 border-radius:4px;padding:1px 9px;min-height:28px;min-width:32px;cursor:pointer}
.dlpl-bar button:hover,.dlpl-verbs button:hover{border-color:var(--soft)}
.dlpl-bar button[aria-pressed=true]{background:var(--past);border-color:var(--past);color:var(--back)}
.dlpl-bar button.dlpl-play{min-width:44px;background:var(--past);border-color:var(--past);color:var(--back)}
.dlpl-bar svg{display:block;fill:currentColor}
.dlpl-time{font-variant-numeric:tabular-nums;min-width:112px}
.dlpl-bar small,.dlpl-hint{color:var(--soft);font-size:12px}
.dlpl-speed{min-width:76px;text-align:center;font-variant-numeric:tabular-nums}
.dlpl-verbs{display:flex;flex-wrap:wrap;gap:5px;margin:6px 0}
.dlpl-facts{display:grid;grid-template-columns:auto 1fr;gap:1px 8px;margin:2px 0 4px}
.dlpl-facts dt{color:var(--soft)}
.dlpl-facts dd{margin:0;overflow-wrap:anywhere}
.dlpl-problem{color:var(--lost)}
.dlpl select{font:inherit;color:inherit;background:var(--back);border:1px solid var(--edge);border-radius:4px;min-height:26px;max-width:200px}
@media (max-width:620px){.dlpl-wide{display:none}}
`;

/** Icons of the buttons, as paths in a square of 16. */
const ICONS = {
  begin: "M3 3h2v10H3zM13 3v10L6 8z",
  back: "M11 3v10L4 8z",
  play: "M4 2.5v11L13 8z",
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
  forth: "M5 3v10l7-5z",
  end: "M11 3h2v10h-2zM3 3v10l7-5z",
};

function icon(name) {
  const template = document.createElement("template");
  template.innerHTML = '<svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true"><path></path></svg>';
  const svg = template.content.firstChild;
  svg.firstChild.setAttribute("d", ICONS[name]);
  return svg;
}

/** How long an answer of the kernel is waited for, in milliseconds. */
const PATIENCE = 15000;

/** One player on a page: canvases, panel, pointer and keys, and what is asked of the kernel. */
class Player {
  constructor(data, model, el) {
    Object.assign(this, { data, model, el, undo: [], frame: 0, playing: false, hurry: true, waiting: null, asked: 0, problem: "" });
    this.head = new Head(data);
    this.speed = usualSpeed(data.recordings[0].usual);
    this.live = Boolean(model.get("live"));
    this.build();
    this.listen();
    this.watchTheme();
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(this.stage);
    this.undo.push(() => observer.disconnect());
    this.panel.hidden = el.clientWidth > 0 && el.clientWidth < 900;
    this.resize();
    if (typeof model.get("height") === "string") this.canvas.focus({ preventScroll: true }); // a page of its own
  }

  // -- elements ------------------------------------------------------------------------------------

  build() {
    const { data, model, el } = this,
      height = model.get("height");
    this.canvas = make("canvas", { tabindex: "0", role: "img" });
    this.stripCanvas = make("canvas", { tabindex: "0", role: "slider", "aria-label": "time" });
    this.ring = new Ring(data, this.canvas);
    this.strip = new Strip(data, this.stripCanvas);
    this.tip = make("div", { class: "dlst-tip", role: "tooltip", hidden: true });
    this.panel = make("div", { class: "dlst-panel", "aria-label": "the chosen node, and the legend" });
    this.stage = make("div", { class: "dlst-stage" }, this.canvas, this.tip);
    this.told = make("div", { class: "dlpl-told", role: "status" });
    this.stripBox = make("div", { class: "dlpl-strip" }, this.stripCanvas);
    this.root = make(
      "div",
      { class: "dlst dlpl", "data-lm-suppress-shortcuts": "true" }, // or JupyterLab takes the keys for its own
      make("style", {}, CSS + PLAYER_CSS),
      this.topBar(),
      make("div", { class: "dlst-body" }, this.stage, this.panel),
      this.told,
      this.stripBox,
      this.transport(),
    );
    this.root.style.height = typeof height === "number" ? `${height}px` : (height ?? "640px");
    el.replaceChildren(this.root);
    this.fillBranches();
  }

  button(content, title, act, more = {}) {
    return make("button", { type: "button", title, "aria-label": title, onclick: act, ...more }, content);
  }

  topBar() {
    const title = this.data.title ? [make("span", { class: "dlst-title" }, this.data.title)] : [];
    this.branches = make("select", { "aria-label": "branch", onchange: () => this.chooseBranch(this.branches.selectedIndex) });
    this.branchLabel = make("label", {}, "Branch ", this.branches);
    this.status = make("span", { class: "dlst-status" });
    return make(
      "div",
      { class: "dlst-bar" },
      ...title,
      this.branchLabel,
      this.button("Details", "Show or hide the panel with the chosen node and the legend (d)", () => this.togglePanel()),
      this.status,
    );
  }

  transport() {
    this.playButton = this.button(icon("play"), "Play (space)", () => this.toggle(), { class: "dlpl-play" });
    this.time = make("span", { class: "dlpl-time" });
    this.speedWord = make("span", { class: "dlpl-speed", title: "Simulated time that passes in a second" });
    this.hurryButton = this.button("skip quiet", "Go faster while no message is under way", () => this.toggleHurry(), { "aria-pressed": "true" });
    return make(
      "div",
      { class: "dlpl-bar", role: "toolbar", "aria-label": "playing" },
      this.button(icon("begin"), "To the beginning (Home)", () => this.key("Home")),
      this.button(icon("back"), "One event back (left arrow)", () => this.key("ArrowLeft")),
      this.playButton,
      this.button(icon("forth"), "One event on (right arrow)", () => this.key("ArrowRight")),
      this.button(icon("end"), "To the end (End)", () => this.key("End")),
      this.time,
      this.button("−", "Slower (-)", () => this.key("-")),
      this.speedWord,
      this.button("+", "Faster (+)", () => this.key("+")),
      this.hurryButton,
      make("small", { class: "dlpl-wide" }, "space plays, arrows step, n and p jump"),
    );
  }

  fillBranches() {
    this.branches.replaceChildren(...this.data.branches.map((it) => make("option", {}, it.name)));
    this.branchLabel.hidden = this.data.branches.length < 2;
    this.stripBox.style.height = `${this.strip.wanted}px`;
  }

  watchTheme() {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const apply = () => {
      this.ring.theme(query.matches);
      Object.assign(this.strip, { look: this.ring.look, still: null });
      for (const [name, value] of Object.entries(this.ring.look)) this.root.style.setProperty(`--${name}`, value);
      this.root.style.colorScheme = query.matches ? "dark" : "light";
      this.fillLegend();
      this.invalidate();
    };
    query.addEventListener("change", apply);
    this.undo.push(() => query.removeEventListener("change", apply));
    apply();
  }

  /** The panel: the chosen node and what may be done to it, then the legend. */
  fillLegend() {
    this.chosenBox = make("fieldset", { "data-group": "chosen" });
    const { ring, data } = this,
      look = ring.look,
      rows = [];
    const line = (draw, words) => rows.push(make("div", { class: "dlst-key" }, this.sample(draw), words));
    const nodes = [],
      disc = (fill, stroke, more) => (g) => {
        g.beginPath();
        g.arc(11, 8, 6, 0, TAU);
        Object.assign(g, { fillStyle: fill, strokeStyle: stroke, lineWidth: 1.6 });
        g.fill();
        g.stroke();
        more?.(g);
      };
    for (const state of new Map(data.states.filter((it) => it.role && it.up).map((it) => [it.role, it])).values()) {
      const tone = ring.toneOf(state);
      nodes.push([disc(tone ?? look.panel, tone ?? look.line), state.role]);
    }
    for (const [draw, words] of nodes) line(draw, words);
    line((g) => this.small(() => ring.drawCross(11, 8, 4, look.lost), g), "down, or a message that is lost");
    line((g) => {
      Object.assign(g, { strokeStyle: look.soft, lineWidth: 3 });
      g.beginPath();
      g.arc(11, 8, 6, -TAU / 4, TAU / 3);
      g.stroke();
    }, "time left to its timer");
    if (ring.hasLogs) this.logLegend(line, look);
    const kinds = ring.kinds.slice(0, 12).map((label) =>
      make(
        "div",
        { class: "dlst-key" },
        this.sample((g) => {
          token(g, ring.shapeOf.get(label), 11, 8, 5);
          g.fillStyle = ring.colourOf(label);
          g.fill();
        }),
        data.labels[label],
      ),
    );
    this.panel.replaceChildren(
      this.chosenBox,
      make("fieldset", {}, make("legend", {}, "Nodes"), ...rows),
      make("fieldset", {}, make("legend", {}, "Messages"), ...kinds),
    );
    this.shownFacts = "";
  }

  logLegend(line, look) {
    const box = (committed) => (g) => {
      g.beginPath();
      g.roundRect(4, 1, 14, 14, 3);
      Object.assign(g, { fillStyle: GROUPS[0], strokeStyle: GROUPS[0], lineWidth: 1.6 });
      if (committed) g.fill();
      else g.setLineDash([3, 2.5]);
      g.stroke();
    };
    line(box(true), "committed entry");
    line(box(false), "entry not yet committed");
    line((g) => {
      g.fillStyle = look.soft;
      g.beginPath();
      for (const [a, b] of [[11, 4], [6, 11], [16, 11]]) g.lineTo(a, b);
      g.fill();
    }, "applied up to here");
    line((g) => {
      g.fillStyle = look.past;
      g.fillRect(10, 1, 2.4, 14);
    }, "known to agree up to here");
  }

  /** A small picture for the legend. */
  sample(draw) {
    const canvas = make("canvas", { "aria-hidden": "true" }),
      ratio = globalThis.devicePixelRatio || 1;
    Object.assign(canvas, { width: 22 * ratio, height: 16 * ratio });
    canvas.style.cssText = "width:22px;height:16px;flex:none";
    const g = canvas.getContext("2d");
    g.scale(ratio, ratio);
    draw(g);
    return canvas;
  }

  /** Lets the ring draw on another canvas. */
  small(draw, g) {
    const own = this.ring.g;
    this.ring.g = g;
    draw();
    this.ring.g = own;
  }

  fillChosen() {
    const { ring } = this,
      node = ring.chosen,
      state = ring.states?.[node];
    const facts = state ? ring.factsOf(node) : [],
      verbs = state && this.live ? this.verbsOf(node, state) : [];
    const shown = JSON.stringify([node, facts, verbs, this.problem, Boolean(this.waiting)]);
    if (shown === this.shownFacts) return;
    this.shownFacts = shown;
    const hint = this.live
      ? "Click a node to see more of it, and to break it. With Shift, click another one to cut the link between them, or to mend it."
      : "Click a node to see more of it. To crash, cut off or restart nodes here, show the player in a notebook with a running kernel.";
    const children = !state
      ? [make("legend", {}, "Node"), make("div", { class: "dlpl-hint" }, hint)]
      : [
          make("legend", {}, ring.recording.names[node]),
          make("div", { class: "dlpl-verbs" }, ...verbs.map((it) => this.button(it, `${it}: begins a branch here`, () => this.act(it, node), this.waiting ? { disabled: true } : {}))),
          make("dl", { class: "dlpl-facts" }, ...facts.flatMap(([a, b]) => [make("dt", {}, a), make("dd", {}, b)])),
        ];
    if (this.waiting) children.push(make("div", { class: "dlpl-hint" }, "asking the kernel…"));
    if (this.problem) children.push(make("div", { class: "dlpl-problem", role: "alert" }, this.problem));
    this.chosenBox.replaceChildren(...children);
  }

  /** What may be done to a node as it is. */
  verbsOf(node, state) {
    const may = {
      up: state.up && !state.paused,
      down: !state.up,
      paused: state.up && state.paused,
      cut: this.ring.cuts.length > 0,
    };
    const own = this.ring.recording.ring.includes(node);
    return this.data.verbs.filter((it) => may[it.when] && (own || !it.own)).map((it) => it.name);
  }

  // -- drawing -------------------------------------------------------------------------------------

  resize() {
    this.measure();
    this.invalidate();
  }

  measure() {
    const ratio = globalThis.devicePixelRatio || 1;
    for (const [canvas, box] of [
      [this.ring, this.stage],
      [this.strip, this.stripBox],
    ])
      if (box.clientWidth > 0 && box.clientHeight > 0) canvas.resize(box.clientWidth, box.clientHeight, ratio);
  }

  invalidate() {
    this.frame ||= requestAnimationFrame((now) => this.tick(now));
  }

  /** One frame: moves on if it plays, draws, and asks for the next one while there is something to come. */
  tick(now) {
    this.frame = 0;
    if (this.playing) this.advance(Math.min(now - (this.last ?? now), 100) / 1000);
    this.last = now;
    if (this.ring.width && this.strip.width) {
      if (this.ring.ratio !== (globalThis.devicePixelRatio || 1)) this.measure();
      this.ring.draw(this.head);
      this.strip.draw(this.head);
      this.tell();
      this.fillChosen();
    }
    if (this.playing) this.invalidate();
    else this.last = undefined;
  }

  advance(seconds) {
    const { head } = this,
      quiet = this.hurry && !this.ring.flying?.length;
    let on = seconds * this.speed;
    if (quiet) {
      // Not further than to shortly before the next thing that happens.
      const next = head.course.timeOf(Math.min(head.position + 1, head.course.last));
      on = Math.max(on, Math.min(on * HURRY, next - head.time));
    }
    if (!head.advance(on)) return;
    if (this.live && !this.waiting && !this.data.branches[head.branch].stopped) this.ask({ do: "extend", branch: head.branch });
    else if (!this.waiting) this.pause();
  }

  tell() {
    const { head, data } = this,
      { course, position, time } = head,
      { recording, at } = course.locate(position);
    const told = recording.told(at),
      notice = time >= course.end ? recording.notice : "";
    const key = `${head.branch} ${position} ${notice}`;
    if (key !== this.toldKey) {
      this.toldKey = key;
      const [first, ...rest] = told.length ? told : [position === 0 ? "the recording begins" : ""];
      this.told.replaceChildren(make("b", {}, first), ...(rest.length ? [`; ${rest.join("; ")}`] : []), ...(notice ? [make("span", { class: "dlpl-problem" }, `  (${notice})`)] : []));
      this.told.title = told.join("\n");
      this.branches.selectedIndex = head.branch;
    }
    const clock = `${time.toFixed(6)} s`;
    if (this.time.textContent !== clock) this.time.textContent = clock;
    const status = `event ${number(position)} of ${number(course.last)}`;
    if (this.status.textContent !== status) this.status.textContent = status;
    this.stripCanvas.setAttribute("aria-valuetext", `${clock}, ${data.branches[head.branch].name}`);
    this.speedWord.textContent = `${duration(this.speed)} / s`;
    const label = `${recording.names.length} nodes at ${clock}: ${told.join("; ")}`;
    if (this.canvas.getAttribute("aria-label") !== label) this.canvas.setAttribute("aria-label", label);
  }

  // -- acting --------------------------------------------------------------------------------------

  toggle() {
    if (this.playing) return this.pause();
    if (this.head.time >= this.head.course.end && !this.live) this.head.seek(this.head.course.start);
    this.playing = true;
    this.showPlaying();
    this.invalidate();
  }

  pause() {
    this.playing = false;
    this.showPlaying();
    this.invalidate();
  }

  showPlaying() {
    this.playButton.replaceChildren(icon(this.playing ? "pause" : "play"));
    this.playButton.title = this.playing ? "Pause (space)" : "Play (space)";
    this.playButton.setAttribute("aria-label", this.playButton.title);
    this.told.setAttribute("aria-live", this.playing ? "off" : "polite");
  }

  toggleHurry() {
    this.hurry = !this.hurry;
    this.hurryButton.setAttribute("aria-pressed", String(this.hurry));
  }

  togglePanel() {
    this.panel.hidden = !this.panel.hidden;
    this.resize();
  }

  chooseBranch(branch) {
    this.head.choose(branch);
    this.hovered(null);
    this.invalidate();
  }

  faster(way) {
    const digits = +this.speed.toExponential().split("e")[0],
      at = [1, 2, 5].reduce((best, it) => (Math.abs(it - digits) < Math.abs(best - digits) ? it : best)),
      power = 10 ** Math.floor(Math.log10(this.speed) + 1e-9);
    const next = way > 0 ? { 1: 2, 2: 5, 5: 10 }[at] : { 1: 0.5, 2: 1, 5: 2 }[at];
    this.speed = clamp(next * power, 1e-9, 1e9);
  }

  key(name, shift = false) {
    const { head } = this,
      still = (act) => () => {
        this.pause();
        act();
      };
    const act = {
      " ": () => this.toggle(),
      ArrowRight: still(() => head.step(shift ? 10 : 1)),
      ArrowLeft: still(() => head.step(shift ? -10 : -1)),
      ArrowDown: () => this.chooseBranch(head.branch + 1),
      ArrowUp: () => this.chooseBranch(head.branch - 1),
      Home: still(() => head.step(-Infinity)),
      End: still(() => {
        head.seek(head.course.end);
      }),
      "+": () => this.faster(1),
      "=": () => this.faster(1),
      "-": () => this.faster(-1),
      n: still(() => head.notable(1)),
      p: still(() => head.notable(-1)),
      d: () => this.togglePanel(),
      Escape: () => (this.ring.chosen = -1),
    }[name] ?? (/^[1-9]$/.test(name) ? () => (this.ring.chosen = this.ring.recording.ring[name - 1] ?? -1) : null);
    if (!act) return false;
    act();
    this.hovered(null);
    this.invalidate();
    return true;
  }

  hovered(hit, px = 0, py = 0) {
    const { ring, tip, stage } = this,
      same = JSON.stringify(hit) === JSON.stringify(ring.hover);
    if (!same) {
      ring.hover = hit;
      this.invalidate();
    }
    tip.hidden = !hit;
    this.canvas.style.cursor = hit?.node !== undefined ? "pointer" : "default";
    if (!hit) return;
    const [title, pairs] = ring.describe(hit);
    tip.replaceChildren(make("b", {}, title), make("dl", {}, ...pairs.flatMap(([a, b]) => [make("dt", {}, a), make("dd", {}, b)])));
    const { offsetWidth: w, offsetHeight: h } = tip;
    tip.style.left = `${px + 16 + w > stage.clientWidth ? Math.max(4, px - w - 12) : px + 16}px`;
    tip.style.top = `${py + 16 + h > stage.clientHeight ? Math.max(4, py - h - 12) : py + 16}px`;
  }

  listen() {
    const on = (target, name, act, options) => {
      target.addEventListener(name, act, options);
      this.undo.push(() => target.removeEventListener(name, act, options));
    };
    on(this.root, "keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
      if (event.target.tagName === "BUTTON" && event.key === " ") return;
      if (!this.key(event.key, event.shiftKey)) return;
      event.preventDefault();
      event.stopPropagation();
    });
    on(this.canvas, "pointermove", (event) => this.hovered(this.ring.hit(event.offsetX, event.offsetY), event.offsetX, event.offsetY));
    on(this.canvas, "pointerleave", () => this.hovered(null));
    on(this.canvas, "click", (event) => this.clicked(this.ring.hit(event.offsetX, event.offsetY), event.shiftKey));
    on(this.stripCanvas, "pointerdown", (event) => {
      if (event.button > 0) return;
      this.stripCanvas.setPointerCapture(event.pointerId);
      this.stripCanvas.focus({ preventScroll: true });
      this.scrubbing = true;
      this.resume = this.playing;
      this.pause();
      this.head.branch = this.strip.branchAt(event.offsetY);
      this.scrub(event.offsetX);
    });
    on(this.stripCanvas, "pointermove", (event) => this.scrubbing && this.scrub(event.offsetX));
    for (const name of ["pointerup", "pointercancel"])
      on(this.stripCanvas, name, () => {
        if (this.scrubbing && this.resume) this.toggle();
        this.scrubbing = false;
      });
  }

  scrub(px) {
    this.head.seek(this.strip.timeAt(px));
    this.invalidate();
  }

  clicked(hit, shift) {
    const { ring } = this,
      chosen = ring.chosen;
    this.canvas.focus({ preventScroll: true });
    if (shift && this.live && chosen >= 0 && hit?.node >= 0 && hit.node !== chosen) {
      this.act("link", chosen, ring.recording.names[hit.node]);
      return;
    }
    ring.chosen = hit?.node ?? -1;
    this.problem = "";
    if (hit?.node !== undefined && this.live) {
      this.pause();
      if (this.panel.hidden) this.togglePanel();
    }
    this.invalidate();
  }

  // -- the kernel ----------------------------------------------------------------------------------

  /** Something is to be done to a node, or to its link with another one, here and now. */
  act(verb, node, other = null) {
    const { branch, position, time } = this.head;
    this.pause();
    this.ask({ do: "act", verb, node: this.ring.recording.names[node], other, branch, position, time });
  }

  ask(question) {
    const id = `${Date.now()}-${++this.asked}`;
    this.problem = "";
    this.waiting = { id, ...question };
    clearTimeout(this.timeout);
    this.timeout = setTimeout(() => this.answered({ id, problem: "The kernel does not answer: is it running?" }), PATIENCE);
    this.model.set("asked", this.waiting);
    this.model.save_changes();
    this.invalidate();
  }

  /** Other data, with what was recorded since. */
  adopt(data) {
    this.data = data;
    this.head.adopt(data);
    this.ring.adopt(data);
    this.strip.adopt(data);
    this.toldKey = "";
    this.fillBranches();
    this.fillLegend();
    this.resize();
  }

  answered(answer) {
    if (!this.waiting || answer.id !== this.waiting.id) return;
    clearTimeout(this.timeout);
    const { do: what } = this.waiting;
    this.waiting = null;
    this.problem = answer.problem ?? "";
    if (this.problem) {
      this.pause();
      if (this.ring.chosen < 0) this.ring.chosen = 0;
    } else if (what === "act") this.chooseBranch(answer.branch);
    this.invalidate();
  }

  close() {
    clearTimeout(this.timeout);
    if (this.frame) cancelAnimationFrame(this.frame);
    for (const it of this.undo) it();
  }
}

/**
 * Draws the data of a model into an element, and goes on with what the model gets later.
 *
 * The model has `get(name)`, `set(name, value)`, `save_changes()`, `on(name, act)` and `off(name, act)`, and the values
 * `payload`, `height`, `live`, `asked` and `answer`. Returns what takes everything away again; `el.player` is the page,
 * for tests.
 */
export async function render({ model, el }) {
  const known = new Map();
  let page = null,
    closed = false,
    queue = Promise.resolve();
  const show = async () => {
    try {
      const data = await decode(model.get("payload"), known);
      if (closed) return;
      if (page) page.adopt(data);
      else el.player = page = new Player(data, model, el);
    } catch (error) {
      page?.close();
      page = null;
      el.replaceChildren(make("p", { role: "alert" }, `The player cannot be shown: ${error.message}`));
    }
  };
  // One after the other: an answer is about the data that came before it.
  const change = () => (queue = queue.then(show));
  const answer = () => (queue = queue.then(() => page?.answered(model.get("answer") ?? {})));
  model.on("change:payload", change);
  model.on("change:answer", answer);
  await change();
  return () => {
    closed = true;
    model.off("change:payload", change);
    model.off("change:answer", answer);
    page?.close();
  };
}

export default { render };
