import type { OptionValues, tracingOptions } from '../config/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import type { SpanExport } from './span-export.ts';
import { installTracing } from './tracing.ts';
import type { SpanAttributes } from './types.ts';

export type TracingOptions = OptionValues<typeof tracingOptions>;

/**
 * Spans of a server; undefined when no collector is named.
 * @param node what identifies it among the nodes of its service
 * @throws QuorateError INVALID_ARGUMENT
 */
export async function startTracing(
  options: TracingOptions,
  runtime: Pick<Runtime, 'timers' | 'logger'>,
  node: SpanAttributes,
): Promise<SpanExport | undefined> {
  const { tracingEndpoint: endpoint } = options;
  if (endpoint === undefined) {
    return undefined;
  }
  requireUrl(endpoint);
  const { SpanExport: Export } = await import('./span-export.ts');
  const resource = { 'service.name': options.tracingServiceName, ...node };
  return new Export(
    {
      endpoint,
      resource,
      sampleRatio: options.tracingSampleRatio,
      queueLimit: options.tracingQueueLimit,
      intervalMs: options.tracingIntervalMs,
      timeoutMs: options.tracingTimeoutMs,
    },
    runtime,
  );
}

/** What is given is not repeated: it may be a secret. */
function requireUrl(endpoint: string): void {
  const { protocol = '', username, password } = URL.parse(endpoint) ?? {};
  if (!/^https?:$/.test(protocol) || username || password) {
    throw new QuorateError('INVALID_ARGUMENT', '--tracing-endpoint is no URL of a collector', {
      hint: 'Give it without a user, such as http://127.0.0.1:4318; a token goes into OTEL_EXPORTER_OTLP_HEADERS.',
    });
  }
}

/** Where the interface of OpenTelemetry keeps what is registered in a process. */
const registered = Symbol.for('opentelemetry.js.api.1');

/** Lets spans go to the tracer of the application, when it has registered one. */
export async function useApplicationTracer(): Promise<void> {
  if (registered in globalThis) {
    const { ApiTracing } = await import('./api-tracing.ts');
    installTracing(new ApiTracing());
  }
}
