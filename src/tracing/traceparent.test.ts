import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

test('a traceparent is read and written as W3C Trace Context has it', () => {
  const parent = parseTraceparent(`00-${traceId}-${spanId}-01`);
  assert.deepEqual(parent, { traceId, spanId, flags: 1 });
  assert.equal(formatTraceparent({ traceId, spanId, flags: 1 }), `00-${traceId}-${spanId}-01`);
  assert.equal(parseTraceparent(`00-${traceId}-${spanId}-00`)?.flags, 0);
  assert.equal(parseTraceparent(`00-${traceId}-${spanId}-03`)?.flags, 1, 'flags of later versions are left out');
});

test('a later version may have more to say', () => {
  assert.deepEqual(parseTraceparent(`cc-${traceId}-${spanId}-01-what-the-future-brings`)?.traceId, traceId);
  assert.equal(parseTraceparent(`00-${traceId}-${spanId}-01-more`), undefined);
});

test('whatever is no traceparent is ignored', () => {
  const zero = '0'.repeat(32);
  const wrong = [
    undefined,
    '',
    `ff-${traceId}-${spanId}-01`,
    `00-${zero}-${spanId}-01`,
    `00-${traceId}-${zero.slice(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-1`,
    `${traceId}-${spanId}-01`,
    ` 00-${traceId}-${spanId}-01`,
  ];
  for (const text of wrong) {
    assert.equal(parseTraceparent(text), undefined, String(text));
  }
});
