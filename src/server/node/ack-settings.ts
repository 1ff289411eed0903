import { type AckLevel, type AckSettings, checkAckSettings, defaultAckSettings } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { AckLevel as WireAckLevel, AckSettings as WireAckSettings } from '../../proto/interface.ts';

/** A level from the wire; undefined when none is given. @throws QuorateError INVALID_ARGUMENT */
export function ackLevelOf(wire: WireAckLevel | undefined): AckLevel | undefined {
  return wire === undefined || wire.level === '' ? undefined : levelOf(wire.level, wire.acks || 1);
}

function levelOf(level: string, acks: number): AckLevel {
  switch (level) {
    case 'async':
    case 'quorum':
      return { kind: level };
    case 'sync':
    case 'applied':
      return { kind: level, acks };
    default:
      throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(level)} is no level of acknowledgement`, {
        hint: 'Use async, sync, quorum or applied.',
      });
  }
}

/** The settings after a request: what it leaves empty stays as it was. @throws QuorateError INVALID_ARGUMENT */
export function changedAcks(
  current: AckSettings | undefined,
  request: WireAckSettings | undefined,
): AckSettings | undefined {
  if (request === undefined) {
    return current;
  }
  const before = current ?? defaultAckSettings;
  const settings: AckSettings = {
    level: changedLevel(before.level, request),
    members: changedMembers(before.members, request.members),
    whenShort: changedPolicy(before.whenShort, request.whenShort),
    degradeAfterMs: request.degradeAfterMs || before.degradeAfterMs,
    timeoutMs: request.timeoutMs || before.timeoutMs,
  };
  checkAckSettings(settings);
  return settings;
}

function changedLevel(before: AckLevel, { level, acks }: WireAckSettings): AckLevel {
  const kept = 'acks' in before ? before.acks : 1;
  const given = acks > 0 && before.kind === 'async' ? 'sync' : before.kind;
  return levelOf(level === '' ? given : level, acks || kept);
}

function changedMembers(before: readonly string[], given: readonly string[]): readonly string[] {
  if (given.length === 0) {
    return before;
  }
  return given.length === 1 && given[0] === '*' ? [] : given;
}

function changedPolicy(before: AckSettings['whenShort'], given: string): AckSettings['whenShort'] {
  if (given === '') {
    return before;
  }
  if (given !== 'block' && given !== 'degrade') {
    throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(given)} is not known`, {
      hint: 'Use block or degrade.',
    });
  }
  return given;
}

/** The settings as status shows them. */
export function wireAcks(settings: AckSettings = defaultAckSettings): WireAckSettings {
  const { level, members, whenShort, degradeAfterMs, timeoutMs } = settings;
  return {
    level: level.kind,
    acks: 'acks' in level ? level.acks : 0,
    members: [...members],
    whenShort,
    degradeAfterMs,
    timeoutMs,
  };
}
