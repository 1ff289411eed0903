/** Entry of a thread that holds one pinned snapshot and answers questions about it. */
import { parentPort, workerData } from 'node:worker_threads';
import { asQuorateError, assertInvariant } from '../errors/interface.ts';
import { lowerThreadPriority } from '../runtime/interface.ts';
import { type PinnedSnapshot, SnapshotConnection } from '../sqlite/interface.ts';
import type { VerificationAnswer, VerificationRequest, VerificationStart } from './verification-messages.ts';

assertInvariant(parentPort !== null, 'this file runs in a worker thread');
const port = parentPort;
const { file } = workerData as VerificationStart;
let connection: SnapshotConnection | undefined;
let snapshot: PinnedSnapshot | undefined;

function pinned(): PinnedSnapshot {
  assertInvariant(snapshot !== undefined, 'questions come after the snapshot was pinned');
  return snapshot;
}

function answer(message: VerificationRequest): unknown {
  switch (message.call) {
    case 'open':
      connection = SnapshotConnection.open(file);
      return undefined;
    case 'pin':
      assertInvariant(connection !== undefined, 'the file was opened before');
      snapshot = connection.pin();
      return snapshot.txId;
    case 'close':
      connection?.[Symbol.dispose]();
      port.close();
      return undefined;
    case 'overview':
      return pinned().overview();
    case 'ranges':
      return pinned().ranges(message.request.table, message.request.after, message.request.limits);
    case 'measure':
      return pinned().measure(message.request.table, message.request.ranges);
    case 'rows':
      return pinned().rows(message.request.table, message.request.range, message.request.limits);
  }
}

port.on('message', (message: VerificationRequest) => {
  let reply: VerificationAnswer;
  try {
    reply = { id: message.id, value: answer(message) };
  } catch (error) {
    reply = { id: message.id, error: asQuorateError(error).serialize() };
  }
  port.postMessage(reply);
  if (message.call === 'pin') {
    // The writer stood still until now; from here on writers and readers come first.
    lowerThreadPriority();
  }
});
