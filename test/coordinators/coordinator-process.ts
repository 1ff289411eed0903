/** A process with a coordinator of its own, which does what its parent asks for, one request in a line. */
import { createInterface } from 'node:readline';
import {
  type Coordinator,
  type CoordinatorLease,
  type CoordinatorSettings,
  openCoordinator,
} from '../../src/cluster/interface.ts';
import { LocalCoordinator } from '../../src/cluster/local-coordinator.ts';
import { asQuorateError, assertInvariant } from '../../src/errors/interface.ts';
import { createNodeRuntime, type Machine, machine } from '../../src/runtime/interface.ts';

export type ProcessRequest =
  | { readonly kind: 'open-lease'; readonly ttlMs: number }
  | { readonly kind: 'renew' }
  | { readonly kind: 'put'; readonly key: string; readonly value: string; readonly leased: boolean }
  /** Of a `local` coordinator. */
  | { readonly kind: 'stop-in-next-change' }
  | { readonly kind: 'watch'; readonly prefix: string }
  | { readonly kind: 'count'; readonly key: string; readonly times: number };

export type ProcessAnswer =
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly code: string }
  | { readonly kind: 'changed'; readonly keys: readonly string[] };

const settings = JSON.parse(process.argv[2] as string) as CoordinatorSettings;
let stopsInChange = false;
/** The clock is read in the middle of each change. */
const stoppingMachine: Machine = {
  ...machine,
  monotonicMs: () => {
    if (stopsInChange) {
      stopsInChange = false;
      process.kill(process.pid, 'SIGSTOP');
    }
    return machine.monotonicMs();
  },
};
const coordinator = await openedCoordinator();
let lease: CoordinatorLease | undefined;

async function openedCoordinator(): Promise<Coordinator> {
  const { coordinator: kind, coordinatorDir: directory = '', coordinatorTimeoutMs: timeoutMs } = settings;
  if (kind === 'local') {
    return await LocalCoordinator.open({ directory, timeoutMs, machine: stoppingMachine }, createNodeRuntime());
  }
  const found = await openCoordinator(settings, createNodeRuntime());
  assertInvariant(found !== undefined, 'the test gives a coordinator');
  return found;
}

function say(answer: ProcessAnswer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

/** Adds one to a number until that has been done so many times; returns the revisions at which it was. */
async function count(key: string, times: number): Promise<number[]> {
  const revisions: number[] = [];
  while (revisions.length < times) {
    const entry = await coordinator?.get(key);
    const change = { key, value: String(Number(entry?.value ?? 0) + 1) };
    const answer = await coordinator?.commit([{ key, changedRevision: entry?.changedRevision ?? 0 }], [change]);
    if (answer?.done) {
      revisions.push(answer.revision);
    }
  }
  return revisions;
}

function perform(request: ProcessRequest): Promise<unknown> | undefined {
  switch (request.kind) {
    case 'open-lease':
      return coordinator?.openLease(request.ttlMs).then((opened) => {
        lease = opened;
        return { id: opened.id, ttlMs: opened.ttlMs };
      });
    case 'renew':
      return lease?.renew();
    case 'put': {
      const { key, value, leased } = request;
      return coordinator?.commit([], [{ key, value, leaseId: leased ? lease?.id : undefined }]);
    }
    case 'stop-in-next-change':
      stopsInChange = true;
      return Promise.resolve();
    case 'watch': {
      const { prefix } = request;
      const changed = async () => {
        const view = await coordinator?.list(prefix);
        say({ kind: 'changed', keys: view?.entries.map(({ key }) => key) ?? [] });
      };
      coordinator?.watch(prefix, { changed: () => void changed() });
      return Promise.resolve();
    }
    case 'count':
      return count(request.key, request.times);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    say({ kind: 'done', value: await perform(JSON.parse(line) as ProcessRequest) });
  } catch (error) {
    say({ kind: 'failed', code: asQuorateError(error).code });
  }
}
process.exit();
