import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { type ProduceOutput, produceOutput } from '../../../src/commands/produce-output.ts';
import type { GeneratedSale } from '../../../src/commands/sale-generator.ts';

const SALE: GeneratedSale = {
  sale: {
    id_pedido: '00000000-0000-4000-8000-000000000000',
    categoria: 'Eletronicos',
    valor: 3595.1,
    timestamp: '2024-11-25T10:30:00',
  },
  valorCentavos: 359_510,
};
const TOTALS = { sent: 12_345, acknowledged: 12_340, failed: 2, valorCentavos: 123_456_789 };

function printed(
  json: boolean,
  use: (output: ProduceOutput) => void,
  isHandMade = false,
): string[] {
  const out = new PassThrough();
  use(produceOutput(out, json, isHandMade));
  return String(out.read()).trimEnd().split('\n');
}

test('the banner reads as it always did', () => {
  const lines = printed(false, (output) => {
    output.started({ brokers: 'localhost:9092,b:9093', topic: 'black-friday-sales', rate: 2 });
    output.connected();
  });
  expect(lines).toEqual([
    'PRODUCER BLACK FRIDAY - INICIANDO...',
    '',
    "Kafka Servers: ['localhost:9092', 'b:9093']",
    'Tópico: black-friday-sales',
    "Categorias: ['Eletronicos', 'Livros', 'Casa', 'Gamer']",
    'Faixa de Valores: R$ 10.00 - R$ 5000.00',
    'Intervalo: 0.5s',
    '',
    '✓ Produtor Kafka conectado com sucesso!',
    '✚ Iniciando geração de vendas... (Ctrl+C para parar)',
  ]);
});

test('a delivered sale is the line that users know, with two decimals always', () => {
  const report = { topic: 'black-friday-sales', partition: 1, offset: 482, ...SALE };
  expect(printed(false, (output) => output.delivered(report))).toEqual([
    '✓ Venda enviada | Tópico: black-friday-sales | Partição: 1 | Offset: 482 | ' +
      'Categoria: Eletronicos | Valor: R$ 3595.10',
  ]);
});

test('what to do about failures is said once, not for each', () => {
  const lines = printed(false, (output) => {
    output.failed('t', SALE, 'message timed out');
    output.failed('t', SALE, 'message timed out');
  });
  expect(lines.filter((line) => line.startsWith('✗ Venda não entregue'))).toHaveLength(2);
  expect(lines.filter((line) => line.includes('vendaval doctor'))).toHaveLength(1);
});

test('totals are grouped as Brazil writes them, and name what has no answer', () => {
  expect(printed(false, (output) => output.ended(TOTALS)).slice(1)).toEqual([
    'PRODUCER BLACK FRIDAY - ENCERRADO',
    'Vendas enviadas: 12.345',
    'Confirmadas: 12.340',
    'Falhas: 2',
    'Sem resposta do Kafka: 3 (podem ter chegado)',
    'Valor total: R$ 1.234.567,89',
  ]);
});

test('with JSON every line is an object that names its event', () => {
  const lines = printed(true, (output) => {
    output.started({ brokers: 'b:1', topic: 't', rate: 2 });
    output.connected();
    output.delivered({ topic: 't', partition: 1, offset: 2, ...SALE });
    output.failed('t', SALE, 'why');
    output.rate(TOTALS, 10_000);
    output.connection(true);
    output.ended(TOTALS);
  }).map((line) => JSON.parse(line));
  expect(lines.map(({ event }) => event)).toEqual([
    'start',
    'connected',
    'sale',
    'failed',
    'rate',
    'disconnected',
    'end',
  ]);
  expect(lines[2]).toEqual({ event: 'sale', topic: 't', partition: 1, offset: 2, ...SALE.sale });
  expect(lines[6]).toEqual({ event: 'end', ...TOTALS, unknown: 3 });
});

test('what was made by hand is shown as it was sent, and no sum is made of it', () => {
  const text = '{"valor": 1.234}';
  const report = { topic: 't', partition: 3, offset: 8, text };
  const use = (output: ProduceOutput) => {
    output.started({ brokers: 'b:1', topic: 't', rate: 2 });
    output.connected();
    output.delivered(report);
    output.failed('t', { text }, 'message timed out');
    output.ended({ sent: 2, acknowledged: 1, failed: 1, valorCentavos: 0 });
  };
  const lines = printed(false, use, true);
  expect(lines).toContain(`✓ Registro enviado | Tópico: t | Partição: 3 | Offset: 8 | ${text}`);
  expect(lines).toContain(
    `✗ Registro não entregue | Tópico: t | ${text} | Motivo: message timed out`,
  );
  expect(lines).toContain('Registros enviados: 2');
  expect(lines.filter((line) => /Categorias|Valor total|vendas/.test(line))).toEqual([]);
  expect(printed(true, use, true).map((line) => JSON.parse(line))[2]).toEqual({
    ...{ event: 'record', topic: 't', partition: 3, offset: 8, value: text },
  });
});
