/**
 * The public face of the `runtime` layer: everything that a simulation must be able to replace.
 *
 * Layers above reach time, timers, randomness, identifiers and files only through these interfaces, so that a whole
 * cluster can run in one process under a seed. The network seam is `ReplicationTransport` in the replication layer.
 */
export { type Backoff, createBackoff } from './backoff.ts';
export { BoundedQueue } from './bounded-queue.ts';
export { durationBounds, Histogram, type HistogramCounts } from './histogram.ts';
export { isoTime } from './iso-time.ts';
export { type Logger, nullLogger } from './logger.ts';
export { type Machine, machine } from './machine.ts';
export { nodeFileSystem, readDescriptorSync } from './node-file-system.ts';
export { createNodeRuntime } from './node-runtime.ts';
export { createSeededRandom } from './seeded-random.ts';
export {
  type FaultPlan,
  type SimulatedFault,
  SimulatedFileSystem,
  type SimulatedOperation,
} from './simulated-file-system.ts';
export { lowerThreadPriority } from './thread-priority.ts';
export { inTime } from './time-limit.ts';
export type { Clock, FileHandle, FileSystem, Random, Runtime, Timer, Timers } from './types.ts';
