/**
 * A run that was recorded, its branches, and a place in them: data that can be asked about any moment.
 *
 * A recording holds what changed at each event. A *position* counts events; the course of a branch counts on from the
 * position of its parent at which it leaves. Everything about a moment is found by bisection.
 */

/** How far a message goes that is lost on leaving, as a share of the way. */
const LOST_AT = 0.5;
const DELIVERED = 0,
  LOST = 1,
  PENDING = 2;
/** Kinds of rows that are worth going to. */
const NOTABLE = ["note", "crash", "pause", "resume", "fault", "step", "edit"];
/** By hand a position is reached so much before its beat is over: then what it left under way has come to rest. */
const HALF = 0.5;

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

/** Where on its way each of `count` messages waits that are on the same way, the oldest in front. */
function places(count) {
  const apart = Math.min(0.14, 0.6 / count);
  return Array.from({ length: count }, (_, i) => 0.5 + ((count - 1) / 2 - i) * apart);
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
      const fate = it.message_fate[i] - 1,
        later = this.data.byHand ? Infinity : this.sent[i] + it.message_took[i] / 1e9;
      this.arrived[i] = fate >= 0 ? this.timeOf(fate) : later;
      if (it.message_state[i] === LOST) this.lossAt[fate] = i;
      if (it.message_state[i] !== DELIVERED) continue;
      this.arrivalAt[fate] = i;
      if (took.length < 5001) took.push(this.arrived[i] - this.sent[i]);
    }
    took.sort((a, b) => a - b);
    this.usual = this.data.byHand ? 1 : took[took.length >> 1] || (this.end - this.start) / 50 || 1e-3;
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
      const set = this.data.byHand ? 0 : this.timeOf(timer_position[row]); // no time passes by hand
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

  /** By hand: where on its way each message waits once `at` events have happened. */
  waitingAt(at) {
    const { columns: it, placed, found } = this,
      onWay = new Map(),
      time = this.start + at;
    for (let i = 0, count = visible(placed, time, time, this.everything, found); i < count; i++) {
      const message = placed.order[found[i]],
        fate = it.message_fate[message] - 1;
      if (it.message_begin[message] > at || (fate >= 0 && fate <= at)) continue;
      const way = it.message_from[message] * 65536 + it.message_to[message];
      if (!onWay.has(way)) onWay.set(way, []);
      onWay.get(way).push(message);
    }
    const waiting = new Map();
    for (const messages of onWay.values()) {
      const shares = places(messages.length);
      messages.sort((a, b) => a - b).forEach((message, i) => waiting.set(message, shares[i]));
    }
    return waiting;
  }

  /** By hand: messages wait on their way, and move while an event happens that makes them leave or arrive. */
  movingAt(at, time) {
    const { columns: it, placed, found } = this,
      flying = [],
      before = Math.floor(time - this.start + 1e-9),
      done = clamp(time - this.start - before, 0, 1);
    const [waits, waitsThen] = [this.waitingAt(before), this.waitingAt(before + 1)];
    const between = (a, b, share) => a + (b - a) * clamp(share, 0, 1);
    for (let i = 0, count = visible(placed, time, time, this.everything, found); i < count; i++) {
      const message = placed.order[found[i]],
        fate = it.message_fate[message] - 1,
        lost = it.message_state[message] === LOST,
        over = fate >= 0 && fate <= at,
        gone = lost && over && time >= this.arrived[message];
      if (it.message_begin[message] > at || (over && !lost)) continue;
      const here = waits.get(message),
        there = waitsThen.get(message);
      let share = here ?? LOST_AT;
      if (here === undefined && !gone) share = between(0, there ?? LOST_AT, (done || 1) / HALF - 1);
      else if (there !== undefined) share = between(here, there, done);
      else if (!lost) share = between(here, 1, done / HALF);
      const crossed = gone || (lost && fate === before + 1 && done > 0);
      flying.push({ message, share, lost, over, gone, crossed, age: gone ? time - this.arrived[message] : 0 });
    }
    return flying;
  }

  /** The messages to be seen: how far each has come, from 0 to 1; whether it gets lost, its fate is over, it is gone. */
  flyingAt(at, time) {
    if (this.data.byHand) return this.movingAt(at, time);
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
        gone = lost && over && time >= end,
        crossed = gone || (lost && share > 0.92);
      const come = atOnce ? share * LOST_AT : share;
      flying.push({ message, share: come, lost, over, gone, crossed, age: gone ? time - end : 0 });
    }
    return flying;
  }

  /** The part of a script that a position belongs to, in its words; empty where there is none. */
  captionAt(at) {
    const { row_position, row_kind, row_label } = this.columns;
    for (let row = bisect(row_position, at, true) - 1; row >= 0; row--)
      if (row_kind[row] === this.data.code.step) return this.data.labels[row_label[row]];
    return "";
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
      edit: (who) => `${who} is given another state`,
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
    Object.assign(this, { recording, byHand: data.byHand });
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

  /** The time at which everything has come to rest that a position left under way: by hand later than its own. */
  restOf(position) {
    return this.timeOf(position) + (this.byHand && position > 0 ? HALF : 0);
  }

  /** The words of the script at a position. */
  captionAt(position) {
    let i = this.parts.length - 1;
    while (i > 0 && position <= this.parts[i].offset) i--;
    for (; i >= 0; i--) {
      const { recording, offset, last } = this.parts[i],
        words = recording.captionAt(Math.min(position, last) - offset);
      if (words) return words;
    }
    return "";
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
    this.goTo(this.position + count);
  }

  goTo(position) {
    this.position = clamp(position, 0, this.course.last);
    this.time = this.course.restOf(this.position);
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
    this.goTo(this.course.notable(this.position, way));
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
