/**
 * What `vendaval produce` prints: for people the lines that they know from the producer that this
 * one replaces, in its Portuguese; for programs one JSON object a line, told apart by `event`.
 * Invariant: money comes in centavos and is never summed here.
 */
import { formatReais } from '../lib/units.ts';
import { SALE_CATEGORIES, VALOR_CENTAVOS_MAX, VALOR_CENTAVOS_MIN } from '../load/shop.ts';
import type { Outgoing } from './sale-generator.ts';

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

export type Delivered = Outgoing & {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
};

export interface ProduceOutput {
  started(start: Start): void;
  connected(): void;
  delivered(report: Delivered): void;
  failed(topic: string, what: Outgoing, reason: string): void;
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

/** What a line says of it: of a sale what it holds, of anything else the text. */
const describe = (what: Outgoing) =>
  'text' in what
    ? what.text
    : `Categoria: ${what.sale.categoria} | Valor: R$ ${twoDecimals(what.valorCentavos)}`;
const nameOf = (what: Outgoing) => ('text' in what ? 'Registro' : 'Venda');
const fieldsOf = (what: Outgoing) => ('text' in what ? { value: what.text } : what.sale);

function textOutput(print: (line: string) => void, isHandMade: boolean): ProduceOutput {
  let hinted = false;
  return {
    started({ brokers, topic, rate }) {
      const range = [VALOR_CENTAVOS_MIN, VALOR_CENTAVOS_MAX].map((c) => `R$ ${twoDecimals(c)}`);
      print('PRODUCER BLACK FRIDAY - INICIANDO...');
      print('');
      print(`Kafka Servers: ${list(brokers.split(','))}`);
      print(`Tópico: ${topic}`);
      if (isHandMade) {
        print('');
        return;
      }
      print(`Categorias: ${list(SALE_CATEGORIES)}`);
      print(`Faixa de Valores: ${range.join(' - ')}`);
      print(`Intervalo: ${interval(rate)}`);
      print('');
    },
    connected() {
      print('✓ Produtor Kafka conectado com sucesso!');
      if (!isHandMade) print('✚ Iniciando geração de vendas... (Ctrl+C para parar)');
      print('');
    },
    delivered(report) {
      const { topic, partition, offset } = report;
      const sent = 'text' in report ? 'enviado' : 'enviada';
      print(
        `✓ ${nameOf(report)} ${sent} | Tópico: ${topic} | Partição: ${partition} | ` +
          `Offset: ${offset} | ${describe(report)}`,
      );
    },
    failed(topic, what, reason) {
      print(
        `✗ ${nameOf(what)} não entregue | Tópico: ${topic} | ${describe(what)} | Motivo: ${reason}`,
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
      print(`${isHandMade ? 'Registros enviados' : 'Vendas enviadas'}: ${count(totals.sent)}`);
      print(`${isHandMade ? 'Confirmados' : 'Confirmadas'}: ${count(totals.acknowledged)}`);
      print(`Falhas: ${count(totals.failed)}`);
      const unknown = unknownOf(totals);
      if (unknown > 0) print(`Sem resposta do Kafka: ${count(unknown)} (podem ter chegado)`);
      if (!isHandMade) print(`Valor total: ${formatReais(totals.valorCentavos)}`);
    },
  };
}

function jsonOutput(print: (line: string) => void): ProduceOutput {
  const event = (name: string, fields: object) => print(JSON.stringify({ event: name, ...fields }));
  const withUnknown = (totals: ProduceTotals) => ({ ...totals, unknown: unknownOf(totals) });
  return {
    started: (start) => event('start', start),
    connected: () => event('connected', {}),
    delivered: (report) => {
      const { topic, partition, offset } = report;
      const name = 'text' in report ? 'record' : 'sale';
      event(name, { topic, partition, offset, ...fieldsOf(report) });
    },
    failed: (topic, what, reason) => event('failed', { topic, reason, ...fieldsOf(what) }),
    rate: (totals, perSecond) => event('rate', { perSecond, ...withUnknown(totals) }),
    connection: (lost) => event(lost ? 'disconnected' : 'reconnected', {}),
    ended: (totals) => event('end', withUnknown(totals)),
  };
}

/** @param isHandMade one text again and again, and no made-up sales */
export function produceOutput(
  out: NodeJS.WritableStream,
  json: boolean,
  isHandMade = false,
): ProduceOutput {
  const print = (line: string) => void out.write(`${line}\n`);
  return json ? jsonOutput(print) : textOutput(print, isHandMade);
}
