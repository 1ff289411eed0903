import {
  databaseLimitOptions,
  hranaOptions,
  namedOptions,
  nodeLimitOptions,
  type OptionDeclarations,
  replicationLimitOptions,
  securityOptions,
} from '../../config/interface.ts';
import type { HttpContext } from './http-context.ts';
import type { MetricsText } from './metrics.ts';

const millisecondsPerSecond = 1_000;

/** The value of every limit, by its option: durations in seconds, sizes in bytes. */
export function limitMetrics(metrics: MetricsText, { node, hrana }: HttpContext): void {
  const { options } = node;
  const groups: readonly (readonly [OptionDeclarations, object])[] = [
    [databaseLimitOptions, options.databaseLimits],
    [nodeLimitOptions, options.limits],
    [replicationLimitOptions, options.replicationLimits],
    [securityOptions, options.security],
    [hranaOptions, hrana.limits],
  ];
  const help = 'Value of a limit by the name of its option; durations in seconds, sizes in bytes.';
  for (const [declarations, values] of groups) {
    for (const { key, flag, declaration } of namedOptions(declarations)) {
      const value = (values as Readonly<Record<string, unknown>>)[key];
      if (typeof value === 'number') {
        const divisor = declaration.type === 'duration' ? millisecondsPerSecond : 1;
        metrics.gauge('quorate_limit', help, value / divisor, { option: flag });
      }
    }
  }
}
