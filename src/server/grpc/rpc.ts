import type { handleUnaryCall, Metadata } from '@grpc/grpc-js';
import { asQuorateError, type ErrorCode, type QuorateError } from '../../errors/interface.ts';
import { errorToGrpc } from '../../replication/interface.ts';
import { type Principal, requireAdmin } from '../auth/authenticator.ts';
import type { Node } from '../node/node.ts';

/** What every RPC works with. */
export interface RpcContext {
  readonly node: Node;
  /** Errors answered since the start, by code. */
  readonly errors: Map<ErrorCode, number>;
}

/** Who asks, from where, and until when the answer is wanted. */
export interface Caller {
  readonly principal: Principal;
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

function bearerToken(metadata: Metadata): string | undefined {
  const value = metadata.get('authorization')[0];
  const [, token] = /^Bearer (.+)$/i.exec(String(value ?? '')) ?? [];
  return token;
}

/** The user behind a call. @throws QuorateError UNAUTHENTICATED, PERMISSION_DENIED */
export function authorize(context: RpcContext, metadata: Metadata): Principal {
  return requireAdmin(context.node.authenticator, bearerToken(metadata));
}

/** Counts an error that a caller is told, and logs one that is a defect. */
export function noteFailure(context: RpcContext, thrown: unknown): QuorateError {
  const error = asQuorateError(thrown);
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

/** The address of the caller's machine, without its port. */
export function peerAddress(call: AnyCall): string {
  return call.getPeer().replace(/:\d+$/, '');
}

/** A unary RPC for authorized callers. */
export function unaryRpc<Request, Response>(
  context: RpcContext,
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
    const answer = async () => {
      const principal = authorize(context, call.metadata);
      return await run(call.request, { principal, address: peerAddress(call), signal: abort.signal });
    };
    answer()
      .finally(() => {
        answered = true;
      })
      .then(
        (response) => callback(null, response),
        (error: unknown) => callback(failure(context, error)),
      );
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
