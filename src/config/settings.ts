/**
 * From flags, variables and a config file to typed settings: flags win over variables, variables
 * over the file, the file over the defaults. Pure; every complaint names the option, where the
 * value came from and what is accepted. An empty variable counts as unset.
 */
import { EXIT, messageOf, VendavalError } from '../lib/errors.ts';
import { OPTIONS, type OptionKey, type OptionSpec, type Settings } from './options.ts';

export type Origin = 'flag' | 'variable' | 'file' | 'default';

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
    const variable = sources.env[spec.env];
    const candidates: [Origin, string | undefined, string][] = [
      ['flag', sources.flags[key], spec.flag],
      ['variable', variable === '' ? undefined : variable, spec.env],
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
  return spec.secret ? maskUrl(shown) : shown;
}
