import { QuorateError } from '../errors/interface.ts';
import type { RangeDigest, SnapshotOverview, SnapshotRow } from '../sqlite/interface.ts';
import { type ComparedNode, pageLimits, rangeLimits } from './compared-node.ts';

/** What two databases differ in. "Here" is the database that is checked, the other one is its reference. */
export type Difference =
  /** Indexes, views or triggers. */
  | { readonly kind: 'schema' }
  /** sqlite_sequence, user_version or application_id. */
  | { readonly kind: 'state' }
  | { readonly kind: 'table'; readonly table: string; readonly what: 'missing' | 'extra' | 'definition' }
  | RowDifference;

export interface RowDifference {
  readonly kind: 'row';
  readonly table: string;
  readonly what: 'missing' | 'extra' | 'different';
  /** Encoded as in docs/operations-format.md. */
  readonly key: Uint8Array;
  /** The key by column. */
  readonly readableKey: SnapshotRow['readableKey'];
  /** The whole row here, when content was asked for; empty when it is missing. */
  readonly found: Uint8Array;
  /** The whole row of the reference, when content was asked for; empty when it is extra. */
  readonly row: Uint8Array;
}

/** A range of keys whose rows differ. */
export interface DifferentRange {
  readonly table: string;
  /** Keys by column; absent at the ends of the table. */
  readonly first: SnapshotRow['readableKey'] | undefined;
  readonly last: SnapshotRow['readableKey'] | undefined;
  readonly rowsHere: number;
  readonly rowsThere: number;
}

/** Where a comparison goes on that does not do everything at once. */
export interface ComparisonCursor {
  readonly table: string;
  readonly after: Uint8Array;
}

export interface Comparison {
  /** The transaction at which both were looked at. */
  readonly txId: number;
  readonly tables: number;
  readonly rows: number;
  readonly sizeBytes: number;
  readonly differences: readonly Difference[];
  readonly ranges: readonly DifferentRange[];
  /** More differences than were asked for exist. */
  readonly more: boolean;
  /** Where it was left; absent when the end was reached. */
  readonly next?: ComparisonCursor | undefined;
}

export interface ComparisonOptions {
  /** The database that is checked. */
  readonly here: ComparedNode;
  /** The database that counts as right. */
  readonly reference: ComparedNode;
  /** The one that has the marker written. */
  readonly writer: ComparedNode;
  /** Compares the two where they stand, without a marker in the log: for nodes at which nothing happens. */
  readonly still?: boolean | undefined;
  /** 16 random bytes in hexadecimal. */
  readonly marker: string;
  /** Differing rows after which no more are listed. */
  readonly maxDifferences: number;
  /** Whether the rows of the reference are wanted, for a repair. */
  readonly content: boolean;
  /** Bytes of rows that one step compares. Default: 4 MiB. */
  readonly stepBytes?: number | undefined;
  /** Asked in each step, with the bytes of rows of this and all before, whether there is to be another one. */
  readonly mayGoOn?: ((sizeBytes: number) => boolean | Promise<boolean>) | undefined;
  readonly from?: ComparisonCursor | undefined;
}

/** Bytes of listed keys and rows after which no more are listed. */
const maxListedBytes = 64 * 1024 * 1024;

/**
 * Compares two databases on live nodes at exactly the same transaction: pins a snapshot on each at a marker, compares
 * digests range by range, and looks into the ranges that differ. It holds one range at a time.
 * @throws QuorateError WRONG_DATABASE, WAIT_TIMEOUT, DIVERGED when a node cannot get to the marker, UNAVAILABLE …
 */
export async function compareNodes(options: ComparisonOptions): Promise<Comparison> {
  const { here, reference, writer, marker } = options;
  const nodes = [here, reference];
  try {
    const [id, otherId] = await Promise.all(nodes.map((node) => node.prepare(marker)));
    if (Buffer.compare(id ?? new Uint8Array(0), otherId ?? new Uint8Array(0)) !== 0) {
      throw new QuorateError('WRONG_DATABASE', 'the two are not copies of the same database', {
        hint: 'Compare a replica with its primary, or with another replica of it.',
      });
    }
    await (options.still ? Promise.all(nodes.map((node) => node.pin(marker))) : writer.writeMarker(marker));
    return await new SnapshotComparison(options).run();
  } finally {
    // What cannot be ended now ends by itself when nobody asks anything more.
    await Promise.allSettled(nodes.map((node) => node.end(marker)));
  }
}

/** The work between pinning and letting go. */
class SnapshotComparison {
  readonly #options: ComparisonOptions;
  readonly #differences: Difference[] = [];
  readonly #ranges: DifferentRange[] = [];
  #rows = 0;
  #sizeBytes = 0;
  #rowDifferences = 0;
  #listedBytes = 0;
  #more = false;

  constructor(options: ComparisonOptions) {
    this.#options = options;
  }

  async run(): Promise<Comparison> {
    const { here, reference, marker, from } = this.#options;
    const [own, other] = await Promise.all([here, reference].map((node) => node.ask(marker, 'overview', {})));
    if (own === undefined || other === undefined || own.txId !== other.txId) {
      throw new QuorateError('WAIT_TIMEOUT', 'the two nodes did not pin the same transaction', {
        hint: 'Verify again.',
      });
    }
    const tables = this.#compareOverviews(own, other);
    let next: ComparisonCursor | undefined;
    for (const table of tables.filter((name) => from === undefined || name >= from.table)) {
      next = await this.#compareTable(table, from?.table === table ? from.after : new Uint8Array(0));
      if (next !== undefined) {
        break;
      }
    }
    return {
      txId: own.txId,
      tables: tables.length,
      rows: this.#rows,
      sizeBytes: this.#sizeBytes,
      differences: this.#differences,
      ranges: this.#ranges,
      more: this.#more,
      next,
    };
  }

  /** Notes what differs besides rows; the tables whose rows can be compared. */
  #compareOverviews(own: SnapshotOverview, other: SnapshotOverview): string[] {
    if (Buffer.compare(own.schemaDigest, other.schemaDigest) !== 0) {
      this.#differences.push({ kind: 'schema' });
    }
    if (Buffer.compare(own.stateDigest, other.stateDigest) !== 0) {
      this.#differences.push({ kind: 'state' });
    }
    const here = new Map(own.tables.map(({ name, definitionDigest }) => [name, definitionDigest]));
    const comparable: string[] = [];
    for (const { name: table, definitionDigest } of other.tables) {
      const mine = here.get(table);
      here.delete(table);
      if (mine !== undefined && Buffer.compare(mine, definitionDigest) === 0) {
        comparable.push(table);
      } else {
        this.#differences.push({ kind: 'table', table, what: mine === undefined ? 'missing' : 'definition' });
      }
    }
    for (const table of here.keys()) {
      this.#differences.push({ kind: 'table', table, what: 'extra' });
    }
    return comparable;
  }

  async #compareTable(table: string, from: Uint8Array): Promise<ComparisonCursor | undefined> {
    const { here, marker, mayGoOn } = this.#options;
    for (let asked = this.#askRanges(table, from); ; ) {
      const theirs = await asked;
      for (const { rows, sizeBytes } of theirs) {
        this.#rows += rows;
        this.#sizeBytes += sizeBytes;
      }
      const last = theirs.at(-1)?.through ?? new Uint8Array(0);
      const goesOn = last.length > 0 && ((await mayGoOn?.(this.#sizeBytes)) ?? true);
      if (goesOn) {
        // The other node reads the next ranges while this one reads these.
        asked = this.#askRanges(table, last);
      }
      await this.#compareRanges(table, theirs, await here.ask(marker, 'measure', { table, ranges: theirs }));
      if (!goesOn) {
        return last.length === 0 ? undefined : { table, after: last };
      }
    }
  }

  #askRanges(table: string, after: Uint8Array): Promise<RangeDigest[]> {
    const { reference, marker, stepBytes = rangeLimits.answerBytes } = this.#options;
    const limits = { ...rangeLimits, answerBytes: stepBytes };
    const asked = reference.ask(marker, 'ranges', { table, after, limits });
    // Whoever waits for it learns of a failure; nobody does when the other node has failed before.
    asked.catch(() => {});
    return asked;
  }

  async #compareRanges(table: string, theirs: readonly RangeDigest[], own: readonly RangeDigest[]): Promise<void> {
    for (const [i, range] of theirs.entries()) {
      const mine = own[i];
      if (mine !== undefined && Buffer.compare(mine.digest, range.digest) !== 0) {
        await this.#lookInto(table, range, mine);
      }
    }
  }

  /** Finds the rows that make a range differ. */
  async #lookInto(table: string, theirs: RangeDigest, own: RangeDigest): Promise<void> {
    const wanted = new Map<string, SnapshotRow>();
    for await (const row of this.#rowsOf(this.#options.reference, table, theirs, this.#options.content)) {
      wanted.set(keyText(row), row);
    }
    const keys = [...wanted.values()];
    this.#ranges.push({
      table,
      first: theirs.after.length === 0 ? undefined : keys[0]?.readableKey,
      last: theirs.through.length === 0 ? undefined : keys.at(-1)?.readableKey,
      rowsHere: own.rows,
      rowsThere: theirs.rows,
    });
    await this.#compareRows(table, theirs, wanted);
  }

  /** `wanted` are the rows of the reference; they are used up. */
  async #compareRows(table: string, range: RangeDigest, wanted: Map<string, SnapshotRow>): Promise<void> {
    for await (const row of this.#rowsOf(this.#options.here, table, range, this.#options.content)) {
      const right = wanted.get(keyText(row));
      wanted.delete(keyText(row));
      if (right === undefined || Buffer.compare(right.digest, row.digest) !== 0) {
        this.#note(table, right === undefined ? 'extra' : 'different', row, right);
      }
      if (this.#more) {
        return;
      }
    }
    for (const row of wanted.values()) {
      this.#note(table, 'missing', undefined, row);
    }
  }

  async *#rowsOf(node: ComparedNode, table: string, range: RangeDigest, content: boolean): AsyncGenerator<SnapshotRow> {
    const { marker } = this.#options;
    for (let after = range.after; ; ) {
      const request = { table, range: { after, through: range.through }, limits: { ...pageLimits, content } };
      const { rows, done } = await node.ask(marker, 'rows', request);
      yield* rows;
      const last = rows.at(-1);
      if (done || last === undefined) {
        return;
      }
      after = last.key;
    }
  }

  #note(
    table: string,
    what: RowDifference['what'],
    own: SnapshotRow | undefined,
    right: SnapshotRow | undefined,
  ): void {
    if (this.#rowDifferences >= this.#options.maxDifferences || this.#listedBytes >= maxListedBytes) {
      this.#more = true;
      return;
    }
    const row = own ?? right;
    if (row !== undefined) {
      this.#rowDifferences += 1;
      this.#listedBytes += row.key.length + (own?.row.length ?? 0) + (right?.row.length ?? 0);
      const { key, readableKey } = row;
      const nothing = new Uint8Array(0);
      const found = own?.row ?? nothing;
      this.#differences.push({ kind: 'row', table, what, key, readableKey, found, row: right?.row ?? nothing });
    }
  }
}

function keyText({ key }: SnapshotRow): string {
  return Buffer.from(key).toString('latin1');
}
