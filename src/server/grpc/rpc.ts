import type { handleUnaryCall, Metadata } from '@grpc/grpc-js';
import { asQuorateError, type ErrorCode, QuorateError } from '../../errors/interface.ts';
import { errorToGrpc } from '../../replication/interface.ts';
import { inSpan, tracing } from '../../tracing/interface.ts';
import type { Identity } from '../auth/authenticator.ts';
import type { Permission } from '../auth/permissions.ts';
import type { Node } from '../node/node.ts';
import { rpcSpan } from './rpc-span.ts';

/** What every RPC works with. */
export interface RpcContext {
  readonly node: Node;
  /** Errors answered since the start, by code. */
  readonly errors: Map<ErrorCode, number>;
}

/** Who asks, from where, and until when the answer is wanted. */
export interface Caller {
  readonly identity: Identity;
  readonly address: string;
  /** Aborts when the caller has gone or its deadline has passed. */
  readonly signal: AbortSignal;
}

/** What the calls of all kinds have in common. */
interface AnyCall {
  readonly metadata: Metadata;
  getPeer(): string;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** Who may call an RPC, and whether it is an administrative action. */
export interface RpcRule<Request> {
  /** Throws when the caller may not. */
  readonly check: (identity: Identity, request: Request) => void;
  /** Name of the action in the audit log; undefined for what is not recorded. */
  readonly action?: string;
  /** Name of the database for spans; undefined for what has none. */
  readonly tracedDatabase?: (request: Request) => string;
}

/** For those who have a permission on the database that the request names. */
export function onDatabase(permission: Permission): RpcRule<{ readonly database: string }> {
  return { check: (identity, { database }) => identity.require(database, permission) };
}

/** For super-admins. */
export const sysadminOnly: RpcRule<unknown> = { check: (identity) => identity.requireSysadmin() };

/** For users about themselves, with a token that is not scoped, and for super-admins about everybody. */
export const themselvesOrSysadmin: RpcRule<{ readonly user: string }> = {
  check(identity, { user }) {
    if (identity.user !== user || !identity.isUnscoped) {
      identity.requireSysadmin();
    }
  },
};

/** For everybody with a valid token; the RPC itself looks at what it answers. */
export const anyUser: RpcRule<unknown> = { check: () => {} };

/** The same rule for an action that the audit log records. */
export function audited<Request>(action: string, rule: RpcRule<Request>): RpcRule<Request> {
  return { ...rule, action };
}

/** The same rule for an RPC whose calls are spans. */
export function traced<Request extends { readonly database: string }>(rule: RpcRule<Request>): RpcRule<Request> {
  return { ...rule, tracedDatabase: ({ database }) => database };
}

/** Who makes a call. @throws QuorateError UNAUTHENTICATED, UNAVAILABLE */
export function authenticate(context: RpcContext, metadata: Metadata): Identity {
  return context.node.authenticator.authenticate(metadata.get('authorization')[0]?.toString());
}

/** Checks the rule of an RPC and runs it, with an entry in the audit log if it is an administrative action. */
export async function runAs<Request, Response>(
  context: RpcContext,
  rule: RpcRule<NoInfer<Request>>,
  { identity, address, request }: { readonly identity: Identity; readonly address: string; readonly request: Request },
  run: () => Promise<Response> | Response,
): Promise<Response> {
  const checked = () => {
    rule.check(identity, request);
    return run();
  };
  const { user, tokenId } = identity;
  return rule.action === undefined
    ? await checked()
    : await context.node.security.audit.run({ action: rule.action, user, tokenId, address, request }, checked);
}

/** Counts an error that a caller is told, and logs one that is a defect. */
export function noteFailure(context: RpcContext, thrown: unknown): QuorateError {
  const error = asQuorateError(thrown);
  tracing()?.fail(error);
  context.errors.set(error.code, (context.errors.get(error.code) ?? 0) + 1);
  if (error.code === 'INTERNAL') {
    context.node.runtime.logger.error({ err: error.cause ?? error }, `a request failed: ${error.message}`);
  }
  return error;
}

/** The gRPC status that tells the caller. */
export function failure(context: RpcContext, thrown: unknown): ReturnType<typeof errorToGrpc> {
  return errorToGrpc(noteFailure(context, thrown));
}

/** The error of a stream that ends before it should: whoever made the call has left, or its connection is gone. */
export function callerGone(cause?: unknown): QuorateError {
  return new QuorateError('CANCELLED', 'the caller has gone', { cause });
}

/** The address of the caller's machine, without its port. */
export function peerAddress(call: Pick<AnyCall, 'getPeer'>): string {
  return call.getPeer().replace(/:\d+$/, '');
}

/** A unary RPC for those whom its rule lets in. */
export function unaryRpc<Request, Response>(
  context: RpcContext,
  rule: RpcRule<NoInfer<Request>>,
  run: (request: Request, caller: Caller) => Promise<Response> | Response,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const abort = new AbortController();
    let answered = false;
    call.on('cancelled', () => {
      // gRPC says so of every call in the end; an abort that nobody listens to any more costs some microseconds.
      if (!answered) {
        abort.abort();
      }
    });
    const { request } = call;
    const answer = async () => {
      const identity = authenticate(context, call.metadata);
      const address = peerAddress(call);
      return await runAs(context, rule, { identity, address, request }, () =>
        run(request, { identity, address, signal: abort.signal }),
      );
    };
    const respond = () =>
      answer()
        .finally(() => {
          answered = true;
        })
        .then(
          (response) => callback(null, response),
          (error: unknown) => callback(failure(context, error)),
        );
    const { tracedDatabase } = rule;
    void (tracedDatabase === undefined ? respond() : inSpan(() => rpcSpan(call, tracedDatabase(request)), respond));
  };
}

/** A unary RPC that anybody may call. */
export function openRpc<Request, Response>(
  context: RpcContext,
  run: (request: Request, address: string) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    run(call.request, peerAddress(call)).then(
      (response) => callback(null, response),
      (error: unknown) => callback(failure(context, error)),
    );
  };
}
