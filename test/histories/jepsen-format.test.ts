import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEdn } from './edn.ts';
import { fromEdn, toEdn, toJsonLines } from './jepsen-format.ts';
import { type HistoryEvent, operationsOf } from './operation.ts';

const events: HistoryEvent[] = [
  {
    index: 0,
    timeNs: 5,
    process: 0,
    type: 'invoke',
    call: {
      f: 'txn',
      steps: [
        ['append', 1, 2],
        ['r', 1, null],
      ],
    },
  },
  {
    index: 1,
    timeNs: 9,
    process: 0,
    type: 'ok',
    call: {
      f: 'txn',
      steps: [
        ['append', 1, 2],
        ['r', 1, [2]],
      ],
    },
    node: 'a "b" \\ \n\f',
    session: 's',
    ackLevel: 'sync 1',
    readLevel: 'session',
    after: { term: 1, txId: 2 },
    position: { term: 1, txId: 3 },
    maxAgeMs: 10,
    maxLag: 4,
  },
  { index: 2, timeNs: 10, process: 1, type: 'invoke', call: { f: 'cas', key: 'k', expected: 1, replacement: 2 } },
  {
    index: 3,
    timeNs: 11,
    process: 1,
    type: 'info',
    call: { f: 'cas', key: 'k', expected: 1, replacement: 2 },
    error: 'X',
  },
];

test('events are written as Jepsen writes them', () => {
  const [first] = events as [HistoryEvent];
  assert.equal(
    toEdn([first]),
    '{:process 0, :type :invoke, :f :txn, :value [[:append 1 2] [:r 1 nil]], :time 5, :index 0}\n',
  );
  assert.equal(
    toJsonLines([first]),
    '{"process":0,"type":"invoke","f":"txn","value":[["append",1,2],["r",1,null]],"time":5,"index":0}\n',
  );
  assert.deepEqual(fromEdn(toEdn(events)), events);
});

test('what others write in EDN is read', () => {
  const text = `; a history of Jepsen
    [#jepsen.history.Op{:index 0, :time 1, :type :invoke, :process 0, :f :write, :value ["x" 1]}
     {:process :nemesis :type :info :f :kill :value nil} #_ {:left "out"}
     {:type :ok :process 0 :f :write :value ["x" 1] :error [:timeout "late"]}]`;
  const [invoked, completed, ...more] = fromEdn(text);
  assert.deepEqual(more, []);
  assert.equal(invoked?.type, 'invoke');
  assert.deepEqual(completed?.call, { f: 'write', key: 'x', value: 1 });
  assert.equal(completed?.error, '[:timeout "late"]');
  assert.throws(() => readEdn('{:a 1'), /ends within/);
  assert.throws(() => readEdn('"open'), /not EDN/);
  assert.throws(() => readEdn('9007199254740993'), /not a value/);
  assert.throws(() => fromEdn('{:process 0 :type :maybe :f :read :value [1 2]}'), /maybe is none of/);
});

test('invocations are paired with completions', () => {
  const [transaction, unknown] = operationsOf(events);
  assert.deepEqual([transaction?.invokedAt, transaction?.completedAt, transaction?.position?.txId], [0, 1, 3]);
  assert.deepEqual([unknown?.type, unknown?.completedAt], ['info', Number.POSITIVE_INFINITY]);
  const [first] = events as [HistoryEvent];
  assert.equal(operationsOf([first])[0]?.type, 'info');
  assert.throws(() => operationsOf([first, { ...first, index: 1 }]), /while 0 is under way/);
  assert.throws(() => operationsOf([{ ...first, type: 'ok' }]), /has not begun/);
});
