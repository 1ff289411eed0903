/** What a collector of OpenTelemetry gets of a client, a primary and a replica. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { RemoteTransaction } from '../src/client/interface.ts';
import { parseOptions, tracingOptions } from '../src/config/interface.ts';
import { createNodeRuntime } from '../src/runtime/interface.ts';
import { parseTraceparent, startTracing, tracing } from '../src/tracing/interface.ts';
import { parseExposition } from './exposition.ts';
import { batch, execute, RawHttp, RawSocket } from './hrana/raw-client.ts';
import { HranaServer, loginToken } from './hrana-server.ts';
import { update } from './replica-commands.ts';
import { follow, ServerFixture, type ServerProcess } from './server-process.ts';
import { type CollectedSpan, TraceCollector } from './trace-collector.ts';

const insert = "INSERT INTO items (name) VALUES ('x')";
const create = 'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)';
const onReplica = ['replica log', 'replica apply'];
const executeMethod = 'quorate.v1.Query/Execute';

/** How far the clocks of two threads may differ on a busy machine, in milliseconds. */
const slackMs = 500;

/** By numbers of OTLP. */
const kinds = { internal: 1, server: 2, client: 3 } as const;

interface ClientTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly headers: { readonly traceparent: string };
}

function newTrace(flags = '01'): ClientTrace {
  const traceId = randomBytes(16).toString('hex');
  const spanId = randomBytes(8).toString('hex');
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-${flags}` } };
}

/** Runs something in a span `test` of this process, and returns the id of its trace. */
async function asClient(endpoint: string, action: () => Promise<unknown>): Promise<string> {
  const flags = new Map([
    ['tracing-endpoint', endpoint],
    ['tracing-service-name', 'client'],
  ]);
  const { values } = parseOptions(tracingOptions, { flags, files: createNodeRuntime().files });
  await using _spans = await startTracing(values, createNodeRuntime(), {});
  const span = tracing()?.begin({ name: 'test', kind: 'internal', attributes: {} });
  assert.ok(span !== undefined);
  await span.run(action);
  span.end();
  return parseTraceparent(span.headers.traceparent)?.traceId ?? '';
}

/** The one span of that name, on one kind of node if it is given. */
function only(spans: readonly CollectedSpan[], name: string, service?: string): CollectedSpan {
  const found = spans.filter(
    (span) => span.name === name && (service ?? span.resource['service.name']) === span.resource['service.name'],
  );
  assert.equal(found.length, 1, `${found.length} spans are called ${name}`);
  return found[0] as CollectedSpan;
}

/** A write with everything that it leads to on its primary and on the replica, below its parent. */
function checkWrite(spans: readonly CollectedSpan[], parent: CollectedSpan, steps: readonly string[]): CollectedSpan {
  const write = only(spans, 'write', 'primary');
  assert.equal(write.parentSpanId, parent.spanId);
  assert.equal(write.attributes['db.system.name'], 'sqlite');
  assert.equal(write.attributes['db.namespace'], 'defaultdb');
  const parts = steps.map((step) => only(spans, `write ${step}`));
  for (const [i, part] of parts.entries()) {
    assert.equal(part.parentSpanId, write.spanId);
    assert.ok(part.startMs <= part.endMs && part.startMs >= (parts[i - 1]?.endMs ?? 0), part.name);
    // A thread may have to wait between its looks at two clocks.
    assert.ok(part.startMs > write.startMs - slackMs && part.endMs < write.endMs + slackMs, part.name);
  }
  assert.equal(spans.filter(({ name }) => name.startsWith('write ')).length, steps.length);
  for (const name of onReplica) {
    const span = only(spans, name, 'replica');
    assert.equal(span.parentSpanId, write.spanId);
    assert.equal(span.attributes['quorate.tx_id'], write.attributes['quorate.tx_id']);
  }
  return write;
}

describe('tracing', () => {
  const fixture = new ServerFixture({ after });
  let collector: TraceCollector;
  let primary: ServerProcess;
  let replica: ServerProcess;
  let hrana: HranaServer;

  const traced = (service: string) => [
    `--tracing-endpoint=${collector.url}`,
    `--tracing-service-name=${service}`,
    '--tracing-interval=20ms',
  ];

  before(async () => {
    collector = await TraceCollector.start();
    primary = await fixture.start('primary', ...traced('primary'));
    replica = await fixture.start('replica', ...traced('replica'), ...follow(primary));
    await replica.until('defaultdb', ({ replicator }) => replicator?.state === 'streaming');
    await primary.execute('defaultdb', create);
    hrana = new HranaServer(primary, await loginToken(primary));
  });

  after(async () => {
    await collector[Symbol.asyncDispose]();
  });

  test('a write over HTTP is one trace from its client over the primary to the replica', async () => {
    const client = newTrace();
    await new RawHttp(hrana, client.headers).execute(insert);
    const spans = await collector.trace(client.traceId, ['hrana pipeline', ...onReplica]);
    const request = only(spans, 'hrana pipeline');
    assert.equal(request.parentSpanId, client.spanId);
    assert.equal(request.kind, kinds.server);
    assert.equal(request.resource['service.instance.id'], primary.ready.nodeId);
    checkWrite(spans, request, ['queue', 'execute', 'group', 'fsync', 'commit']);
  });

  test('a write over gRPC is one trace, in which the client has its own span', async () => {
    const client = await primary.client();
    const acks = { level: 'applied', acks: 1 };
    const traceId = await asClient(collector.url, () => client.execute('defaultdb', [{ sql: insert }], { acks }));
    const spans = await collector.trace(traceId, ['test', executeMethod, executeMethod, ...onReplica]);
    const call = only(spans, executeMethod, 'client');
    assert.equal(call.kind, kinds.client);
    assert.equal(call.parentSpanId, only(spans, 'test').spanId);
    const served = only(spans, executeMethod, 'primary');
    assert.equal(served.parentSpanId, call.spanId);
    const write = checkWrite(spans, served, ['queue', 'execute', 'group', 'fsync', 'acks', 'commit', 'applied']);
    assert.equal(write.attributes['quorate.acks'], 1);
  });

  test('a transaction over gRPC is a span, with its commit below it', async () => {
    const client = await primary.client();
    const traceId = await asClient(collector.url, async () => {
      const transaction = await RemoteTransaction.begin({ client }, 'defaultdb');
      await transaction.run({ sql: insert });
      await transaction.commit();
    });
    const method = 'quorate.v1.Query/Transaction';
    const spans = await collector.trace(traceId, ['test', method, ...onReplica]);
    assert.equal(only(spans, method).parentSpanId, only(spans, 'test').spanId);
    checkWrite(spans, only(spans, method), ['group', 'fsync', 'commit']);
  });

  test('a replica of a replica goes on in the trace, too', async () => {
    const second = await fixture.start('second', ...traced('second'), ...follow(replica));
    await second.until('defaultdb', ({ replicator }) => replicator?.state === 'streaming');
    const client = newTrace();
    await new RawHttp(hrana, client.headers).execute(insert);
    const { tipTxId } = await primary.database('defaultdb');
    await second.until('defaultdb', ({ appliedTxId }) => appliedTxId === tipTxId);
    await second.stop();
    const spans = await collector.trace(client.traceId, ['write', ...onReplica]);
    for (const name of onReplica) {
      assert.equal(only(spans, name, 'second').parentSpanId, only(spans, 'write').spanId);
    }
  });

  test('requests of a WebSocket belong to the trace that it was opened in', async () => {
    const client = newTrace();
    const socket = await RawSocket.ready(hrana, 'defaultdb', client.headers);
    await socket.ask({ ...execute('SELECT 1'), stream_id: 0 });
    await socket.ask({
      ...batch(['BEGIN'], [insert, { type: 'ok', step: 0 }], ['COMMIT', { type: 'ok', step: 1 }]),
      stream_id: 0,
    });
    socket.close();
    const spans = await collector.trace(client.traceId, ['hrana execute', 'hrana batch', ...onReplica]);
    assert.equal(only(spans, 'hrana execute').parentSpanId, client.spanId);
    const request = only(spans, 'hrana batch');
    assert.equal(request.parentSpanId, client.spanId);
    checkWrite(spans, request, ['queue', 'execute', 'group', 'fsync', 'commit']);
  });

  test('a write that a replica forwards goes on in the trace on the primary', async () => {
    await (await replica.client()).updateDatabase(update({ replicationForwardWrites: true }));
    const client = newTrace();
    const forwarding = new HranaServer(replica, await loginToken(replica));
    await new RawHttp(forwarding, client.headers).execute(insert);
    const expected = ['hrana pipeline', executeMethod, executeMethod, ...onReplica];
    const spans = await collector.trace(client.traceId, expected);
    const request = only(spans, 'hrana pipeline', 'replica');
    assert.equal(request.parentSpanId, client.spanId);
    assert.equal(only(spans, executeMethod, 'replica').parentSpanId, request.spanId);
    assert.equal(only(spans, executeMethod, 'primary').parentSpanId, only(spans, executeMethod, 'replica').spanId);
    checkWrite(spans, only(spans, executeMethod, 'primary'), ['queue', 'execute', 'group', 'fsync', 'commit']);
  });

  test('what fails is told by its code, and a client that does not sample is followed', async () => {
    const [failing, unsampled, later] = [newTrace(), newTrace('00'), newTrace()];
    await new RawHttp(hrana, unsampled.headers).execute(insert);
    const { results } = await new RawHttp(hrana, failing.headers).pipeline([execute('INSERT INTO secret VALUES (1)')]);
    assert.equal(results[0].type, 'error');
    const spans = await collector.trace(failing.traceId, ['hrana pipeline', 'write']);
    for (const { status, attributes } of spans) {
      assert.deepEqual([status, attributes['error.type']], [2, 'SQL_ERROR']);
    }
    assert.doesNotMatch(JSON.stringify(spans), /secret|INSERT/, 'spans tell nothing of the SQL');
    await new RawHttp(hrana, later.headers).execute(insert);
    await collector.trace(later.traceId, ['hrana pipeline', ...onReplica]);
    assert.deepEqual(
      collector.spans.filter(({ traceId }) => traceId === unsampled.traceId),
      [],
    );
  });

  test('a node without a collector makes no spans and sends no traces to its replicas', async () => {
    const silent = await fixture.start('silent');
    const other = await fixture.start('other', ...traced('other'), ...follow(silent));
    await silent.execute('defaultdb', create);
    const client = newTrace();
    await new RawHttp(new HranaServer(silent, await loginToken(silent)), client.headers).execute(insert);
    const { tipTxId } = await silent.database('defaultdb');
    await other.until('defaultdb', ({ appliedTxId }) => appliedTxId === tipTxId);
    await Promise.all([silent.stop(), other.stop()]);
    assert.deepEqual(
      collector.spans.filter(({ traceId }) => traceId === client.traceId),
      [],
    );
  });

  test('a collector that cannot be reached harms nothing, and what is lost is counted', async () => {
    const limits = ['--tracing-queue-limit=4', '--tracing-timeout=100ms', '--tracing-interval=10ms'];
    const server = await fixture.start('lonely', '--tracing-endpoint=http://127.0.0.1:9', ...limits);
    await server.execute('defaultdb', create);
    await Promise.all(Array.from({ length: 50 }, () => server.execute('defaultdb', insert)));
    const counted = async () => {
      const families = parseExposition(await (await fetch(`${server.httpUrl}/metrics`)).text());
      const samples = [...families.values()].flatMap((family) => family.samples);
      const value = (name: string, reason?: string) =>
        samples.find(
          (sample) => sample.name === name && (reason ?? sample.labels['reason']) === sample.labels['reason'],
        )?.value ?? Number.NaN;
      return {
        waiting: value('quorate_spans_queue'),
        sent: value('quorate_spans_sent_total'),
        limit: value('quorate_spans_dropped_total', 'limit'),
        collector: value('quorate_spans_dropped_total', 'collector'),
      };
    };
    let counts = await counted();
    for (const end = Date.now() + 30_000; counts.waiting > 0 && Date.now() < end; ) {
      counts = await counted();
    }
    assert.equal(counts.waiting, 0);
    assert.equal(counts.sent, 0);
    assert.ok(counts.limit > 0 && counts.collector > 0, JSON.stringify(counts));
    assert.equal(await server.stop(), 0);
    const warnings = server.log.split('\n').filter((line) => line.includes('spans are dropped'));
    assert.equal(warnings.length, 1, 'once, not for every batch');
  });
});

test('what is no URL of a collector is refused, and not repeated', async () => {
  for (const endpoint of ['localhost:4318', 'ftp://127.0.0.1', 'http://user:hunter2@127.0.0.1:4318', 'nowhere']) {
    const flags = new Map([['tracing-endpoint', endpoint]]);
    const { values } = parseOptions(tracingOptions, { flags, files: createNodeRuntime().files });
    await assert.rejects(startTracing(values, createNodeRuntime(), {}), (error: Error & { code: string }) => {
      assert.equal(error.code, 'INVALID_ARGUMENT');
      return !error.message.includes(endpoint);
    });
  }
});

test('the variables of OpenTelemetry are understood, and own ones win', () => {
  const { files } = createNodeRuntime();
  const otel = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_SERVICE_NAME: 'orders' };
  const { values, report } = parseOptions(tracingOptions, {
    env: { ...otel, QUORATE_TRACING_SERVICE_NAME: 'mine' },
    files,
  });
  assert.equal(values.tracingEndpoint, otel.OTEL_EXPORTER_OTLP_ENDPOINT);
  assert.equal(values.tracingServiceName, 'mine');
  assert.equal(report[0]?.source, 'OTEL_EXPORTER_OTLP_ENDPOINT');
  for (const ratio of ['-1', '1.5', 'x', '']) {
    assert.throws(() => parseOptions(tracingOptions, { flags: new Map([['tracing-sample-ratio', ratio]]), files }));
  }
});
