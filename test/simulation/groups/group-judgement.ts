import { ReadConnection } from '../../../src/sqlite/interface.ts';
import { checkCommittedPrefixes, checkPrimaries, type CommitEvent } from '../../histories/commits.ts';
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
import type { LostTransaction } from './group-world.ts';

export interface GroupEvidence {
  readonly events: readonly HistoryEvent[];
  readonly commits: readonly CommitEvent[];
  /** What was taken back, and saved. */
  readonly lost: readonly LostTransaction[];
  /** Whether acknowledged writes may be lost by the faults of this run. */
  readonly mayLose: boolean;
  /** SQLite file of the primary at the end. */
  readonly filePath: string;
}

/** Everything that the history of a group must not show. */
export function judge({ events, commits, lost, mayLose, filePath }: GroupEvidence): Violation[] {
  const operations = operationsOf(events);
  const final = finalLists(filePath);
  const saved = savedElements(operations, lost);
  const isSaved = new Set(saved.values());
  const present = elementNames(final);
  const ackLevel = operations.find(({ ackLevel: level }) => level !== undefined)?.ackLevel ?? 'async';
  const isHarmed = mayLose && lost.length > 0;
  const isLost = ({ term, txId }: Position) => lost.some((one) => one.txId === txId && one.term === term);
  return [
    ...checkPrimaries(commits),
    ...checkCommittedPrefixes(commits, mayLose ? lost : []),
    ...checkAcknowledged(appendsOf(operations), {
      ...{ present, saved: isSaved },
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

/** Elements of lists that are in what was taken back, with their names. */
function savedElements(operations: readonly Operation[], lost: readonly LostTransaction[]): Map<string, string> {
  const texts = lost.map(({ operations: bytes }) => Buffer.from(bytes).toString('latin1'));
  const found = new Set(texts.flatMap((text) => text.match(/e\d+/g) ?? []));
  const named = operations.filter(isTransaction).flatMap(({ call }) => call.steps);
  return new Map(
    named.flatMap(([f, key, element]) => {
      const name = [...elementNames(new Map([[key, [element as Value]]]))][0] ?? '';
      return f === 'append' && found.has(String(element)) ? [[String(element), name]] : [];
    }),
  );
}
