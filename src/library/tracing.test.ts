import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { temporaryNode } from './testing/temporary-node.ts';

const exporter = new InMemorySpanExporter();
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
after(() => {
  trace.disable();
  context.disable();
});

test('writes are spans of the application, below the one in which they were asked for', async () => {
  await using temporary = await temporaryNode();
  const db = await temporary.node.openOrCreate('orders');
  await db.execute('CREATE TABLE t (a UNIQUE)');
  exporter.reset();
  const tracer = trace.getTracer('application');
  await tracer.startActiveSpan('order', async (span) => {
    await db.execute('INSERT INTO t VALUES (1)');
    await db.transaction((tx) => tx.execute('INSERT INTO t VALUES (2)'));
    await assert.rejects(db.execute('INSERT INTO t VALUES (1)'));
    span.end();
  });
  const spans = exporter.getFinishedSpans();
  const order = spans.find(({ name }) => name === 'order')?.spanContext();
  const writes = spans.filter(({ name }) => name === 'write');
  const told = writes.map(({ attributes, status }) => [
    attributes['db.namespace'],
    attributes['quorate.tx_id'],
    attributes['error.type'],
    status.code,
  ]);
  assert.deepEqual(told, [
    ['orders', 2, undefined, SpanStatusCode.UNSET],
    ['orders', 3, undefined, SpanStatusCode.UNSET],
    ['orders', undefined, 'CONSTRAINT_VIOLATION', SpanStatusCode.ERROR],
  ]);
  for (const { parentSpanContext } of writes) {
    assert.equal(parentSpanContext?.spanId, order?.spanId);
  }
  const [first] = writes;
  const parts = spans.filter(({ parentSpanContext }) => parentSpanContext?.spanId === first?.spanContext().spanId);
  assert.deepEqual(
    parts.map(({ name }) => name),
    ['write queue', 'write execute', 'write group', 'write fsync', 'write commit'],
  );
});
