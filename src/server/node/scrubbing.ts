import type { Database } from '../../database/interface.ts';
import type { Replicator } from '../../replication/interface.ts';
import { LocalNode } from './local-node.ts';
import type { ManagedDatabase } from './managed-database.ts';
import type { NodeServices } from './node-services.ts';
import { Scrubber } from './scrubber.ts';

/** Starts to compare a replica with its upstream in the background, where that is wanted and of use. */
export function startScrubber(
  managed: ManagedDatabase,
  database: Database,
  replicator: Replicator,
  { runtime, options, upstreams }: NodeServices,
): Scrubber | undefined {
  const { scrubIntervalMs: intervalMs, scrubRateBytes: bytesPerSecond } = options.limits;
  // Two nodes are compared where both show the same, which a delayed one does hours later.
  if (intervalMs === 0 || database.settings.replication.delayMs !== undefined) {
    return undefined;
  }
  const scrubber = new Scrubber({
    runtime,
    database: managed.name,
    here: new LocalNode(managed, upstreams),
    withUpstream: (action) => upstreams.use(database, (client, name) => action(client.verification.database(name))),
    isFollowing: () => replicator.status().state === 'streaming',
    standsAt: () => (replicator.isLevel ? database.positions().applied : undefined),
    databaseBytes: () => database.source.databaseBytes(),
    intervalMs,
    bytesPerSecond,
  });
  scrubber.start();
  return scrubber;
}
