import type { DatabaseSettings } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import { type NodeAddress, thisNode } from './follow-settings.ts';

/** Refuses settings by which databases of this node would follow each other in a circle. @throws QuorateError REPLICATION_LOOP */
export function checkLocalLoop(
  name: string,
  settings: DatabaseSettings,
  settingsOf: (name: string) => DatabaseSettings | undefined,
  own: NodeAddress | undefined,
): void {
  const path = [name];
  let next = localUpstream(settings, own);
  while (next !== undefined && !path.includes(next)) {
    path.push(next);
    next = localUpstream(settingsOf(next), own);
  }
  if (next === name) {
    throw new QuorateError(
      'REPLICATION_LOOP',
      `the databases would follow each other: ${[...path, name].join(' → ')}`,
      {
        hint: 'Make one of them a primary, or let it follow a database outside of the loop.',
      },
    );
  }
}

/** The database of this node that is followed, if it is one. */
function localUpstream(settings: DatabaseSettings | undefined, own: NodeAddress | undefined): string | undefined {
  const { enabled, upstream } = settings?.replication ?? { enabled: false };
  if (!enabled || upstream === undefined) {
    return undefined;
  }
  const isHere = upstream.host === thisNode || (upstream.host === own?.host && upstream.port === own.port);
  return isHere ? upstream.database : undefined;
}
