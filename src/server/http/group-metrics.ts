import type { CoordinatorUsage } from '../../cluster/interface.ts';
import type { GroupsReport } from '../node/group/groups-report.ts';
import type { MetricsText } from './metrics.ts';

/** The groups of the node, the hooks on changes of their primary, and their coordinator. */
export function groupMetrics(metrics: MetricsText, maxGroups: number, report: GroupsReport | undefined): void {
  metrics.gauge('quorate_groups', 'Groups that the node takes part in.', report?.groups.length ?? 0);
  metrics.gauge('quorate_groups_limit', 'Option max-groups.', maxGroups);
  if (report === undefined) {
    return;
  }
  const { groups, hooks, coordinator } = report;
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
  coordinatorMetrics(metrics, coordinator);
}

function coordinatorMetrics(
  metrics: MetricsText,
  { calls, pending, pendingLimit, watches, watchesLimit, news }: CoordinatorUsage,
): void {
  for (const { name: call, seconds, errors } of calls) {
    metrics.histogram('quorate_coordinator_seconds', 'One call of the coordinator.', seconds, { call });
    for (const [code, count] of errors) {
      metrics.counter('quorate_coordinator_errors_total', 'Calls of it that failed.', count, { call, code });
    }
  }
  metrics.gauge('quorate_coordinator_calls', 'Calls of it that are under way.', pending);
  metrics.gauge('quorate_coordinator_calls_limit', 'Fixed.', pendingLimit);
  metrics.gauge('quorate_coordinator_watches', 'Watches of it.', watches);
  metrics.gauge('quorate_coordinator_watches_limit', 'Fixed.', watchesLimit);
  const told = 'How often a watch told that something may have changed.';
  metrics.counter('quorate_coordinator_watch_news_total', told, news);
}
