import { expect, it } from 'vitest';
import { encodeSaleBatch } from '../../../src/sale/flatbuffers/encode.ts';
import { COUNTED, Forecast } from '../../../src/upkeep/forecast.ts';

const HOUR_MS = 3_600_000;
const NOW = Date.UTC(2024, 10, 29, 12);
const RULES = {
  ...{ janela_ms: 60_000, atraso_ms: 120_000, tolerancia_futuro_ms: 300_000 },
  ...({ fuso_horario: 'UTC', limite_categorias: 10, atrasadas: 'reject' } as const),
};

it('judges the sales of a batch in their order, each by those before it', () => {
  const at = (timestampMs: number) => ({
    idPedido: 'a',
    categoria: 'Casa',
    valorCentavos: 100,
    timestampMs,
  });
  const batch = encodeSaleBatch([at(NOW - HOUR_MS), at(NOW), at(NOW - HOUR_MS)]);
  const forecast = new Forecast(RULES, new Map());
  forecast.add(forecast.judge(0, batch, NOW));
  expect([...forecast.outcomes]).toEqual([
    [COUNTED, 2],
    ['late', 1],
  ]);
});
