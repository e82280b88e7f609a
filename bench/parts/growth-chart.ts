/** The plot of a growth run: a panel for each axis, in an SVG that fits light and dark. */
import type { GrowthRow } from './growth-text.ts';
import { count, median, perMillion } from './results.ts';

const PANEL_WIDTH = 250;
const PANEL_HEIGHT = 170;
const COLUMNS = 3;
const LEFT = 20;
const TOP = 44;
const BOTTOM = 28;

function panel(title: string, rows: readonly GrowthRow[], costs: readonly number[], most: number) {
  const width = PANEL_WIDTH - 2 * LEFT;
  const height = PANEL_HEIGHT - TOP - BOTTOM;
  // The points stand side by side: their values grow by factors.
  const x = (i: number) => LEFT + ((i + 0.5) * width) / rows.length;
  const y = (cost: number) => TOP + height - (cost / most) * height;
  const points = costs.map((cost, i) => `${x(i).toFixed(1)},${y(cost).toFixed(1)}`);
  return [
    `<text x="${LEFT}" y="20" class="title">${title}</text>`,
    `<line x1="${LEFT}" x2="${LEFT + width}" y1="${TOP + height}" y2="${TOP + height}"/>`,
    `<polyline points="${points.join(' ')}"/>`,
    ...rows.flatMap(({ value }, i) => [
      `<circle cx="${x(i).toFixed(1)}" cy="${y(costs[i]).toFixed(1)}" r="3"/>`,
      `<text x="${x(i).toFixed(1)}" y="${(y(costs[i]) - 8).toFixed(1)}" text-anchor="middle">${costs[i].toFixed(2)}</text>`,
      `<text x="${x(i).toFixed(1)}" y="${PANEL_HEIGHT - 10}" text-anchor="middle">${count(value)}</text>`,
    ]),
  ];
}

export function growthChart(rows: readonly GrowthRow[], sales: number): string {
  const cost = (row: GrowthRow) => median(perMillion(row.cpuMs, sales));
  const most = Math.max(...rows.map(cost));
  const axes = [...new Set(rows.map(({ axis }) => axis))];
  const width = COLUMNS * PANEL_WIDTH;
  const height = Math.ceil(axes.length / COLUMNS) * PANEL_HEIGHT;
  const panels = axes.flatMap((axis, i) => {
    const own = rows.filter((row) => row.axis === axis);
    const at = [(i % COLUMNS) * PANEL_WIDTH, Math.floor(i / COLUMNS) * PANEL_HEIGHT];
    return [`<g transform="translate(${at})">`, ...panel(axis, own, own.map(cost), most), '</g>'];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="CPU seconds for a million sales, along each axis">`,
    '<style>',
    'text { font: 12px system-ui, sans-serif; fill: #24292f } .title { font-weight: 600 }',
    'polyline { fill: none; stroke: #2f6f4f; stroke-width: 2 } circle { fill: #2f6f4f }',
    'line { stroke: #9aa5b1 }',
    '@media (prefers-color-scheme: dark) {',
    'text { fill: #d7dde3 } polyline { stroke: #57a97f } circle { fill: #57a97f } }',
    '</style>',
    ...panels,
    '</svg>',
    '',
  ].join('\n');
}
