/** Gathers everything that the program says anywhere, and looks for secrets in it. */
export class Leaks {
  looks = 0;
  readonly found: string[] = [];
  readonly #forms: readonly string[];

  /** In every spelling in which they could come out. */
  constructor(secrets: readonly string[]) {
    this.#forms = secrets.flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
      Buffer.from(secret).toString('base64').replace(/=+$/, ''),
    ]);
  }

  look(where: string, text: string): void {
    this.looks++;
    if (this.#forms.some((form) => text.includes(form))) this.found.push(where);
  }
}
