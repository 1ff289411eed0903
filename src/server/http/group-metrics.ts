import type { HttpContext } from './http-context.ts';
import type { MetricsText } from './metrics.ts';

/** The groups of the node, and the hooks on changes of their primary; nothing without a coordinator. */
export function groupMetrics(metrics: MetricsText, { node }: HttpContext): void {
  if (node.groups === undefined) {
    return;
  }
  const { groups, hooks } = node.groups.report();
  for (const { database, term, members, hasLeader, isLeading, isFailsafe } of groups) {
    const labels = { database };
    metrics.gauge('quorate_group_term', 'Term of the primary; 0 while none is known.', term, labels);
    metrics.gauge('quorate_group_members', 'Members, as the coordinator last said.', members, labels);
    metrics.gauge('quorate_group_has_primary', 'Whether a primary is known.', Number(hasLeader), labels);
    metrics.gauge(
      'quorate_group_leading',
      'Whether this node is primary and its lease goes on.',
      Number(isLeading),
      labels,
    );
    const failsafe = 'Whether it goes on without the coordinator, since all members confirm it.';
    metrics.gauge('quorate_group_failsafe', failsafe, Number(isFailsafe), labels);
  }
  metrics.gauge('quorate_role_hooks', 'Changes of the primary that hooks have still to be told.', hooks.waiting);
  metrics.gauge('quorate_role_hooks_limit', 'Fixed.', hooks.limit);
  metrics.counter(
    'quorate_role_hooks_dropped_total',
    'Changes that were not told, since too many waited.',
    hooks.dropped,
  );
  metrics.counter('quorate_role_hooks_failed_total', 'Hooks that failed.', hooks.failed);
}
