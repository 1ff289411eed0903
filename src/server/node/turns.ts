import type { QuorateError } from '../../errors/interface.ts';

/** Runs actions one after the other, until it is ended. */
export class Turns {
  #tail: Promise<unknown> = Promise.resolve();
  #refusal: QuorateError | undefined;

  /** @throws what `end` was given, when that comes before the turn of the action */
  run<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(() => {
      if (this.#refusal !== undefined) {
        throw this.#refusal;
      }
      return action();
    });
    this.#tail = turn.catch(() => {});
    return turn;
  }

  /** Refuses the actions that wait, and those that come. */
  end(refusal: QuorateError): void {
    this.#refusal = refusal;
  }
}
