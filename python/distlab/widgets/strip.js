/**
 * Time from left to right, with a lane for each branch. Knows canvases and no other element.
 */

const LANE = 22,
  AXIS = 18,
  SIDE = 12;
const LANES = 7;

/** Time from left to right, a lane for each branch: where it leaves its parent, and what is notable on it. */
class Strip {
  constructor(data, canvas) {
    Object.assign(this, {
      canvas,
      g: canvas.getContext("2d"),
      width: 0,
      height: 0,
      ratio: 1,
      look: LIGHT,
      still: null,
    });
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
    const by = Math.max(step(this.end - this.start, Math.max(width / 90, 1)), data.byHand ? 1 : 0);
    Object.assign(g, { font: TINY, textAlign: "center", textBaseline: "middle", lineWidth: 1 });
    for (let i = Math.ceil(this.start / by - 1e-9) + 0; i * by <= this.end * (1 + 1e-9); i++) {
      const x = this.x(i * by);
      g.fillStyle = look.edge;
      g.fillRect(x - 0.5, 4, 1, height - AXIS);
      g.fillStyle = look.soft;
      g.fillText(data.byHand ? number(i * by) : duration(i * by), clamp(x, 22, width - 22), height - AXIS / 2);
    }
    for (const recording of data.recordings) this.drawPart(g, recording, recording.end, look.line, 1.6);
    const parts = new Set(head.course.parts.map((it) => data.recordings.indexOf(it.recording)));
    head.course.parts.forEach((part, i, all) =>
      this.drawPart(g, part.recording, all[i + 1]?.recording.start, look.past, 3),
    );
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
        kind = data.kinds[columns.row_kind[row]],
        fault = !["note", "edit", "step"].includes(kind);
      if (x < free && !fault && kind !== "step") continue;
      free = x + 3;
      Object.assign(g, { fillStyle: fault ? look.lost : look.soft, globalAlpha: current ? 1 : 0.6 });
      g.beginPath();
      if (fault) g.arc(x, y, 3.6, 0, TAU);
      else if (kind === "step") g.rect(x - 1, y - 8, 2, 12);
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
