import type { ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { exitOf, startChild } from '../measuring/children.ts';
import { insertItem, itemTableStatements, itemValues } from '../nodes/item-table.ts';
import { freePorts, type Peer, untilReady } from './peer.ts';
import { findProgram } from './programs.ts';

const host = '127.0.0.1';

/** More connections than clients, so that none ever waits for one. */
const maxConnections = 256;

interface ExecuteAnswer {
  readonly results?: readonly { readonly error?: string }[];
}

/**
 * Nodes of rqlite with its default options: a write is answered when most of them hold it in their Raft logs. Clients use
 * its HTTP interface at the leader over connections that stay open, with one parameterized statement in each request.
 */
export class RqliteCluster implements Peer {
  readonly name = 'rqlite';
  readonly #servers: ChildProcess[] = [];
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: maxConnections });
  #leaderPort = 0;

  /** `host:port` of the leader's HTTP interface. */
  get address(): string {
    return `${host}:${this.#leaderPort}`;
  }

  /** Undefined when rqlite is not installed. */
  static async start(directory: string, nodes = 3): Promise<RqliteCluster | undefined> {
    const program = findProgram('rqlited');
    if (program === undefined) {
      return undefined;
    }
    const cluster = new RqliteCluster();
    mkdirSync(directory, { recursive: true });
    await cluster.#begin(program, directory, nodes);
    return cluster;
  }

  async #begin(program: string, directory: string, nodes: number): Promise<void> {
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

  /** Inserts rows 1 to `count` in one transaction. */
  async fill(count: number): Promise<void> {
    const rows = Array.from({ length: count }, (_value, index) => [insertItem, ...itemValues(index + 1)]);
    await this.#execute(rows, '?transaction');
  }

  async #execute(statements: readonly (readonly unknown[])[], query = ''): Promise<void> {
    const answer = JSON.parse(await this.#post(`/db/execute${query}`, JSON.stringify(statements))) as ExecuteAnswer;
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
