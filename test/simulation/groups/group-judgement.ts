import { ReadConnection } from '../../../src/sqlite/interface.ts';
import { checkCommittedPrefixes, checkPrimaries } from '../../histories/commits.ts';
import { appendsOf, checkAcknowledged, elementNames } from '../../histories/durability.ts';
import { checkLinearizability } from '../../histories/linearizability.ts';
import { checkListAppend } from '../../histories/list-append.ts';
import { elementName } from '../../histories/list-versions.ts';
import {
  describe,
  isTransaction,
  type Key,
  type Operation,
  type Position,
  type Value,
  type Violation,
} from '../../histories/operation.ts';
import { checkSessions } from '../../histories/sessions.ts';
import type { WatchedCommit } from './commit-watch.ts';
import type { SavedChange } from './group-world.ts';

export interface GroupEvidence {
  readonly operations: readonly Operation[];
  readonly commits: readonly WatchedCommit[];
  /** What members have saved before they gave it up. */
  readonly saved: readonly SavedChange[];
  /** Whether acknowledged writes may be lost by the faults of this run. */
  readonly mayLose: boolean;
  /** Lists of the primary at the end. */
  readonly final: ReadonlyMap<Key, readonly Value[]>;
  /** Term of each transaction of the history at the end. */
  readonly finalTerms: ReadonlyMap<number, number>;
}

/** Everything that the history of a group must not show. */
export function judge(evidence: GroupEvidence): Violation[] {
  const { operations, commits, saved, mayLose, final, finalTerms } = evidence;
  const lost = mayLose ? saved.filter(({ txId, term }) => finalTerms.get(txId) !== term) : [];
  const lostCommits = commits.filter((commit) => lost.some((change) => isOf(change, commit)));
  const ackLevel = operations.find(({ ackLevel: level }) => level !== undefined)?.ackLevel ?? 'async';
  const isLost = ({ term, txId }: Position) => lost.some((one) => one.txId === txId && one.term === term);
  // An answer that rests on a lost transaction may contradict the others: what it lacks can be there before and after it.
  const lasting = operations.filter(
    ({ type, position }) => type !== 'ok' || position === undefined || !isLost(position),
  );
  return [
    ...checkPrimaries(commits),
    ...checkCommittedPrefixes(commits, lostCommits),
    ...checkAcknowledged(appendsOf(operations), {
      ...{ present: elementNames(final), saved: savedElements(operations, lost) },
      mayBeLost: new Set(mayLose ? [ackLevel] : []),
    }),
    ...checkReigns(operations),
    ...checkLinearizability(lasting),
    ...checkListAppend(lasting, { final }),
    ...checkSessions(lasting, { isLost }),
  ];
}

/** When a primary has answered, none before it begins an answer, whatever of theirs is lost: its lease has ended. */
function checkReigns(operations: readonly Operation[]): Violation[] {
  const answers = operations.flatMap((operation) => {
    const { type, position, readLevel = 'linearizable' } = operation;
    const isOfPrimary = type === 'ok' && readLevel === 'linearizable';
    return isOfPrimary && position !== undefined ? [{ operation, term: position.term }] : [];
  });
  return answers.flatMap(({ operation, term }) => {
    const later = answers.find((one) => one.term > term && one.operation.completedAt < operation.invokedAt);
    return later === undefined
      ? []
      : [
          {
            rule: 'answer of a former primary',
            message: `${describe(operation)} is of term ${term}, after ${describe(later.operation)} of term ${later.term}`,
          },
        ];
  });
}

/** What the lists of a SQLite file contain. */
export function finalLists(filePath: string): Map<Key, readonly Value[]> {
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

/** Names of the elements of lists that are in what was lost. */
function savedElements(operations: readonly Operation[], lost: readonly SavedChange[]): Set<string> {
  const found = new Set(lost.flatMap(({ text }) => text.match(/e\d+/g) ?? []));
  const steps = operations.filter(isTransaction).flatMap(({ call }) => call.steps);
  return new Set(
    steps.flatMap(([f, key, element]) =>
      f === 'append' && found.has(String(element)) ? [elementName(key, element)] : [],
    ),
  );
}
