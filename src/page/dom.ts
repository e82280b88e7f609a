/** Small helpers over the DOM: what has not changed is not written, and rows keep their place. */

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node: Element, name: string, value: string | null): void {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  text = '',
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

/**
 * Brings the children of `parent` in line with `keys`, in their order: known ones are kept and
 * moved, so that focus, selection and open details survive an update.
 */
export function keyed<T extends HTMLElement>(
  parent: HTMLElement,
  keys: readonly string[],
  create: (key: string) => T,
  update: (node: T, index: number) => void,
): void {
  const known = new Map<string, T>();
  for (const child of [...parent.children] as T[]) {
    const { key } = child.dataset;
    if (key !== undefined && keys.includes(key)) known.set(key, child);
    else child.remove();
  }
  keys.forEach((key, index) => {
    let node = known.get(key);
    if (!node) {
      node = create(key);
      node.dataset.key = key;
    }
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
    update(node, index);
  });
}

/** Brings a row's cells to a number, headers first where asked for, and writes their texts. */
export function setCells(row: HTMLTableRowElement, texts: readonly string[], headers = 1): void {
  while (row.cells.length > texts.length) row.deleteCell(-1);
  texts.forEach((text, index) => {
    let cell = row.cells[index];
    if (!cell) {
      cell = make(index < headers ? 'th' : 'td');
      if (index < headers) cell.setAttribute('scope', 'row');
      row.append(cell);
    }
    setText(cell, text);
  });
}
