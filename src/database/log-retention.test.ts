import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SegmentInfo } from '../log/interface.ts';
import { defaultDatabaseLimits } from './limits.ts';
import { dropTarget, type RetentionLimits } from './log-retention.ts';

/** Segments of 100 bytes and ten records each, written one per second. */
function segments(count: number): SegmentInfo[] {
  return Array.from({ length: count }, (_, index) => ({ firstTxId: index * 10 + 1, sizeBytes: 100 }));
}

const nobody = Number.MAX_SAFE_INTEGER;

function target(count: number, limits: Partial<RetentionLimits>, neededFrom = nobody, nowMs = 1_000_000): number {
  return dropTarget({
    segments: segments(count),
    neededFrom,
    limits: { ...defaultDatabaseLimits, logRetentionMinBytes: 0, ...limits },
    nowMs,
    beganAtMs: ({ firstTxId }) => firstTxId * 1000,
  });
}

describe('the retention of a log', () => {
  it('keeps a log that is small enough', () => {
    assert.equal(target(5, { logRetentionBytes: 500 }), 1);
  });

  it('drops the oldest segments of a log that is larger, and never the newest one', () => {
    assert.equal(target(5, { logRetentionBytes: 300 }), 21);
    assert.equal(target(5, { logRetentionBytes: 1 }), 41);
  });

  it('keeps what a replica needs, up to the cap, and no longer', () => {
    const limits = { logRetentionBytes: 100, logRetentionMaxBytes: 400 };
    assert.equal(target(4, limits, 12), 11);
    assert.equal(target(4, limits, 1), 1);
    assert.equal(target(6, limits, 1), 21);
    assert.equal(target(6, limits, 12), 21);
  });

  it('drops what is too old, but leaves what age may not take', () => {
    const nowMs = 100_000;
    assert.equal(target(5, { logRetentionAgeMs: 70_000 }, nobody, nowMs), 21);
    assert.equal(target(5, { logRetentionAgeMs: 70_000, logRetentionMinBytes: 400 }, nobody, nowMs), 11);
    assert.equal(target(5, { logRetentionAgeMs: 70_000 }, 5, nowMs), 1);
  });
});
