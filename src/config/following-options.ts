import { defineOptions } from './option.ts';

const second = 1000;

/** Limits of the client that follows the primary; they are given to `connect`, not to a command. */
export const followingOptions = defineOptions('Limits of the following client', {
  timeoutMs: {
    type: 'duration',
    default: 30 * second,
    min: 1,
    help: 'How long an operation may take with everything: waiting for a primary, all attempts, asking what became of a write.',
  },
  attemptTimeoutMs: {
    type: 'duration',
    default: 10 * second,
    min: 1,
    help: 'How long one node may take to answer one attempt.',
  },
  connectTimeoutMs: {
    type: 'duration',
    default: 3 * second,
    min: 1,
    help: 'How long connecting to a node, a login or a question to a node for its view may take.',
  },
  sessionWaitMs: {
    type: 'duration',
    default: 500,
    min: 1,
    help: 'How long a node may take to reach the position of a session before the next one is tried.',
  },
  topologyIntervalMs: {
    type: 'duration',
    default: 5 * second,
    min: 10,
    help: 'How often all nodes are asked who is primary while nothing goes wrong.',
  },
  pingIntervalMs: {
    type: 'duration',
    default: 2 * second,
    min: 10,
    help: 'How often a connection is tested; one that has not answered the last test is given up.',
  },
  backoffInitialMs: {
    type: 'duration',
    default: 50,
    min: 1,
    help: 'First wait between two attempts; it doubles from one to the next, with jitter.',
  },
  backoffMaxMs: { type: 'duration', default: 2 * second, min: 1, help: 'Longest wait between two attempts.' },
  exclusionInitialMs: {
    type: 'duration',
    default: 500,
    min: 1,
    help: 'How long reads leave out a node that has failed; it doubles with every further failure.',
  },
  exclusionMaxMs: { type: 'duration', default: 30 * second, min: 1, help: 'Longest time that a node is left out.' },
  maxOperations: {
    type: 'integer',
    default: 10_000,
    min: 1,
    max: 10_000_000,
    help: 'Operations that run or wait at once; one more is refused with OVERLOADED.',
  },
  maxStreams: {
    type: 'integer',
    default: 128,
    min: 1,
    max: 100_000,
    help: 'Operations that run at once on one node, each on a stream of its one connection; others wait.',
  },
  maxNodes: { type: 'integer', default: 64, min: 1, max: 1_000, help: 'Nodes that are known; others are ignored.' },
});
