/** Sales for the scanner's benchmark: the same texts on every run, from a fixed seed. */

export type SaleKind =
  | 'python'
  | 'js'
  | 'microseconds'
  | 'minutes'
  | 'alternating'
  | 'orders'
  | 'categories'
  | 'rejected';

const CATEGORIES = ['Eletrônicos', 'Livros', 'Casa', 'Gamer'];
const START_MS = Date.UTC(2024, 10, 25, 10, 30);
const FIELD_ORDERS = 100;

type Member = readonly [key: string, json: string];
type Random = (below: number) => number;

/** Whole numbers in [0, below) from a linear congruence's high bits. */
function seeded(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function hex(random: Random, length: number): string {
  return Array.from({ length }, () => random(16).toString(16)).join('');
}

function members(kind: SaleKind, index: number, random: Random): Member[] {
  const id = [8, 4, 4, 4, 12].map((length) => hex(random, length)).join('-');
  const afterMs = kind === 'minutes' ? random(3_600_000) : index * 20;
  const time = new Date(START_MS + afterMs).toISOString().slice(0, 19);
  const fraction = kind === 'microseconds' ? `.${String(random(1_000_000)).padStart(6, '0')}` : '';
  const category =
    kind === 'categories' ? `Categoria ${random(200)}` : CATEGORIES[random(CATEGORIES.length)];
  return [
    ['id_pedido', `"${id}"`],
    ['categoria', `"${category}"`],
    ['valor', String(random(500_000) / 100)],
    ['timestamp', `"${time}${fraction}"`],
  ];
}

function text(list: readonly Member[], python: boolean): string {
  const [colon, comma] = python ? [': ', ', '] : [':', ','];
  return `{${list.map(([key, json]) => `"${key}"${colon}${json}`).join(comma)}}`;
}

/** Orders of the four fields and, in most, one to three more. */
function fieldOrders(random: Random): Member[][] {
  const extras: Member[] = [
    ['canal', '"app"'],
    ['loja', '17'],
    ['promocao', 'true'],
  ];
  return Array.from({ length: FIELD_ORDERS }, () => {
    const order: Member[] = [
      ...['id_pedido', 'categoria', 'valor', 'timestamp'].map((key): Member => [key, '']),
      ...extras.slice(0, random(4)),
    ];
    for (let i = order.length - 1; i > 0; i--) {
      const j = random(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  });
}

/** Rejected for their valor, timestamp, category and JSON by turns. */
function spoiled(list: Member[], index: number): string {
  switch (index % 4) {
    case 0:
      return text(list, true).replace('"valor": ', '"valor": -');
    case 1:
      return text(list, true).replace('T10', 'T25');
    case 2:
      return text(list, true).replace(/"categoria": "[^"]*"/, '"categoria": ""');
    default:
      return text(list, true).slice(0, -1);
  }
}

export function saleTexts(kind: SaleKind, count: number): string[] {
  const random = seeded(20241125);
  const orders = fieldOrders(random);
  return Array.from({ length: count }, (_, index) => {
    const list = members(kind, index, random);
    if (kind === 'rejected' && index % 20 === 0) return spoiled(list, index / 20);
    if (kind === 'orders') {
      const order = orders[random(FIELD_ORDERS)];
      const known = new Map(list);
      const ordered = order.map(([key, json]): Member => [key, known.get(key) ?? json]);
      return text(ordered, random(2) === 0);
    }
    return text(list, kind !== 'js' && (kind !== 'alternating' || index % 2 === 0));
  });
}
