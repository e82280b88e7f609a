/** What is used of it here: Node has it, and of its types only a few (they lie with the DOM's). */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Memory {
    readonly buffer: ArrayBuffer;
    constructor(size: { readonly initial: number });
    grow(pages: number): number;
  }
  class Instance {
    readonly exports: object;
    constructor(module: Module, imports: { readonly env: { readonly memory: Memory } });
  }
  function validate(bytes: Uint8Array): boolean;
}
