// Charts: canary and stable over time, told apart by dashes and markers as well as by colour. All
// that is in them is in a table beside them, too.
import { clock } from "./times.mjs";

/* global uPlot */
const PAD = 1.15;
const LABELS_APART = 56;
const SHORT = new Intl.NumberFormat("en", { notation: "compact" });
const drawn = new Map();
const dark = matchMedia("(prefers-color-scheme: dark)");

/** A colour of the style sheet. */
const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** A colour through which what is behind it shows. */
const thin = (colour, percent) => `color-mix(in srgb, ${colour} ${percent}%, transparent)`;

/**
 * Draws every chart within, or brings it up to date.
 * @param {ParentNode} within
 */
export function draw(within) {
  if (typeof uPlot === "undefined") return;
  for (const place of within.querySelectorAll(".plot[data-course]")) {
    const said = place.dataset.course;
    const old = drawn.get(place.id);
    if (old?.place === place && old.said === said) continue;
    const course = JSON.parse(said);
    const shape = `${course.kind} ${course.series.length}`;
    if (old?.place === place && old.shape === shape) {
      old.course = course;
      old.said = said;
      old.chart.setData(columns(course));
    } else {
      old?.chart.destroy();
      const state = { place, said, shape, course };
      state.chart = new uPlot(options(state), columns(course), place);
      drawn.set(place.id, state);
    }
  }
  for (const [id, { place, chart }] of drawn)
    if (!place.isConnected) {
      chart.destroy();
      drawn.delete(id);
    }
}

function columns(course) {
  return [course.at, ...course.series];
}

function options(state) {
  const evidence = state.course.kind === "evidence";
  return {
    width: Math.max(200, state.place.clientWidth),
    height: state.place.clientHeight,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { show: false } },
    scales: { x: { time: true }, y: evidence ? logScale() : rateScale() },
    axes: [axis({ space: 64, values: clocks }), axis(evidence ? { size: 56, values: powers, splits: decades, filter: (_chart, ticks) => ticks } : { size: 56, values: percents })],
    series: [{}, ...(evidence ? evidenceSeries(state.course) : rateSeries())],
    bands: evidence ? [] : bands(),
    hooks: { draw: [(chart) => marks(chart, state.course)] },
  };
}

const axis = (more) => ({
  stroke: () => ink("quiet"),
  grid: { stroke: () => ink("line"), width: 1 },
  ticks: { stroke: () => ink("line"), width: 1 },
  font: "12px system-ui, sans-serif",
  ...more,
});

/** A range is wide at first: what both rates are, and how sure they are now, has to be seen. */
const rateScale = () => ({
  range: ({ data }) => {
    const late = [data[3], data[6]].map((edge) => edge?.at(-1) ?? 0);
    const highest = Math.max(...[data[1], data[4]].flatMap((rates) => (rates ?? []).map((rate) => rate ?? 0)));
    return [0, Math.min(1, Math.max(0.001, highest * PAD, Math.max(...late) * 2))];
  },
});

function logScale() {
  return {
    distr: 3,
    range: (_chart, low, high) => [
      10 ** Math.floor(Math.log10(Math.max(0.01, low ?? 0.01))),
      10 ** Math.ceil(Math.log10((high ?? 100) * PAD)),
    ],
  };
}

const clocks = (_chart, ticks) => ticks.map((tick) => clock(tick * 1000));
const percents = (_chart, ticks) => ticks.map((tick) => `${Number((tick * 100).toPrecision(3))} %`);
const powers = (_chart, ticks) =>
  ticks.map((tick) => (tick >= 1e4 ? SHORT.format(tick) : String(tick)));
const decades = (_chart, _axis, low, high) => {
  const first = Math.round(Math.log10(low));
  return Array.from({ length: Math.round(Math.log10(high)) - first + 1 }, (_, count) => Number(`1e${first + count}`));
};

const line = (label, colour, width, dash, more = {}) => ({
  label,
  stroke: () => ink(colour),
  width,
  dash,
  spanGaps: true,
  points: { show: false },
  ...more,
});

const edge = (label, colour, dash) => ({
  label,
  dash,
  stroke: () => thin(ink(colour), 35),
  width: 1,
  spanGaps: true,
  points: { show: false },
});

function rateSeries() {
  return [
    line("canary", "canary", 2.5, [7, 4], { points: lastPoint("canary") }),
    edge("canary, at least", "canary", [3, 3]),
    edge("canary, at most", "canary", [3, 3]),
    line("stable", "stable", 2.5, undefined, { points: lastPoint("stable") }),
    edge("stable, at least", "stable"),
    edge("stable, at most", "stable"),
  ];
}

/** Only the newest point is marked: it is what is known now. */
const lastPoint = (colour) => ({
  show: true,
  size: 8,
  stroke: () => ink(colour),
  fill: () => ink("card"),
  filter: (chart, number) => [chart.data[number].length - 1],
});

const bands = () => [
  { series: [3, 2], fill: () => thin(ink("canary"), 22) },
  { series: [6, 5], fill: () => thin(ink("stable"), 16) },
];

const PARTS = {
  restarts: ["canary", 1.75, [2, 3]],
  "error-rate": ["stable", 1.75, [9, 4]],
  "slow-requests": ["quiet", 1.75, [2, 3]],
};

function evidenceSeries(course) {
  return [
    line("together", "ink", 2.5, undefined, { points: lastPoint("ink") }),
    line("threshold", "bad", 2, [8, 5]),
    ...course.parts.map((part) => line(part, ...PARTS[part])),
  ];
}

/** What happened, as lines across; those that would write over each other keep silent. */
function marks(chart, course) {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio || 1;
  const said = { step: (mark) => mark.text, crash: () => "✕ crash", command: (mark) => mark.text.split(": ").pop() };
  let free = -Infinity;
  ctx.save();
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = "top";
  for (const mark of course.marks) {
    if (!(mark.kind in said)) continue;
    const x = Math.round(chart.valToPos(mark.at, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    const grave = mark.kind === "crash";
    ctx.strokeStyle = ink(grave ? "bad" : "edge");
    ctx.lineWidth = ratio;
    ctx.setLineDash(grave ? [] : [3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    if (x < free) continue;
    const label = said[mark.kind](mark);
    const wide = ctx.measureText(label).width;
    const left = Math.min(x + 4 * ratio, bbox.left + bbox.width - wide);
    ctx.fillStyle = ink(grave ? "bad" : "quiet");
    ctx.fillText(label, left, bbox.top + 2 * ratio);
    free = Math.max(left + wide + 8 * ratio, x + LABELS_APART * ratio);
  }
  ctx.restore();
}

/** Charts are as wide as their places. */
function fit() {
  for (const { place, chart } of drawn.values())
    if (place.clientWidth && place.clientWidth !== chart.width)
      chart.setSize({ width: place.clientWidth, height: place.clientHeight });
}

new ResizeObserver(fit).observe(document.getElementById("main"));
dark.addEventListener("change", () => {
  for (const { chart } of drawn.values()) chart.redraw(false, true);
});
