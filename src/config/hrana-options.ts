import { defineOptions } from './option.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const second = 1000;

/** Limits of what clients send and receive by Hrana, over HTTP and WebSocket. */
export const hranaOptions = defineOptions('Limits of Hrana', {
  hranaMaxRequestBytes: {
    type: 'bytes',
    default: 16 * mebibyte,
    min: kibibyte,
    max: 512 * mebibyte,
    help: 'Size of one HTTP body or WebSocket message of a client.',
  },
  hranaMaxResponseBytes: {
    type: 'bytes',
    default: 32 * mebibyte,
    min: kibibyte,
    max: 256 * mebibyte,
    help: 'Size of the rows of all results in one answer; a cursor sends its rows in several.',
  },
  hranaMaxSqlBytes: {
    type: 'bytes',
    default: mebibyte,
    min: kibibyte,
    max: 512 * mebibyte,
    help: 'Length of one SQL statement.',
  },
  hranaMaxPipeline: {
    type: 'integer',
    default: 1_000,
    min: 1,
    max: 1_000_000,
    help: 'Requests in one HTTP body.',
  },
  hranaMaxBatchSteps: {
    type: 'integer',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    help: 'Steps of one batch, and statements of one sequence.',
  },
  hranaMaxHttpRequests: {
    type: 'integer',
    default: 1_000,
    min: 1,
    max: 1_000_000,
    help: 'HTTP requests of clients that run at once; one more is refused with OVERLOADED.',
  },
  hranaMaxHttpStreams: {
    type: 'integer',
    default: 1_000,
    min: 1,
    max: 1_000_000,
    help: 'Streams over HTTP that hold something between two requests, such as a transaction.',
  },
  hranaMaxConnections: {
    type: 'integer',
    default: 1_000,
    min: 1,
    max: 1_000_000,
    help: 'WebSocket connections at once.',
  },
  hranaMaxConnectionStreams: {
    type: 'integer',
    default: 256,
    min: 1,
    max: 1_000_000,
    help: 'Streams that are open at once on one WebSocket connection, and cursors.',
  },
  hranaMaxConnectionRequests: {
    type: 'integer',
    default: 1_024,
    min: 1,
    max: 1_000_000,
    help: 'Requests of one WebSocket connection that wait for their answers; no more is read from it meanwhile.',
  },
  hranaMaxStoredSql: {
    type: 'integer',
    default: 150,
    min: 1,
    max: 100_000,
    help: 'SQL texts that one WebSocket connection or HTTP stream stores.',
  },
  hranaMaxStoredSqlBytes: {
    type: 'bytes',
    default: 4 * mebibyte,
    min: kibibyte,
    max: 512 * mebibyte,
    help: 'Length of the SQL texts that one of them stores.',
  },
  hranaStreamIdleTimeoutMs: {
    type: 'duration',
    default: 60 * second,
    min: 10,
    help: 'After how long without a request an HTTP stream that holds something is closed and rolled back.',
  },
  hranaWriteWaitMs: {
    type: 'duration',
    flag: 'hrana-write-wait',
    default: 30 * second,
    min: 1,
    help: 'How long a transaction waits for its turn to write; then it is refused with SQLITE_BUSY.',
  },
  hranaPositionWaitMs: {
    type: 'duration',
    flag: 'hrana-position-wait',
    default: 10 * second,
    min: 1,
    help: 'How long a request waits until the node shows the position that it names.',
  },
});
