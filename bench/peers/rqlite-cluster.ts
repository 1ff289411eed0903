import type { ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { exitOf, startChild } from '../measuring/children.ts';
import { insertItem, itemTableStatements, itemValues } from '../nodes/item-table.ts';
import { findGoProgram } from './go-programs.ts';
import { freePorts, type Peer, untilReady } from './peer.ts';

const host = '127.0.0.1';
const nodes = 3;

/** More connections than clients, so that none ever waits for one. */
const maxConnections = 256;

interface ExecuteAnswer {
  readonly results?: readonly { readonly error?: string }[];
}

/**
 * Three nodes of rqlite with its default options: a write is answered when two of them hold it in their Raft logs. Clients use
 * its HTTP interface at the leader over connections that stay open, with one parameterized statement in each request.
 */
export class RqliteCluster implements Peer {
  readonly name = 'rqlite';
  readonly #servers: ChildProcess[] = [];
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: maxConnections });
  #leaderPort = 0;

  /** Undefined when rqlite is not installed. */
  static async start(directory: string): Promise<RqliteCluster | undefined> {
    const program = findGoProgram('rqlited');
    if (program === undefined) {
      return undefined;
    }
    const cluster = new RqliteCluster();
    mkdirSync(directory, { recursive: true });
    await cluster.#begin(program, directory);
    return cluster;
  }

  async #begin(program: string, directory: string): Promise<void> {
    const ports = await freePorts(2 * nodes);
    this.#leaderPort = ports[0] ?? 0;
    const leaderRaft = `${host}:${ports[nodes]}`;
    for (const [i, httpPort] of ports.slice(0, nodes).entries()) {
      const join = i === 0 ? [] : ['-join', leaderRaft];
      const addresses = ['-http-addr', `${host}:${httpPort}`, '-raft-addr', `${host}:${ports[nodes + i]}`];
      const folder = path.join(directory, `node${i}`);
      const server = startChild(program, ['-node-id', String(i), ...addresses, ...join, folder], { stdio: 'ignore' });
      this.#servers.push(server);
      await untilReady(`rqlite node ${i}`, async () => (await fetch(`http://${host}:${httpPort}/readyz`)).ok);
    }
    await untilReady('rqlite', () => this.recreateTable().then(() => true));
  }

  async recreateTable(): Promise<void> {
    await this.#execute(itemTableStatements.map((sql) => [sql]));
  }

  async insert(index: number): Promise<void> {
    await this.#execute([[insertItem, ...itemValues(index)]]);
  }

  async #execute(statements: readonly (readonly unknown[])[]): Promise<void> {
    const answer = JSON.parse(await this.#post('/db/execute', JSON.stringify(statements))) as ExecuteAnswer;
    const failed = answer.results?.find(({ error }) => error !== undefined);
    if (answer.results === undefined || failed !== undefined) {
      throw new Error(`rqlite refused a statement: ${failed?.error ?? JSON.stringify(answer)}`);
    }
  }

  #post(target: string, body: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const options = { host, port: this.#leaderPort, path: target, method: 'POST', agent: this.#agent, headers };
    const request = http.request(options, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.once('end', () => resolve(Buffer.concat(parts).toString()));
      response.once('error', reject);
    });
    request.once('error', reject);
    request.end(body);
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    for (const server of this.#servers.toReversed()) {
      server.kill('SIGKILL');
      await exitOf(server);
    }
  }
}
