/** Language, theme and wall view: what the viewer chose, else what the browser says. */
import { type Language, languageOf } from './format.ts';

export type Theme = 'auto' | 'light' | 'dark';

const LANGUAGE_KEY = 'vendaval.language';
const THEME_KEY = 'vendaval.theme';

/** Storage may be forbidden; then a choice lasts as long as the page. */
function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // See above.
  }
}

export function readLanguage(): Language {
  const asked = new URLSearchParams(location.search).get('lang') ?? read(LANGUAGE_KEY);
  return asked === 'pt' || asked === 'en' ? asked : languageOf(navigator.languages);
}

export function saveLanguage(language: Language): void {
  write(LANGUAGE_KEY, language);
}

export function readTheme(): Theme {
  const stored = read(THEME_KEY);
  return stored === 'light' || stored === 'dark' ? stored : 'auto';
}

export function saveTheme(theme: Theme): void {
  write(THEME_KEY, theme === 'auto' ? null : theme);
}

export const isWall = () => new URLSearchParams(location.search).has('wall');
