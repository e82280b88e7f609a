/** The README's chart: a bar for each row of the results, in an SVG that fits light and dark. */
import { count, median, type Results } from './results.ts';

const WIDTH = 760;
const LABEL_WIDTH = 300;
const VALUE_WIDTH = 110;
const ROW_HEIGHT = 24;
const HEAD_HEIGHT = 40;
const MARGIN = 12;

interface Bar {
  readonly label: string;
  readonly rate: number;
  /** Drawn pale: it counts nothing. */
  readonly isCeiling: boolean;
}

interface Group {
  readonly title: string;
  readonly bars: readonly Bar[];
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function groupsOf({ whole, formats }: Results): Group[] {
  const groups: Group[] = [];
  if (whole) {
    const bars = whole.rows.map(({ system, salesPerSecond }) => ({
      label: system,
      rate: median(salesPerSecond),
      isCeiling: system.includes('nothing counted'),
    }));
    groups.push({ title: `${count(whole.sales)} JSON sales, sales a second`, bars });
  }
  if (formats) {
    const bars = formats.rows.map(({ format, codec, reader, salesPerRecord, salesPerSecond }) => {
      const form = salesPerRecord === 1 ? format : `${format} of ${salesPerRecord}`;
      const isCeiling = reader !== 'engine';
      const label = `${form}, ${codec}${isCeiling ? ': fetch loop' : ''}`;
      return { label, rate: median(salesPerSecond), isCeiling };
    });
    groups.push({
      title: `${count(formats.sales)} sales by format, sales a second (pale: nothing counted)`,
      bars,
    });
  }
  return groups;
}

function groupSvg({ title, bars }: Group, top: number): string[] {
  const room = WIDTH - LABEL_WIDTH - VALUE_WIDTH - 2 * MARGIN;
  const most = Math.max(...bars.map(({ rate }) => rate));
  return [
    `<text x="${MARGIN}" y="${top + 26}" class="title">${escaped(title)}</text>`,
    ...bars.flatMap(({ label, rate, isCeiling }, i) => {
      const y = top + HEAD_HEIGHT + i * ROW_HEIGHT;
      const width = Math.max(1, (rate / most) * room);
      const x = MARGIN + LABEL_WIDTH;
      return [
        `<text x="${x - 8}" y="${y + 14}" text-anchor="end">${escaped(label)}</text>`,
        `<rect x="${x}" y="${y + 2}" width="${width.toFixed(1)}" height="16" rx="2"${isCeiling ? ' class="ceiling"' : ''}/>`,
        `<text x="${(x + width + 6).toFixed(1)}" y="${y + 14}">${count(rate)}</text>`,
      ];
    }),
  ];
}

const heightOf = ({ bars }: Group) => HEAD_HEIGHT + bars.length * ROW_HEIGHT + MARGIN;

export function chart(results: Results): string {
  const groups = groupsOf(results);
  const height = groups.reduce((sum, group) => sum + heightOf(group), 0);
  let top = 0;
  const drawn = groups.flatMap((group) => {
    const lines = groupSvg(group, top);
    top += heightOf(group);
    return lines;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Sales a second, by system and format">`,
    '<style>',
    'text { font: 13px system-ui, sans-serif; fill: #24292f } .title { font-weight: 600 }',
    'rect { fill: #2f6f4f } .ceiling { fill: #9aa5b1 }',
    '@media (prefers-color-scheme: dark) {',
    'text { fill: #d7dde3 } rect { fill: #57a97f } .ceiling { fill: #5b6672 } }',
    '</style>',
    ...drawn,
    '</svg>',
    '',
  ].join('\n');
}
