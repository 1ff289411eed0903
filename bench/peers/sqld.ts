import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import { exitOf, startChild } from '../measuring/children.ts';
import { freePorts, untilReady } from './peer.ts';
import { findProgram } from './programs.ts';

const host = '127.0.0.1';

/** One libsql-server with its default options, the server that the clients of Hrana were made for. It lets everybody in. */
export class Sqld implements AsyncDisposable {
  /** `host:port` of its HTTP interface. */
  readonly address: string;
  readonly #server: ChildProcess;

  private constructor(server: ChildProcess, address: string) {
    this.#server = server;
    this.address = address;
  }

  /** Undefined when it is not installed. */
  static async start(directory: string): Promise<Sqld | undefined> {
    const program = findProgram('sqld');
    if (program === undefined) {
      return undefined;
    }
    const [port = 0] = await freePorts(1);
    const address = `${host}:${port}`;
    const flags = ['--db-path', path.join(directory, 'data'), '--http-listen-addr', address];
    const server = startChild(program, flags, { stdio: 'ignore' });
    await untilReady('sqld', async () => (await fetch(`http://${address}/health`)).ok);
    return new Sqld(server, address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.kill('SIGKILL');
    await exitOf(this.#server);
  }
}
