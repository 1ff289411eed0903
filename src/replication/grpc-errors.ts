import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import {
  asQuorateError,
  type ErrorCode,
  errorCodes,
  grpcStatusOf,
  QuorateError,
  type SerializedError,
} from '../errors/interface.ts';

/** The trailer that carries code, message, hint and details as JSON; plain gRPC clients still get status and message. */
const trailerName = 'quorate-error-bin';

/** Trailers are HTTP/2 headers, and peers refuse headers of more than some kilobytes. */
const maxTextLength = 2_000;

/** Statuses that gRPC itself makes when the peer could not answer, as codes of ours. */
const codesOfStatus = new Map<number, ErrorCode>([
  [status.CANCELLED, 'CANCELLED'],
  [status.INVALID_ARGUMENT, 'INVALID_ARGUMENT'],
  [status.DEADLINE_EXCEEDED, 'UNAVAILABLE'],
  [status.PERMISSION_DENIED, 'PERMISSION_DENIED'],
  [status.RESOURCE_EXHAUSTED, 'MESSAGE_TOO_LARGE'],
  [status.UNIMPLEMENTED, 'NOT_IMPLEMENTED'],
  [status.UNAVAILABLE, 'UNAVAILABLE'],
  [status.UNAUTHENTICATED, 'UNAUTHENTICATED'],
]);

const hintsOfStatus = new Map<number, string>([
  [status.UNAVAILABLE, 'Check that the server runs and that its host and port are right.'],
  [status.DEADLINE_EXCEEDED, 'The peer did not answer in time; check the connection to it.'],
  [status.UNIMPLEMENTED, 'The peer is no Quorate server, or one of another version.'],
]);

function clip(text: string): string {
  return text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text;
}

/** A gRPC status for anything thrown, to hand to a call's callback or to emit as its error. */
export function errorToGrpc(thrown: unknown): StatusObject {
  const error = asQuorateError(thrown);
  const { code, message, hint, details } = error.serialize();
  const metadata = new Metadata();
  const body: SerializedError = {
    code,
    message: clip(message),
    hint: hint === undefined ? undefined : clip(hint),
    details,
  };
  metadata.set(trailerName, Buffer.from(JSON.stringify(body)));
  return { code: grpcStatusOf(code), details: `${code}: ${clip(message)}`, metadata };
}

function isKnownCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorCodes, code);
}

function readTrailer(error: ServiceError): SerializedError | undefined {
  const value = error.metadata?.get(trailerName)[0];
  if (!Buffer.isBuffer(value)) {
    return undefined;
  }
  try {
    const body = JSON.parse(value.toString()) as SerializedError;
    return isKnownCode(body.code) && typeof body.message === 'string' ? body : undefined;
  } catch {
    return undefined;
  }
}

/** What TLS says when there is no connection, and what a person can do about it. */
const tlsFailures: readonly (readonly [text: RegExp, hint: string])[] = [
  [
    /unable to verify|self[- ]signed|unable to get (local )?issuer/i,
    'Give the authority of that server with --tls-ca, and check that the server is the one that you mean.',
  ],
  [
    /certificate has expired|certificate is not yet valid/i,
    'Renew the certificate of that server: quorate tls join --renew.',
  ],
  [
    /does not match certificate's altnames/i,
    'Use a name that the certificate of that server has, or issue one for this name: quorate tls join --names.',
  ],
  [
    /alert certificate required|alert unknown ca|alert certificate expired|alert bad certificate/i,
    'That server asks for a client certificate of its authority: give --tls-cert and --tls-key.',
  ],
  [/wrong version number/i, 'That server does not answer over TLS on this port: leave out --tls and --tls-ca.'],
];

/** A server that wants TLS, or another certificate, closes the connection without a word. */
const closedAtOnce = /Failed to connect \(|disconnected before secure TLS connection|ECONNRESET/;
const closedHint =
  'It took the connection and closed it: it may want TLS (--tls-ca), or not trust the client certificate (--tls-cert).';

/** What grpc-js says around the error of the system. */
const noConnection = /^No connection established\. Last error: (?:Error: )?(.*?)\. Resolution note:.*$/s;

function connectionError(error: ServiceError): QuorateError | undefined {
  const failure = tlsFailures.find(([text]) => text.test(error.details));
  if (failure !== undefined) {
    const reason = error.details.split('\n')[0] ?? '';
    return new QuorateError('TLS_FAILED', reason, { hint: failure[1], cause: error });
  }
  return closedAtOnce.test(error.details)
    ? new QuorateError('UNAVAILABLE', error.details, { hint: closedHint, cause: error })
    : undefined;
}

/** The error that a peer sent, or one that says why it could not be reached. The gRPC error is its cause. */
export function errorFromGrpc(error: ServiceError): QuorateError {
  const sent = readTrailer(error);
  if (sent !== undefined) {
    return new QuorateError(sent.code, sent.message, { hint: sent.hint, details: sent.details, cause: error });
  }
  const failed = error.code === status.UNAVAILABLE ? connectionError(error) : undefined;
  if (failed !== undefined) {
    return failed;
  }
  const code = codesOfStatus.get(error.code) ?? 'PROTOCOL_ERROR';
  const message = (error.details || error.message).replace(noConnection, 'No connection established: $1');
  return new QuorateError(code, message, { hint: hintsOfStatus.get(error.code), cause: error });
}
