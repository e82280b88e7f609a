/**
 * Charts on uPlot: stacked bars by window and category, and a line of rates. Colours come from
 * the style sheet, so that a change of theme is a redraw. Figures here are for drawing only; each
 * chart's numbers are in a table or a sentence as well.
 */
import type uPlotType from 'uplot';
import { type Format, toReais } from './format.ts';
import uPlot from './vendor/uplot.js';

/** Series colours in the style sheet: --series-1 to --series-7; the last is for the others. */
const SERIES_COLOURS = 6;

/** A canvas knows no variables: an element that is never seen says what one comes to. */
const probe = document.createElement('i');
probe.hidden = true;

function colour(name: string): string {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

/** The style sheet's colour for one of `count` categories; what does not fit shares the last. */
export function seriesVariable(index: number): string {
  return `--series-${Math.min(index, SERIES_COLOURS) + 1}`;
}

const rootFontPx = () => Number.parseFloat(getComputedStyle(document.documentElement).fontSize);

export interface StackedData {
  /** Starts, in seconds since the epoch, ascending. */
  readonly startsS: readonly number[];
  readonly stepS: number;
  readonly names: readonly string[];
  /** By name, then by start; centavos. */
  readonly centavos: readonly (readonly (number | string)[])[];
  /** Seconds since the epoch where a dashed line stands; null for none. */
  readonly markS: number | null;
}

abstract class Chart {
  protected plot: uPlotType | null = null;
  protected readonly box: HTMLElement;
  protected format: Format;

  constructor(box: HTMLElement, format: Format) {
    this.box = box;
    this.format = format;
    new ResizeObserver(() => this.#resize()).observe(box);
  }

  setFormat(format: Format): void {
    this.format = format;
    this.rebuild();
  }

  /** Colours or words have changed. */
  rebuild(): void {
    this.plot?.destroy();
    this.plot = null;
    this.draw();
  }

  protected abstract draw(): void;

  protected get size(): { width: number; height: number } {
    return { width: this.box.clientWidth, height: this.box.clientHeight };
  }

  #resize(): void {
    const { width, height } = this.size;
    if (width > 0 && height > 0) this.plot?.setSize({ width, height });
  }

  protected font(): string {
    // As large as the page's small print, which grows on a wall.
    return `${0.75 * rootFontPx()}px system-ui, sans-serif`;
  }

  protected axis(values: uPlotType.Axis.Values, size: number): uPlotType.Axis {
    return {
      stroke: () => colour('--ink-soft'),
      font: this.font(),
      grid: { stroke: () => colour('--line'), width: 1 },
      ticks: { show: false },
      size,
      values,
    };
  }

  protected timeAxis(withSeconds: boolean): uPlotType.Axis {
    const axis = this.axis(
      (_, splits) =>
        splits.map((s) => this.format.windowTime(s * 1000, withSeconds ? 1000 : 60_000)),
      1.75 * rootFontPx(),
    );
    return { ...axis, grid: { show: false }, gap: 8, space: 4 * rootFontPx() };
  }
}

/** Reais of categories, one on top of the other. */
export class StackedChart extends Chart {
  #data: StackedData = { startsS: [], stepS: 60, names: [], centavos: [], markS: null };
  #shape = '';
  readonly #onHover: (index: number | null) => void;

  constructor(box: HTMLElement, format: Format, onHover: (index: number | null) => void) {
    super(box, format);
    this.#onHover = onHover;
  }

  setData(data: StackedData): void {
    this.#data = data;
    const shape = `${data.names.join('|')}|${data.stepS}`;
    if (!this.plot || shape !== this.#shape) {
      this.#shape = shape;
      this.rebuild();
    } else {
      this.plot.setData(this.#columns());
    }
  }

  protected draw(): void {
    if (this.size.width === 0) return;
    const { names } = this.#data;
    const bars = uPlot.paths.bars!({ size: [0.82, 64], radius: names.length === 0 ? 0 : 0.12 });
    // Highest stack first, so that each one below covers its part of it.
    const series = names.map((_, i) => names.length - 1 - i);
    this.plot = new uPlot(
      {
        ...this.size,
        padding: [12, 28, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
        scales: {
          x: { time: true, range: () => this.#range() },
          y: { range: (_, __, max) => [0, Math.max(1, max * 1.08)] },
        },
        axes: [
          {
            ...this.timeAxis(this.#data.stepS < 60),
            splits: (_, __, ___, ____, stepS) => this.#labelled(stepS),
          },
          {
            ...this.axis(
              (_, splits) => splits.map((v) => this.format.moneyShort(v)),
              4.5 * rootFontPx(),
            ),
            space: 3 * rootFontPx(),
          },
        ],
        series: [
          {},
          ...series.map((index) => ({
            label: names[index],
            fill: () => colour(seriesVariable(index)),
            width: 0,
            paths: bars,
            points: { show: false },
          })),
        ],
        hooks: {
          drawClear: [],
          draw: [(plot: uPlotType) => this.#drawMark(plot)],
          setCursor: [(plot: uPlotType) => this.#onHover(plot.cursor.idx ?? null)],
        },
      },
      this.#columns(),
      this.box,
    );
  }

  /** Times of windows only, as far apart as labels need: every window, or every so many of them. */
  #labelled(spaceS: number): number[] {
    const { startsS, stepS } = this.#data;
    const everyS = Math.max(1, Math.ceil(spaceS / stepS)) * stepS;
    const times: number[] = [];
    const last = startsS[startsS.length - 1] ?? Number.NEGATIVE_INFINITY;
    for (let at = Math.ceil((startsS[0] ?? 0) / everyS) * everyS; at <= last; at += everyS) {
      times.push(at);
    }
    return times;
  }

  /** Half a bar of room on each side. */
  #range(): [number, number] {
    const { startsS, stepS } = this.#data;
    const first = startsS[0] ?? 0;
    const last = startsS[startsS.length - 1] ?? 60;
    return [first - stepS / 2, last + stepS / 2];
  }

  #columns(): uPlotType.AlignedData {
    const { startsS, centavos } = this.#data;
    const stacked: number[][] = [];
    centavos.forEach((column, i) => {
      stacked.push(column.map((value, at) => toReais(value) + (stacked[i - 1]?.[at] ?? 0)));
    });
    return [[...startsS], ...stacked.reverse()];
  }

  /** Where windows to the left are closed. */
  #drawMark(plot: uPlotType): void {
    const { markS, stepS, startsS } = this.#data;
    if (markS === null || startsS.length === 0) return;
    // A bar stands around its window's start; the window that the line closes ends at it.
    const x = plot.valToPos(markS - stepS / 2, 'x', true);
    const { left, top, width, height } = plot.bbox;
    if (x < left || x > left + width) return;
    const { ctx } = plot;
    ctx.save();
    // What is open is not final yet: paler.
    ctx.fillStyle = colour('--card');
    ctx.globalAlpha = 0.45;
    ctx.fillRect(x, top, left + width - x, height);
    ctx.globalAlpha = 1;
    ctx.strokeStyle = colour('--ink-soft');
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    ctx.restore();
  }
}

/** One value a second. */
export class RateChart extends Chart {
  #times: readonly number[] = [];
  #values: readonly number[] = [];

  setData(times: readonly number[], values: readonly number[]): void {
    this.#times = times;
    this.#values = values;
    if (this.plot) this.plot.setData([[...times], [...values]]);
    else this.draw();
  }

  protected draw(): void {
    if (this.size.width === 0 || this.#times.length === 0) return;
    this.plot = new uPlot(
      {
        ...this.size,
        padding: [6, 0, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
        axes: [{ show: false }, { show: false }],
        series: [
          {},
          {
            stroke: () => colour('--accent'),
            fill: () => colour('--accent-wash'),
            width: 2,
            points: { show: false },
          },
        ],
      },
      [[...this.#times], [...this.#values]],
      this.box,
    );
  }
}
