/** The page in Portuguese. The English one has the same keys; the types hold it. */
import type { Format } from './format.ts';
import type { Verdict } from './verdict.ts';

export interface VerdictText {
  readonly title: string;
  /** What it means and what to do. */
  readonly advice: string;
}

export const PT = {
  ui: {
    title: 'Vendaval: faturamento em tempo real',
    skip: 'Ir para o conteúdo',
    tagline: 'Totais de vendas exatos, em tempo real',
    language: 'Idioma',
    theme: 'Tema',
    themeAuto: 'como no sistema',
    themeLight: 'claro',
    themeDark: 'escuro',
    wall: 'Telão',
    wallExit: 'Sair do telão',
    noScript: 'Esta página precisa de JavaScript.',
    total: 'Faturamento total',
    sales: 'Vendas',
    ticket: 'Ticket médio',
    since: 'Desde',
    thisWindow: 'Janela atual',
    rate: 'Vendas por segundo',
    latency: 'Do Kafka ao gravado',
    lag: 'Na fila',
    byWindow: 'Faturamento por janela',
    byWindowHelp:
      'Cada barra é uma janela. À direita da linha tracejada, as janelas ainda abertas.',
    watermarkLine: 'marca-d’água',
    byCategory: 'Por categoria',
    category: 'Categoria',
    revenue: 'Faturamento',
    share: 'Parte',
    others: 'Outras',
    windows: 'Janelas',
    windowsHelp: 'Uma janela fecha quando a marca-d’água passa do seu fim.',
    window: 'Janela',
    state: 'Estado',
    open: 'aberta',
    closed: 'fechada',
    corrected: 'corrigida',
    sum: 'Total',
    partitions: 'Partições e marca-d’água',
    partition: 'Partição',
    perSecond: 'Registros/s',
    lagMessages: 'Fila',
    lagTime: 'Atraso',
    newestSale: 'Última venda',
    watermark: 'Marca-d’água',
    leader: 'Líder',
    process: 'Processo',
    holds: 'segura',
    checkpoints: 'Gravação',
    checkpointLast: 'Última',
    checkpointWorst: 'Pior do último minuto',
    checkpointAge: 'Gravado',
    checkpointCount: 'Gravações desde o início',
    checkpointInterval: 'Intervalo',
    step: 'Etapa',
    stepTime: 'Tempo',
    rejected: 'Rejeitadas',
    rejectedNone: 'Nenhuma venda foi rejeitada.',
    rejectedTotal: 'Rejeitadas no total',
    rejectedTopic: 'Os originais estão no tópico',
    lateCounted: 'Atrasadas, e contadas assim mesmo como correções',
    reason: 'Motivo',
    count: 'Quantas',
    samples: 'Exemplos',
    offset: 'offset',
    noValue: 'sem valor',
    kafka: 'Kafka',
    database: 'MongoDB',
    brokers: 'Brokers',
    topic: 'Tópico',
    group: 'Grupo',
    answered: 'Respondeu',
    answersIn: 'Responde em',
    hosts: 'Servidor',
    collection: 'Coleção',
    never: 'ainda não',
    history: 'Histórico',
    historyHelp: 'Direto da coleção, para qualquer período.',
    from: 'De',
    to: 'Até',
    all: 'Todas',
    show: 'Mostrar',
    lastHour: 'Última hora',
    lastDay: '24 horas',
    lastWeek: '7 dias',
    everything: 'Tudo',
    csvSemicolon: 'CSV para planilha (;)',
    csvComma: 'CSV (,)',
    historyEmpty: 'Nenhuma venda neste período.',
    historyFailed: 'O período não pôde ser lido',
    historyBadRange: 'Escolha um início antes do fim.',
    bars: 'Cada barra:',
    events: 'Avisos do motor',
    eventsNone: 'Nada a avisar.',
    engine: 'Motor',
    started: 'no ar há',
    memory: 'memória',
    viewers: 'olhando agora',
    zone: 'Horários em',
    api: 'API',
    metrics: 'Métricas',
    loading: 'Carregando…',
    chartSummary:
      'Gráfico: faturamento das últimas janelas por categoria. Os números estão na tabela de janelas.',
    rateSummary: 'Gráfico: vendas por segundo nos últimos minutos.',
    historySummary: 'Gráfico: faturamento do período escolhido por categoria.',
  },
  levels: { ok: 'Tudo certo', info: 'Aviso', warn: 'Atenção', bad: 'Problema' },
  openTransaction: (offset: string) => `atrás de uma transação aberta em ${offset}`,
  states: {
    recovering: 'retomando',
    connecting: 'conectando',
    fetching: 'lendo',
    full: 'esperando gravação',
    'backing-off': 'sem conexão',
    stopped: 'parada',
    elsewhere: 'em outro processo',
  },
  steps: {
    freeze: 'congelar',
    drain: 'recolher',
    letters: 'rejeitadas',
    totals: 'totais',
    progress: 'progresso',
    close: 'fechar janelas',
    commit: 'confirmar offsets',
  } as Readonly<Record<string, string>>,
  reasons: {
    not_json: 'não é JSON',
    missing_field: 'falta um campo',
    wrong_type: 'campo de outro tipo',
    valor_out_of_range: 'valor fora da faixa',
    valor_decimals: 'mais de duas casas decimais',
    bad_timestamp: 'data que não existe',
    future_timestamp: 'data no futuro',
    category_empty: 'categoria vazia',
    category_too_long: 'categoria longa demais',
    category_malformed: 'categoria malformada',
    category_limit: 'categorias demais',
    malformed_flatbuffer: 'FlatBuffer malformado',
    batch_empty: 'lote sem vendas',
    batch_too_large: 'lote com vendas demais',
    corrupt_batch: 'lote que não se lê',
    value_too_large: 'valor do registro acima de 1 MiB',
    late: 'atrasada',
  } as Readonly<Record<string, string>>,
  gone: (sinceMs: number | null, f: Format): VerdictText => ({
    title: 'O motor não responde',
    advice:
      (sinceMs === null
        ? ''
        : `Sem notícias desde ${f.time(sinceMs)}; os números abaixo são dessa hora. `) +
      'O que foi contado está gravado. Esta página volta sozinha quando ele voltar. ' +
      'Para iniciar: node dist/main.js',
  }),
  verdict: (verdict: Verdict, f: Format): VerdictText => {
    switch (verdict.kind) {
      case 'counting':
        return {
          title: 'Tudo certo',
          advice:
            verdict.durableAgoMs === null
              ? 'Lendo e contando.'
              : `Contado e gravado até ${f.duration(verdict.durableAgoMs)} atrás.`,
        };
      case 'no-sales':
        return {
          title: 'Esperando a primeira venda',
          advice:
            'Tudo pronto, mas o tópico está vazio. Para vendas inventadas: node dist/main.js produce',
        };
      case 'starting':
        return { title: 'Iniciando', advice: 'Entrando no grupo e retomando de onde parou.' };
      case 'stopping':
        return {
          title: 'Encerrando',
          advice: 'Gravando o que falta antes de sair. Nada se perde.',
        };
      case 'catching-up':
        return {
          title: 'Recuperando atraso',
          advice:
            `${f.count(verdict.lag)} registros na fila` +
            (verdict.etaMs === null
              ? '.'
              : `; no ritmo atual, faltam ${f.duration(verdict.etaMs)}.`),
        };
      case 'falling-behind':
        return {
          title: 'O atraso está crescendo',
          advice:
            `${f.count(verdict.lag)} registros na fila, e chegam mais do que são lidos. ` +
            'Veja abaixo o tempo de gravação; outro motor no mesmo grupo divide as partições.',
        };
      case 'rejecting':
        return {
          title: `${f.percent(verdict.share)} das vendas estão sendo rejeitadas`,
          advice:
            `${f.count(verdict.count)} no último minuto` +
            (verdict.reason === null
              ? ''
              : `; motivo mais comum até aqui: ${PT.reasons[verdict.reason] ?? verdict.reason}`) +
            '. Exemplos em “Rejeitadas”; corrija o produtor. Os originais estão guardados.',
        };
      case 'held':
        return {
          title: `A partição ${verdict.partition} segura as janelas`,
          advice:
            `Sem ela, a marca-d’água estaria ${f.duration(verdict.behindMs)} à frente. ` +
            'Os totais estão certos; as janelas só fecham mais tarde. Veja o produtor ou o líder dela.',
        };
      case 'transaction':
        return {
          title: `Uma transação aberta segura a partição ${verdict.partition}`,
          advice:
            `Há ${f.duration(verdict.forMs)} um produtor não confirma nem cancela; o que vem depois não pode ser lido. ` +
            'Encerre o produtor, ou cancele a transação: kafka-transactions.sh find-hanging',
        };
      case 'unread':
        return {
          title: `Ninguém lê a partição ${verdict.partition}`,
          advice:
            'As janelas não fecham até alguém ler. Falta um motor no grupo, ou ele está parado.',
        };
      case 'database-unread':
        return {
          title: 'A coleção não pode ser lida agora',
          advice: `${verdict.message}. ${PT.advice[verdict.code] ?? verdict.hint ?? ''}`,
        };
      case 'kafka':
        return {
          title: `Sem contato com o Kafka: partição ${verdict.partitions.join(', ')}`,
          advice: `${verdict.message ? `${verdict.message}. ` : ''}O motor continua tentando; nada se perde. Veja se o broker está no ar.`,
        };
      case 'stalled':
        return {
          title: `Um checkpoint está em andamento há ${f.duration(verdict.forMs)}`,
          advice:
            'O banco ou o tópico das rejeitadas demora ou não responde. Nada se perde: o que foi lido é contado assim que ele terminar. Veja as etapas em “Checkpoints”.',
        };
      case 'not-durable':
        return {
          title:
            verdict.forMs === null
              ? 'Nada está sendo gravado'
              : `Nada é gravado há ${f.duration(verdict.forMs)}`,
          advice: `${verdict.message}. ${PT.advice[verdict.code] ?? verdict.hint ?? ''} Nada se perde: o motor tenta até conseguir.`,
        };
    }
  },
  /** By code: what to do. Codes without one show the engine's own hint. */
  advice: {
    E_MONGO_UNREACHABLE: 'Veja se o MongoDB está no ar e se há um firewall no caminho.',
    E_MONGO: 'Veja o log do MongoDB.',
    E_MONGO_RIGHTS: 'Dê ao usuário o papel readWrite no banco.',
    E_DEAD_LETTER: 'O tópico das rejeitadas não aceita nada: veja se existe e se há permissão.',
  } as Readonly<Record<string, string>>,
  hold: (
    kind: 'no-document' | 'unread-backlog' | 'no-events' | 'slowest',
    partition: number | null,
    facts: HoldFacts,
    f: Format,
  ): string => {
    switch (kind) {
      case 'no-document':
        return `Espera pela partição ${partition}, que ninguém começou a ler.`;
      case 'unread-backlog':
        return `Espera pela partição ${partition}: há registros por ler e ainda nenhuma venda válida.`;
      case 'no-events':
        return 'Espera pela primeira venda.';
      case 'slowest': {
        const newest = facts.newestSaleMs === null ? '' : f.time(facts.newestSaleMs);
        const delay = f.duration(facts.delayMs);
        if (facts.lag !== null && facts.lag > 0 && facts.holdsBackMs >= HOLDS_BACK_MS_MIN) {
          return `A partição ${partition} segura: tem ${f.count(facts.lag)} registros por ler, e sua venda mais nova até aqui é das ${newest}.`;
        }
        if (facts.atEnd) {
          return `A partição ${partition} segura: está em dia e quieta, sua última venda é das ${newest}; a marca-d’água dela anda com o relógio, ${delay} atrás.`;
        }
        return `A partição ${partition} segura, como a mais atrás: sua venda mais nova é das ${newest}, menos a tolerância de ${delay}.`;
      }
    }
  },
  watermarkAt: (atMs: number | null, delayMs: number | null, f: Format): string =>
    atMs === null || delayMs === null
      ? 'Ainda não há marca-d’água.'
      : `Marca-d’água em ${f.time(atMs)}, ${f.duration(Math.max(0, delayMs))} atrás do relógio.`,
  othersOf: (categories: number): string => `Outras ${categories}`,
  ago: (ms: number, f: Format): string => `há ${f.duration(ms)}`,
  historySum: (from: string, to: string, money: string, sales: string, ticket: string): string =>
    `De ${from} a ${to}: ${money} em ${sales} vendas, ticket médio ${ticket}.`,
};

/** From here on a partition's backlog is what holds the watermark, and not the usual to and fro. */
export const HOLDS_BACK_MS_MIN = 10_000;

/** What is known of the partition that holds the watermark. */
export interface HoldFacts {
  readonly newestSaleMs: number | null;
  readonly lag: number | null;
  readonly atEnd: boolean;
  readonly delayMs: number;
  readonly holdsBackMs: number;
}

type Widen<T> = T extends string
  ? string
  : T extends (...args: never[]) => unknown
    ? T
    : { readonly [K in keyof T]: Widen<T[K]> };

export type Texts = Widen<typeof PT>;
