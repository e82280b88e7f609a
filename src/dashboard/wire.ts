/** Values as they go over HTTP: money without a float, times as ISO 8601. */
import type { WindowTotals } from '../mongo/totals-reader.ts';
import type { WindowRow, WireCentavos } from './api.ts';

export function wireCentavos(centavos: bigint): WireCentavos {
  const number = Number(centavos);
  return Number.isSafeInteger(number) ? number : centavos.toString();
}

/** "1234.50": what a decimal number in a CSV or a spreadsheet needs. */
export function decimalReais(centavos: bigint, point: '.' | ','): string {
  const sign = centavos < 0n ? '-' : '';
  const digits = (centavos < 0n ? -centavos : centavos).toString().padStart(3, '0');
  return `${sign}${digits.slice(0, -2)}${point}${digits.slice(-2)}`;
}

export function windowRow(totals: WindowTotals): WindowRow {
  return {
    janela_inicio: totals.janela_inicio.toISOString(),
    janela_fim: totals.janela_fim.toISOString(),
    categoria: totals.categoria,
    faturamento_total: totals.faturamento_total,
    faturamento_centavos: wireCentavos(totals.centavos),
    volume_vendas: totals.volume_vendas,
    ticket_medio: totals.ticket_medio,
    menor_valor: totals.menor_valor,
    maior_valor: totals.maior_valor,
    fechada: totals.fechada,
    atualizado_em: totals.atualizado_em.toISOString(),
    corrigida_em: totals.corrigida_em?.toISOString() ?? null,
  };
}
