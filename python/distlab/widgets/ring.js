/**
 * Nodes in a ring, messages on their way between them, logs beside them, at one moment. Knows a canvas and no other
 * element.
 */

/** So many messages are drawn with tails; more are drawn as dots. Up to so few, their kind is written beside them. */
const TAIL_LIMIT = 400;
const WORD_LIMIT = 7;
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
  const corners = {
    square: [4, 0.125, 1.2],
    diamond: [4, 0, 1.25],
    up: [3, -0.25, 1.3],
    hexagon: [6, 0, 1.1],
    down: [3, 0.25, 1.3],
  };
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
    Object.assign(this, { hover: null, chosen: -1, picked: null, stats: { frames: 0, messages: 0, milliseconds: 0 } });
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
    const above = this.data.byHand ? 26 : 0; // where the words of a script stand
    let ring = { x: 0, y: above, w: width, h: height - above };
    this.logArea = null;
    if (rows && wide) {
      const w = clamp(0.4 * width, 280, width - 360);
      this.logArea = { x: width - w, y: 0, w, h: height };
      ring.w = width - w;
    } else if (rows && height > 300) {
      const h = Math.min(rows * 32 + 36, 0.45 * height);
      this.logArea = { x: 0, y: height - h, w: width, h };
      ring.h = height - above - h;
    }
    const beside = recording.others.length ? Math.min(78, ring.w * 0.18) : 0;
    const fitting = (words, lines) => Math.min((ring.w - beside) / 2 - words - 26, ring.h / 2 - lines - 30);
    let radius = fitting(Math.min(this.widest(recording) + 28, ring.w / 4), this.hasLogs ? 46 : 26);
    // Where there is little room, names alone stand beside the nodes.
    this.compact = radius < 16 * n ** 0.7 || n > 16;
    if (this.compact) radius = Math.max(fitting(24, 22), 30);
    this.factCount = clamp(Math.floor((TAU * radius) / n / 14) - 2, 0, 3);
    const cx = ring.x + beside + (ring.w - beside) / 2,
      cy = ring.y + ring.h / 2 + (this.hasLogs && !this.compact ? 7 : 0);
    const size = n > 1 ? clamp(radius * Math.sin(Math.PI / n) * 0.56, 6, this.compact ? 26 : 34) : 34;
    this.center = { x: cx, y: cy, radius: n > 1 ? radius : 0 };
    this.nodes = recording.names.map(() => null);
    recording.ring.forEach((node, i) => {
      const angle = (i / n - 0.25) * TAU;
      const [dx, dy] = n > 1 ? [Math.cos(angle), Math.sin(angle)] : [0, -1];
      this.nodes[node] = {
        x: cx + this.center.radius * dx,
        y: cy + this.center.radius * dy,
        r: size,
        dx,
        dy,
        ring: true,
      };
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
      const facts = this.hasLogs
        ? []
        : data.states.slice(0, 50).flatMap((it) => factLines(it).map((line) => g.measureText(line).width));
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
      return [
        from.x + from.dx * (from.r + 14) + 13 * Math.cos(angle),
        from.y + from.dy * (from.r + 14) + 13 * Math.sin(angle),
      ];
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
      if (it.crossed) this.drawCross(x, y, r + 2, look.lost);
      g.globalAlpha = 1;
    }
    if (flying.length <= WORD_LIMIT) this.writeKinds();
    this.ringToken(this.hover?.token, look.ink);
    if (this.picked?.recording === recording) this.ringToken(this.picked.message, look.past);
  }

  /** A ring around a message, if it is to be seen. */
  ringToken(message, colour) {
    const { g } = this,
      found = this.tokens.find((it) => it.message === message);
    if (!found) return;
    Object.assign(g, { strokeStyle: colour, lineWidth: 2 });
    g.beginPath();
    g.arc(found.x, found.y, found.r + 5, 0, TAU);
    g.stroke();
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
      if (
        taken.some(hits) ||
        this.nodes.some((it) => it && hits({ x: it.x - it.r, y: it.y - it.r, w: 2 * it.r, h: 2 * it.r }))
      )
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
    const left = this.data.byHand ? 1 : clamp((timer.due - time) / (timer.due - timer.set), 0, 1);
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
      Object.assign(g, {
        fillStyle: said ? "#009E73" : look.back,
        strokeStyle: said ? "#009E73" : look.soft,
        lineWidth: 1.3,
      });
      g.fill();
      g.stroke();
    });
  }

  /** Its name, its role, and where there are no logs a few of its facts. */
  writeBeside(name, state, { x, y, r, dx, dy, ring }) {
    const { look } = this,
      bold = `600 ${FONT}`;
    const facts = this.hasLogs || !ring ? [] : factLines(state).slice(0, this.factCount);
    const role = !state.up ? "down" : state.paused ? "paused" : state.role;
    const lines = [
      ...(this.nameInside(name, state, r) ? [] : [[name, bold, look.ink]]),
      ...(role ? [[role, TINY, state.up ? look.soft : look.lost]] : []),
    ];
    for (const it of facts) lines.push([it, TINY, look.soft]);
    const shown = ring && !this.compact ? lines : [[this.fit(name, this.compact ? 44 : 70, bold), bold, look.ink]];
    if (this.compact && ring)
      return this.write(shown[0][0], x + dx * (r + 18), y + dy * (r + 16), look.ink, "center", bold, look.back);
    // Beside the node, above or below it; many lines always beside it.
    const side = !this.hasLogs ? (dx > -0.01 ? 1 : -1) : Math.abs(dx) > 0.35 ? Math.sign(dx) : 0,
      height = 14 * shown.length;
    const px = x + (ring ? side * (r + 19) : 0);
    let py = y - height / 2 + 7;
    if (!side || !ring)
      py = dy < 0 && ring ? y - r - 17 - height + 7 - (state.votes.length ? 12 : 0) : y + r + (ring ? 24 : 11);
    shown.forEach(([text, font, colour], i) =>
      this.write(
        text,
        px,
        py + 14 * i,
        colour,
        side && ring ? (side > 0 ? "left" : "right") : "center",
        font,
        look.back,
      ),
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
        this.write(
          String(index),
          left + (index - from) * (box + 3) + box / 2,
          top - 14,
          look.soft,
          "center",
          `9px ${FONT.slice(5)}`,
        );
    recording.ring.forEach((node, i) => {
      const middle = top + pitch * (i + 0.5);
      this.write(
        this.fit(recording.names[node], names, `600 ${FONT}`),
        x + names + 4,
        middle,
        look.ink,
        "right",
        `600 ${FONT}`,
      );
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
      this.write(
        String(group),
        bx + box / 2,
        middle + 0.5,
        committed ? inkOn(colour) : look.ink,
        "center",
        box > 15 ? TINY : `9px ${FONT.slice(5)}`,
      );
      this.boxes.push({ x: bx, y: middle - box / 2, size: box, node, index, group, words, committed });
    }
    if (state.up && state.applied >= from && state.applied > 0) {
      const px = left + (Math.min(state.applied, log.last) - from) * (box + 3) + box / 2;
      g.fillStyle = look.soft;
      g.beginPath();
      for (const [a, b] of [
        [0, 0],
        [-4, 5],
        [4, 5],
      ])
        g.lineTo(px + a, middle + box / 2 + 2 + b);
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
      return [
        `entry ${index} of ${name(node)}`,
        [
          ["holds", words],
          [this.states[node].unit, String(group)],
          ["", committed ? "committed" : "not known to be committed"],
        ],
      ];
    }
    if (hit.token !== undefined) return this.describeMessage(hit.token);
    return [name(hit.node), this.factsOf(hit.node)];
  }

  describeMessage(message, recording = this.recording) {
    const { data } = this,
      it = recording.columns,
      from = recording.names[it.message_from[message]],
      to = recording.names[it.message_to[message]];
    const pairs = [["way", `${from} → ${to}`]],
      took = duration(recording.arrived[message] - recording.sent[message]);
    if (!data.byHand) pairs.push(["sent", moment(recording.sent[message])]);
    if (it.message_state[message] === LOST) pairs.push(["fate", "lost"]);
    else if (!data.byHand && recording.arrived[message] > recording.sent[message])
      pairs.push(["arrives", `${moment(recording.arrived[message])} (${took})`]);
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
    if (state.reached.length)
      pairs.push(["known to agree", state.reached.map(([it, index]) => `${recording.names[it]} ${index}`).join(", ")]);
    for (const it of recording.timersAt(node, at).slice(0, 4))
      if (this.data.byHand) pairs.push([it.label, "waits"]);
      else pairs.push([`${it.label} timer`, `in ${duration(Math.max(it.due - time, 0))}`]);
    return pairs;
  }
}
