import { defineOptions } from './option.ts';

const second = 1000;

/** Spans for OpenTelemetry; nothing of it is loaded without an endpoint. */
export const tracingOptions = defineOptions('Tracing', {
  tracingEndpoint: {
    type: 'string',
    placeholder: 'URL',
    variables: ['OTEL_EXPORTER_OTLP_ENDPOINT'],
    help: 'Collector that gets the spans of this node over OTLP/HTTP, such as http://127.0.0.1:4318; without it there are none.',
  },
  tracingServiceName: {
    type: 'string',
    default: 'quorate',
    variables: ['OTEL_SERVICE_NAME'],
    help: 'The service.name of the spans.',
  },
  tracingSampleRatio: {
    type: 'fraction',
    default: 1,
    help: 'Share of the requests that are traced; what comes with a traceparent header follows its sender.',
  },
  tracingQueueLimit: {
    type: 'integer',
    default: 2_048,
    min: 1,
    max: 1_000_000,
    help: 'Spans that wait for the collector; more are dropped and counted.',
  },
  tracingIntervalMs: {
    type: 'duration',
    default: second,
    min: 1,
    help: 'How long spans wait for others to be sent with.',
  },
  tracingTimeoutMs: {
    type: 'duration',
    default: 3 * second,
    min: 1,
    help: 'How long the collector may take for the spans of one request, retries included; also delays a stop by that much at most.',
  },
});
