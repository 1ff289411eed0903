/** What keeps a process alive while it is referenced: a Worker, a MessagePort. */
export interface Referenceable {
  ref(): void;
  unref(): void;
}

/**
 * Keeps the process alive exactly while somebody waits for this node. So an application that forgets to close the node
 * can still end, and one that only waits for a write does not end too early.
 */
export class Liveness {
  readonly #target: Referenceable;
  #holds = 0;

  constructor(target: Referenceable) {
    this.#target = target;
    target.unref();
  }

  hold(count = 1): void {
    if (this.#holds === 0 && count > 0) {
      this.#target.ref();
    }
    this.#holds += count;
  }

  release(count = 1): void {
    this.#holds -= count;
    if (this.#holds === 0 && count > 0) {
      this.#target.unref();
    }
  }

  /** Holds until the promise is settled. */
  async during<T>(promise: Promise<T>): Promise<T> {
    this.hold();
    try {
      return await promise;
    } finally {
      this.release();
    }
  }
}
