import type { ReplicationSink } from '../../src/database/interface.ts';
import type { ReplicationTransport } from '../../src/replication/interface.ts';
import type { FileSystem, Runtime } from '../../src/runtime/interface.ts';

/** A defect put in on purpose, through a seam, to see whether the checks notice it. */
export interface Mutation {
  readonly name: string;
  /** Changes the files of every writer. */
  writerFiles(files: FileSystem): FileSystem;
  /** Changes the files of everything else in a node. */
  hostFiles(files: FileSystem): FileSystem;
  /** Changes what replicas are fed through. */
  sink(sink: ReplicationSink): ReplicationSink;
  /** Changes what replicas reach their upstream through. */
  transport(transport: ReplicationTransport): ReplicationTransport;
  /** Changes what a node is built on. */
  runtime(runtime: Runtime): Runtime;
  /** Changes the code itself until it is disposed of. */
  install(): Disposable;
}

/** Nothing is changed. */
export const faithful: Mutation = {
  name: 'none',
  writerFiles: (files) => files,
  hostFiles: (files) => files,
  sink: (sink) => sink,
  transport: (transport) => transport,
  runtime: (runtime) => runtime,
  install: () => ({ [Symbol.dispose]: () => {} }),
};
