/**
 * The player: what a run was like, forwards and backwards in time, and how it goes on where something breaks.
 *
 * Plain JavaScript without dependencies; Python puts `shared.js`, `recording.js`, `ring.js` and `strip.js`, of which each
 * knows only those before it, in front of this part, so that it is one ES module. `render({ model, el })` is what
 * anywidget calls; a stand-alone page calls it with a model of its own.
 */

/** How much faster time goes while nothing moves. */
const HURRY = 10;
const PLAYER_CSS = `
.dlpl{outline:none}
.dlpl .dlst-panel{width:236px}
.dlpl .dlst-stage canvas{touch-action:auto;cursor:default}
.dlpl-caption{position:absolute;left:10px;top:8px;max-width:55%;font-weight:600;pointer-events:none}
.dlpl-caption[hidden]{display:none}
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
    Object.assign(this, {
      data,
      model,
      el,
      undo: [],
      frame: 0,
      playing: false,
      hurry: true,
      waiting: null,
      goal: null,
      asked: 0,
      problem: "",
    });
    this.head = new Head(data);
    this.speed = data.byHand ? 2 : usualSpeed(data.recordings[0].usual);
    this.live = Boolean(model.get("live"));
    this.build();
    this.listen();
    this.watchTheme();
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(this.stage);
    this.undo.push(() => observer.disconnect());
    this.panel.hidden = el.clientWidth > 0 && el.clientWidth < 900;
    this.resize();
    if (typeof model.get("height") === "string") this.root.focus({ preventScroll: true }); // a page of its own
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
    this.caption = make("div", { class: "dlpl-caption", hidden: true });
    this.stage = make("div", { class: "dlst-stage" }, this.canvas, this.caption, this.tip);
    this.told = make("div", { class: "dlpl-told", role: "status" });
    this.stripBox = make("div", { class: "dlpl-strip" }, this.stripCanvas);
    this.root = make(
      "div",
      { class: "dlst dlpl", tabindex: "-1", "data-lm-suppress-shortcuts": "true" }, // JupyterLab has keys of its own
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
    this.branches = make("select", {
      "aria-label": "branch",
      onchange: () => this.chooseBranch(this.branches.selectedIndex),
    });
    this.branchLabel = make("label", {}, "Branch ", this.branches);
    this.status = make("span", { class: "dlst-status" });
    return make(
      "div",
      { class: "dlst-bar" },
      ...title,
      this.branchLabel,
      this.button("Details", "Show or hide the panel with the chosen node and the legend (d)", () =>
        this.togglePanel(),
      ),
      this.status,
    );
  }

  transport() {
    this.playButton = this.button(icon("play"), "Play (space)", () => this.toggle(), { class: "dlpl-play" });
    this.time = make("span", { class: "dlpl-time" });
    this.speedWord = make("span", { class: "dlpl-speed", title: "Simulated time that passes in a second" });
    this.hurryButton = this.button("skip quiet", "Go faster while no message is under way", () => this.toggleHurry(), {
      "aria-pressed": "true",
    });
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
      ...(this.data.byHand ? this.handButtons() : [this.hurryButton]),
      make("small", { class: "dlpl-wide" }, "space plays, arrows step, n and p jump"),
    );
  }

  /** What may be done by hand to the whole cluster. */
  handButtons() {
    if (!this.live) return [];
    const title = "Deliver all messages, and those that they cause; timers wait";
    return [this.button("deliver all", title, () => this.ask({ verb: "deliver all" }), { class: "dlpl-all" })];
  }

  fillBranches() {
    this.branches.replaceChildren(...this.data.branches.map((it) => make("option", {}, it.name)));
    this.branchLabel.hidden = this.data.branches.length < 2;
    this.stripBox.style.height = `${this.strip.wanted}px`;
  }

  watchTheme() {
    const apply = (dark) => {
      this.ring.theme(dark);
      Object.assign(this.strip, { look: this.ring.look, still: null });
      for (const [name, value] of Object.entries(this.ring.look)) this.root.style.setProperty(`--${name}`, value);
      this.root.style.colorScheme = dark ? "dark" : "light";
      this.fillLegend();
      this.invalidate();
    };
    this.undo.push(followTheme(apply));
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
    if (this.data.recordings.some((it) => it.versions.some(({ first }) => first > 1)))
      line((g) => {
        Object.assign(g, { strokeStyle: look.line, lineWidth: 1 });
        g.beginPath();
        g.roundRect(1, 2, 20, 12, 3);
        for (let x = 1; x < 12; x += 5) {
          g.moveTo(x, 14);
          g.lineTo(x + 9, 2);
        }
        g.stroke();
      }, "entries in a snapshot");
    line((g) => {
      g.fillStyle = look.soft;
      g.beginPath();
      for (const [a, b] of [
        [11, 4],
        [6, 11],
        [16, 11],
      ])
        g.lineTo(a, b);
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
    if (ring.picked) return this.fillPicked();
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
          make(
            "div",
            { class: "dlpl-verbs" },
            ...verbs.map(({ words, question }) => this.verbButton(words, question)),
          ),
          this.facts(facts),
        ];
    this.showChosen(children);
  }

  /** The chosen message: what it carries, and what may be done to it while it is under way. */
  fillPicked() {
    const { ring, data } = this,
      { recording, message } = ring.picked,
      [title, pairs] = ring.describeMessage(message, recording);
    const under = ring.flying?.some((it) => it.message === message && !it.over) && recording === ring.recording,
      verbs = this.live && under ? data.messageVerbs : [];
    const shown = JSON.stringify(["message", message, title, pairs, verbs, this.problem, Boolean(this.waiting)]);
    if (shown === this.shownFacts) return;
    this.shownFacts = shown;
    const about = { recording: data.recordings.indexOf(recording), message };
    this.showChosen([
      make("legend", {}, title),
      make("div", { class: "dlpl-verbs" }, ...verbs.map((verb) => this.verbButton(verb, { verb, ...about }))),
      this.facts(pairs),
    ]);
  }

  verbButton(words, question) {
    const { head } = this,
      goesOn = this.data.byHand && head.position === head.course.last;
    return this.button(
      words,
      goesOn ? words : `${words}: begins a branch here`,
      () => this.ask(question),
      this.waiting ? { disabled: true } : {},
    );
  }

  facts(pairs) {
    return make("dl", { class: "dlpl-facts" }, ...pairs.flatMap(([a, b]) => [make("dt", {}, a), make("dd", {}, b)]));
  }

  showChosen(children) {
    if (this.waiting) children.push(make("div", { class: "dlpl-hint" }, "asking the kernel…"));
    if (this.problem) children.push(make("div", { class: "dlpl-problem", role: "alert" }, this.problem));
    this.chosenBox.replaceChildren(...children);
  }

  /** What may be done to a node as it is: words, and what is asked of the kernel. */
  verbsOf(node, state) {
    const name = this.ring.recording.names[node],
      manual = this.data.byHand && state.up && !state.paused;
    const may = {
      manual,
      up: state.up && !state.paused,
      down: !state.up,
      paused: state.up && state.paused,
      cut: this.ring.cuts.length > 0,
    };
    const own = this.ring.recording.ring.includes(node);
    const verbs = this.data.verbs
      .filter((it) => may[it.when] && (own || !it.own))
      .map((it) => ({ words: it.name, question: { verb: it.name, node: name } }));
    const waiting = manual ? this.ring.recording.timersAt(node, this.ring.at) : [];
    return [
      ...waiting.map(({ label }) => ({ words: `⏵ ${label}`, question: { verb: "let", node: name, waiting: label } })),
      ...verbs,
    ];
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
      quiet = this.hurry && !this.data.byHand && !this.ring.flying?.length;
    if (this.goal !== null) return this.approach(seconds);
    let on = seconds * this.speed;
    if (quiet) {
      // Not further than to shortly before the next thing that happens.
      const next = head.course.timeOf(Math.min(head.position + 1, head.course.last));
      on = Math.max(on, Math.min(on * HURRY, next - head.time));
    }
    if (!head.advance(on)) return;
    if (this.live && !this.data.byHand && !this.waiting && !this.data.branches[head.branch].stopped)
      this.send({ do: "extend", branch: head.branch });
    else if (!this.waiting) this.pause();
  }

  /** By hand: on to the place that was asked for, and not further. */
  approach(seconds) {
    const { head, goal } = this,
      end = head.course.restOf(goal);
    head.advance(Math.min(seconds * Math.max(this.speed, 2), end - head.time));
    if (head.time < end - 1e-9) return;
    head.goTo(goal);
    this.pause();
  }

  /** By hand: lets the next events be seen to happen. */
  glide(count) {
    const { head } = this,
      from = this.goal ?? head.position;
    if (this.goal !== null) head.goTo(this.goal);
    if (from >= head.course.last) return;
    head.time = head.course.restOf(head.position);
    this.playing = true;
    this.goal = Math.min(from + count, head.course.last);
    this.showPlaying();
    this.invalidate();
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
      this.told.replaceChildren(
        make("b", {}, first),
        ...(rest.length ? [`; ${rest.join("; ")}`] : []),
        ...(notice ? [make("span", { class: "dlpl-problem" }, `  (${notice})`)] : []),
      );
      this.told.title = told.join("\n");
      this.caption.textContent = course.captionAt(position);
      this.caption.hidden = !this.caption.textContent;
      this.branches.selectedIndex = head.branch;
    }
    const clock = data.byHand ? `step ${number(position)} of ${number(course.last)}` : `${time.toFixed(6)} s`;
    if (this.time.textContent !== clock) this.time.textContent = clock;
    const status = data.byHand ? "" : `event ${number(position)} of ${number(course.last)}`;
    if (this.status.textContent !== status) this.status.textContent = status;
    this.stripCanvas.setAttribute("aria-valuetext", `${clock}, ${data.branches[head.branch].name}`);
    this.speedWord.textContent = data.byHand ? `${+this.speed.toPrecision(2)} steps / s` : `${duration(this.speed)} / s`;
    const label = `${recording.names.length} nodes at ${clock}: ${told.join("; ")}`;
    if (this.canvas.getAttribute("aria-label") !== label) this.canvas.setAttribute("aria-label", label);
  }

  // -- acting --------------------------------------------------------------------------------------

  toggle() {
    if (this.playing) return this.pause();
    if (this.head.time >= this.head.course.end && (!this.live || this.data.byHand)) this.head.seek(this.head.course.start);
    this.playing = true;
    this.showPlaying();
    this.invalidate();
  }

  pause() {
    this.playing = false;
    this.goal = null;
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
    const act =
      {
        " ": () => this.toggle(),
        ArrowRight: this.data.byHand && !shift ? () => this.glide(1) : still(() => head.step(shift ? 10 : 1)),
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
        Escape: () => this.choose(-1),
      }[name] ?? (/^[1-9]$/.test(name) ? () => this.choose(this.ring.recording.ring[name - 1] ?? -1) : null);
    if (!act) return false;
    act();
    this.hovered(null);
    this.invalidate();
    return true;
  }

  choose(node, picked = null) {
    Object.assign(this.ring, { chosen: node, picked });
    this.problem = "";
  }

  hovered(hit, px = 0, py = 0) {
    const { ring, tip, stage } = this,
      same = JSON.stringify(hit) === JSON.stringify(ring.hover);
    if (!same) {
      ring.hover = hit;
      this.invalidate();
    }
    tip.hidden = !hit;
    this.canvas.style.cursor = hit && !hit.box ? "pointer" : "default";
    if (!hit) return;
    const [title, pairs] = ring.describe(hit);
    tip.replaceChildren(
      make("b", {}, title),
      make("dl", {}, ...pairs.flatMap(([a, b]) => [make("dt", {}, a), make("dd", {}, b)])),
    );
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
    on(this.canvas, "pointermove", (event) =>
      this.hovered(this.ring.hit(event.offsetX, event.offsetY), event.offsetX, event.offsetY),
    );
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
    const time = this.strip.timeAt(px);
    this.head.seek(this.data.byHand ? Math.round(time) : time);
    this.invalidate();
  }

  clicked(hit, shift) {
    const { ring } = this,
      chosen = ring.chosen;
    this.canvas.focus({ preventScroll: true });
    if (shift && this.live && chosen >= 0 && hit?.node >= 0 && hit.node !== chosen) {
      const { names } = ring.recording;
      this.ask({ verb: "link", node: names[chosen], other: names[hit.node] });
      return;
    }
    const message = hit?.token;
    this.choose(hit?.node ?? -1, message === undefined ? null : { recording: ring.recording, message });
    if ((hit?.node ?? message) !== undefined && this.live) {
      this.pause();
      if (this.panel.hidden) this.togglePanel();
    }
    this.invalidate();
  }

  // -- the kernel ----------------------------------------------------------------------------------

  /** Something is to be done to a node, a link or a message, here and now. */
  ask(question) {
    const { branch, position, time } = this.head;
    if (this.waiting) return;
    this.pause();
    this.canvas.focus({ preventScroll: true }); // the button goes away, and keys are to be heard still
    this.send({ do: "act", branch, position, time, ...question });
  }

  send(question) {
    const id = `${Date.now()}-${++this.asked}`;
    this.problem = "";
    this.waiting = { id, ...question };
    clearTimeout(this.timeout);
    this.timeout = setTimeout(
      () => this.answered({ id, problem: "The kernel does not answer: is it running?" }),
      PATIENCE,
    );
    this.model.set("asked", this.waiting);
    this.model.save_changes();
    this.invalidate();
  }

  /** Other data, with what was recorded since. */
  adopt(data) {
    const { picked } = this.ring;
    if (picked) picked.recording = data.recordings[this.data.recordings.indexOf(picked.recording)];
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
    const { do: what, position } = this.waiting;
    this.waiting = null;
    this.problem = answer.problem ?? "";
    if (this.problem) {
      this.pause();
      if (this.ring.chosen < 0 && !this.ring.picked) this.ring.chosen = 0;
    } else if (what === "act") {
      this.chooseBranch(answer.branch);
      if (this.data.byHand) {
        this.head.goTo(position);
        this.glide(Infinity);
      }
    }
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
