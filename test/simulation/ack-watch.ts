import { type AckRule, asyncRule, defaultAckSettings, lowerOf, ruleOf } from '../../src/database/acks.ts';
import type { AckLevel, AckSettings } from '../../src/database/interface.ts';
import { type Archive, recordsOf } from './archive.ts';
import { namesIn } from './record-names.ts';
import type { SimulatedNode } from './simulated-node.ts';

interface Answer {
  readonly name: string;
  readonly txId: number;
  readonly acks: number | undefined;
}

export interface AckWatchOptions {
  readonly nodes: readonly SimulatedNode[];
  readonly archive: Archive;
  /** Whether what was shown may be lost with the primary: then nobody has asked for acknowledgements either. */
  readonly mayLose: boolean;
  readonly onDefect: (what: string) => void;
}

/**
 * What acknowledgements promise: nothing is shown anywhere before the replicas that its client, or its database, asked for
 * have confirmed it (I2), and an answer names no more replicas than hold the transaction (I1).
 */
export class AckWatch {
  readonly #options: AckWatchOptions;
  /** What the writes asked for, by their names. */
  readonly #asked = new Map<string, AckRule>();
  /** The settings that may be in force: the newest ones last, and those before them until the change is done. */
  #inForce: (AckSettings | undefined)[];
  #primary: SimulatedNode;
  /** The life of the primary in which this was looked at last. */
  #life: unknown;
  readonly #answers: Answer[] = [];
  /** Highest transaction that any node has shown. */
  #shown = 0;

  constructor(primary: SimulatedNode, options: AckWatchOptions) {
    this.#options = options;
    this.#primary = primary;
    this.#inForce = [primary.settings.acks];
  }

  get shown(): number {
    return this.#shown;
  }

  /** A write goes out; `level` is what it asks for itself. */
  asked(name: string, level: AckLevel | undefined): void {
    this.#asked.set(name, this.#rule(level));
  }

  #rule(level: AckLevel | undefined): AckRule {
    const rules = this.#inForce.map((settings) => ruleIn(settings, level));
    return rules.reduce(lowerOf);
  }

  /** The settings are about to change: what waits then asks for no more than they do. */
  changes(settings: AckSettings | undefined): void {
    this.#inForce.push(settings);
    this.#lower();
  }

  #lower(): void {
    const rule = this.#rule(undefined);
    for (const [name, asked] of this.#asked) {
      this.#asked.set(name, lowerOf(asked, rule));
    }
  }

  /** Another node is primary; the history goes on after `txId`. */
  switched(primary: SimulatedNode, txId: number): void {
    this.#primary = primary;
    this.#shown = Math.min(this.#shown, txId);
  }

  /** To be called after every event. */
  async check(): Promise<void> {
    if (this.#primary.isSettled) {
      this.#inForce = this.#inForce.slice(-1);
    }
    for (const answer of this.#answers.splice(0)) {
      await this.#checkAnswer(answer);
    }
    this.#noticeRestart();
    for (const node of this.#options.mayLose ? [] : this.#options.nodes) {
      this.#checkShown(node);
    }
  }

  #checkShown(node: SimulatedNode): void {
    const { archive, onDefect } = this.#options;
    const { applied = 0 } = node.isHealthy ? (node.database?.positions() ?? {}) : {};
    for (; this.#shown < applied; this.#shown += 1) {
      const record = archive.record(this.#shown + 1);
      const needed = record === undefined ? 0 : Math.max(0, ...namesIn(record).map((name) => this.#durableOf(name)));
      const held = this.#holders(this.#shown + 1).length;
      if (record === undefined) {
        onDefect(`${node.name} shows ${this.#shown + 1}, which the primary does not have`);
      } else if (held < needed) {
        onDefect(`${node.name} shows ${record.txId}, which ${held} replicas hold and ${needed} should`);
      }
    }
  }

  /** What a transaction asked for is not in the log: after a restart the level of the database counts. */
  #noticeRestart(): void {
    if (this.#life !== this.#primary.process) {
      this.#life = this.#primary.process;
      this.#lower();
    }
  }

  #durableOf(name: string): number {
    return this.#asked.get(name)?.durable ?? 0;
  }

  /** Replicas that count and have confirmed the transaction. */
  #holders(txId: number): SimulatedNode[] {
    const counts = ({ name }: SimulatedNode) =>
      this.#inForce.some(({ members } = defaultAckSettings) => members.length === 0 || members.includes(name));
    return this.#options.nodes.filter((node) => node !== this.#primary && counts(node) && node.watch.confirmed >= txId);
  }

  /** A client was told that its write is committed, and that so many replicas hold it; undefined when it was not told. */
  answered(name: string, txId: number, acks: number | undefined): void {
    this.#answers.push({ name, txId, acks });
  }

  async #checkAnswer({ name, txId, acks }: Answer): Promise<void> {
    const { nodes, onDefect } = this.#options;
    const confirming = this.#holders(txId);
    const contents = await Promise.all(confirming.map((node) => this.#contentOf(node, txId)));
    const holders = confirming.filter((_, index) => contents[index] !== 'another');
    const { durable, applied } = this.#asked.get(name) ?? asyncRule;
    const told = acks ?? durable;
    if (told > holders.length || told < durable) {
      onDefect(`${name} asked for ${durable} replicas and was told ${told}, but ${holders.length} hold it`);
    }
    const showing = nodes.filter((node) => node !== this.#primary && node.watch.shown >= txId).length;
    if (showing < applied) {
      onDefect(`${name} was answered, but ${showing} of ${applied} replicas show it`);
    }
    if (told > 0 && !this.#options.mayLose) {
      for (const node of confirming.filter((_, index) => contents[index] === 'same')) {
        node.watch.vouch(txId);
      }
    }
  }

  /** What a replica has as that transaction; of one that is down it is not known. */
  async #contentOf(node: SimulatedNode, txId: number): Promise<'same' | 'another' | 'unknown'> {
    const { firstTxId = Number.POSITIVE_INFINITY } = node.isHealthy ? (node.database?.gauges.storage() ?? {}) : {};
    const { durable = 0 } = node.database?.positions() ?? {};
    if (firstTxId > txId || durable < txId) {
      return 'unknown';
    }
    const [own] = await recordsOf(node, txId, txId);
    return own !== undefined && this.#options.archive.record(txId)?.bytes.equals(own.bytes) ? 'same' : 'another';
  }
}

/** A database that may degrade promises nothing that could be told from outside. */
function ruleIn(settings = defaultAckSettings, level: AckLevel = settings.level): AckRule {
  return settings.whenShort === 'degrade' ? asyncRule : ruleOf(level, settings.members);
}
