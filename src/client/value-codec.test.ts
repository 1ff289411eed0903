import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExecuteResponse, SqlStatement } from '../proto/interface.ts';
import type { SqlValue } from '../sqlite/interface.ts';
import { fromWireResult, fromWireStatement, toWireResult, toWireStatement } from './value-codec.ts';

function throughWire(parameters: readonly SqlValue[]) {
  const bytes = SqlStatement.encode(toWireStatement({ sql: 'SELECT 1', parameters })).finish();
  return fromWireStatement(SqlStatement.decode(bytes)).parameters;
}

test('every SQL value crosses the wire bit for bit', () => {
  const blob = Buffer.from([0, 255, 7]);
  const values: SqlValue[] = [null, 0n, -(2n ** 63n), 2n ** 63n - 1n, 1.5, -0, Infinity, -Infinity, '', 'a\0ü😀', blob];
  assert.deepEqual(throughWire(values), values);
  assert.deepEqual(throughWire([new Uint8Array(0)]), [Buffer.alloc(0)]);
});

test('a whole number is bound as INTEGER and a result of type REAL stays REAL', () => {
  assert.deepEqual(throughWire([7]), [7n]);
  const result = { columns: ['a', 'b'], columnTypes: [null, null], rows: [[7, 7n]], changes: 0, lastInsertRowid: 0n };
  const bytes = ExecuteResponse.encode({ results: [toWireResult(result)], txId: 1n, term: 1n, acks: 0 }).finish();
  assert.deepEqual(fromWireResult(ExecuteResponse.decode(bytes).results[0]!).rows, [[7, 7n]]);
});

test('named parameters keep their names, and a mixture is refused', () => {
  const named = toWireStatement({ sql: 'SELECT :a', parameters: { a: 'x', __proto: null } });
  assert.deepEqual(fromWireStatement(named).parameters, { a: 'x', __proto: null });
  assert.throws(() => fromWireStatement({ ...named, positional: throughWireValue() }), { code: 'INVALID_ARGUMENT' });
});

function throughWireValue() {
  return toWireStatement({ sql: '', parameters: [1] }).positional;
}
