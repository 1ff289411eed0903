import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError } from '../errors/interface.ts';
import { createNodeRuntime, nullLogger } from '../runtime/interface.ts';
import { Candidacy, flapping } from './candidacy.ts';
import type { ElectionKind } from './decision.ts';
import type { GroupStore } from './group-store.ts';
import type { GroupConfig, GroupMember, GroupPeers, MemberDatabase } from './types.ts';

const members = ['anna', 'bert', 'cleo'].map(
  (nodeId): GroupMember => ({
    ...{ nodeId, name: nodeId, host: nodeId, port: 1, httpUrl: '', zone: '', priority: 0 },
    ...{ nofailover: false, nosync: false, witness: false, learner: false },
  }),
);

const config: GroupConfig = {
  ...{ database: 'db', databaseId: '', termBase: 0, members },
  acks: { level: { kind: 'quorum' }, whenShort: 'block', degradeAfterMs: 1_000, timeoutMs: 1_000 },
  failover: { automatic: true, leaseMs: 1_000 },
};

/** The elections of anna, whom nobody answers, by a clock that the test moves. */
class Anna {
  nowMs = 0;
  readonly #candidacy: Candidacy;

  constructor() {
    const clock = { nowMs: () => this.nowMs, monotonicMs: () => this.nowMs };
    this.#candidacy = new Candidacy({ ...createNodeRuntime(nullLogger), clock }, () => {});
  }

  /** Primaries of the terms from one on, each a second after the other. */
  see(fromTerm: number, count: number): void {
    for (let term = fromTerm; term < fromTerm + count; term += 1) {
      this.nowMs += 1_000;
      this.#candidacy.notePrimary(term);
      this.#candidacy.notePrimary(term);
    }
  }

  async refusal(kind: ElectionKind): Promise<string | undefined> {
    const unreachable = () => Promise.reject(new QuorateError('UNAVAILABLE', 'nobody is there'));
    const revisions = { config: 1, leader: 0, term: 0, planned: 0 };
    const { refusal } = await this.#candidacy.rehearse(kind, {
      state: { config, leader: undefined, planned: undefined, revisions },
      self: members[0] as GroupMember,
      local: { position: () => ({ promisedTerm: 0, durable: { term: 1, txId: 1 } }) } as unknown as MemberDatabase,
      store: {} as GroupStore,
      peers: { ask: unreachable } as unknown as GroupPeers,
      silentMs: 1_500,
      standsBy: false,
      onTaken: () => {},
    });
    return refusal?.rule;
  }
}

test('after too many primaries in a short time nobody is elected by itself, until some time has gone by', async () => {
  const anna = new Anna();
  anna.see(1, flapping.primaries - 1);
  assert.equal(await anna.refusal('automatic'), 'votes');
  anna.see(flapping.primaries, 1);
  assert.equal(await anna.refusal('automatic'), 'flapping');
  assert.equal(await anna.refusal('failover'), 'answers');
  anna.nowMs = 1_000 + flapping.withinMs;
  assert.equal(await anna.refusal('automatic'), 'votes');
});
