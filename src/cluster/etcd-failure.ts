import { type ServiceError, status } from '@grpc/grpc-js';
import { QuorateError } from '../errors/interface.ts';

/**
 * What to do after a request has failed:
 * - `authenticate`: the token is not valid (any more), and the request was not looked at
 * - `elsewhere`: another member may answer, or this one later
 * - `final`: no member will answer otherwise
 */
export type FailureKind = 'authenticate' | 'elsewhere' | 'final';

/** etcd says what is wrong in texts; these are of api/v3rpc/rpctypes/error.go. */
const tokenTexts = /invalid auth token|revision of auth store is old|user name is empty/;
const leaseText = /requested lease not found/;
const notEnabledText = /authentication is not enabled/;
const finalTexts = /permission denied|invalid user ID or password|database space exceeded/;
const finalStatuses: ReadonlySet<number> = new Set([status.INVALID_ARGUMENT, status.UNIMPLEMENTED]);

const hints: readonly (readonly [text: RegExp, hint: string])[] = [
  [/user name is empty/, 'etcd has authentication turned on: give --etcd-username and --etcd-password.'],
  [/invalid user ID or password/, 'Check --etcd-username and --etcd-password.'],
  [
    /permission denied/,
    'Give the user (--etcd-username, or else the name in --etcd-cert) a role with readwrite permission on --etcd-prefix.',
  ],
  [/database space exceeded/, 'Compact and defragment etcd, then disarm its alarm.'],
  [
    /certificate|self.signed|issuer|SSL|TLS|ECONNRESET|socket hang up/i,
    'Check https://, --etcd-ca, --etcd-cert and --etcd-key.',
  ],
];

/** The error of gRPC, or whatever else was thrown, such as for a certificate that cannot be read. */
export type EtcdError = ServiceError | QuorateError;

export function failureKind(error: EtcdError): FailureKind {
  if (error instanceof QuorateError) {
    return 'elsewhere';
  }
  if (tokenTexts.test(error.details)) {
    return 'authenticate';
  }
  const isFinal = finalTexts.test(error.details) || finalStatuses.has(error.code) || isTooLarge(error);
  return isFinal || leaseText.test(error.details) ? 'final' : 'elsewhere';
}

export function isLeaseNotFound(error: EtcdError): boolean {
  return !(error instanceof QuorateError) && leaseText.test(error.details);
}

export function isAuthenticationOff(error: EtcdError): boolean {
  return !(error instanceof QuorateError) && notEnabledText.test(error.details);
}

/** Whether the answer is larger than this client takes. */
export function isTooLarge(error: EtcdError): boolean {
  return !(error instanceof QuorateError) && /[Rr]eceived message larger/.test(error.details);
}

/** Whether the connection itself has failed. */
export function isConnectionFailure(error: EtcdError): boolean {
  return !(error instanceof QuorateError) && error.code === status.UNAVAILABLE;
}

export function isTimeout(error: EtcdError): boolean {
  return !(error instanceof QuorateError) && error.code === status.DEADLINE_EXCEEDED;
}

export function reasonOf(error: EtcdError): string {
  if (error instanceof QuorateError) {
    return error.message;
  }
  const text = isTimeout(error) ? 'no answer in time' : error.details.split('\n')[0];
  return text || `gRPC status ${error.code}`;
}

/** @param reasons what each member said last, by its address */
export function etcdUnavailable(
  reasons: ReadonlyMap<string, EtcdError>,
  { inDoubt = false }: { inDoubt?: boolean } = {},
): QuorateError {
  const texts = [...reasons].map(([name, error]) => `${name}: ${reasonOf(error)}`);
  const all = texts.join('; ');
  const hint =
    hints.find(([text]) => text.test(all))?.[1] ?? 'Check that a majority of the etcd members run and are reached.';
  return new QuorateError(
    'COORDINATOR_UNAVAILABLE',
    `etcd does not answer (${all || 'no member could be asked in time'})`,
    {
      cause: [...reasons.values()].at(-1),
      hint: inDoubt ? `The change may have been made. ${hint}` : hint,
      details: { members: [...reasons.keys()].join(','), inDoubt },
    },
  );
}
