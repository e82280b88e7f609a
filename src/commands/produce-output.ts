/**
 * What `vendaval produce` prints: for people the lines that they know from the producer that this
 * one replaces, in its Portuguese; for programs one JSON object a line, told apart by `event`.
 * Invariant: money comes in centavos and is never summed here.
 */
import { formatReais } from '../lib/units.ts';
import { SALE_CATEGORIES, VALOR_CENTAVOS_MAX, VALOR_CENTAVOS_MIN } from '../load/shop.ts';
import type { GeneratedSale } from './sale-generator.ts';

export interface ProduceTotals {
  /** Handed to the client; each is acknowledged, failed or, at the end, still unknown. */
  readonly sent: number;
  readonly acknowledged: number;
  readonly failed: number;
  /** Of the acknowledged ones. */
  readonly valorCentavos: number;
}

export interface Start {
  readonly brokers: string;
  readonly topic: string;
  /** Sales a second. */
  readonly rate: number;
}

export interface Delivered extends GeneratedSale {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface ProduceOutput {
  started(start: Start): void;
  connected(): void;
  delivered(report: Delivered): void;
  failed(topic: string, sale: GeneratedSale, reason: string): void;
  /** Once a second at high rates, in place of a line for each sale. */
  rate(totals: ProduceTotals, perSecond: number): void;
  /** The connection is lost, or is back. */
  connection(lost: boolean): void;
  ended(totals: ProduceTotals): void;
}

const twoDecimals = (centavos: number) => (centavos / 100).toFixed(2);
const list = (items: readonly string[]) => `[${items.map((item) => `'${item}'`).join(', ')}]`;
const count = (value: number) => value.toLocaleString('pt-BR');
const unknownOf = ({ sent, acknowledged, failed }: ProduceTotals) => sent - acknowledged - failed;

/** Seconds between two sales, as short as it can be: "0.5s", "0.0001s". */
function interval(rate: number): string {
  return `${Number((1 / rate).toPrecision(6))}s`;
}

function textOutput(print: (line: string) => void): ProduceOutput {
  let hinted = false;
  return {
    started({ brokers, topic, rate }) {
      const range = [VALOR_CENTAVOS_MIN, VALOR_CENTAVOS_MAX].map((c) => `R$ ${twoDecimals(c)}`);
      print('PRODUCER BLACK FRIDAY - INICIANDO...');
      print('');
      print(`Kafka Servers: ${list(brokers.split(','))}`);
      print(`Tópico: ${topic}`);
      print(`Categorias: ${list(SALE_CATEGORIES)}`);
      print(`Faixa de Valores: ${range.join(' - ')}`);
      print(`Intervalo: ${interval(rate)}`);
      print('');
    },
    connected() {
      print('✓ Produtor Kafka conectado com sucesso!');
      print('✚ Iniciando geração de vendas... (Ctrl+C para parar)');
      print('');
    },
    delivered({ topic, partition, offset, sale, valorCentavos }) {
      print(
        `✓ Venda enviada | Tópico: ${topic} | Partição: ${partition} | Offset: ${offset} | ` +
          `Categoria: ${sale.categoria} | Valor: R$ ${twoDecimals(valorCentavos)}`,
      );
    },
    failed(topic, { sale, valorCentavos }, reason) {
      print(
        `✗ Venda não entregue | Tópico: ${topic} | Categoria: ${sale.categoria} | ` +
          `Valor: R$ ${twoDecimals(valorCentavos)} | Motivo: ${reason}`,
      );
      if (hinted) return;
      hinted = true;
      print('  Confira se o Kafka está de pé e se o tópico ainda existe: vendaval doctor');
    },
    rate(totals, perSecond) {
      print(
        `✓ ${count(perSecond)} vendas/s | Enviadas: ${count(totals.sent)} | ` +
          `Confirmadas: ${count(totals.acknowledged)} | Falhas: ${count(totals.failed)} | ` +
          `Na fila: ${count(unknownOf(totals))} | ` +
          `Valor total: ${formatReais(totals.valorCentavos)}`,
      );
    },
    connection(lost) {
      print(
        lost
          ? '⚠ Sem conexão com o Kafka: as vendas esperam na fila até ele voltar'
          : '✓ Conexão com o Kafka restabelecida',
      );
    },
    ended(totals) {
      print('');
      print('PRODUCER BLACK FRIDAY - ENCERRADO');
      print(`Vendas enviadas: ${count(totals.sent)}`);
      print(`Confirmadas: ${count(totals.acknowledged)}`);
      print(`Falhas: ${count(totals.failed)}`);
      const unknown = unknownOf(totals);
      if (unknown > 0) print(`Sem resposta do Kafka: ${count(unknown)} (podem ter chegado)`);
      print(`Valor total: ${formatReais(totals.valorCentavos)}`);
    },
  };
}

function jsonOutput(print: (line: string) => void): ProduceOutput {
  const event = (name: string, fields: object) => print(JSON.stringify({ event: name, ...fields }));
  const withUnknown = (totals: ProduceTotals) => ({ ...totals, unknown: unknownOf(totals) });
  return {
    started: (start) => event('start', start),
    connected: () => event('connected', {}),
    delivered: ({ topic, partition, offset, sale }) =>
      event('sale', { topic, partition, offset, ...sale }),
    failed: (topic, { sale }, reason) => event('failed', { topic, reason, ...sale }),
    rate: (totals, perSecond) => event('rate', { perSecond, ...withUnknown(totals) }),
    connection: (lost) => event(lost ? 'disconnected' : 'reconnected', {}),
    ended: (totals) => event('end', withUnknown(totals)),
  };
}

export function produceOutput(out: NodeJS.WritableStream, json: boolean): ProduceOutput {
  const print = (line: string) => void out.write(`${line}\n`);
  return json ? jsonOutput(print) : textOutput(print);
}
