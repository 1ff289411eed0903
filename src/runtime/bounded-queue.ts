import { QuorateError } from '../errors/interface.ts';

/** A first-in-first-out queue with a limit that has a name; a full one refuses instead of growing. */
export class BoundedQueue<T> {
  readonly #name: string;
  readonly #limit: number;
  #items: T[] = [];
  #head = 0;

  constructor(name: string, limit: number) {
    this.#name = name;
    this.#limit = limit;
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  /** The one that `shift` would take. */
  get first(): T | undefined {
    return this.#items[this.#head];
  }

  /** @throws QuorateError OVERLOADED when the queue is full */
  push(item: T): void {
    if (this.size >= this.#limit) {
      throw new QuorateError('OVERLOADED', `${this.#name} is full (${this.#limit} entries)`, {
        hint: 'Send fewer requests at once, or raise the limit.',
        details: { limit: this.#limit },
      });
    }
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) {
      return undefined;
    }
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined as T;
    this.#head += 1;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Takes everything out, oldest first. */
  drain(): T[] {
    const items = this.#items.slice(this.#head);
    this.#items = [];
    this.#head = 0;
    return items;
  }
}
