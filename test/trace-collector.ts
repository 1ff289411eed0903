import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A span as a collector gets it, with its attributes and those of its resource by name. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
  /** 2 for an error. */
  readonly status: number;
}

type Json = Readonly<Record<string, unknown>>;

const patienceMs = 30_000;

/** A collector of OTLP over HTTP with JSON, https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. */
export class TraceCollector implements AsyncDisposable {
  readonly #server: Server;
  readonly spans: CollectedSpan[] = [];
  /** How it answers. */
  status = 200;
  requests = 0;

  private constructor() {
    this.#server = createServer(async (request, response) => {
      const body = await textOf(request);
      this.requests += 1;
      if (request.url === '/v1/traces' && this.status === 200) {
        this.spans.push(...spansOf(JSON.parse(body) as Json));
      }
      response.writeHead(this.status, { 'content-type': 'application/json' }).end('{}');
    });
  }

  static async start(port = 0): Promise<TraceCollector> {
    const collector = new TraceCollector();
    await new Promise<void>((resolve) => {
      collector.#server.listen(port, '127.0.0.1', resolve);
    });
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Waits until a trace has a span for each of these names, and returns it. */
  async trace(traceId: string, names: readonly string[]): Promise<CollectedSpan[]> {
    for (const end = Date.now() + patienceMs; ; await sleep(20)) {
      const found = this.spans.filter((span) => span.traceId === traceId);
      const left = found.map(({ name }) => name);
      const missing = names.filter((name) => {
        const at = left.indexOf(name);
        return at < 0 || left.splice(at, 1).length === 0;
      });
      if (missing.length === 0) {
        return found;
      }
      if (Date.now() > end) {
        throw new Error(`${missing} are not among ${JSON.stringify(found.map(({ name }) => name))}`);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

const listOf = (value: unknown) => (value ?? []) as readonly Json[];

function spansOf(message: Json): CollectedSpan[] {
  return listOf(message['resourceSpans']).flatMap((part) => {
    const resource = attributesOf((part['resource'] as Json)['attributes']);
    return listOf(part['scopeSpans']).flatMap((scope) => listOf(scope['spans']).map((span) => spanOf(span, resource)));
  });
}

function spanOf(span: Json, resource: CollectedSpan['resource']): CollectedSpan {
  return {
    traceId: String(span['traceId']),
    spanId: String(span['spanId']),
    parentSpanId: String(span['parentSpanId'] ?? ''),
    name: String(span['name']),
    kind: Number(span['kind']),
    startMs: Number(span['startTimeUnixNano']) / 1e6,
    endMs: Number(span['endTimeUnixNano']) / 1e6,
    attributes: attributesOf(span['attributes']),
    resource,
    status: Number((span['status'] as Json | undefined)?.['code'] ?? 0),
  };
}

function attributesOf(list: unknown): Json {
  const entries = listOf(list).map(({ key, value }) => {
    const { intValue, ...others } = value as Json;
    return [String(key), intValue === undefined ? Object.values(others)[0] : Number(intValue)];
  });
  return Object.fromEntries(entries) as Json;
}
