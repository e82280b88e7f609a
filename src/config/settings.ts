/**
 * From flags, variables and a config file to typed settings: flags win over variables, variables
 * over the file, the file over the defaults. A secret's variable can be left to a file that the same
 * name with _FILE names, as containers hand them over; besides those files nothing is read here.
 * Every complaint names the option, where the value came from and what is accepted. An empty
 * variable counts as unset.
 */
import { readFileSync } from 'node:fs';
import { EXIT, messageOf, VendavalError } from '../lib/errors.ts';
import { OPTIONS, type OptionKey, type OptionSpec, type Settings } from './options.ts';

export type Origin = 'flag' | 'variable' | 'secret file' | 'file' | 'default';

export interface ResolvedSettings {
  readonly settings: Settings;
  readonly origins: Readonly<Record<OptionKey, Origin>>;
}

export interface SettingsSources {
  /** Texts as given on the command line, by option key. */
  readonly flags: Partial<Record<OptionKey, string>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The parsed config file: an object keyed by flag name without the dashes. */
  readonly file?: { readonly path: string; readonly content: unknown } | undefined;
}

export const OPTION_KEYS = Object.keys(OPTIONS) as OptionKey[];

const specOf = (key: OptionKey) => OPTIONS[key] as OptionSpec<unknown>;
const nameInFile = (key: OptionKey) => specOf(key).flag.slice(2);

function fileTexts(file: SettingsSources['file']): Partial<Record<OptionKey, string>> {
  if (!file) return {};
  const { path, content } = file;
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw usage(`${path} does not hold a JSON object`, 'Write {"topic": "black-friday-sales"}.');
  }
  const texts: Partial<Record<OptionKey, string>> = {};
  for (const [name, value] of Object.entries(content)) {
    const key = OPTION_KEYS.find((candidate) => nameInFile(candidate) === name);
    if (!key) {
      const known = OPTION_KEYS.map(nameInFile).join(', ');
      throw usage(`${path} sets "${name}", which is no option`, `Known: ${known}.`);
    }
    if (!['string', 'number', 'boolean'].includes(typeof value)) {
      throw usage(`${path} sets "${name}" to something other than a text, number or boolean`);
    }
    texts[key] = String(value);
  }
  return texts;
}

export function resolveSettings(sources: SettingsSources): ResolvedSettings {
  const fromFile = fileTexts(sources.file);
  const settings: Record<string, unknown> = {};
  const origins = {} as Record<OptionKey, Origin>;
  for (const key of OPTION_KEYS) {
    const spec = specOf(key);
    const candidates: [Origin, string | undefined, string][] = [
      ['flag', sources.flags[key], spec.flag],
      ['variable', set(sources.env[spec.env]), spec.env],
      ['secret file', secretFile(spec, sources.env), `the file of ${spec.env}_FILE`],
      ['file', fromFile[key], `"${nameInFile(key)}" in ${sources.file?.path}`],
      ['default', spec.defaultText, 'the default'],
    ];
    const [origin, value, where] = candidates.find(([, text]) => text !== undefined)!;
    origins[key] = origin;
    try {
      settings[key] = spec.parse(value!);
    } catch (error) {
      const shown = spec.secret ? '' : ` "${value}"`;
      throw usage(`${where}${shown}: ${messageOf(error)}`, `See vendaval --help.`);
    }
  }
  if (settings.deadLetterTopic === '') settings.deadLetterTopic = `${settings.topic}.dlq`;
  if (settings.deadLetterTopic === settings.topic) {
    throw usage('--dlq-topic is the same as --topic', 'Rejected sales need a topic of their own.');
  }
  checkKafkaSecurity(settings as unknown as Settings);
  return { settings: settings as unknown as Settings, origins };
}

/** What `fileTexts` reads back: every value of these options, by the names of a config file. */
export function asConfigFile(settings: Settings, keys: readonly OptionKey[]): object {
  return Object.fromEntries(
    keys
      .map((key) => [nameInFile(key), specOf(key).format(settings[key])])
      .filter(([, text]) => text !== ''),
  );
}

/** What does not go together, or is only half of what it takes. */
function checkKafkaSecurity(settings: Settings): void {
  const { kafkaTls, kafkaCa, kafkaCert, kafkaKey, kafkaKeyPassword } = settings;
  const { kafkaSasl, kafkaUser, kafkaPassword, kafkaTokenFile } = settings;
  const demand = (isMet: boolean, message: string, hint: string) => {
    if (!isMet) throw usage(message, hint);
  };
  for (const [name, value] of Object.entries({ KAFKA_CA: kafkaCa, KAFKA_CERT: kafkaCert })) {
    demand(kafkaTls || value === '', `${name} is set, but KAFKA_TLS is not`, 'Set KAFKA_TLS=true.');
  }
  demand(
    (kafkaCert === '') === (kafkaKey === ''),
    kafkaKey === '' ? 'KAFKA_CERT is set without KAFKA_KEY' : 'KAFKA_KEY is set without KAFKA_CERT',
    'A certificate of your own takes both, each the path of a PEM file.',
  );
  demand(
    kafkaKeyPassword === '' || kafkaKey !== '',
    'KAFKA_KEY_PASSWORD is set without KAFKA_KEY',
    'It is the password of an encrypted key; that of a user is KAFKA_PASSWORD.',
  );
  const isToken = kafkaSasl === 'OAUTHBEARER';
  demand(
    isToken === (kafkaTokenFile !== ''),
    isToken
      ? 'OAUTHBEARER is asked for without KAFKA_TOKEN_FILE'
      : 'KAFKA_TOKEN_FILE is set without KAFKA_SASL_MECHANISM=OAUTHBEARER',
    'The file holds the access token, and somebody keeps it fresh.',
  );
  const hasLogin = kafkaUser !== '' || kafkaPassword !== '';
  demand(
    !hasLogin || (kafkaSasl !== '' && !isToken),
    isToken
      ? 'OAUTHBEARER takes a token, and no KAFKA_USER or KAFKA_PASSWORD'
      : 'KAFKA_USER or KAFKA_PASSWORD is set without KAFKA_SASL_MECHANISM',
    'Set KAFKA_SASL_MECHANISM to SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN, as the brokers have it.',
  );
  demand(
    kafkaSasl === '' || isToken || (kafkaUser !== '' && kafkaPassword !== ''),
    `${kafkaSasl} is asked for without ${kafkaUser === '' ? 'KAFKA_USER' : 'KAFKA_PASSWORD'}`,
    'Set KAFKA_USER and KAFKA_PASSWORD, or KAFKA_PASSWORD_FILE with the path of a file.',
  );
}

const LOCAL_HOST = /^(localhost|127\..*|\[::1\])$/i;

/** What works, and should not be so; one line each. */
export function settingsWarnings({ brokers, kafkaTls, kafkaSasl }: Settings): string[] {
  const away = brokers.split(',').filter((one) => !LOCAL_HOST.test(one.replace(/:\d+$/, '')));
  if (kafkaSasl === '' || kafkaTls || away.length === 0) return [];
  const what =
    kafkaSasl === 'OAUTHBEARER'
      ? 'the token goes'
      : kafkaSasl === 'PLAIN'
        ? 'the password goes'
        : 'the sales go, and what a password can be guessed from,';
  return [
    `${what} to ${away.join(', ')} for everybody on the way to read: KAFKA_SASL_MECHANISM is ` +
      'set without KAFKA_TLS=true',
  ];
}

const set = (variable: string | undefined) => (variable === '' ? undefined : variable);

/** What the file holds that the variable with _FILE names; undefined when there is none. */
function secretFile(spec: OptionSpec<unknown>, env: SettingsSources['env']): string | undefined {
  const name = `${spec.env}_FILE`;
  const path = spec.secret ? set(env[name]) : undefined;
  if (path === undefined) return undefined;
  if (set(env[spec.env]) !== undefined) {
    throw usage(`${spec.env} and ${name} are both set`, 'Leave one of them out.');
  }
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw usage(`the file of ${name} cannot be read: ${messageOf(error)}`);
  }
  // Editors and echo end a file with a line's end, which belongs to no password.
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw usage(`the file of ${name} (${path}) is empty`);
  return secret;
}

function usage(message: string, hint?: string): VendavalError {
  return new VendavalError(message, {
    code: 'E_CONFIG',
    exitCode: EXIT.usage,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** The user without the password; nothing of a login in which the two cannot be told apart. */
function maskLogin(login: string): string {
  const user = /^[^:/?#@]*(?=:|$)/.exec(login)?.[0];
  if (user === undefined) return '***';
  return user === login ? user : `${user}:***`;
}

/** The URL with user's password and every secret-looking parameter replaced by ***. */
export function maskUrl(url: string): string {
  return url
    .replace(/^([a-z+]+:\/\/)(.*)@/, (_, scheme, login) => `${scheme}${maskLogin(login)}@`)
    .replace(
      /([?&](?:[^=&]*(?:password|secret|token|AWS_SESSION)[^=&]*|authMechanismProperties)=)[^&]*/gi,
      '$1***',
    );
}

/** Any text, with what could be a secret in its URLs masked. */
export function maskText(text: string): string {
  return text.replace(/[a-z][a-z0-9+.-]*:\/\/[^\s"'`<>]+/gi, maskUrl);
}

/** The value as text, with secrets masked. */
export function showSetting(key: OptionKey, settings: Settings): string {
  const spec = specOf(key);
  const shown = spec.format(settings[key]);
  if (spec.secret === 'whole') return shown === '' ? '' : '***';
  return spec.secret ? maskUrl(shown) : shown;
}
