import type { MessagePort } from 'node:worker_threads';
import { QuorateError } from '../errors/interface.ts';
import type { Clock } from '../runtime/interface.ts';
import type { SharedPositions } from './shared-positions.ts';
import type { WriterClient } from './writer-client.ts';
import type { WriterLink } from './writer-link.ts';
import type { WriterRequest } from './writer-messages.ts';
import { WriterPulse } from './writer-pulse.ts';

export interface WriterHoldOptions {
  /** Name of the database. */
  readonly database: string;
  readonly positions: SharedPositions;
  readonly clock: Clock;
}

/** What a database has of its writer, from its start to its end. */
export class WriterHold {
  readonly #database: string;
  readonly #pulse: WriterPulse;
  #link: WriterLink | undefined;
  #isOpen = false;

  constructor({ database, positions, clock }: WriterHoldOptions) {
    this.#database = database;
    this.#pulse = new WriterPulse(positions, clock);
  }

  take(link: WriterLink): void {
    this.#link = link;
    this.#isOpen = true;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** @throws QuorateError DATABASE_UNLOADED */
  get client(): WriterClient {
    return this.#opened().client;
  }

  /** @throws QuorateError DATABASE_UNLOADED */
  requireOpen(): void {
    this.#opened();
  }

  #opened(): WriterLink {
    if (this.#link === undefined || !this.#isOpen) {
      throw new QuorateError('DATABASE_UNLOADED', `database ${this.#database} is closed`);
    }
    return this.#link;
  }

  /** Sends what needs no answer: a lost message changes nothing, since the next one says it again or nobody can be served. */
  tell(request: WriterRequest): void {
    if (this.#isOpen) {
      this.#link?.client.tell(request);
    }
  }

  /** A further channel to the writer, for another thread. */
  connect(): Promise<MessagePort> {
    return this.#opened().connect();
  }

  /** See `Database.writerSilentMs`. */
  silentMs(): number {
    return this.#pulse.silentMs();
  }

  /** See `Database.giveUpWriter`. */
  giveUp(): void {
    this.#link?.client.fail(
      new QuorateError('WRITER_STALLED', `the writer of database ${this.#database} does not come back`, {
        hint: 'Its server ends without it; what was acknowledged is there when it starts again.',
      }),
    );
  }

  /** From now on nobody gets hold of the writer any more; it still works until it is stopped. */
  leave(): void {
    this.#isOpen = false;
  }

  async stop(): Promise<void> {
    await this.#link?.stop();
    this.#link = undefined;
  }
}
