import type { Random } from './types.ts';

/** What a disk writes as a whole or not at all. */
const sectorBytes = 512;

type Change =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly sizeBytes: number };

/** Bytes that grow as they are written, with zeros where nothing was. */
class Content {
  #buffer = new Uint8Array(0);
  #sizeBytes = 0;

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#sizeBytes);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.resize(Math.max(this.#sizeBytes, offset + bytes.length));
    this.#buffer.set(bytes, offset);
  }

  resize(sizeBytes: number): void {
    if (sizeBytes > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(sizeBytes, this.#buffer.length * 2));
      larger.set(this.bytes);
      this.#buffer = larger;
    }
    if (sizeBytes < this.#sizeBytes) {
      this.#buffer.fill(0, sizeBytes, this.#sizeBytes);
    }
    this.#sizeBytes = sizeBytes;
  }
}

/** A file whose changes are at first only in the cache of a simulated operating system. */
export class SimulatedFile {
  readonly #cached = new Content();
  #durable = new Content();
  #pending: Change[] = [];

  /** What programs see. */
  get bytes(): Uint8Array {
    return this.#cached.bytes;
  }

  get sizeBytes(): number {
    return this.#cached.sizeBytes;
  }

  write(offset: number, bytes: Uint8Array): void {
    // The `slice` of a Buffer would not copy.
    const change: Change = { kind: 'write', offset, bytes: Uint8Array.from(bytes) };
    this.#pending.push(change);
    apply(this.#cached, change);
  }

  truncate(sizeBytes: number): void {
    const change: Change = { kind: 'truncate', sizeBytes };
    this.#pending.push(change);
    apply(this.#cached, change);
  }

  /** A successful fsync. */
  sync(): void {
    for (const change of this.#pending) {
      apply(this.#durable, change);
    }
    this.#pending = [];
  }

  /**
   * An fsync that failed: some sectors have reached the disk, and the others are not tried again, although programs go
   * on seeing them.
   */
  failToSync(random: Random): void {
    this.#keepSome(random);
  }

  /** The file as it is after a power loss: each sector not fsynced has reached the disk, or has not. */
  afterPowerLoss(random: Random): SimulatedFile {
    this.#keepSome(random);
    const survivor = new SimulatedFile();
    survivor.write(0, this.#durable.bytes);
    survivor.sync();
    return survivor;
  }

  #keepSome(random: Random): void {
    const share = random.next();
    const keeps = () => random.next() < share;
    for (const change of this.#pending) {
      for (const part of partsOf(change)) {
        if (keeps()) {
          apply(this.#durable, part);
        }
      }
    }
    this.#pending = [];
  }
}

function apply(content: Content, change: Change): void {
  if (change.kind === 'write') {
    content.write(change.offset, change.bytes);
  } else {
    content.resize(change.sizeBytes);
  }
}

/** The pieces of a change that a power loss can separate. */
function partsOf(change: Change): Change[] {
  if (change.kind === 'truncate') {
    return [change];
  }
  const parts: Change[] = [];
  const end = change.offset + change.bytes.length;
  for (let start = change.offset; start < end; ) {
    const next = Math.min(end, (Math.floor(start / sectorBytes) + 1) * sectorBytes);
    parts.push({
      kind: 'write',
      offset: start,
      bytes: change.bytes.subarray(start - change.offset, next - change.offset),
    });
    start = next;
  }
  return parts;
}
