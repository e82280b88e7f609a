/**
 * Windows as CSV (RFC 4180). With semicolons, as spreadsheets in Brazil read it, money has a
 * decimal comma and a byte order mark says that it is UTF-8; with commas, a decimal point.
 */
import type { WindowTotals } from '../mongo/totals-reader.ts';
import { decimalReais } from './wire.ts';

const COLUMNS = [
  ...['janela_inicio', 'janela_fim', 'categoria', 'faturamento_total', 'volume_vendas'],
  ...['ticket_medio', 'menor_valor', 'maior_valor', 'fechada', 'corrigida_em'],
];

const BYTE_ORDER_MARK = '\ufeff';

export function csvHead(separator: ';' | ','): string {
  return `${separator === ';' ? BYTE_ORDER_MARK : ''}${COLUMNS.join(separator)}\r\n`;
}

export function csvLine(row: WindowTotals, separator: ';' | ','): string {
  const point = separator === ';' ? ',' : '.';
  // Of one sale or a mean: far below where a double would lose a centavo.
  const money = (reais: number) => decimalReais(BigInt(Math.round(reais * 100)), point);
  const fields = [
    row.janela_inicio.toISOString(),
    row.janela_fim.toISOString(),
    text(row.categoria),
    decimalReais(row.centavos, point),
    String(row.volume_vendas),
    money(row.ticket_medio),
    money(row.menor_valor),
    money(row.maior_valor),
    String(row.fechada),
    row.corrigida_em?.toISOString() ?? '',
  ];
  return `${fields.map((field) => quoted(field, separator)).join(separator)}\r\n`;
}

/** What a spreadsheet would run as a formula is made text; anybody may name a category. */
function text(value: string): string {
  return /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
}

function quoted(field: string, separator: string): string {
  return field.includes(separator) || /["\r\n]/.test(field)
    ? `"${field.replaceAll('"', '""')}"`
    : field;
}
