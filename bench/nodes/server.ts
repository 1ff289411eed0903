import type { ChildProcess } from 'node:child_process';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { NodeClient } from '../../src/client/interface.ts';
import { exitOf, startChild } from '../measuring/children.ts';

const program = fileURLToPath(new URL('../../bin/quorate', import.meta.url));
export const adminPassword = 'a password for benchmarks';

interface ReadyLine {
  readonly event: 'ready';
  readonly grpc: { readonly host: string; readonly port: number };
  readonly http: { readonly host: string; readonly port: number };
}

/** A request that makes a database the replica of the one of the same name on another server of this machine. */
export function replicaOf({ port }: { readonly port: number }, database: string) {
  const upstream = { primaryHost: '127.0.0.1', primaryPort: port, primaryDatabase: database };
  const credentials = { primaryUsername: 'admin', primaryPassword: adminPassword };
  return { database, role: '', replication: { enabled: true, ...upstream, ...credentials } };
}

/** A `quorate server` in a process of its own, with its default options unless told otherwise. */
export class BenchServer implements AsyncDisposable {
  readonly client: NodeClient;
  readonly #child: ChildProcess;

  readonly #port: number;
  /** `host:port` of the HTTP endpoint. */
  readonly httpAddress: string;

  private constructor(child: ChildProcess, client: NodeClient, { grpc, http }: ReadyLine) {
    this.#port = grpc.port;
    this.httpAddress = `${http.host}:${http.port}`;
    this.#child = child;
    this.client = client;
  }

  /** Resolves when it is ready and the client is logged in. */
  static async start(directory: string, ...more: string[]): Promise<BenchServer> {
    const options = ['--dir', directory, '--port', '0', '--http-port', '0', '--log-level', 'warn', '--json', ...more];
    const child = startChild(process.execPath, [program, 'server', ...options], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, QUORATE_ADMIN_PASSWORD: adminPassword },
    });
    const ready = await readyLine(child);
    const client = new NodeClient(ready.grpc);
    await client.login('admin', adminPassword);
    return new BenchServer(child, client, ready);
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]();
    this.#child.kill('SIGTERM');
    await exitOf(this.#child);
  }
}

async function readyLine(child: ChildProcess): Promise<ReadyLine> {
  if (child.stdout !== null) {
    for await (const line of createInterface({ input: child.stdout })) {
      const event = JSON.parse(line) as ReadyLine;
      if (event.event === 'ready') {
        child.stdout.resume();
        return event;
      }
    }
  }
  throw new Error(`the server ended with ${child.exitCode ?? child.signalCode} before it was ready`);
}
