/**
 * What the moving pictures share: columns, searching, words for numbers, looks, elements.
 *
 * Python puts it in front of the other parts of a picture, so that each picture is one plain ES module.
 */

/** How many messages share one entry of the index of arrivals. */
const BLOCK = 256;
const ARRAYS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f8: Float64Array };

/** The bytes of a base64 text. */
function bytes(text) {
  const raw = atob(text),
    found = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) found[i] = raw.charCodeAt(i);
  return found;
}

/** One column: deflated, in base64, and for ever growing numbers as differences. */
async function column(packed) {
  const stream = new Blob([bytes(packed.data)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const values = new ARRAYS[packed.type](await new Response(stream).arrayBuffer());
  if (values.length !== packed.count) throw new Error(`a column of ${values.length}, not ${packed.count} values`);
  if (!packed.delta) return values;
  const sums = new Float64Array(values.length);
  for (let i = 0, sum = packed.first; i < values.length; i++) sums[i] = (sum += values[i]) / packed.scale;
  return sums;
}

/** The first index whose value is not below `value` (or, with `after`, above it), in ascending values. */
export function bisect(values, value, after = false) {
  let low = 0,
    high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle] < value || (after && values[middle] === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** For every block of messages the latest end in it, and the latest up to it: what `visible` skips by. */
export function indexed(end) {
  const blocks = Math.ceil(end.length / BLOCK),
    latest = new Float64Array(blocks).fill(-Infinity);
  for (let i = 0; i < end.length; i++) latest[(i / BLOCK) | 0] = Math.max(latest[(i / BLOCK) | 0], end[i]);
  const latestSoFar = Float64Array.from(latest);
  for (let b = 1; b < blocks; b++) latestSoFar[b] = Math.max(latestSoFar[b], latestSoFar[b - 1]);
  return { latest, latestSoFar };
}

/** Writes which messages touch a window into `found`, as places in the order; returns how many. */
export function visible(placed, from, to, shown, found) {
  const { order, begin, end, latest, latestSoFar } = placed,
    last = bisect(begin, to, true);
  let count = 0;
  for (let block = bisect(latestSoFar, from); block * BLOCK < last; block++) {
    if (latest[block] < from) continue;
    const stop = Math.min(last, (block + 1) * BLOCK);
    for (let i = block * BLOCK; i < stop; i++) if (end[i] >= from && shown[order[i]]) found[count++] = i;
  }
  return count;
}

/** A step of 1, 2 or 5 times a power of ten that divides `span` into at most `most` parts. */
export function step(span, most) {
  const raw = span / Math.max(most, 1),
    power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 5, 10].find((it) => it * power >= raw * (1 - 1e-9));
}

/** A duration in the unit a person would use. */
export function duration(seconds) {
  const size = Math.abs(seconds);
  const [unit, scale] = [
    ["s", 1],
    ["ms", 1e-3],
    ["µs", 1e-6],
  ].find((it) => size >= 0.9995 * it[1]) ?? ["ns", 1e-9];
  return size === 0 ? "0 s" : `${+(seconds / scale).toPrecision(4)} ${unit}`;
}

/** A moment to the nanosecond, without zeros at the end. */
const moment = (seconds) => `${+seconds.toFixed(9)} s`;
const number = (value) => value.toLocaleString("en");

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// --- looks ---------------------------------------------------------------------------------------------------------

const LIGHT = {
  back: "#ffffff",
  ink: "#1b1f24",
  soft: "#5b6570",
  line: "#98a1ab",
  grid: "#eceff2",
  past: "#0072B2",
  future: "#E69F00",
  fault: "#E69F00",
  lost: "#D55E00",
  cut: "#7A3E9D",
  chain: "#D81B60",
  black: "#1b1f24",
  panel: "#f6f7f9",
  edge: "#d8dde2",
};
const DARK = {
  back: "#14171b",
  ink: "#e6e9ed",
  soft: "#9aa5b1",
  line: "#6a7480",
  grid: "#22272e",
  past: "#56B4E9",
  future: "#F0B840",
  fault: "#E69F00",
  lost: "#FF7A33",
  cut: "#C792EA",
  chain: "#FF6FA3",
  black: "#e6e9ed",
  panel: "#1b2026",
  edge: "#323a44",
};

/**
 * Calls `apply` with whether pictures are to be dark, now and whenever that changes; returns what ends that. JupyterLab
 * says it by an attribute of the page's body, whatever the system prefers.
 */
function followTheme(apply) {
  const query = matchMedia("(prefers-color-scheme: dark)"),
    { body } = document;
  const change = () => {
    const light = body.dataset.jpThemeLight;
    apply(light === undefined ? query.matches : light === "false");
  };
  const observer = new MutationObserver(change);
  observer.observe(body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  query.addEventListener("change", change);
  change();
  return () => {
    observer.disconnect();
    query.removeEventListener("change", change);
  };
}

/** Colours of messages that are too dark on a dark ground, and what is taken there. */
const LIGHTER = {
  "#0072B2": "#3D9FE0",
  "#009E73": "#1DBF92",
  "#882255": "#D0698F",
  "#5B4DB2": "#9C90F2",
  "#44AA99": "#5CC7B5",
};

const FONT = '12px system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif',
  TINY = FONT.replace("12", "11");

const CSS = `
.dlst{position:relative;display:flex;flex-direction:column;color:var(--ink);background:var(--back);
 font:13px/1.4 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;
 border:1px solid var(--edge);border-radius:6px;overflow:hidden;box-sizing:border-box}
.dlst *{box-sizing:border-box}
.dlst-bar{display:flex;flex-wrap:wrap;gap:6px;align-items:center;padding:6px 8px;
 border-bottom:1px solid var(--edge);background:var(--panel)}
.dlst-bar button{font:inherit;color:inherit;background:var(--back);border:1px solid var(--edge);border-radius:4px;
 padding:1px 9px;min-height:26px;cursor:pointer}
.dlst-bar button:hover{border-color:var(--soft)}
.dlst button:focus-visible,.dlst canvas:focus-visible,.dlst input:focus-visible{
 outline:2px solid var(--past);outline-offset:-2px}
.dlst-bar button[aria-pressed=true]{background:var(--past);border-color:var(--past);color:var(--back)}
.dlst-title{font-weight:600;margin-right:6px}
.dlst-status{margin-left:auto;color:var(--soft);font-variant-numeric:tabular-nums;text-align:right}
.dlst-body{display:flex;flex:1;min-height:0}
.dlst-stage{position:relative;flex:1;min-width:0}
.dlst-stage canvas{position:absolute;inset:0;width:100%;height:100%;touch-action:none;cursor:grab}
.dlst-stage canvas.dragging{cursor:grabbing}
.dlst-panel{width:244px;flex:none;overflow:auto;border-left:1px solid var(--edge);
 background:var(--panel);padding:4px 10px 10px}
.dlst-panel[hidden]{display:none}
.dlst-panel fieldset{border:0;margin:8px 0 0;padding:0;min-width:0}
.dlst-panel legend{font-weight:600;padding:0;display:flex;width:100%;gap:8px;align-items:baseline}
.dlst-panel legend button{font:inherit;font-size:11px;border:0;background:none;color:var(--soft);cursor:pointer;padding:0;text-decoration:underline}
.dlst-panel label{display:flex;align-items:center;gap:6px;padding:1px 0;cursor:pointer}
.dlst-panel label span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.dlst-panel label small{margin-left:auto;color:var(--soft);font-variant-numeric:tabular-nums}
.dlst-panel input{margin:0;accent-color:var(--past)}
.dlst-panel svg{flex:none}
.dlst-key{color:var(--soft);display:flex;align-items:center;gap:6px;padding:1px 0}
.dlst-tip{position:absolute;pointer-events:none;max-width:360px;background:var(--back);border:1px solid var(--edge);border-radius:5px;padding:6px 9px;
 box-shadow:0 3px 14px #0003;z-index:2;white-space:pre-wrap;overflow-wrap:anywhere;font-size:12px}
.dlst-tip[hidden]{display:none}
.dlst-tip b{display:block}
.dlst-tip dl{display:grid;grid-template-columns:auto 1fr;gap:0 8px;margin:2px 0 0}
.dlst-tip dt{color:var(--soft)}
.dlst-tip dd{margin:0}
`;

/** An element with attributes and children; text is never read as markup. */
function make(tag, attributes = {}, ...children) {
  const found = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) found.addEventListener(name.slice(2), value);
    else if (value === true) found.setAttribute(name, "");
    else if (value !== false) found.setAttribute(name, value);
  }
  found.append(...children);
  return found;
}
