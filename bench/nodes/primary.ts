import path from 'node:path';
import { Server, ServerCredentials, type ServerDuplexStream, type sendUnaryData } from '@grpc/grpc-js';
import { Database, defaultDatabaseLimits, type Writer } from '../../src/database/interface.ts';
import {
  AdminService,
  type ExportTxRequest,
  type ExportTxResponse,
  type LoginResponse,
  ReplicationService,
} from '../../src/proto/interface.ts';
import { defaultReplicationLimits, Exporter, errorToGrpc } from '../../src/replication/interface.ts';
import { createNodeRuntime } from '../../src/runtime/interface.ts';
import { insertItem, itemTableStatements, itemValues } from './item-table.ts';

/** A primary inside this process: log, writer thread, and a gRPC endpoint for its replicas. */
export class Primary implements AsyncDisposable {
  readonly #database: Database;
  readonly #server: Server;
  readonly #writer: Writer;
  readonly port: number;

  private constructor(database: Database, server: Server, port: number) {
    this.#database = database;
    this.#server = server;
    this.#writer = database.writer;
    this.port = port;
  }

  static async start(directory: string): Promise<Primary> {
    const runtime = createNodeRuntime();
    const database = await Database.create(
      { runtime, name: 'items', directory: path.join(directory, 'primary'), origin: 1n, limits: defaultDatabaseLimits },
      { role: 'primary', term: 1, replication: { enabled: false } },
    );
    const exporter = new Exporter({
      source: database.source,
      limits: defaultReplicationLimits,
      runtime,
      maxReplicas: 8,
    });
    const server = new Server({ 'grpc-node.flow_control_window': 4 * 1024 * 1024 });
    server.addService(AdminService, { login: answerLogin });
    server.addService(ReplicationService, { exportTx: (call: ExportCall) => serveExport(exporter, call) });
    return new Primary(database, server, await listen(server));
  }

  /** Runs statements that return nothing, as one transaction. */
  async run(statements: readonly string[]): Promise<void> {
    await this.#writer.transact(statements.map((sql) => ({ sql })));
  }

  /** Empties the table by making it anew. */
  recreateTable(): Promise<void> {
    return this.run(itemTableStatements);
  }

  /** Inserts row `index` and returns the id of its transaction. */
  async insert(index: number): Promise<number> {
    const { position } = await this.#writer.transact([{ sql: insertItem, parameters: itemValues(index) }]);
    return position.txId;
  }

  get lastTxId(): number {
    return this.#database.positions().commit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    await this.#database[Symbol.asyncDispose]();
  }
}

type ExportCall = ServerDuplexStream<ExportTxRequest, ExportTxResponse>;

/** Who may replicate is not what is measured. */
function answerLogin(_call: unknown, callback: sendUnaryData<LoginResponse>): void {
  callback(null, { token: 'bench', expiresAtMs: 0 });
}

function serveExport(exporter: Exporter, call: ExportCall): void {
  const peer = {
    send: (message: ExportTxResponse) => call.write(message),
    end: (error?: Parameters<typeof errorToGrpc>[0]) =>
      error === undefined ? call.end() : call.emit('error', errorToGrpc(error)),
  };
  const session = exporter.accept(peer, call.getPeer());
  call.on('data', (message: ExportTxRequest) => session.onMessage(message));
  call.on('drain', () => session.onDrain());
  call.on('close', () => session.onEnd(undefined));
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) {
        resolve(port);
      } else {
        reject(error);
      }
    });
  });
}
