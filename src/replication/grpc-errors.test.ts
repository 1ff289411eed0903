import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { QuorateError } from '../errors/interface.ts';
import { errorFromGrpc, errorToGrpc } from './grpc-errors.ts';

function received(sent: ReturnType<typeof errorToGrpc>): ServiceError {
  return Object.assign(new Error(sent.details), sent);
}

test('an error keeps its code, message, hint and details across the wire', () => {
  const error = new QuorateError('READ_ONLY_REPLICA', 'this is a replica', {
    hint: 'write to 10.0.0.1:3322/shop – ünïcode',
    details: { port: 3322 },
  });
  const copy = errorFromGrpc(received(errorToGrpc(error)));
  assert.deepEqual(copy.serialize(), error.serialize());
});

test('the gRPC status comes from the table of codes, so that foreign clients can act on it', () => {
  assert.equal(errorToGrpc(new QuorateError('UNAUTHENTICATED', 'no')).code, status.UNAUTHENTICATED);
  assert.equal(errorToGrpc(new TypeError('a defect')).code, status.INTERNAL);
});

test('a very long message does not make trailers that peers refuse', () => {
  const sent = errorToGrpc(new QuorateError('SQL_ERROR', 'x'.repeat(1_000_000)));
  const bytes = sent.details.length + (sent.metadata.get('quorate-error-bin')[0] as Buffer).length;
  assert.ok(bytes < 6_000, `${bytes} bytes`);
});

test('errors that gRPC makes itself become codes of ours with a hint', () => {
  const refused = errorFromGrpc(
    received({ code: status.UNAVAILABLE, details: 'No connection established', metadata: new Metadata() }),
  );
  assert.equal(refused.code, 'UNAVAILABLE');
  assert.match(refused.hint ?? '', /server runs/);
  const details = 'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ';
  const { message } = errorFromGrpc(received({ code: status.UNAVAILABLE, details, metadata: new Metadata() }));
  assert.equal(message, 'No connection established: connect ECONNREFUSED 127.0.0.1:1');
});

test('a trailer with a code of a newer version falls back to the gRPC status', () => {
  const metadata = new Metadata();
  metadata.set('quorate-error-bin', Buffer.from('{"code":"OF_THE_FUTURE","message":"x"}'));
  const error = errorFromGrpc(received({ code: status.PERMISSION_DENIED, details: 'denied', metadata }));
  assert.equal(error.code, 'PERMISSION_DENIED');
});
