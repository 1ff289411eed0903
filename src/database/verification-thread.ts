/** Entry of a thread that holds one pinned snapshot and answers questions about it. */
import { parentPort, workerData } from 'node:worker_threads';
import { asQuorateError, assertInvariant } from '../errors/interface.ts';
import { PinnedSnapshot } from '../sqlite/interface.ts';
import type { VerificationAnswer, VerificationRequest, VerificationStart } from './verification-messages.ts';

assertInvariant(parentPort !== null, 'this file runs in a worker thread');
const port = parentPort;
const { file } = workerData as VerificationStart;
let snapshot: PinnedSnapshot | undefined;

function pinned(): PinnedSnapshot {
  assertInvariant(snapshot !== undefined, 'questions come after the snapshot was pinned');
  return snapshot;
}

function answer(message: VerificationRequest): unknown {
  switch (message.call) {
    case 'pin':
      snapshot = PinnedSnapshot.open(file);
      return snapshot.txId;
    case 'close':
      snapshot?.close();
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
});
