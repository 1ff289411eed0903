/**
 * Serializability of list-append transactions, after Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from
 * Experimental Observations" (2020), with the names of Adya's anomalies. Lists tell the order of their versions, from which
 * follows who depends on whom; a cycle is an execution that no order of the transactions explains.
 */
import { type Cycle, DependencyGraph } from './dependency-graph.ts';
import { ListHistory, type ListVersions, type Transaction } from './list-versions.ts';
import { isTransaction, type Key, type Operation, type Value, type Violation } from './operation.ts';

export interface ListAppendOptions {
  /** The content at the end, where it is known: every acknowledged append must be in it. */
  readonly final?: ReadonlyMap<Key, readonly Value[]>;
  /** Elements that were lost and may be. Transactions that appended or saw one are not judged. */
  readonly lost?: (key: Key, element: Value) => boolean;
}

/**
 * What writes, and what reads at `linearizable` or says no level, must fit into real time (strict serializability). What reads
 * at `session` must fit into the order of its process. Other reads may show any past, but a consistent one.
 */
export function checkListAppend(
  operations: readonly Operation[],
  { final = new Map(), lost = () => false }: ListAppendOptions = {},
): Violation[] {
  const isLost = ({ call }: Transaction) =>
    call.steps.some(([f, key, value]) =>
      f === 'append' ? lost(key, value) : (value ?? []).some((element) => lost(key, element)),
    );
  const transactions = operations.filter(isTransaction).filter((transaction) => !isLost(transaction));
  const history = new ListHistory(transactions, final);
  if (history.violations.length > 0) {
    // Orders that rest on contradictions would only hide them among cycles.
    return history.violations;
  }
  const graph = new DependencyGraph(transactions.length);
  for (const list of history.lists.values()) {
    addDependencies(graph, history, list);
  }
  addUnseenAppends(graph, history);
  addRealTime(graph, transactions);
  addProcessOrder(graph, transactions);
  return graph.cycles().map((cycle) => ({ rule: cycle.anomaly, message: explain(cycle, history) }));
}

/** Edges that follow from the order of versions of one list. */
function addDependencies(graph: DependencyGraph, history: ListHistory, { key, longest, reads }: ListVersions): void {
  for (let i = 1; i < longest.length; i += 1) {
    const [before, after] = [longest[i - 1], longest[i]];
    const [from, to] = [history.writer(key, before), history.writer(key, after)];
    if (from !== undefined && to !== undefined) {
      graph.add(from, to, 'ww', `appended ${before} to ${key} before ${after} came`);
    }
  }
  for (const { reader, list } of reads) {
    const [last, next] = [list.at(-1), longest[list.length]];
    const [writer, nextWriter] = [history.writer(key, last), history.writer(key, next)];
    if (writer !== undefined) {
      graph.add(writer, reader, 'wr', `appended ${last} to ${key}, which was seen`);
    }
    if (nextWriter !== undefined) {
      graph.add(reader, nextWriter, 'rw', `did not see ${next} in ${key}, which came next`);
    }
  }
}

/** What was acknowledged and nobody saw comes after all that was seen. */
function addUnseenAppends(graph: DependencyGraph, history: ListHistory): void {
  const seen = new Map([...history.lists].map(([key, { longest }]) => [key, new Set(longest)]));
  for (const [i, { call, type }] of history.transactions.entries()) {
    for (const [f, key, element] of type === 'ok' ? call.steps : []) {
      const list = history.list(key);
      if (f !== 'append' || seen.get(key)?.has(element)) {
        continue;
      }
      const last = list.longest.at(-1);
      const writer = history.writer(key, last);
      if (writer !== undefined) {
        graph.add(writer, i, 'ww', `appended ${last} to ${key} before ${element} came`);
      }
      for (const { reader, list: read } of list.reads) {
        if (read.length === list.longest.length) {
          graph.add(reader, i, 'rw', `did not see ${element} in ${key}`);
        }
      }
    }
  }
}

function obeysRealTime({ call, readLevel = 'linearizable' }: Transaction): boolean {
  return readLevel === 'linearizable' || call.steps.some(([f]) => f === 'append');
}

/**
 * Edges from what had completed to what was invoked then. Only those that others do not imply: a transaction leaves the
 * front when one completes that had begun after it, so that there are never more than processes.
 */
function addRealTime(graph: DependencyGraph, transactions: readonly Transaction[]): void {
  const moments = transactions.flatMap((transaction, i) =>
    obeysRealTime(transaction) && transaction.type !== 'fail'
      ? [
          { at: transaction.invokedAt, i, isInvocation: true },
          { at: transaction.completedAt, i, isInvocation: false },
        ]
      : [],
  );
  const before = new Map<number, readonly number[]>();
  let front: readonly number[] = [];
  for (const { at, i, isInvocation } of moments.sort((a, b) => a.at - b.at)) {
    if (isInvocation) {
      before.set(i, front);
      for (const earlier of front) {
        graph.add(earlier, i, 'realtime', 'had completed before it was invoked');
      }
    } else if (at < Number.POSITIVE_INFINITY) {
      const implied = new Set(before.get(i));
      front = [...front.filter((earlier) => !implied.has(earlier)), i];
    }
  }
}

function addProcessOrder(graph: DependencyGraph, transactions: readonly Transaction[]): void {
  const last = new Map<string, number>();
  for (const [i, transaction] of transactions.entries()) {
    const { process, session = `process ${process}`, readLevel, type } = transaction;
    const isOrdered = obeysRealTime(transaction) || readLevel === 'session';
    if (!isOrdered || type !== 'ok') {
      continue;
    }
    const previous = last.get(session);
    if (previous !== undefined && (transactions[previous] as Transaction).completedAt < transaction.invokedAt) {
      graph.add(previous, i, 'process', `was the call before it of ${session}`);
    }
    last.set(session, i);
  }
}

function explain({ anomaly, from, edges }: Cycle, history: ListHistory): string {
  const lines = edges.map(({ to, name, why }, i) => {
    const source = i === 0 ? from : (edges[i - 1]?.to ?? from);
    return `  ${history.describe(source)}\n    ${name}: ${why}: #${history.transactions[to]?.invokedAt}`;
  });
  return [`${anomaly}: a cycle of ${edges.length} transactions, each before the next one:`, ...lines].join('\n');
}
