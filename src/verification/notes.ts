/** What was not judged, or is worth knowing, and is no difference. */
export interface Note {
  readonly code: string;
  readonly message: string;
}

export class Notes {
  readonly list: Note[] = [];

  add(code: string, message: string): void {
    this.list.push({ code, message });
  }
}
