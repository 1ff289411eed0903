import { ReadConnection } from '../../../src/sqlite/interface.ts';
import { checkCommittedPrefixes, checkPrimaries } from '../../histories/commits.ts';
import { appendsOf, checkAcknowledged, elementNames } from '../../histories/durability.ts';
import { checkLinearizability } from '../../histories/linearizability.ts';
import { checkListAppend } from '../../histories/list-append.ts';
import {
  type HistoryEvent,
  isTransaction,
  type Key,
  type Operation,
  operationsOf,
  type Position,
  type Value,
  type Violation,
} from '../../histories/operation.ts';
import { checkSessions } from '../../histories/sessions.ts';
import type { WatchedCommit } from './commit-watch.ts';
import type { SavedChange } from './group-world.ts';

export interface GroupEvidence {
  readonly events: readonly HistoryEvent[];
  readonly commits: readonly WatchedCommit[];
  /** What members have saved before they gave it up. */
  readonly saved: readonly SavedChange[];
  /** Whether acknowledged writes may be lost by the faults of this run. */
  readonly mayLose: boolean;
  /** SQLite file of the primary at the end. */
  readonly filePath: string;
  /** Term of each transaction in the logs at the end, as far as they go back. */
  readonly finalTerms: ReadonlyMap<number, number>;
}

/** Everything that the history of a group must not show. */
export function judge({ events, commits, saved: changes, mayLose, filePath, finalTerms }: GroupEvidence): Violation[] {
  const operations = operationsOf(events);
  const final = finalLists(filePath);
  const present = elementNames(final);
  const lost = mayLose ? changes.filter(({ txId, term }) => finalTerms.get(txId) !== term) : [];
  const saved = savedElements(operations, lost);
  const lostCommits = commits.filter((commit) => lost.some((change) => isOf(change, commit)));
  const ackLevel = operations.find(({ ackLevel: level }) => level !== undefined)?.ackLevel ?? 'async';
  const isHarmed = lost.length > 0;
  const isLost = ({ term, txId }: Position) => lost.some((one) => one.txId === txId && one.term === term);
  return [
    ...checkPrimaries(commits),
    ...checkCommittedPrefixes(commits, lostCommits),
    ...checkAcknowledged(appendsOf(operations), {
      ...{ present, saved: new Set(saved.values()) },
      mayBeLost: new Set(mayLose ? [ackLevel] : []),
    }),
    // What nobody had to hold was seen by others and is gone: only lists tell which of their elements that concerns.
    ...(isHarmed
      ? checkListAppend(operations, { lost: (_, element) => saved.has(String(element)) })
      : [
          ...checkLinearizability(operations),
          ...checkListAppend(operations, { final }),
          ...checkSessions(operations, { isLost }),
        ]),
  ];
}

function finalLists(filePath: string): Map<Key, readonly Value[]> {
  using connection = ReadConnection.open(filePath);
  const lists = new Map<Key, Value[]>();
  for (const { list, element } of connection.all('SELECT list, element FROM item ORDER BY id')) {
    const elements = lists.get(list as Key) ?? [];
    elements.push(element as Value);
    lists.set(list as Key, elements);
  }
  return lists;
}

function isOf(change: SavedChange, commit: WatchedCommit): boolean {
  return change.txId === commit.txId && change.term === commit.recordTerm;
}

/** Elements of lists that are in what was lost, with their names. */
function savedElements(operations: readonly Operation[], lost: readonly SavedChange[]): Map<string, string> {
  const found = new Set(lost.flatMap(({ text }) => text.match(/e\d+/g) ?? []));
  const steps = operations.filter(isTransaction).flatMap(({ call }) => call.steps);
  return new Map(
    steps.flatMap(([f, key, element]) => {
      const [name = ''] = elementNames(new Map([[key, [element as Value]]]));
      return f === 'append' && found.has(String(element)) ? [[String(element), name]] : [];
    }),
  );
}
