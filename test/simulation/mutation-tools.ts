import type { ReplicationSink } from '../../src/database/interface.ts';
import type { ExportTxRequest, ExportTxResponse } from '../../src/proto/interface.ts';
import type { ReplicationTransport } from '../../src/replication/interface.ts';
import type { FileHandle, FileSystem } from '../../src/runtime/interface.ts';

/** A sink of which some methods are others. */
export function delegating(sink: ReplicationSink, changed: Partial<ReplicationSink>): ReplicationSink {
  return {
    get databaseId() {
      return sink.databaseId;
    },
    positions: () => sink.positions(),
    ends: () => sink.ends(),
    unappliedBytes: () => sink.unappliedBytes(),
    initialize: (databaseId) => sink.initialize(databaseId),
    promisedTerm: () => sink.promisedTerm(),
    truncateAfter: (txId, term) => sink.truncateAfter(txId, term),
    append: (records, commitTxId, term, awaited) => sink.append(records, commitTxId, term, awaited),
    commitTo: (commitTxId, term) => sink.commitTo(commitTxId, term),
    subscribe: (listener) => sink.subscribe(listener),
    failure: () => sink.failure(),
    ...changed,
  };
}

/** A transport that changes what a replica receives. */
export function receiving(
  transport: ReplicationTransport,
  change: (response: ExportTxResponse) => ExportTxResponse,
): ReplicationTransport {
  return {
    openExport: (upstream, listener) =>
      transport.openExport(upstream, {
        onMessage: (message) => listener.onMessage(change(message)),
        onDrain: () => listener.onDrain(),
        onEnd: (error) => listener.onEnd(error),
      }),
  };
}

/** A transport that looks at what a replica sends. */
export function sending(
  transport: ReplicationTransport,
  look: (request: ExportTxRequest) => void,
): ReplicationTransport {
  return {
    openExport: (upstream, listener) => {
      const stream = transport.openExport(upstream, listener);
      return {
        send: (request) => {
          look(request);
          return stream.send(request);
        },
        end: (error) => stream.end(error),
        pause: () => stream.pause(),
        resume: () => stream.resume(),
      };
    },
  };
}

/** Replaces a method of a class until it is disposed of. */
export function patch<T extends object, K extends keyof T & string>(
  prototype: T,
  name: K,
  replace: (original: T[K]) => T[K],
): Disposable {
  const original = prototype[name];
  prototype[name] = replace(original);
  return {
    [Symbol.dispose]: () => {
      prototype[name] = original;
    },
  };
}

/** Replaces what a getter of a class gives until it is disposed of. */
export function patchGetter<T extends object, K extends keyof T & string>(
  prototype: T,
  name: K,
  replace: (original: () => T[K]) => () => T[K],
): Disposable {
  const original = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor & { get: () => T[K] };
  Object.defineProperty(prototype, name, { ...original, get: replace(original.get) });
  return { [Symbol.dispose]: () => void Object.defineProperty(prototype, name, original) };
}

/** Disposes of all of them, the last one first. */
export function all(parts: readonly Disposable[]): Disposable {
  const stack = new DisposableStack();
  for (const part of parts) {
    stack.use(part);
  }
  return stack;
}

/** Files whose fsync returns at once and does nothing. */
export function withoutFsync(files: FileSystem): FileSystem {
  const lie = (handle: FileHandle): FileHandle => ({
    descriptor: handle.descriptor,
    readSync: (target, position) => handle.readSync(target, position),
    read: (target, position) => handle.read(target, position),
    writeSync: (source, position) => handle.writeSync(source, position),
    write: (source, position) => handle.write(source, position),
    syncSync: () => {},
    sync: () => Promise.resolve(),
    truncateSync: (sizeBytes) => handle.truncateSync(sizeBytes),
    sizeSync: () => handle.sizeSync(),
    closeSync: () => handle.closeSync(),
  });
  return { ...files, openSync: (path, mode) => lie(files.openSync(path, mode)) };
}
